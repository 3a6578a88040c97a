"""A month as the calendar of campaigns shows it: its days, its weeks, changes of the clock."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from console.campaigns.states import CampaignStatus, Reason
from console.campaigns.values import Dated
from console.pages.campaign_calendar import Month, weeks_of


def at(zone: ZoneInfo, *moment: int) -> int:
    """Milliseconds of a moment of that clock."""
    return int(datetime(*moment, tzinfo=zone).timestamp() * 1000)  # type: ignore[arg-type]


def test_T_m_a_month_over_a_change_of_the_clock_has_all_its_days_and_hours():
    zone = ZoneInfo("Europe/Madrid")
    march = Month(2026, 3)
    span_ms = march.moved(1).start_ms(zone) - march.start_ms(zone)
    assert span_ms == (31 * 24 - 1) * 3_600_000  # an hour is skipped on the 29th
    hours = [
        at(zone, 2026, 3, 28, 23, 59),
        at(zone, 2026, 3, 29, 3, 0),
        at(zone, 2026, 3, 31, 23, 59),
    ]
    found = [
        Dated(n, str(n), CampaignStatus.SCHEDULED, Reason.NONE, ms) for n, ms in enumerate(hours)
    ]
    days = {
        day.date.day: [entry.hour for entry in day.entries]
        for week in weeks_of(march, found, zone, date(2026, 3, 1))
        for day in week
        if day
    }
    assert list(days) == list(range(1, 32))
    assert {n: h for n, h in days.items() if h} == {28: ["23:59"], 29: ["03:00"], 31: ["23:59"]}


def test_a_month_whose_first_midnight_the_clock_skips_begins_after_the_gap():
    zone = ZoneInfo("America/Asuncion")  # 2017-10-01: 00:00 became 01:00
    start = datetime.fromtimestamp(Month(2017, 10).start_ms(zone) / 1000, UTC).astimezone(zone)
    assert start == datetime(2017, 10, 1, 1, 0, tzinfo=zone)


def test_weeks_begin_on_monday():
    first = weeks_of(Month(2026, 11), [], ZoneInfo("America/Lima"), date(2026, 11, 23))[
        0
    ]  # the 1st is a Sunday
    assert [day.date.day if day else None for day in first] == [None] * 6 + [1]
