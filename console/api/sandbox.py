"""`/api/v1/sandbox/messages`: what the receiving simulator got."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import BaseModel, Field

from console.accounts.values import Scope
from console.api.pagination import Query
from console.api.refusals import ApiRefusal
from console.api.routes import Answer, Call, Route
from mta.sandbox.inbox import Inbox

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
    """List, get and clear; outside sandbox mode there is nothing."""

    def __init__(self, inbox: Inbox | None) -> None:
        self._inbox = inbox

    def routes(self) -> Sequence[Route]:
        """The table."""
        scopes: tuple[Scope, ...] = ()  # in a sandbox, every key
        missing = ("not_sandbox",)
        return (
            Route(
                "GET", _PATH, "listSandboxMessages", "What the simulator received", self.list,
                scopes, SandboxPage, filters=SandboxFilter, tag="sandbox", errors=missing,
            ),
            Route(
                "DELETE", _PATH, "clearSandbox", "Forget what the simulator received",
                self.clear, scopes, Deleted, tag="sandbox", errors=missing,
            ),
            Route(
                "GET", f"{_PATH}/{{id}}", "getSandboxMessage", "One received message", self.get,
                scopes, dict[str, Any], tag="sandbox", errors=("not_found", *missing),
            ),
        )  # fmt: skip

    async def list(self, call: Call) -> Answer:
        """`{"messages": […], "kept": n, "next_before": id or null}`, newest first."""
        inbox = self._inbox_or_refuse()
        wanted = call.filters(SandboxFilter)
        found = inbox.list(
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
                "kept": len(inbox),
                "next_before": str(shown[-1].id) if len(found) > wanted.limit else None,
            }
        )

    async def get(self, call: Call) -> Answer:
        """One message with its headers and its source."""
        inbox = self._inbox_or_refuse()
        identifier = call.path["id"]
        is_id = identifier.isascii() and identifier.isdigit() and len(identifier) < 20
        message = inbox.get(int(identifier)) if is_id else None
        if message is None:
            raise ApiRefusal(404, "not_found")
        return Answer(message.details())

    async def clear(self, _: Call) -> Answer:
        """Forget all messages; says how many."""
        return Answer({"deleted": self._inbox_or_refuse().clear()})

    def _inbox_or_refuse(self) -> Inbox:
        if self._inbox is None:
            raise ApiRefusal(404, "not_sandbox")
        return self._inbox
