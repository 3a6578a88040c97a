"""Relevo proposes a refund by itself when mail failed by its own fault (T-q).

Its own fault is what ended by an error inside Relevo, and what ran out of time without a single
attempt. Such deliveries are found by following the events; those of one flow make one proposal,
which grows until a person decides.
"""

from collections.abc import Sequence

import orjson

from console.accounts.quota.refunds import RefundService
from mta.model.traffic import EventType
from mta.spool.follower import FollowedEvent
from mta.store.base import Store
from mta.store.work import Rows

FOLLOWER = "quota.faults"
TYPES = frozenset({EventType.BOUNCED, EventType.EXPIRED})
REASON = "internal error, or out of time without an attempt"


class OwnFaults:
    """Makes proposals of events."""

    def __init__(self, store: Store, refunds: RefundService) -> None:
        self._store = store
        self._refunds = refunds

    async def handle(self, events: Sequence[FollowedEvent]) -> Sequence[Rows]:
        """Rows that put what failed by our fault on the lists of proposals."""
        failed = [event.delivery for event in events if _is_ours(event)]
        if not failed:
            return ()
        charged = await self._store.read(
            "quota_charged_deliveries", deliveries=orjson.dumps(failed).decode()
        )
        refunds: dict[tuple[int, int], int] = {}
        items = []
        for delivery, account, flow in charged:
            key = (account, flow)
            if key not in refunds:
                refunds[key] = await self._refunds.open_own(account, flow, REASON)
            items.append((refunds[key], delivery))
        if not items:
            return ()
        numbers = [(number,) for number in refunds.values()]
        return (
            Rows("quota_fault_item", items),
            Rows("quota_refund_open_count", numbers, expect=len(numbers)),
        )


def _is_ours(event: FollowedEvent) -> bool:
    if not event.delivery:
        return False
    told = event.values()
    if event.type is EventType.EXPIRED:
        return told.get("attempts") == 0
    return told.get("phase") == "local" and not told.get("late")
