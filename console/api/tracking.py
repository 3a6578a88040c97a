"""The endpoints about tracking: how much an account learns, and the domain of its links."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from console.accounts.values import Scope
from console.api.acting import ActorOf, carried_out
from console.api.messages.schemas import Time
from console.api.routes import Answer, Call, Route
from console.tracking.accounts import TrackingMode
from console.tracking.service import TrackingService, TrackingStatus
from mta.events.record import rfc3339
from mta.model.errors import TransientError

_VIEW = (Scope.DOMAIN_VIEW, Scope.DOMAIN_MANAGE)
_MANAGE = (Scope.DOMAIN_MANAGE,)
_PATH = "/api/v1/tracking"


class TrackingRequest(BaseModel):
    """What is to change; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    mode: TrackingMode | None = Field(
        None, description="full: who did it; anonymous: totals only; off: nothing."
    )
    domain: Annotated[str, Field(max_length=255, examples=["t.example.org"])] | None = Field(
        None, description="Below a sending domain of the account; empty: the server's own."
    )


class Tracking(BaseModel):
    """What an account has chosen."""

    mode: TrackingMode
    domain: str
    verified: bool = Field(description="Links of new mail are made with the domain.")
    target: str = Field(description="To what the domain's CNAME has to point.")
    problem: str = Field(description="Why it is not verified: no_cname, other_cname, no_tls.")
    checked: Time | None
    failing_since: Time | None = Field(description="Since when it works no more, although it did.")


class TrackingEndpoints:
    """Handlers; `routes` declares them."""

    def __init__(self, service: TrackingService, actor_of: ActorOf) -> None:
        self._service = service
        self._actor_of = actor_of

    def routes(self) -> Sequence[Route]:
        """The table."""
        return (
            Route(
                "GET", _PATH, "getTracking", "Show what is tracked and by which domain", self.get,
                _VIEW, Tracking, tag="domains",
            ),
            Route(
                "PATCH", _PATH, "setTracking", "Choose what is tracked and by which domain",
                self.change, _MANAGE, Tracking, TrackingRequest, tag="domains",
            ),
            Route(
                "POST", f"{_PATH}/check", "checkTracking", "Look at the domain now", self.check,
                _VIEW, Tracking, tag="domains",
            ),
        )  # fmt: skip

    async def get(self, call: Call) -> Answer:
        """`GET /tracking`."""
        work = self._service.get(self._actor_of(call), call.identity.account_id)
        return Answer(_json(await carried_out(work)))

    async def change(self, call: Call) -> Answer:
        """`PATCH /tracking`."""
        asked, actor = call.content(TrackingRequest), self._actor_of(call)
        account = call.identity.account_id
        status = await carried_out(self._service.get(actor, account))
        if asked.domain is not None and asked.domain != status.chosen.domain:
            work = self._service.set_domain(actor, account, asked.domain)
            status = await carried_out(work, "domain")
        if asked.mode is not None:
            status = await carried_out(self._service.set_mode(actor, account, asked.mode))
        return Answer(_json(status))

    async def check(self, call: Call) -> Answer:
        """`POST /tracking/check`."""
        actor, account = self._actor_of(call), call.identity.account_id
        try:
            status = await carried_out(self._service.check(actor, account))
        except TransientError:  # the DNS gave no answer: what was known stays
            status = await carried_out(self._service.get(actor, account))
        return Answer(_json(status))


def _json(status: TrackingStatus) -> dict[str, object]:
    chosen = status.chosen
    return {
        "mode": chosen.mode.value,
        "domain": chosen.domain,
        "verified": chosen.is_verified,
        "target": status.target,
        "problem": chosen.problem,
        "checked": rfc3339(chosen.checked_ms) if chosen.checked_ms else None,
        "failing_since": rfc3339(chosen.failing_ms) if chosen.failing_ms else None,
    }
