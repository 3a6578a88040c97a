"""From rows of roll-ups to figures, by whatever they are to be told apart by."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from console.reports.values import PeriodFigures, most_first
from console.tracking.hits import FIRST_AUTOMATIC, HitClass, HitKind
from mta.events.record import EVENT_CODES
from mta.model.traffic import EventType

_BOUNCED = EVENT_CODES[EventType.BOUNCED]
_NAMES: Mapping[int, str] = MappingProxyType(
    {
        EVENT_CODES[EventType.DELIVERED]: "delivered",
        EVENT_CODES[EventType.BOUNCED]: "bounced",
        EVENT_CODES[EventType.EXPIRED]: "expired",
        EVENT_CODES[EventType.SUPPRESSED]: "suppressed",
        EVENT_CODES[EventType.CANCELLED]: "cancelled",
        EVENT_CODES[EventType.COMPLAINED]: "complained",
        EVENT_CODES[EventType.UNSUBSCRIBED]: "unsubscribed",
    }
)


class Sums:
    """Takes rows, gives `PeriodFigures`; `automatic`: opens and clicks by machines count too."""

    def __init__(self, *, automatic: bool = False) -> None:
        self._automatic = automatic
        self._counts: dict[Any, Counter[str]] = defaultdict(Counter)
        self._bounces: dict[Any, Counter[str]] = defaultdict(Counter)

    def outcome(self, key: Hashable, kind: int, klass: str, late: int, n: int) -> None:
        """So often; what came back late is bounced and no longer delivered."""
        counts = self._counts[key]
        counts[_NAMES[kind]] += n
        if late:
            counts["delivered"] -= n
        if kind == _BOUNCED and klass:
            self._bounces[key][klass] += n

    def engaged(self, key: Hashable, kind: int, klass: int, counts: Sequence[int]) -> None:
        """`counts`: n, firsts, firsts_any, again of a class of hits."""
        if klass >= FIRST_AUTOMATIC and not self._automatic:
            return
        n, firsts, firsts_any, again = counts
        sums, unique = self._counts[key], firsts_any if self._automatic else firsts
        if kind == HitKind.CLICK:
            sums["unique_clicks"] += unique
            sums["total_clicks"] += n
            return
        sums["unique_opens"] += unique
        sums["total_opens"] += n
        sums["opened_again"] += again
        if klass == HitClass.INFERRED:
            sums["inferred_opens"] += firsts

    def figures_of(self, key: Hashable) -> PeriodFigures:
        """The figures of one, without any for what never came."""
        counts: Mapping[str, int] = self._counts.get(key, {})
        return PeriodFigures(**counts, bounces=most_first(self._bounces.get(key, {})))

    def all(self) -> Mapping[Any, PeriodFigures]:
        """The figures of each to which something happened."""
        found = {key: self.figures_of(key) for key in self._counts}
        return {key: figures for key, figures in found.items() if not figures.is_empty}
