"""`/api/v1/sandbox/messages`: what the receiving simulator got."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, Field

from console.accounts.values import Scope
from console.api.acting import ActorOf, number_of
from console.api.pagination import Query
from console.api.refusals import ApiRefusal
from console.api.routes import Answer, Call, Route
from console.maillog.simulated import SimulatedMail

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
_MAX_FILTER = 320  # the longest address
_PATH = "/api/v1/sandbox/messages"
_Filter = Annotated[str, Field(max_length=_MAX_FILTER)]


class SandboxFilter(Query):
    """What the list is narrowed by."""

    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT
    before: Annotated[int, Field(ge=0, le=2**63 - 1)] = 0
    sender: _Filter = ""
    recipient: _Filter = ""
    text: _Filter = ""


class SandboxPage(BaseModel):
    """Messages that the simulator took, the newest first."""

    messages: list[dict[str, Any]]
    kept: int
    next_before: str | None


class Deleted(BaseModel):
    """How many were forgotten."""

    deleted: int


class SandboxEndpoints:
    """List, get and clear what the key may see; outside sandbox mode there is nothing."""

    def __init__(self, mail: SimulatedMail | None, actor_of: ActorOf) -> None:
        self._mail = mail
        self._actor_of = actor_of

    def routes(self) -> Sequence[Route]:
        """The table."""
        scopes: tuple[Scope, ...] = ()  # what a key sent it sees without any
        told = "What the key sent, with `mail.view` all mail of its account."
        missing = ("not_sandbox",)
        return (
            Route(
                "GET", _PATH, "listSandboxMessages", "What the simulator received", self.list,
                scopes, SandboxPage, filters=SandboxFilter, tag="sandbox", errors=missing,
                description=told,
            ),
            Route(
                "DELETE", _PATH, "clearSandbox", "Forget what the simulator received",
                self.clear, scopes, Deleted, tag="sandbox", errors=missing, description=told,
            ),
            Route(
                "GET", f"{_PATH}/{{id}}", "getSandboxMessage", "One received message", self.get,
                scopes, dict[str, Any], tag="sandbox", errors=("not_found", *missing),
                description=told,
            ),
        )  # fmt: skip

    async def list(self, call: Call) -> Answer:
        """`{"messages": […], "kept": n, "next_before": id or null}`, newest first."""
        mail, actor = self._mail_or_refuse(), self._actor_of(call)
        wanted = call.filters(SandboxFilter)
        found = await mail.list(
            actor,
            limit=wanted.limit + 1,
            before=wanted.before,
            sender=wanted.sender,
            recipient=wanted.recipient,
            text=wanted.text,
        )
        shown = found[: wanted.limit]
        return Answer(
            {
                "messages": [message.summary() for message in shown],
                "kept": await mail.kept(actor),
                "next_before": str(shown[-1].id) if len(found) > wanted.limit else None,
            }
        )

    async def get(self, call: Call) -> Answer:
        """One message with its headers and its source."""
        mail = self._mail_or_refuse()
        message = await mail.get(self._actor_of(call), number_of(call))
        if message is None:
            raise ApiRefusal(404, "not_found")
        return Answer(message.details())

    async def clear(self, call: Call) -> Answer:
        """Forget them; says how many."""
        return Answer({"deleted": await self._mail_or_refuse().clear(self._actor_of(call))})

    def _mail_or_refuse(self) -> SimulatedMail:
        if self._mail is None:
            raise ApiRefusal(404, "not_sandbox")
        return self._mail
