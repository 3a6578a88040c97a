"""Local days as sums of UTC days and of the few hours between the two midnights.

The roll-ups have UTC days and UTC hours. A day of Lima is the UTC day in which it begins, less that
day's five first hours, and the five first hours of the next one. East of Greenwich the same is done
with the last hours, so that never more than half of the hours is read.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from console.reports.days import Days

HOURS = 24
Shares = Sequence[
    tuple[date, int]
]  # days with 1 or -1: to which it is added, off which it is taken
_NONE: Shares = ()


class DaySplit:
    """Which days of a period a UTC day or hour counts for."""

    def __init__(self, days: Days) -> None:
        self._dates = list(days)
        edges = [days.begin_hour(day) for day in (*self._dates, days.last + timedelta(days=1))]
        self.first_day, self.last_day = edges[0] // HOURS, edges[-1] // HOURS
        rests = {edge % HOURS for edge in edges} - {0}
        self._is_late = max(rests, default=0) > HOURS // 2  # hours at the end of UTC days are told
        self.from_hour = min(rests) if self._is_late else 0  # of the UTC day
        self.until_hour = HOURS if self._is_late else max(rests, default=0)
        self._days: dict[int, list[tuple[date, int]]] = defaultdict(list)
        self._edges: dict[int, list[tuple[int, Shares]]] = defaultdict(list)
        for place, edge in enumerate(edges):
            self._add_edge(place, *divmod(edge, HOURS))
        for day, begin, end in zip(self._dates, edges, edges[1:], strict=False):
            for number in range(begin // HOURS, end // HOURS):
                self._days[number].append((day, 1))

    @property
    def values(self) -> Mapping[str, int]:
        """What the statements have to be given."""
        return {
            "first_day": self.first_day, "last_day": self.last_day,
            "from_hour": self.from_hour, "until_hour": self.until_hour,
            "first_hour": self.first_day * HOURS, "last_hour": self.last_day * HOURS + HOURS - 1,
        }  # fmt: skip

    def of_day(self, number: int) -> Shares:
        """For which days a whole UTC day counts."""
        return self._days.get(number, _NONE)

    def of_hour(self, hour: int) -> Shares:
        """For which days an hour counts, beside the UTC day it is in."""
        number, of_day = divmod(hour, HOURS)
        found: list[tuple[date, int]] = []
        for rest, shares in self._edges.get(number, ()):
            if (of_day >= rest) if self._is_late else (of_day < rest):
                found += shares
        return found

    def _add_edge(self, place: int, number: int, rest: int) -> None:
        """A midnight: what is before it is of the day before."""
        if not rest:
            return
        shares = []
        if place < len(self._dates):
            shares.append((self._dates[place], -1))
        if place:
            shares.append((self._dates[place - 1], 1))
        if self._is_late:  # the hours before it are the UTC day without those behind it
            self._days[number] += shares
            shares = [(day, -sign) for day, sign in shares]
        self._edges[number].append((rest, shares))
