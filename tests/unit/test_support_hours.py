"""Opening hours: days, holidays, the changes of clocks, and what is no hours."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from mta.settings.hours import opening, read_span, read_spans

LIMA, MADRID = ZoneInfo("America/Lima"), ZoneInfo("Europe/Madrid")
OFFICE = read_spans(["mon-fri 08:00-18:00", "sat 09:00-13:00"])


def at(text: str, zone: ZoneInfo = LIMA) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("now", "is_open", "changes"),
    [
        ("2027-01-18T07:59", False, "2027-01-18T08:00"),  # Monday
        ("2027-01-18T08:00", True, "2027-01-18T18:00"),
        ("2027-01-18T18:00", False, "2027-01-19T08:00"),
        ("2027-01-22T18:30", False, "2027-01-23T09:00"),  # Friday evening
        ("2027-01-23T13:00", False, "2027-01-25T08:00"),  # Saturday, then Monday
    ],
)
def test_T_u_the_support_is_open_by_its_hours(now, is_open, changes):
    found = opening(OFFICE, (), LIMA, at(now).astimezone(UTC))
    assert (found.is_open, found.changes) == (is_open, at(changes))


def test_T_u_on_a_holiday_nobody_is_there():
    holiday = [date(2027, 7, 28), date(2027, 7, 29)]  # Wednesday, Thursday
    found = opening(OFFICE, holiday, LIMA, at("2027-07-28T10:00"))
    assert (found.is_open, found.changes) == (False, at("2027-07-30T08:00"))


def test_hours_hold_in_their_own_zone_across_a_change_of_clocks():
    found = opening(OFFICE, (), MADRID, at("2027-03-27T20:00", MADRID))  # clocks go on that night
    assert found.changes == at("2027-03-29T08:00", MADRID)
    assert found.changes.astimezone(UTC).hour == 6


def test_who_is_never_open_says_so_without_end():
    assert opening((), (), LIMA, at("2027-01-18T10:00")).changes is None


@pytest.mark.parametrize("text", ["", "mon", "mon 8-18", "xyz 08:00-09:00", "mon 18:00-08:00"])
def test_what_is_no_hours_is_refused(text):
    with pytest.raises(ValueError, match=r"\w"):
        read_span(text)


def test_a_week_may_wrap_around():
    assert read_span("sat-mon 10:00-12:00").days == {5, 6, 0}
