"""The endpoints about what waits: the account's flows, and why a delivery has not gone yet."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from pydantic import BaseModel, Field

from console.accounts.values import Scope
from console.api.messages.log import MessageLog, Viewer
from console.api.messages.request import MailClass
from console.api.messages.schemas import Id, Time
from console.api.pagination import page
from console.api.routes import Answer, Call, Route
from console.maillog.search import Standing
from mta.events.record import rfc3339
from mta.model.traffic import DeliveryState, Gate, TrafficClass
from mta.spool.inspection import LAST_OPEN, QueueReader

_PATH = "/api/v1/queue"

# The queue operation `why`: what holds the message or delivery `id`.
Why = Callable[[dict[str, object]], Awaitable[object]]


class FlowAnswer(BaseModel):
    """Mail that is steered together: of one key and class, or of one campaign."""

    id: Id
    name: str
    kind: str = Field(description="`application` or `campaign`.")
    klass: MailClass = Field(alias="class")
    gate: str = Field(description="`open`, `held` or `cancelled`.")
    reason: str
    waiting: int = Field(description="Deliveries that are not final.")
    states: dict[Standing, int]


class FlowList(BaseModel):
    """Flows with anything that waits."""

    items: list[FlowAnswer]
    next: None


class WhyAnswer(BaseModel):
    """What holds one delivery."""

    id: Id
    recipient: str
    state: Standing
    due: Time | None
    held_by: list[dict[str, Any]]
    last_reply: str
    explanation: str = Field(description="In words, in English.")


class WhyList(BaseModel):
    """Deliveries of a message, those that wait first."""

    items: list[WhyAnswer]
    next: None


class QueueEndpoints:
    """Handlers; `routes` declares them."""

    def __init__(self, reader: QueueReader, log: MessageLog, why: Why) -> None:
        self._reader = reader
        self._log = log
        self._why = why

    def routes(self) -> Sequence[Route]:
        """The table."""
        return (
            Route(
                "GET", _PATH, "listQueue", "What waits, by key and campaign", self.list,
                (Scope.MAIL_VIEW,), FlowList, tag="queue",
            ),
            Route(
                "GET", f"{_PATH}/{{id}}/why", "whyQueued", "Why a message or delivery waits",
                self.why, (Scope.MAIL_VIEW, Scope.SEND), WhyList, tag="queue",
                errors=("not_found",),
            ),
        )  # fmt: skip

    async def list(self, call: Call) -> Answer:
        """`GET /queue`."""
        found = await self._reader.flows_with(0, LAST_OPEN, call.identity.account_id)
        items = []
        for flow, waiting in found:
            states = await self._reader.states_of(flow.id)
            items.append(
                {
                    "id": str(flow.id),
                    "name": flow.name,
                    "kind": flow.kind,
                    "class": TrafficClass(flow.klass).label,
                    "gate": Gate(flow.gate).name.lower(),
                    "reason": flow.gate_reason,
                    "waiting": waiting,
                    "states": {DeliveryState(state).label: n for state, n in states.items()},
                }
            )
        return Answer(page(items, None))

    async def why(self, call: Call) -> Answer:
        """`GET /queue/{id}/why`."""
        identity = call.identity
        everything = Scope.MAIL_VIEW in call.scopes
        viewer = Viewer(identity.account_id, 0 if everything else identity.credential_id)
        await self._log.find(viewer, call.path["id"])
        told = await self._why({"id": str(int(call.path["id"]))})
        answers: list[dict[str, Any]] = told if isinstance(told, list) else [told]  # type: ignore[list-item]  # JSON
        items = [{**one, "due": rfc3339(one["due"]) if one["due"] else None} for one in answers]
        return Answer(page(items, None))
