"""What campaigns need of the parts beside them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from console.accounts.actor import Actor
from console.accounts.quota.values import Reservation
from console.campaigns.composing import NOTHING, Filling
from console.campaigns.values import AudienceSpec, Campaign, Content
from mta.intake.expansion import Expanded, TemplateSubmission
from mta.intake.ports import Receipt
from mta.intake.recipients import RecipientSource
from mta.model.envelope import Identity
from mta.spool.flows import Flow


@dataclass(frozen=True, slots=True)
class FrozenAudience:
    """Rows that do not change any more."""

    id: int
    total: int


@dataclass(frozen=True, slots=True)
class Column:
    """A value that the rows have."""

    name: str
    alias: str = ""
    filled: int = 0  # rows with a value
    sample: str = ""


class Audiences(Protocol):
    """Who gets a campaign."""

    async def freeze(self, actor: Actor, campaign: Campaign) -> FrozenAudience:
        """The frozen rows of a campaign; made of its lists the first time, the same afterwards."""
        ...

    async def counts(self, spec: AudienceSpec, account: int) -> Mapping[str, int]:
        """By what became of the rows: `accepted`, `duplicated`, `suppressed`, …."""
        ...

    async def columns(self, spec: AudienceSpec, account: int) -> Sequence[Column]:
        """The values that the rows have."""
        ...

    async def row(self, spec: AudienceSpec, account: int, n: int) -> Mapping[str, Any]:
        """The values of one row, from 0; empty when there is none."""
        ...

    def source(self, audience: int) -> RecipientSource:
        """Its rows as the expansion wants them."""
        ...


class Compiler(Protocol):
    """Makes the template message of a content."""

    async def compile(
        self, account: int, content: Content, campaign: int = 0, filling: Filling = NOTHING
    ) -> bytes:
        """The compiled template, with its attachments. Raises `TemplateError`, `PermanentError`.

        With a campaign its links are tracked: then it is for its recipients alone.
        """
        ...

    def are_opens_known(self, account: int, content: Content) -> bool:
        """Whether a campaign of this content, compiled now, would tell who opened it."""
        ...


class Expander(Protocol):
    """`mta.intake.expansion.Expansion`."""

    async def submit(self, submission: TemplateSubmission) -> Receipt:
        """Make the message durable."""
        ...

    async def expand(self, message_id: int, source: RecipientSource) -> Expanded:
        """Make its deliveries."""
        ...


class Reservations(Protocol):
    """`ReservationService`."""

    async def reserve(
        self, actor: Actor, account: int, amount: int, reference: str, *, flow: int = 0
    ) -> Reservation | None:
        """Keep quota."""
        ...

    async def release(self, actor: Actor, reference: str, reason: str = "") -> None:
        """Give back what is left."""
        ...


class PlanFlow(Protocol):
    """`Dispatcher.plan_flow`."""

    async def __call__(
        self, flow: Flow, *, not_before_ms: int = 0, rate_per_hour: int = 0, end_ms: int = 0
    ) -> None:
        """Set the flow's rate and end."""
        ...


IdentityOf = Callable[[int], Identity | None]  # who an account's mail is from; None: disabled
Expected = Callable[[Campaign, int], Awaitable[float]]  # seconds for so many recipients
News = Callable[[Campaign], Awaitable[None]]  # a campaign stopped by itself


async def nobody(_campaign: Campaign) -> None:
    """Nobody is told."""
