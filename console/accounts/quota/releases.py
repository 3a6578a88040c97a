"""Gives back what was never attempted: deliveries suppressed or cancelled before their first try.

Follows the events. What an event leads to is committed with the follower's cursor, and a delivery
is given back at most once whatever happens (`quota_back`), so nothing is counted twice.
"""

from collections.abc import Sequence

from mta.model.traffic import EventType
from mta.spool.follower import FollowedEvent
from mta.store.work import Rows

FOLLOWER = "quota.releases"
TYPES = frozenset({EventType.CANCELLED, EventType.SUPPRESSED})


async def release(events: Sequence[FollowedEvent]) -> Sequence[Rows]:
    """Rows that give back what these events say was never attempted.

    An event without a delivery tells of recipients suppressed at the door: they cost nothing.
    """
    never = [event for event in events if event.delivery and not event.values().get("attempts")]
    if not never:
        return ()
    return (
        Rows("quota_release", [(e.delivery, e.message, e.flow, e.at_ms) for e in never]),
        Rows("quota_back_put", [(e.delivery, 0) for e in never]),
    )
