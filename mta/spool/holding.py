"""Holding single deliveries: out of the scheduler's sight, and nothing forgotten.

A delivery on hold is scheduled `HOLD_MS` later than it was, and so is its deadline: so neither the
due rows nor the expired ones ever show it, and both times come back by subtraction. The time on
hold, known from the row's last change, is added to the deadline at the release.
"""

from mta.model.traffic import DeliveryState
from mta.spool.inspection import QueueRow
from mta.spool.rows import DeliveryFlag

HOLD_MS = 1 << 52  # 142,000 years; times stay below 2**53, which JSON readers hold exactly

Reschedule = tuple[int, int, int, int, int, int, int]  # the row of `delivery_reschedule`


def is_held(row: QueueRow) -> bool:
    """Whether an operator holds this delivery itself."""
    return bool(row.delivery.flags & DeliveryFlag.HELD)


def held(row: QueueRow, now_ms: int) -> Reschedule | None:
    """The change that holds a delivery; None when that cannot be or is so already."""
    d = row.delivery
    if is_held(row) or d.state not in {DeliveryState.READY, DeliveryState.SCHEDULED}:
        return None
    expires_ms = d.expires_ms + HOLD_MS if d.expires_ms else 0
    flags = d.flags | DeliveryFlag.HELD
    return (d.id, d.state, row.changed_ms, row.due_ms + HOLD_MS, expires_ms, flags, now_ms)


def released(row: QueueRow, now_ms: int) -> Reschedule | None:
    """The change that ends a hold: due when it would have been, its deadline later by the hold."""
    d = row.delivery
    if not is_held(row) or d.state != DeliveryState.SCHEDULED:
        return None
    expires_ms = 0
    if d.expires_ms:
        expires_ms = d.expires_ms - HOLD_MS + max(0, now_ms - row.changed_ms)
    flags = d.flags & ~DeliveryFlag.HELD
    return (d.id, d.state, row.changed_ms, row.due_ms - HOLD_MS, expires_ms, flags, now_ms)
