"""What commands can ask of accounts: a name, arguments as JSON, a result as JSON.

The same functions serve the control socket of a running server and a command that has opened the
store itself. Identifiers are strings, times RFC 3339 in UTC or null, absent arguments mean the
default. Secrets are in a result once: when they were made.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from console.accounts.credentials import OVERLAP_S
from console.accounts.service import AccountService
from console.accounts.values import (
    Account,
    AccountKind,
    Credential,
    Limits,
    NewCredential,
    Role,
    Scope,
    SendingDomain,
    State,
)
from mta.events.record import rfc3339
from mta.model.address import parse_domain
from mta.model.errors import PermanentError
from mta.model.traffic import TrafficClass
from mta.settings.values import read_network

Arguments = Mapping[str, Any]


class HasAccounts(Protocol):
    """The part of the composition that these operations use."""

    @property
    def accounts(self) -> AccountService:
        """The service."""
        ...


Operation = Callable[[HasAccounts, Arguments], Awaitable[object]]


async def account_add(services: HasAccounts, arguments: Arguments) -> object:
    """`name`, `parent` (id or name), `training`."""
    accounts = services.accounts
    parent = arguments.get("parent")
    kind = AccountKind.TRAINING if arguments.get("training") else AccountKind.NORMAL
    above = None if parent is None else (await accounts.get(_text(arguments, "parent"))).id
    return _account(await accounts.add(_text(arguments, "name"), parent=above, kind=kind))


async def account_list(services: HasAccounts, _: Arguments) -> object:
    """All accounts."""
    return [_account(account) for account in await services.accounts.list()]


async def account_disable(services: HasAccounts, arguments: Arguments) -> object:
    """`account`: its credentials, and those of the accounts below it, stop working."""
    return await _set_account_state(services, arguments, State.DISABLED)


async def account_enable(services: HasAccounts, arguments: Arguments) -> object:
    """`account`: undo `account.disable`."""
    return await _set_account_state(services, arguments, State.ACTIVE)


async def user_add(services: HasAccounts, arguments: Arguments) -> object:
    """`email`, `role`, `account`, `password`; the result has a `password` if one was made up."""
    account = await _account_of(services, arguments)
    email, role = _text(arguments, "email"), _role(arguments)
    password = arguments.get("password")
    user, made = await services.accounts.users.add(email, role, account.id, password)
    result = {
        "id": str(user),
        "email": email,
        "account": str(account.id),
        "account_name": account.name,
        "role": role,
    }
    return {**result, "password": made} if made else result


async def user_list(services: HasAccounts, arguments: Arguments) -> object:
    """People with their memberships; of one `account` if given."""
    wanted = await _filter(services, arguments)
    return [
        {
            "id": str(user.id),
            "email": user.email,
            "state": user.state,
            "locked_until": _time(user.locked_until_ms),
            "created": _time(user.created_ms),
            "memberships": [
                {"account": str(m.account), "account_name": m.account_name, "role": m.role}
                for m in user.memberships
            ],
        }
        for user in await services.accounts.users.list()
        if wanted is None or any(m.account == wanted for m in user.memberships)
    ]


async def user_disable(services: HasAccounts, arguments: Arguments) -> object:
    """`email`."""
    email = _text(arguments, "email")
    await services.accounts.users.disable(email)
    return {"email": email, "state": State.DISABLED}


async def user_unlock(services: HasAccounts, arguments: Arguments) -> object:
    """`email`."""
    email = _text(arguments, "email")
    await services.accounts.users.unlock(email)
    return {"email": email, "state": State.ACTIVE}


async def user_reset(services: HasAccounts, arguments: Arguments) -> object:
    """`email`, `password`; the result has a `password` if one was made up."""
    email = _text(arguments, "email")
    made = await services.accounts.users.reset(email, arguments.get("password"))
    return {"email": email, "password": made} if made else {"email": email}


async def credential_add(services: HasAccounts, arguments: Arguments) -> object:
    """`account`, `name`, and limits as in `relevo credential add`; the secret is in the result."""
    account = await _account_of(services, arguments)
    limits = Limits(
        scopes=_scopes(arguments),
        sender_domains=frozenset(parse_domain(d) for d in arguments.get("sender_domains") or ()),
        networks=tuple(_network(n) for n in arguments.get("networks") or ()),
        default_class=_traffic_class(arguments),
        rate_per_minute=_number(arguments, "rate_per_minute"),
    )
    expires_ms = _number(arguments, "expires_ms")
    name = _text(arguments, "name")
    new = await services.accounts.credentials.add(account.id, name, limits, expires_ms=expires_ms)
    return _new_credential(services, new)


async def credential_list(services: HasAccounts, arguments: Arguments) -> object:
    """Credentials without secrets; of one `account` if given."""
    wanted = await _filter(services, arguments)
    found = await services.accounts.credentials.list(wanted)
    return [_credential(services, credential) for credential in found]


async def credential_revoke(services: HasAccounts, arguments: Arguments) -> object:
    """`credential`: its id, user name or key id."""
    credentials = services.accounts.credentials
    credential = await credentials.get(_text(arguments, "credential"))
    await credentials.revoke(credential)
    return {"id": str(credential.id), "username": credential.username, "status": State.REVOKED}


async def credential_rotate(services: HasAccounts, arguments: Arguments) -> object:
    """`credential`, `overlap_s`; the successor with its secret."""
    credentials = services.accounts.credentials
    old = await credentials.get(_text(arguments, "credential"))
    overlap_s = arguments.get("overlap_s")
    new = await credentials.rotate(old, OVERLAP_S if overlap_s is None else float(overlap_s))
    old = await credentials.get(str(old.id))
    result = _new_credential(services, new)
    return {**result, "replaces": str(old.id), "replaced_until": _time(old.expires_ms)}


async def domain_add(services: HasAccounts, arguments: Arguments) -> object:
    """`domain`, `account`, `private`: not for its sub-accounts."""
    account = await _account_of(services, arguments)
    shared = not arguments.get("private")
    domain = _text(arguments, "domain")
    return _domain(await services.accounts.domains.add(domain, account.id, shared=shared))


async def domain_list(services: HasAccounts, arguments: Arguments) -> object:
    """Domains; of one `account` if given."""
    wanted = await _filter(services, arguments)
    return [_domain(domain) for domain in await services.accounts.domains.list(wanted)]


def operations() -> dict[str, Operation]:
    """All of this module by the names that the control socket knows."""
    return {
        "account.add": account_add,
        "account.list": account_list,
        "account.disable": account_disable,
        "account.enable": account_enable,
        "user.add": user_add,
        "user.list": user_list,
        "user.disable": user_disable,
        "user.unlock": user_unlock,
        "user.reset": user_reset,
        "credential.add": credential_add,
        "credential.list": credential_list,
        "credential.revoke": credential_revoke,
        "credential.rotate": credential_rotate,
        "domain.add": domain_add,
        "domain.list": domain_list,
    }


async def _set_account_state(
    services: HasAccounts, arguments: Arguments, state: State
) -> dict[str, object]:
    account = await services.accounts.get(_text(arguments, "account"))
    await services.accounts.set_state(account.id, state)
    return {"id": str(account.id), "name": account.name, "state": state}


async def _account_of(services: HasAccounts, arguments: Arguments) -> Account:
    if arguments.get("account") is None:
        return await services.accounts.only()
    return await services.accounts.get(_text(arguments, "account"))


async def _filter(services: HasAccounts, arguments: Arguments) -> int | None:
    if arguments.get("account") is None:
        return None
    return (await services.accounts.get(_text(arguments, "account"))).id


def _text(arguments: Arguments, key: str) -> str:
    value = arguments.get(key)
    if not isinstance(value, str) or not value:
        raise PermanentError(f"the argument {key!r} is missing")
    return value


def _number(arguments: Arguments, key: str) -> int:
    value = arguments.get(key, 0)
    if not isinstance(value, int) or not 0 <= value < 2**63:
        raise PermanentError(f"the argument {key!r} is not a number from 0 on")
    return value


def _role(arguments: Arguments) -> Role:
    try:
        return Role(_text(arguments, "role"))
    except ValueError as error:
        raise PermanentError(f"{error}: roles are {', '.join(Role)}") from None


def _scopes(arguments: Arguments) -> frozenset[Scope]:
    given = arguments.get("scopes")
    if not given:
        return Limits().scopes
    try:
        return frozenset(Scope(scope) for scope in given)
    except ValueError as error:
        raise PermanentError(f"{error}: scopes are {', '.join(Scope)}") from None


def _traffic_class(arguments: Arguments) -> TrafficClass:
    given = arguments.get("class")
    if given is None:
        return Limits().default_class
    try:
        return TrafficClass[str(given).upper()]
    except KeyError:
        labels = ", ".join(c.label for c in TrafficClass)
        raise PermanentError(f"class {given!r}: expected one of {labels}") from None


def _network(text: str) -> Any:
    try:
        return read_network(text)
    except ValueError as error:
        raise PermanentError(f"{text!r}: {error}") from None


def _time(at_ms: int) -> str | None:
    return rfc3339(at_ms) if at_ms else None


def _account(account: Account) -> dict[str, object]:
    return {
        "id": str(account.id),
        "name": account.name,
        "parent": None if account.parent is None else str(account.parent),
        "kind": account.kind,
        "state": account.state,
        "created": _time(account.created_ms),
    }


def _domain(domain: SendingDomain) -> dict[str, object]:
    return {
        "id": domain.domain,
        "domain": domain.domain,
        "account": str(domain.account),
        "shared": domain.shared,
        "state": domain.state,
        "created": _time(domain.created_ms),
    }


def _credential(services: HasAccounts, credential: Credential) -> dict[str, object]:
    limits = credential.limits
    return {
        "id": str(credential.id),
        "account": str(credential.account),
        "name": credential.name,
        "key_id": credential.key_id,
        "username": credential.username,
        "status": services.accounts.credentials.status_of(credential),
        "scopes": sorted(limits.scopes),
        "sender_domains": sorted(limits.sender_domains),
        "networks": [str(network) for network in limits.networks],
        "class": limits.default_class.label,
        "rate_per_minute": limits.rate_per_minute,
        "created": _time(credential.created_ms),
        "expires": _time(credential.expires_ms),
        "last_used": _time(credential.last_used_ms),
        "replaced_by": None if credential.replaced_by is None else str(credential.replaced_by),
    }


def _new_credential(services: HasAccounts, new: NewCredential) -> dict[str, object]:
    return {
        **_credential(services, new.credential),
        "password": new.secret,
        "api_key": new.secret,
    }
