"""What accepting mail costs, as rows that join the message's own transaction (T-o).

One accepted recipient costs 1. Nothing costs a retry or a delivery notice (they are no
submissions), the system's own mail, mail of test keys and of training accounts, and whoever was
suppressed at the door. Accounts without a contract are not metered.
"""

from collections.abc import Callable, Container, Sequence

from console.accounts.quota.meter import Meter
from console.accounts.quota.replies import EXHAUSTED
from console.accounts.quota.values import ShareKind
from mta.model.clock import Clock
from mta.model.envelope import Identity
from mta.model.reply import Reply
from mta.store.work import Rows


class QuotaPolicy:
    """The intake's `SubmissionPolicy` and `ExpansionPolicy`."""

    def __init__(
        self, meter: Meter, clock: Clock, training: Callable[[int], frozenset[str]]
    ) -> None:
        """`training(account)`: the addresses that a training account may write to."""
        self._meter = meter
        self._clock = clock
        self._training = training

    def check_recipient(self, identity: Identity, count: int) -> Reply | None:
        """552 5.2.2 for the `count`-th recipient when the bag does not have so many."""
        if is_free(identity):
            return None
        return self._meter.line(identity.account_id, self._clock.now_ms()).check(count)

    def addressees(self, account_id: int) -> Container[str] | None:
        """The list of a training account; None: anybody."""
        line = self._meter.line(account_id, self._clock.now_ms())
        if line.kind is not ShareKind.TRAINING:
            return None
        return self._training(account_id)

    def admit(
        self, identity: Identity, flow: int, message_id: int, charged: int, now_ms: int
    ) -> Reply | Sequence[Rows]:
        """The entry of the ledger and what the message cost; the balance itself is the guard."""
        if not charged or is_free(identity):
            return ()
        line = self._meter.line(identity.account_id, now_ms)
        if line.refusal is not None:
            return line.refusal
        if not line.bag:
            return ()
        return _rows("quota_consume", line.bag, line.payer, message_id, charged, now_ms, flow)

    def guard_refusal(self, identity: Identity, charged: int) -> Reply:  # noqa: ARG002
        """The balance did not hold what the message costs."""
        self._meter.on_change()
        return EXHAUSTED

    def expand(
        self, account_id: int, flow: int, message_id: int, charged: int, now_ms: int
    ) -> Reply | Sequence[Rows]:
        """The same for deliveries of a template message; out of the flow's reservation if it has one.

        A reservation outlives the term: the campaign was accepted before the end.
        """
        if not charged:
            return ()
        held = self._meter.reservations.get(flow)
        if held is not None:
            rows = _rows(
                "quota_consume_reserved",
                held.bag,
                held.account,
                message_id,
                charged,
                now_ms,
                flow,
            )
            return (*rows, Rows("quota_reservation_take", [(held.id, charged)]))
        line = self._meter.line(account_id, now_ms)
        if line.refusal is not None:
            return line.refusal
        if not line.bag:
            return ()
        return _rows("quota_consume", line.bag, line.payer, message_id, charged, now_ms, flow)


def is_free(identity: Identity) -> bool:
    """Whether nothing that it sends is charged."""
    return identity.is_training or identity.is_test or identity.is_free


def _rows(
    statement: str, bag: int, payer: int, message_id: int, charged: int, now_ms: int, flow: int
) -> tuple[Rows, Rows]:
    return (
        Rows(statement, [(bag, payer, flow, charged, now_ms)]),
        Rows("quota_charge_add", [(message_id, bag, payer, charged)]),
    )
