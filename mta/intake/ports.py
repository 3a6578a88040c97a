"""What the door asks of others: policy and suppression from above, the dispatcher from beside."""

from collections.abc import Collection, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from mta.model.address import Address
from mta.model.envelope import Identity
from mta.model.reply import Reply
from mta.model.traffic import DeliveryState
from mta.spool.rows import QueuedDelivery
from mta.store.work import Rows


class RecipientOutcome(NamedTuple):
    """What became of one recipient at the door."""

    delivery: int
    address: str
    state: DeliveryState  # READY, SCHEDULED or SUPPRESSED


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer to a submission; `message_id` is 0 when it was refused.

    `outcomes` are the deliveries in the order of the recipients, as they were when they became
    durable; none when a repeated idempotency key gave an earlier message.
    """

    reply: Reply
    message_id: int = 0
    outcomes: Sequence[RecipientOutcome] = ()


class SubmissionPolicy(Protocol):
    """What an account may do: quota and permissions, owned by the console."""

    def check_recipient(self, identity: Identity, count: int) -> Reply | None:
        """A refusal for the `count`-th recipient, or None."""
        ...

    def addressees(self, account_id: int) -> Container[str] | None:
        """Keys of the addresses that an account for training may write to; None: anybody."""
        ...

    def admit(
        self, identity: Identity, flow: int, message_id: int, charged: int, now_ms: int
    ) -> Reply | Sequence[Rows]:
        """A refusal, or statements that join the message's transaction.

        `charged` is the number of recipients that are not suppressed. When a statement with an
        expectation changes another number of rows, or a constraint does not hold, nothing is kept
        of the message and `guard_refusal` says what its client hears.
        """
        ...

    def expand(
        self, account_id: int, flow: int, message_id: int, charged: int, now_ms: int
    ) -> Reply | Sequence[Rows]:
        """The same for `charged` further deliveries of a template message."""
        ...

    def guard_refusal(self, identity: Identity, charged: int) -> Reply:
        """The refusal when the statements of `admit` did not hold (the bag is empty)."""
        ...


class SuppressionCheck(Protocol):
    """Whether an account may not write to an address."""

    def reason(self, account_id: int, address: Address, klass: int) -> str:
        """Why the account may not write to the address in that class, empty when it may."""
        ...


class ReadyListener(Protocol):
    """Who delivers: told of deliveries that are to become durable, and that have."""

    def accepting(self, deliveries: Sequence[QueuedDelivery]) -> None:
        """These are about to be stored, as ready; one that can go at once is made CLAIMED."""
        ...

    def refused(self, deliveries: Sequence[QueuedDelivery]) -> None:
        """They were not stored, nothing of them."""
        ...

    def accepted(self, deliveries: Sequence[QueuedDelivery], due_ms: int) -> None:
        """New rows: ready ones to be sent, or scheduled ones (`due_ms` in the future)."""
        ...

    def stored(self, rows: Sequence[tuple[int, int, int, int, str]]) -> None:
        """Rows are ready on disk from there on: the first (id, site, class, flow, domain) of each."""
        ...


class SiteFinder(Protocol):
    """Who knows where mail for a domain goes."""

    async def find(self, domains: Collection[str]) -> Mapping[str, int]:
        """The sites of domains, looked up where needed; those not found in a while are left out."""
        ...


class AllowAll:
    """The policy while no quota exists: everything an authenticated account sends is admitted."""

    def check_recipient(self, identity: Identity, count: int) -> Reply | None:  # noqa: ARG002
        """Never refuses."""
        return None

    def addressees(self, account_id: int) -> Container[str] | None:  # noqa: ARG002
        """Anybody."""
        return None

    def admit(
        self,
        identity: Identity,  # noqa: ARG002
        flow: int,  # noqa: ARG002
        message_id: int,  # noqa: ARG002
        charged: int,  # noqa: ARG002
        now_ms: int,  # noqa: ARG002
    ) -> Reply | Sequence[Rows]:
        """Nothing to check, nothing to write."""
        return ()

    def expand(
        self,
        account_id: int,  # noqa: ARG002
        flow: int,  # noqa: ARG002
        message_id: int,  # noqa: ARG002
        charged: int,  # noqa: ARG002
        now_ms: int,  # noqa: ARG002
    ) -> Reply | Sequence[Rows]:
        """Nothing to write."""
        return ()

    def guard_refusal(self, identity: Identity, charged: int) -> Reply:  # noqa: ARG002
        """Never asked for: there is no guard."""
        return Reply.of(451, "4.3.0", "Try again later")


class NothingSuppressed:
    """The check while no suppression list exists."""

    def reason(self, account_id: int, address: Address, klass: int) -> str:  # noqa: ARG002
        """Always empty."""
        return ""
