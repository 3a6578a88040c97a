"""Tables, records, values and moments as people read and write them."""

import json
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.cli.options import read_moment
from console.cli.output import escape, in_zone, print_json, show, table_lines
from console.cli.table import Column

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


def test_the_last_column_goes_on_in_further_lines_or_is_cut():
    columns = (Column("a", "a"), Column("reply", "reply"))
    rows = [{"a": "x", "reply": "451 come back later " * 5}]
    _, first, *more = table_lines(columns, rows, LIMA, width=40)
    assert first == "x  451 come back later 451 come back"
    assert more[0] == "   later 451 come back later 451 come"
    (_, line) = table_lines(columns, rows, LIMA, width=40, wraps=False)
    assert len(line) == 40
    assert line.endswith("…")
    (_, line) = table_lines(columns, [{"a": "x", "reply": " " * 200}], LIMA, width=40)
    assert line.strip() == "x"


def test_columns_are_left_out_to_fit_empty_ones_first_then_those_without_a_difference():
    columns = (
        Column("id", "id"),
        Column("state", "state", 2),
        Column("due", "due", 2),
        Column("site", "site", 3),
        Column("reply", "reply"),
    )
    rows = [
        {"id": n, "state": "scheduled", "due": 0, "site": f"site{n}", "reply": "451 later " * 4}
        for n in (1, 2)
    ]
    headings = {
        width: table_lines(columns, rows, LIMA, width)[0].split() for width in (0, 70, 60, 50, 40)
    }
    assert headings[0] == headings[70] == ["id", "state", "due", "site", "reply"]
    assert headings[60] == ["id", "state", "site", "reply"]
    assert headings[50] == ["id", "site", "reply"]
    assert headings[40] == ["id", "reply"]


@given(
    st.lists(st.tuples(st.text(max_size=60), st.text(max_size=60), st.text(max_size=300))),
    st.integers(60, 160),
)
def test_a_table_fits_and_no_long_text_is_lost(rows, width):
    columns = (
        Column("id", "id"),
        Column("site", "site", 1, can_cut=True),
        Column("recipient", "recipient", can_cut=True),
        Column("reply", "reply"),
    )
    given = [
        {"id": "1" * 19, "site": site, "recipient": name, "reply": reply}
        for site, name, reply in rows
    ]
    lines = table_lines(columns, given, LIMA, width)
    assert max(map(len, lines)) <= width
    shown = "".join("".join(line.split()) for line in lines)
    for _, _, reply in rows:
        if len(rows) == 1:
            assert shown.endswith("".join(show("reply", reply, LIMA).split()))


def test_times_in_sentences_are_those_of_the_tables():
    sentence = "It is tried again at 2027-01-15T08:00:00.000Z."
    assert in_zone(sentence, LIMA) == "It is tried again at 2027-01-15 03:00:00."
    assert in_zone("at 2027-13-99T08:00:00.000Z", LIMA) == "at 2027-13-99T08:00:00.000Z"


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


def test_what_was_accepted_may_be_a_number_or_a_time(capsys):
    print_json({"accepted": 3, "message": {"accepted": 1_800_000_000_000}})
    told = json.loads(capsys.readouterr().out)
    assert told == {"accepted": 3, "message": {"accepted": "2027-01-15T08:00:00.000Z"}}
    assert show("accepted", 3, ZoneInfo("America/Lima")) == "3"
    assert show("accepted", 1_800_000_000_000, ZoneInfo("America/Lima")) == "2027-01-15 03:00:00"


def test_what_something_took_is_no_moment():
    assert show("took_ms", 0, LIMA) == "0 ms"
    assert show("took_ms", 181, LIMA) == "181 ms"
    assert show("expires_ms", 1_800_000_000_000, LIMA) == "2027-01-15 03:00:00"


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("=?utf-8?q?=C3=B1and=C3=BA?=", "ñandú"),
        ("=?nonsense?q?x?=", "=?nonsense?q?x?="),
        ("=?utf-8?b?G1szMW0=?=", "\\x1b[31m"),  # decoded words move no terminal
    ],
)
def test_subjects_are_shown_as_people_read_them(stored, shown):
    assert show("subject", stored, LIMA) == shown
