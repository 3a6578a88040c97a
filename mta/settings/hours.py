"""Opening hours as settings: `mon-fri 08:00-18:00`, and the days on which nobody is there."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LOOKED_AHEAD = 400  # days
_LINE = re.compile(
    r"(?P<first>[a-z]{3})(?:-(?P<last>[a-z]{3}))? (?P<from>\d\d:\d\d)-(?P<until>\d\d:\d\d)\Z"
)


@dataclass(frozen=True, slots=True)
class Span:
    """Some days of the week (0 is Monday) with the time of opening and of closing."""

    days: frozenset[int]
    opens: time
    closes: time


@dataclass(frozen=True, slots=True)
class Opening:
    """Whether it is open, and when that changes; None: never, or not within a year."""

    is_open: bool
    changes: datetime | None


def read_span(text: str) -> Span:
    """`mon-fri 08:00-18:00` or `sat 09:00-13:00`. Raises `ValueError`."""
    found = _LINE.match(text.strip().lower())
    if found is None:
        raise ValueError(f"{text!r}: write hours as mon-fri 08:00-18:00 or sat 09:00-13:00")
    first, last = found["first"], found["last"] or found["first"]
    if first not in DAYS or last not in DAYS:
        raise ValueError(f"{text!r}: days are {', '.join(DAYS)}")
    start, end = DAYS.index(first), DAYS.index(last)
    days = frozenset((start + n) % 7 for n in range((end - start) % 7 + 1))
    opens, closes = time.fromisoformat(found["from"]), time.fromisoformat(found["until"])
    if opens >= closes:
        raise ValueError(f"{text!r}: it closes before it opens")
    return Span(days, opens, closes)


def read_spans(texts: Iterable[str]) -> tuple[Span, ...]:
    """All of them. Raises `ValueError`."""
    return tuple(read_span(text) for text in texts)


def opening(
    spans: Sequence[Span], holidays: Iterable[date], zone: ZoneInfo, now: datetime
) -> Opening:
    """How it stands at a moment; hours and holidays are those of `zone`, across clock changes."""
    closed = frozenset(holidays)
    today = now.astimezone(zone).date()
    for ahead in range(_LOOKED_AHEAD):
        day = today + timedelta(days=ahead)
        if day in closed:
            continue
        for span in sorted((s for s in spans if day.weekday() in s.days), key=_opens):
            opens = datetime.combine(day, span.opens, zone)
            closes = datetime.combine(day, span.closes, zone)
            if opens <= now < closes:
                return Opening(True, closes)
            if now < opens:
                return Opening(False, opens)
    return Opening(False, None)


def _opens(span: Span) -> time:
    return span.opens
