"""Counts outcomes as they happen, so that no page ever counts deliveries."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo

import orjson

from mta.events.record import EVENT_CODES
from mta.model.traffic import EventType
from mta.spool.follower import FollowedEvent
from mta.store.base import Store
from mta.store.work import Rows, Scalar

NAME = "figures"
FOLLOWED = (
    EventType.DELIVERED,
    EventType.BOUNCED,
    EventType.EXPIRED,
    EventType.SUPPRESSED,
    EventType.CANCELLED,
    EventType.COMPLAINED,
    EventType.UNSUBSCRIBED,
    EventType.RESUBSCRIBED,
)
# In the worst case each event makes a row of each kind; a commit takes 1,999.
BATCH = 600
HOUR_MS = 3_600_000
_PERSONAL = frozenset(
    (EventType.BOUNCED, EventType.EXPIRED, EventType.COMPLAINED, EventType.UNSUBSCRIBED)
)
_Key = tuple[int, int | str, int, str, str, int]


class FigureCounting:
    """The handler of an `EventFollower` named `NAME` for `FOLLOWED`, in batches of `BATCH`."""

    def __init__(self, store: Store, zone: tzinfo) -> None:
        """`zone`: in which the days of accounts begin."""
        self._store = store
        self._zone = zone
        self._days: tuple[int, str] = (-1, "")

    async def handle(self, events: Sequence[FollowedEvent]) -> Sequence[Rows]:
        """The rows that count these events."""
        providers = await self._providers(events)
        hours: Counter[_Key] = Counter()
        days: Counter[_Key] = Counter()
        people: dict[tuple[int, int, int], tuple[Scalar, ...] | None] = {}  # None: taken back
        for event in events:
            values = event.values() if event.data else {}
            code = EVENT_CODES[event.type]
            if event.type is EventType.RESUBSCRIBED:
                code, where = EVENT_CODES[EventType.UNSUBSCRIBED], providers.get(event.delivery, "")
                people[event.flow, code, event.delivery] = None
                hours[event.flow, event.at_ms // HOUR_MS, code, "", where, 0] -= 1
                days[event.account, self._day(event.at_ms), code, "", where, 0] -= 1
                continue
            if event.type is EventType.COMPLAINED and values.get("kind") == "not-spam":
                continue
            kind = str(values.get("class", "")) if event.type in _PERSONAL else ""
            late = int(bool(values.get("late")))
            count = len(values.get("deliveries", ())) or 1
            where = providers.get(event.delivery, "")
            hours[event.flow, event.at_ms // HOUR_MS, code, kind, where, late] += count
            days[event.account, self._day(event.at_ms), code, kind, where, late] += count
            if event.type in _PERSONAL:
                person = (event.flow, code, event.delivery)
                if people.get(person) is None:
                    people[person] = (*person, kind, event.at_ms)
        work = [
            Rows("figure_hour_add", [(*key, n) for key, n in hours.items()]),
            Rows("figure_day_add", [(*key, n) for key, n in days.items()]),
            Rows("figure_person_drop", [key for key, row in people.items() if row is None]),
            Rows("figure_person_put", [row for row in people.values() if row is not None]),
        ]
        return [rows for rows in work if rows.rows]

    async def _providers(self, events: Sequence[FollowedEvent]) -> dict[int, str]:
        ids = orjson.dumps([e.delivery for e in events if e.delivery]).decode()
        return {
            row[0]: row[1] for row in await self._store.read("figure_providers", deliveries=ids)
        }

    def _day(self, at_ms: int) -> str:
        """Most events are of the same hour as the one before."""
        hour = at_ms // HOUR_MS
        if self._days[0] != hour:
            at = datetime.fromtimestamp(hour * HOUR_MS / 1000, UTC).astimezone(self._zone)
            self._days = (hour, f"{at:%Y-%m-%d}")
        return self._days[1]
