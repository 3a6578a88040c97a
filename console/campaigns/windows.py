"""Sending hours in people's time: pure functions of a plan and a moment.

Hours are those of the wall clock in the plan's zone. Where the clock is put forward, an opening
that does not exist is the moment after the gap; where it is put back, the first of both counts.
"""

import datetime as dt
from zoneinfo import ZoneInfo

from console.campaigns.values import Plan

DAY_MIN = 24 * 60
_LOOK_AHEAD_DAYS = 15


def is_within(plan: Plan, zone: ZoneInfo, at_ms: int) -> bool:
    """Whether mail may go at that moment."""
    if not plan.has_window:
        return True
    now = dt.datetime.fromtimestamp(at_ms / 1000, zone)
    return any(
        _begins(plan, zone, day) <= at_ms < _ends(plan, zone, day)
        for day in (now.date() - dt.timedelta(days=1), now.date())
        if _is_day(plan, day)
    )


def next_opening_ms(plan: Plan, zone: ZoneInfo, at_ms: int) -> int:
    """The first moment from `at_ms` on at which mail may go; `at_ms` itself if it may now."""
    if is_within(plan, zone, at_ms):
        return at_ms
    today = dt.datetime.fromtimestamp(at_ms / 1000, zone).date()
    for offset in range(_LOOK_AHEAD_DAYS):
        day = today + dt.timedelta(days=offset)
        begins_ms = _begins(plan, zone, day)
        if _is_day(plan, day) and begins_ms >= at_ms:
            return begins_ms
    raise ValueError("the plan has no sending hours")  # `checked_plan` lets none through


def moment_ms(local: dt.datetime, zone: ZoneInfo) -> int:
    """A time of the wall clock in a zone as milliseconds since 1970."""
    aware = local.replace(tzinfo=zone, fold=0)
    # A time in the gap has the offset of before: read back it is the moment after the gap.
    return round(aware.astimezone(dt.UTC).timestamp() * 1000)


def _is_day(plan: Plan, day: dt.date) -> bool:
    return not plan.days or day.weekday() in plan.days


def _begins(plan: Plan, zone: ZoneInfo, day: dt.date) -> int:
    return _at(day, plan.from_minute, zone)


def _ends(plan: Plan, zone: ZoneInfo, day: dt.date) -> int:
    end = plan.to_minute or DAY_MIN
    if end <= plan.from_minute:  # over midnight: it belongs to the day on which it begins
        end += DAY_MIN
    return _at(day, end, zone)


def _at(day: dt.date, minute: int, zone: ZoneInfo) -> int:
    days, minute = divmod(minute, DAY_MIN)
    start = dt.datetime.combine(day + dt.timedelta(days=days), dt.time(minute // 60, minute % 60))
    return moment_ms(start, zone)
