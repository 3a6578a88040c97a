"""Days of a time zone are put together of UTC days and hours, whatever the clocks do."""

from collections import Counter
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest

from console.reports.daily import DaySplit
from console.reports.days import BadPeriod, Days

ZONES = (
    "America/Lima", "UTC", "Europe/London", "Europe/Madrid", "America/New_York", "America/Santiago",
    "America/Havana", "Pacific/Auckland", "Pacific/Apia", "Pacific/Kiritimati", "Asia/Kolkata",
    "Australia/Lord_Howe",
)  # fmt: skip


@pytest.mark.parametrize("zone", ZONES)
def test_T_r_every_hour_of_a_year_counts_once_for_the_day_in_which_it_begins(zone):
    days = Days(date(2026, 2, 20), date(2027, 2, 10), ZoneInfo(zone))
    split = DaySplit(days)
    counts = Counter()
    values = split.values
    for hour in range(values["first_hour"], values["last_hour"] + 1):
        weight = hour % 1009  # of each hour another one
        for day, sign in split.of_day(hour // 24):
            counts[day] += sign * weight
        if values["from_hour"] <= hour % 24 < values["until_hour"]:
            for day, sign in split.of_hour(hour):
                counts[day] += sign * weight
    slow = Counter()
    for hour in range(values["first_hour"] - 48, values["last_hour"] + 48):
        day = days.local(hour).date()
        if days.first <= day <= days.last:
            slow[day] += hour % 1009
    assert counts == slow


@pytest.mark.parametrize("zone", ZONES)
def test_never_more_than_half_of_the_hours_is_read(zone):
    split = DaySplit(Days(date(2026, 2, 20), date(2027, 2, 10), ZoneInfo(zone)))
    assert split.until_hour - split.from_hour <= 13


@pytest.mark.parametrize("zone", ZONES)
def test_T_r_a_period_is_its_whole_UTC_days_and_the_hours_at_its_ends(zone):
    first = date(2026, 3, 20)
    for length in range(20):
        days = Days(first, first + timedelta(days=length), ZoneInfo(zone))
        whole = days.whole()
        hours = [
            *range(whole["first_hour"], whole["head"]),
            *range(whole["first_day"] * 24, (whole["last_day"] + 1) * 24),
            *range(whole["tail"], whole["last_hour"] + 1),
        ]
        assert hours == list(range(days.first_hour, days.last_hour + 1))


def test_a_period_ends_after_it_begins():
    lima = ZoneInfo("America/Lima")
    with pytest.raises(BadPeriod):
        Days(date(2026, 3, 2), date(2026, 3, 1), lima)
