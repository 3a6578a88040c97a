"""Operations on credentials; see `operations`."""

from console.accounts.arguments import (
    OPERATOR,
    Arguments,
    HasAccounts,
    account_filter,
    account_of,
    class_of,
    network_of,
    number_of,
    scopes_of,
    text_of,
    time_of,
)
from console.accounts.credentials import OVERLAP_S, CredentialService
from console.accounts.values import (
    Credential,
    Limits,
    NewCredential,
    State,
)
from mta.model.address import parse_domain


async def credential_add(services: HasAccounts, arguments: Arguments) -> object:
    """`account`, `name`, and limits as in `relevo credential add`; the secret is in the result."""
    account = await account_of(services, arguments)
    limits = Limits(
        scopes=scopes_of(arguments),
        sender_domains=frozenset(parse_domain(d) for d in arguments.get("sender_domains") or ()),
        networks=tuple(network_of(n) for n in arguments.get("networks") or ()),
        default_class=class_of(arguments),
        rate_per_minute=number_of(arguments, "rate_per_minute"),
        per_hour=number_of(arguments, "per_hour"),
        per_day=number_of(arguments, "per_day"),
    )
    expires_ms = number_of(arguments, "expires_ms")
    name = text_of(arguments, "name")
    new = await services.accounts.credentials.add(
        OPERATOR, account.id, name, limits, expires_ms=expires_ms
    )
    return _new_credential(services, new)


async def credential_list(services: HasAccounts, arguments: Arguments) -> object:
    """Credentials without secrets; of one `account` if given."""
    wanted = await account_filter(services, arguments)
    found = await services.accounts.credentials.list(OPERATOR, wanted)
    return [credential_shown(services.accounts.credentials, credential) for credential in found]


async def credential_revoke(services: HasAccounts, arguments: Arguments) -> object:
    """`credential`: its id, user name or key id."""
    credentials = services.accounts.credentials
    credential = await credentials.get(OPERATOR, text_of(arguments, "credential"))
    await credentials.revoke(OPERATOR, credential)
    return {"id": str(credential.id), "username": credential.username, "status": State.REVOKED}


async def credential_rotate(services: HasAccounts, arguments: Arguments) -> object:
    """`credential`, `overlap_s`; the successor with its secret."""
    credentials = services.accounts.credentials
    old = await credentials.get(OPERATOR, text_of(arguments, "credential"))
    overlap_s = arguments.get("overlap_s")
    new = await credentials.rotate(
        OPERATOR, old, OVERLAP_S if overlap_s is None else float(overlap_s)
    )
    old = await credentials.get(OPERATOR, str(old.id))
    result = _new_credential(services, new)
    return {**result, "replaces": str(old.id), "replaced_until": time_of(old.expires_ms)}


def credential_shown(service: CredentialService, credential: Credential) -> dict[str, object]:
    """A credential as JSON, without its secret."""
    limits = credential.limits
    return {
        "id": str(credential.id),
        "account": str(credential.account),
        "name": credential.name,
        "key_id": credential.key_id,
        "username": credential.username,
        "status": service.status_of(credential),
        "scopes": sorted(limits.scopes),
        "sender_domains": sorted(limits.sender_domains),
        "networks": [str(network) for network in limits.networks],
        "class": limits.default_class.label,
        "rate_per_minute": limits.rate_per_minute,
        "per_hour": limits.per_hour,
        "per_day": limits.per_day,
        "created": time_of(credential.created_ms),
        "expires": time_of(credential.expires_ms),
        "last_used": time_of(credential.last_used_ms),
        "replaced_by": None if credential.replaced_by is None else str(credential.replaced_by),
    }


def _new_credential(services: HasAccounts, new: NewCredential) -> dict[str, object]:
    return {
        **credential_shown(services.accounts.credentials, new.credential),
        "password": new.secret,
        "api_key": new.secret,
    }
