"""Makes rows of hits: what is new of a delivery, its figures, and its difference to the roll-ups."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar

from console.tracking.folding import HOUR_MS, difference, fold
from console.tracking.hits import Hit, HitClass, HitKind
from mta.events.record import event_row
from mta.model.traffic import EventType
from mta.store.work import Rows, Scalar

Key = TypeVar("Key", bound=tuple[int | str, ...])
Row = tuple[Scalar, ...]


class Place(NamedTuple):
    """Under what a hit is counted."""

    message: int
    flow: int
    provider: str  # mailbox provider of the recipient; "" for nobody in particular
    is_campaign: bool  # links of campaigns are counted by hour too


class Books:
    """Collects the rows of one job."""

    def __init__(self) -> None:
        self._rows: dict[str, list[Row]] = defaultdict(list)
        self._hours: dict[tuple[int, int, int, int, str], list[int]] = {}
        self._days: dict[tuple[int, int, int, int, str], list[int]] = {}
        self._links: dict[tuple[int, int, int], list[int]] = {}
        self._link_hours: dict[tuple[int, int, int, int], list[int]] = {}

    def post(
        self, delivery: int, place: Place, before: Sequence[Hit], after: Sequence[Hit]
    ) -> None:
        """The hits of a delivery were `before` and are `after`; none is taken away."""
        known = set(before)
        changed = [hit for hit in after if hit not in known]
        if not changed:
            return
        self._rows["hit_put"] += ((delivery, *hit) for hit in changed)
        old, new = fold(before), fold(after)
        self._rows["engagement_put"].append(
            (delivery, place.message, place.flow, *new.row(), len(after))
        )
        for (hour, kind, klass), counts in difference(old.hours, new.hours):
            self._engaged(place, hour, kind, klass, counts)
        for (link, is_auto, hour), counts in difference(old.links, new.links):
            self._followed(place, link, is_auto, hour, counts)

    def count(self, place: Place, kind: int, link: int, klass: HitClass, at_ms: int) -> None:
        """A hit of nobody in particular: it is in the totals only."""
        hour = at_ms // HOUR_MS
        self._engaged(place, hour, kind, int(klass), [1, 0, 0, 0])
        if kind == HitKind.CLICK:
            self._followed(place, link, int(not klass.is_counted), hour, [1, 0])

    def tell(
        self, kind: int, at_ms: int, account: int, flow: int, message: int, delivery: int, data: str
    ) -> None:
        """The event of a hit."""
        event = EventType.OPENED if kind == HitKind.OPEN else EventType.CLICKED
        row = event_row(0, event, at_ms, account, flow, message, delivery, data)
        self._rows["event_insert"].append(row[1:])

    def work(self) -> list[Rows]:
        """The statements of the job; none when nothing is new."""
        work = [Rows(name, rows) for name, rows in self._rows.items() if rows]
        work += _summed("engagement_hour_add", self._hours.items())
        work += _summed("engagement_day_add", self._days.items())
        work += _summed("engagement_link_add", self._links.items())
        work += _summed("engagement_link_hour_add", self._link_hours.items())
        return work

    def _engaged(
        self, place: Place, hour: int, kind: int, klass: int, counts: Sequence[int]
    ) -> None:
        _add(self._hours, (place.flow, hour, kind, klass, place.provider), counts)
        _add(self._days, (place.flow, hour // 24, kind, klass, place.provider), counts)

    def _followed(
        self, place: Place, link: int, is_auto: int, hour: int, counts: Sequence[int]
    ) -> None:
        _add(self._links, (place.message, link, is_auto), counts)
        if place.is_campaign:
            _add(self._link_hours, (place.message, link, hour, is_auto), counts)


def _add(sums: dict[Key, list[int]], key: Key, counts: Sequence[int]) -> None:
    known = sums.get(key)
    if known is None:
        sums[key] = list(counts)
        return
    for place, count in enumerate(counts):
        known[place] += count


def _summed(
    statement: str, sums: Iterable[tuple[tuple[int | str, ...], list[int]]]
) -> Iterable[Rows]:
    rows: list[Row] = [(*key, *counts) for key, counts in sums if any(counts)]
    return [Rows(statement, rows)] if rows else []
