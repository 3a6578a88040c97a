"""Which days a report is about."""

import itertools
from datetime import date

import pytest

from console.pages.periods import Calendar, Days

TODAY = date(2026, 11, 23)
TERM = (date(2026, 3, 31), date(2027, 3, 30))


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ({}, date(2026, 10, 25), TODAY),
        ({"period": "7"}, date(2026, 11, 17), TODAY),
        ({"period": "month"}, date(2026, 11, 1), TODAY),
        ({"period": "last_month"}, date(2026, 10, 1), date(2026, 10, 31)),
        ({"period": "b1"}, date(2026, 3, 31), date(2026, 5, 30)),
        ({"period": "term"}, TERM[0], TODAY),
        ({"from": "2026-01-05", "to": "2026-01-07"}, date(2026, 1, 5), date(2026, 1, 7)),
        ({"from": "2026-01-07", "to": "2026-01-05"}, date(2026, 10, 25), TODAY),
        ({"from": "x", "to": ""}, date(2026, 10, 25), TODAY),
        ({"from": "2020-01-01", "to": "2026-01-05"}, date(2026, 10, 25), TODAY),
        ({"period": "b9"}, date(2026, 10, 25), TODAY),
    ],
)
def test_the_days_are_what_the_address_says(query: dict[str, str], first: date, last: date):
    chosen = Calendar(TODAY, TERM).chosen(query)
    assert (chosen.first, chosen.last) == (first, last)


def test_T_b_parts_of_two_months_follow_each_other_until_the_term_ends():
    parts = Calendar(TODAY, TERM).parts()
    assert len(parts) == 6
    assert (parts[0][0], parts[-1][1]) == TERM
    for (_, last), (first, _) in itertools.pairwise(parts):
        assert (first - last).days == 1


def test_parts_that_have_not_begun_are_not_offered_and_none_reaches_beyond_today():
    options = {days.key: days for days in Calendar(TODAY, TERM).options()}
    assert {"b4", "term"} <= set(options)
    assert "b5" not in options
    assert max(days.last for days in options.values()) == TODAY


def test_an_address_says_again_what_was_chosen():
    for days in (Days(TODAY, TODAY), Days(TODAY, TODAY, "month")):
        query = dict(pair.split("=") for pair in days.query.split("&"))
        assert Calendar(TODAY, TERM).chosen(query).key == days.key
