"""Counts outcomes as they happen, so that no page ever counts deliveries."""

from collections import Counter
from collections.abc import Iterable, Sequence

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
# In the worst case each event makes a row of each of three kinds; a commit takes 1,999.
BATCH = 600
HOUR_MS = 3_600_000
_PERSONAL = frozenset(
    (EventType.BOUNCED, EventType.EXPIRED, EventType.COMPLAINED, EventType.UNSUBSCRIBED)
)
_UNSUBSCRIBED = EVENT_CODES[EventType.UNSUBSCRIBED]
_STATEMENTS = ("figure_hour_add", "figure_flow_day_add")
_ONCE = frozenset((EventType.COMPLAINED, EventType.UNSUBSCRIBED, EventType.RESUBSCRIBED))
_Key = tuple[int, int, int, str, str, int]
_Person = tuple[int, int, int]  # flow, type, delivery


class _Batch:
    """Counts of one batch of events."""

    def __init__(self, known: Iterable[_Person]) -> None:
        """`known`: those of its people who have rows already."""
        self._tables: dict[str, Counter[_Key]] = {name: Counter() for name in _STATEMENTS}
        self._known = set(known)
        self._put: dict[_Person, tuple[Scalar, ...]] = {}
        self._dropped: set[_Person] = set()

    def count(self, event: FollowedEvent, code: int, rest: tuple[str, str, int], n: int) -> None:
        """`rest`: class, provider, whether it was late."""
        hour = event.at_ms // HOUR_MS
        self._tables["figure_hour_add"][event.flow, hour, code, *rest] += n
        self._tables["figure_flow_day_add"][event.flow, hour // 24, code, *rest] += n

    def is_new(self, person: _Person) -> bool:
        """Whether nobody said so before; who is nobody in particular is always new."""
        return not person[2] or person not in self._known

    def put(self, person: _Person, klass: str, at_ms: int) -> None:
        """It concerns this one now; the first time stays."""
        self._known.add(person)
        self._dropped.discard(person)  # the row is there still
        self._put.setdefault(person, (*person, klass, at_ms))

    def drop(self, person: _Person) -> None:
        """It does not any more."""
        self._known.discard(person)
        self._put.pop(person, None)
        self._dropped.add(person)

    def work(self) -> Sequence[Rows]:
        """What is to be written."""
        work = [
            Rows(name, [(*key, n) for key, n in counts.items() if n])
            for name, counts in self._tables.items()
        ]
        work.append(Rows("figure_person_drop", list(self._dropped)))
        work.append(Rows("figure_person_put", list(self._put.values())))
        return [rows for rows in work if rows.rows]


class FigureCounting:
    """The handler of an `EventFollower` named `NAME` for `FOLLOWED`, in batches of `BATCH`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def handle(self, events: Sequence[FollowedEvent]) -> Sequence[Rows]:
        """The rows that count these events."""
        providers = await self._providers(events)
        batch = _Batch(await self._known(events))
        for event in events:
            values = event.values() if event.data else {}
            code, where = EVENT_CODES[event.type], providers.get(event.delivery, "")
            if event.type is EventType.RESUBSCRIBED:
                person = (event.flow, _UNSUBSCRIBED, event.delivery)
                if not event.delivery or not batch.is_new(person):
                    batch.count(event, _UNSUBSCRIBED, ("", where, 0), -1)
                    batch.drop(person)
                continue
            if event.type is EventType.COMPLAINED and values.get("kind") == "not-spam":
                continue
            kind = str(values.get("class", "")) if event.type in _PERSONAL else ""
            person = (event.flow, code, event.delivery)
            if event.type in _PERSONAL:
                if event.type in _ONCE and not batch.is_new(person):
                    continue
                batch.put(person, kind, event.at_ms)
            late = int(bool(values.get("late")))
            count = len(values.get("deliveries", ())) or 1
            batch.count(event, code, (kind, where, late), count)
        return batch.work()

    async def _known(self, events: Sequence[FollowedEvent]) -> Sequence[_Person]:
        """Those who complained or unsubscribed before."""
        asked = {
            (e.flow, _UNSUBSCRIBED if e.type is EventType.RESUBSCRIBED else EVENT_CODES[e.type],
             e.delivery)
            for e in events if e.type in _ONCE
        }  # fmt: skip
        if not asked:
            return ()
        people = orjson.dumps(sorted(asked)).decode()
        return [(r[0], r[1], r[2]) for r in await self._store.read("figure_known", people=people)]

    async def _providers(self, events: Sequence[FollowedEvent]) -> dict[int, str]:
        ids = orjson.dumps([e.delivery for e in events if e.delivery]).decode()
        return {
            row[0]: row[1] for row in await self._store.read("figure_providers", deliveries=ids)
        }
