"""Tables, records, values and moments as people read and write them."""

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.cli.options import read_moment
from console.cli.output import Column, escape, show, table_lines

LIMA = ZoneInfo("America/Lima")
NOW_MS = 1_800_000_000_000


@given(st.text())
def test_what_is_printed_never_steers_the_terminal(text):
    shown = escape(text)
    assert shown.isprintable()
    assert (shown == text) == text.isprintable()


def test_columns_are_aligned_numbers_to_the_right():
    columns = (Column("name", "name"), Column("n", "n"))
    rows = [{"name": "a", "n": 5}, {"name": "long", "n": 1000}]
    assert table_lines(columns, rows, LIMA) == [
        "name     n",
        "a        5",
        "long  1000",
    ]


def test_the_last_column_is_cut_to_the_terminal():
    columns = (Column("a", "a"), Column("reply", "reply"))
    (_, line) = table_lines(columns, [{"a": "x", "reply": "y" * 200}], LIMA, width=40)
    assert len(line) == 40
    assert line.endswith("…")


def test_a_table_without_rows_is_its_heading():
    assert table_lines((Column("a", "a"),), [], LIMA) == ["a"]


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("due", NOW_MS, "2027-01-15 03:00:00"),
        ("due", "2027-01-15T08:00:00.000+00:00", "2027-01-15 03:00:00"),
        ("due", 0, "-"),
        ("due", None, "-"),
        ("due", "soon", "soon"),
        ("x", True, "yes"),
        ("x", False, "no"),
        ("x", 2.0, "2.0"),
        ("x", 7, "7"),
        ("x", [], "-"),
        ("x", ["a", "b\n"], "a, b\\n"),
        ("x", {"due": NOW_MS, "n": 1}, "due 2027-01-15 03:00:00, n 1"),
    ],
)
def test_values_are_shown_for_people(key, value, text):
    assert show(key, value, LIMA) == text


@pytest.mark.parametrize(
    ("text", "moment_ms"),
    [
        ("90d", NOW_MS + 90 * 86_400_000),
        ("1h30m", NOW_MS + 5_400_000),
        ("2027-01-16", NOW_MS + 21 * 3_600_000),
        ("2027-01-15T03:30", NOW_MS + 1_800_000),
        ("2027-01-15T08:00:00Z", NOW_MS),
    ],
)
def test_moments_are_durations_dates_or_times_in_the_zone(text, moment_ms):
    assert read_moment(text, LIMA, NOW_MS) == moment_ms


@pytest.mark.parametrize("text", ["", "tomorrow", "2027-13-01"])
def test_what_is_no_moment_is_refused(text):
    with pytest.raises(ValueError, match="expected a date"):
        read_moment(text, LIMA, NOW_MS)
