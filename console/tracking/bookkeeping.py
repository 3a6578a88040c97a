"""Makes rows of hits: what is new of a delivery, its figures, and its difference to the roll-ups."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TypeVar

from console.tracking.folding import HOUR_MS, difference, fold
from console.tracking.hits import Hit, HitClass, HitKind
from mta.events.record import event_row
from mta.model.traffic import EventType
from mta.store.work import Rows, Scalar

Key = TypeVar("Key", bound=tuple[int, ...])
Row = tuple[Scalar, ...]


class Books:
    """Collects the rows of one job."""

    def __init__(self) -> None:
        self._rows: dict[str, list[Row]] = defaultdict(list)
        self._hours: dict[tuple[int, int, int, int], list[int]] = {}
        self._links: dict[tuple[int, int, int], list[int]] = {}

    def post(
        self, delivery: int, message: int, flow: int, before: Sequence[Hit], after: Sequence[Hit]
    ) -> None:
        """The hits of a delivery were `before` and are `after`; none is taken away."""
        known = set(before)
        changed = [hit for hit in after if hit not in known]
        if not changed:
            return
        self._rows["hit_put"] += ((delivery, *hit) for hit in changed)
        old, new = fold(before), fold(after)
        self._rows["engagement_put"].append((delivery, message, flow, *new.row(), len(after)))
        for (hour, kind, klass), counts in difference(old.hours, new.hours):
            _add(self._hours, (flow, hour, kind, klass), counts)
        for (link, is_auto), counts in difference(old.links, new.links):
            _add(self._links, (message, link, is_auto), counts)

    def count(
        self, flow: int, message: int, kind: int, link: int, klass: HitClass, at_ms: int
    ) -> None:
        """A hit of nobody in particular: it is in the totals only."""
        _add(self._hours, (flow, at_ms // HOUR_MS, kind, int(klass)), [1, 0, 0, 0])
        if kind == HitKind.CLICK:
            _add(self._links, (message, link, int(not klass.is_counted)), [1, 0])

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
        work += _summed("engagement_link_add", self._links.items())
        return work


def _add(sums: dict[Key, list[int]], key: Key, counts: Sequence[int]) -> None:
    known = sums.get(key)
    if known is None:
        sums[key] = list(counts)
        return
    for place, count in enumerate(counts):
        known[place] += count


def _summed(statement: str, sums: Iterable[tuple[tuple[int, ...], list[int]]]) -> Iterable[Rows]:
    rows: list[Row] = [(*key, *counts) for key, counts in sums if any(counts)]
    return [Rows(statement, rows)] if rows else []
