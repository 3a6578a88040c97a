"""The endpoints about sending domains."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from console.accounts.sending.operations import domain_json
from console.accounts.sending.service import SendingDomains
from console.accounts.values import Scope
from console.api.acting import ActorOf, carried_out
from console.api.messages.schemas import Id, Time
from console.api.pagination import page
from console.api.routes import Answer, Call, Route

_VIEW = (Scope.DOMAIN_VIEW, Scope.DOMAIN_MANAGE)
_MANAGE = (Scope.DOMAIN_MANAGE,)
_PATH = "/api/v1/domains"
MAX_NAME = 255

Name = Annotated[str, Field(max_length=MAX_NAME, examples=["example.org"])]


class DomainRequest(BaseModel):
    """A domain to send from."""

    model_config = ConfigDict(extra="forbid")

    domain: Name
    shared: bool = Field(True, description="Sub-accounts of the account send from it too.")


class DnsRecord(BaseModel):
    """What to publish, and what was found when the DNS was last asked."""

    kind: Literal["ownership", "dkim", "spf", "dmarc", "mx", "return_path"]
    needed: bool = Field(description="Without it receivers refuse or distrust the mail.")
    state: Literal["pending", "verified", "failing"]
    type: str
    name: str
    value: str = Field(description="Empty: anything that works.")
    found: list[str]
    problem: str


class Domain(BaseModel):
    """A sending domain; from one that is `pending` no mail is taken."""

    id: str
    domain: str
    account: Id
    shared: bool
    state: Literal["active", "pending"]
    created: Time
    checked: Time | None
    verified: Time | None = Field(description="When ownership was first shown.")
    failing_since: Time | None
    records: list[DnsRecord]


class DomainList(BaseModel):
    """All of the account."""

    items: list[Domain]
    next: None


class DomainEndpoints:
    """Handlers; `routes` declares them."""

    def __init__(self, service: SendingDomains, actor_of: ActorOf) -> None:
        self._service = service
        self._actor_of = actor_of

    def routes(self) -> Sequence[Route]:
        """The table."""
        one = f"{_PATH}/{{domain}}"
        return (
            Route(
                "GET", _PATH, "listDomains", "List sending domains", self.list, _VIEW, DomainList,
                tag="domains",
            ),
            Route(
                "POST", _PATH, "addDomain", "Add a sending domain", self.add, _MANAGE, Domain,
                DomainRequest, status=201, tag="domains",
                description="A DKIM key is made unless it has one. Publish the records, then check.",
            ),
            Route(
                "GET", one, "getDomain", "Show a sending domain and its records", self.get, _VIEW,
                Domain, tag="domains", errors=("not_found",),
            ),
            Route(
                "POST", f"{one}/check", "checkDomain", "Ask the DNS now", self.check, _VIEW,
                Domain, tag="domains", errors=("not_found",),
            ),
            Route(
                "DELETE", one, "removeDomain", "Remove a sending domain", self.remove, _MANAGE,
                status=204, tag="domains", errors=("not_found",),
            ),
        )  # fmt: skip

    async def list(self, call: Call) -> Answer:
        """`GET /domains`."""
        found = await self._service.all(self._actor_of(call), call.identity.account_id)
        return Answer(page([domain_json(status) for status in found], None))

    async def add(self, call: Call) -> Answer:
        """`POST /domains`."""
        asked = call.content(DomainRequest)
        adding = self._service.add(
            self._actor_of(call), asked.domain, call.identity.account_id, shared=asked.shared
        )
        return Answer(domain_json(await carried_out(adding, "domain")), 201)

    async def get(self, call: Call) -> Answer:
        """`GET /domains/{domain}`."""
        reading = self._service.get(self._actor_of(call), call.path["domain"])
        return Answer(domain_json(await carried_out(reading)))

    async def check(self, call: Call) -> Answer:
        """`POST /domains/{domain}/check`."""
        checking = self._service.check(self._actor_of(call), call.path["domain"])
        return Answer(domain_json(await carried_out(checking)))

    async def remove(self, call: Call) -> Answer:
        """`DELETE /domains/{domain}`."""
        await carried_out(self._service.remove(self._actor_of(call), call.path["domain"]))
        return Answer(status=204)
