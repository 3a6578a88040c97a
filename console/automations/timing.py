"""When things are due: waits, windows, dates and calendars, in a time zone and over its changes.

Local times that do not exist (the clock jumped) are taken as the same wall time with the offset from
before the jump; those that exist twice as the first (PEP 495, fold 0).
"""

from calendar import monthrange
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from console.automations.definition import CalendarTrigger, DateTrigger, SendingWindow, clock_of

_DAY = timedelta(days=1)
_FORMATS = ("%Y-%m-%d", "%d/%m/%Y", "%d-%m-%Y", "%Y/%m/%d")


def moment_ms(day: date, at: time, zone: tzinfo) -> int:
    """A wall time as milliseconds since 1970 UTC."""
    return round(datetime.combine(day, at, zone).timestamp() * 1000)


def local(at_ms: int, zone: tzinfo) -> datetime:
    """The wall time at a moment."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone)


def after_wait(now_ms: int, minutes: int, until: str, zone: tzinfo) -> int:
    """When a wait that begins now is over."""
    over_ms = now_ms + minutes * 60_000
    return next_clock(over_ms, clock_of(until), zone) if until else over_ms


def next_clock(at_ms: int, clock: time, zone: tzinfo) -> int:
    """The first moment from `at_ms` on at which the clock shows that time."""
    day = local(at_ms, zone).date()
    found = moment_ms(day, clock, zone)
    return found if found >= at_ms else moment_ms(day + _DAY, clock, zone)


def in_window(at_ms: int, window: SendingWindow | None, zone: tzinfo) -> int:
    """The first moment from `at_ms` on that lies in the window."""
    if window is None:
        return at_ms
    day = local(at_ms, zone).date()
    for _ in range(8):
        if day.weekday() in window.weekdays:
            begin = moment_ms(day, clock_of(window.begin), zone)
            if at_ms < moment_ms(day, clock_of(window.end), zone):
                return max(at_ms, begin)
        day += _DAY
    raise AssertionError("a window is open on one day of the week at least")


def date_of(text: object) -> date | None:
    """A date as people and spreadsheets write it; None for what is none."""
    cleaned = str(text).strip()[:10]
    for form in _FORMATS:
        try:
            return datetime.strptime(cleaned, form).date()  # noqa: DTZ007 - a day, no moment
        except ValueError:
            continue
    return None


def occasion_day(anchor: date, trigger: DateTrigger, today: date) -> date | None:
    """The date of the contact that is an occasion today; None on other days.

    With `yearly` 29 February is kept on 28 February in other years.
    """
    wanted = today - timedelta(days=trigger.offset_days)
    if not trigger.yearly:
        return anchor if anchor == wanted else None
    day = anchor.day
    if (anchor.month, day) == (2, 29) and monthrange(wanted.year, 2)[1] == 28:
        day = 28
    same = (anchor.month, day) == (wanted.month, wanted.day)
    return wanted if same and wanted.year >= anchor.year else None


def calendar_after(at_ms: int, trigger: CalendarTrigger, zone: tzinfo) -> int:
    """The first occurrence later than `at_ms`."""
    clock = clock_of(trigger.at)
    for day in _days(local(at_ms, zone).date(), trigger):
        found = moment_ms(day, clock, zone)
        if found > at_ms:
            return found
    raise AssertionError("a calendar has a next day")


def _days(first: date, trigger: CalendarTrigger) -> Iterator[date]:
    """Days of the calendar from one on; two months of them hold any next occurrence."""
    for n in range(64):
        day = first + n * _DAY
        if (
            trigger.every == "day"
            or (trigger.every == "week" and day.weekday() in trigger.weekdays)
            or (
                trigger.every == "month"
                and day.day == min(trigger.day, monthrange(day.year, day.month)[1])
            )
        ):
            yield day
