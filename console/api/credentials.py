"""The endpoints about API and SMTP credentials; a secret is in an answer once, when it was made."""

from collections.abc import Sequence
from ipaddress import ip_network
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from console.accounts.credential_operations import credential_shown
from console.accounts.credentials import OVERLAP_S, CredentialService
from console.accounts.values import Credential, Limits, NewCredential, Scope
from console.api.acting import ActorOf, carried_out
from console.api.messages.request import MailClass, Schema
from console.api.messages.schemas import Id, Time
from console.api.moment import Moment
from console.api.pagination import Paged, page, place_of
from console.api.refusals import ApiRefusal
from console.api.routes import Answer, Call, Route
from mta.model.address import parse_domain
from mta.model.errors import AddressSyntaxError
from mta.model.ids import id_in
from mta.settings.values import IPNetwork

_PATH = "/api/v1/credentials"
_SECRETS = ("password", "api_key")
MAX_COUNT = 1_000_000_000
MAX_OVERLAP_S = 30 * 24 * 3600


def _network(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError:
        raise ValueError("invalid_network") from None


def _domain(text: str) -> str:
    try:
        return parse_domain(text)
    except AddressSyntaxError:
        raise ValueError("invalid_domain") from None


Network = Annotated[
    str, Field(max_length=50, examples=["203.0.113.0/24"]), AfterValidator(_network)
]
Domain = Annotated[str, Field(max_length=255, examples=["example.org"]), AfterValidator(_domain)]
Count = Annotated[int, Field(ge=0, le=MAX_COUNT, strict=True)]


class NewCredentialRequest(Schema):
    """A credential for an application."""

    name: Annotated[str, Field(min_length=1, max_length=200, examples=["facturación"])]
    scopes: list[Scope] = Field(
        default_factory=lambda: [Scope.SEND], min_length=1, max_length=len(Scope)
    )
    sender_domains: list[Domain] = Field(
        default_factory=list, max_length=100, description="None: every domain of the account."
    )
    networks: list[Network] = Field(
        default_factory=list, max_length=100, description="None: anywhere."
    )
    klass: MailClass = Field(default=MailClass.TRANSACTIONAL, alias="class")
    rate_per_minute: Count = Field(default=0, description="Recipients; 0: no limit of its own.")
    per_hour: Count = Field(default=0, description="Recipients in a clock hour; 0: no cap.")
    per_day: Count = Field(
        default=0, description="Recipients in a day of the account's time zone; 0: no cap."
    )
    expires: Moment | None = None


class RotationRequest(Schema):
    """For how long the old secret goes on working."""

    overlap_s: Annotated[int, Field(ge=0, le=MAX_OVERLAP_S, strict=True)] = int(OVERLAP_S)


class CredentialAnswer(BaseModel):
    """A credential, without its secret."""

    id: Id
    account: Id
    name: str
    key_id: str
    username: str
    status: str = Field(description="`active`, `replaced`, `expired` or `revoked`.")
    scopes: list[Scope]
    sender_domains: list[str]
    networks: list[str]
    klass: MailClass = Field(alias="class")
    rate_per_minute: int
    per_hour: int
    per_day: int
    created: Time | None
    expires: Time | None
    last_used: Time | None
    replaced_by: Id | None


class CredentialWithSecret(CredentialAnswer):
    """A new credential; its secret is shown this once."""

    password: str | None = Field(description="For SMTP; null in a repeated answer.")
    api_key: str | None


class CredentialPage(BaseModel):
    """Some credentials, oldest first."""

    items: list[CredentialAnswer]
    next: str | None


class CredentialEndpoints:
    """Handlers; `routes` declares them."""

    def __init__(self, service: CredentialService, actor_of: ActorOf) -> None:
        self._service = service
        self._actor_of = actor_of

    def routes(self) -> Sequence[Route]:
        """The table."""
        see = (Scope.CREDENTIAL_VIEW, Scope.CREDENTIAL_MANAGE)
        change = (Scope.CREDENTIAL_MANAGE,)
        one = f"{_PATH}/{{id}}"
        return (
            Route(
                "GET", _PATH, "listCredentials", "List credentials", self.list, see,
                CredentialPage, filters=Paged, tag="credentials",
            ),
            Route(
                "POST", _PATH, "addCredential", "Add a credential", self.add, change,
                CredentialWithSecret, NewCredentialRequest, status=201, tag="credentials",
                secret_fields=_SECRETS,
                description="A key gives only scopes that it has itself, and `mail.send`; its own domains, "
                "networks, caps and end bind those that it makes.",
            ),
            Route(
                "GET", one, "getCredential", "Show a credential", self.get, see,
                CredentialAnswer, tag="credentials", errors=("not_found",),
            ),
            Route(
                "POST", f"{one}/rotate", "rotateCredential", "Make a new secret", self.rotate,
                change, CredentialWithSecret, RotationRequest, status=201, tag="credentials",
                errors=("not_found", "conflict"), secret_fields=_SECRETS,
            ),
            Route(
                "DELETE", one, "revokeCredential", "End a credential now, for good", self.revoke,
                change, status=204, tag="credentials", errors=("not_found",),
            ),
        )  # fmt: skip

    async def list(self, call: Call) -> Answer:
        """`GET /credentials`."""
        wanted = call.filters(Paged)
        place = place_of(wanted.cursor, (int,))
        after = int(place[0]) if place else 0
        found = await self._service.list(self._actor_of(call), call.identity.account_id)
        rest = [one for one in found if one.id > after]
        shown = rest[: wanted.limit]
        following = (shown[-1].id,) if len(rest) > wanted.limit else None
        return Answer(page([credential_shown(self._service, one) for one in shown], following))

    async def add(self, call: Call) -> Answer:
        """`POST /credentials`."""
        asked = call.content(NewCredentialRequest)
        networks: list[IPNetwork] = [ip_network(text) for text in asked.networks]
        limits = Limits(
            scopes=frozenset(asked.scopes),
            sender_domains=frozenset(asked.sender_domains),
            networks=tuple(networks),
            default_class=asked.klass.traffic,
            rate_per_minute=asked.rate_per_minute,
            per_hour=asked.per_hour,
            per_day=asked.per_day,
        )
        expires_ms = round(asked.expires.timestamp() * 1000) if asked.expires else 0
        adding = self._service.add(
            self._actor_of(call),
            call.identity.account_id,
            asked.name,
            limits,
            expires_ms=max(expires_ms, int(bool(asked.expires))),
        )
        return Answer(self._with_secret(await carried_out(adding, "name")), 201)

    async def get(self, call: Call) -> Answer:
        """`GET /credentials/{id}`."""
        return Answer(credential_shown(self._service, await self._find(call)))

    async def rotate(self, call: Call) -> Answer:
        """`POST /credentials/{id}/rotate`."""
        overlap_s = call.content(RotationRequest).overlap_s
        old = await self._find(call)
        return Answer(
            self._with_secret(await self._service.rotate(self._actor_of(call), old, overlap_s)), 201
        )

    async def revoke(self, call: Call) -> Answer:
        """`DELETE /credentials/{id}`."""
        await self._service.revoke(self._actor_of(call), await self._find(call))
        return Answer(status=204)

    async def _find(self, call: Call) -> Credential:
        """By its id alone; one of another account does not exist."""
        text = call.path["id"]
        if not id_in(text):
            raise ApiRefusal(404, "not_found")
        found = await self._service.get(self._actor_of(call), text)
        if str(found.id) != text.lstrip("0") or found.account != call.identity.account_id:
            raise ApiRefusal(404, "not_found")
        return found

    def _with_secret(self, new: NewCredential) -> dict[str, object]:
        shown = credential_shown(self._service, new.credential)
        return {**shown, "password": new.secret, "api_key": new.secret}
