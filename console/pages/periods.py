"""The days that a report is about: what the address says, and what a page offers to choose."""

import calendar
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlencode

from aiohttp import web

from console.pages.rendering import Renderer
from mta.model.clock import Clock

MAX_DAYS = 400
USUAL = "30"
_LAST = ("7", "30", "90")
TWO_MONTHS = 2


@dataclass(frozen=True, slots=True)
class Days:
    """From the first to the last, both included; `key` is what was chosen, "" for days of one's own."""

    first: date
    last: date
    key: str = ""

    @property
    def count(self) -> int:
        """How many."""
        return (self.last - self.first).days + 1

    @property
    def query(self) -> str:
        """For the address of a report about them."""
        if self.key:
            return urlencode({"period": self.key})
        return urlencode({"from": self.first.isoformat(), "to": self.last.isoformat()})

    @property
    def log_query(self) -> str:
        """For the address of the message log of these days."""
        return urlencode({"since": self.first.isoformat(), "until": self.last.isoformat()})


@dataclass(frozen=True, slots=True)
class Calendar:
    """What may be chosen on a day: `term` is the first and last of a contract, where there is one."""

    today: date
    term: tuple[date, date] | None = None

    def chosen(self, query: Mapping[str, str]) -> Days:
        """By `period`, or by `from` and `to`; the last 30 days where neither can be read."""
        options = {days.key: days for days in self.options()}
        first, last = _day(query.get("from", "")), _day(query.get("to", ""))
        if first and last and first <= last and (last - first).days < MAX_DAYS:
            return Days(first, last)
        return options.get(query.get("period", ""), options[USUAL])

    def options(self) -> Sequence[Days]:
        """The last days, months, and with a contract its parts of two months and all of it."""
        month = self.today.replace(day=1)
        before = month - timedelta(days=1)
        found = [Days(self.today - timedelta(days=int(n) - 1), self.today, n) for n in _LAST]
        found += [
            Days(month, self.today, "month"),
            Days(before.replace(day=1), before, "last_month"),
        ]
        if self.term is not None:
            found += [
                Days(first, min(last, self.today), f"b{n}")
                for n, (first, last) in enumerate(self.parts(), 1)
                if first <= self.today
            ]
            found.append(
                Days(self.term[0], min(self.term[1], max(self.today, self.term[0])), "term")
            )
        return found

    def parts(self) -> Sequence[tuple[date, date]]:
        """The parts of two months of the contract's term, the last one may be shorter."""
        if self.term is None:
            return ()
        start, end = self.term
        found, n = [], 0
        while (first := _months_later(start, n * TWO_MONTHS)) <= end:
            last = _months_later(start, (n + 1) * TWO_MONTHS) - timedelta(days=1)
            found.append((first, min(last, end)))
            n += 1
        return found


def today_of(request: web.Request, renderer: Renderer, clock: Clock) -> date:
    """The day that it is for who asks."""
    now = datetime.fromtimestamp(clock.now_ms() / 1000, UTC)
    return now.astimezone(renderer.zone_of(request)).date()


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _months_later(day: date, months: int) -> date:
    """The same day of a later month, or its last one where it is shorter."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
