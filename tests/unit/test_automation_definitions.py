"""Definitions of automations: what is refused, when things are due, what comes next."""

import json
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from console.automations.definition import (
    CalendarTrigger,
    DateTrigger,
    DefinitionError,
    SendingWindow,
    clock_of,
    read_definition,
)
from console.automations.moves import RETRY_MINUTES, Effect, move, retry_ms
from console.automations.timing import (
    after_wait,
    calendar_after,
    date_of,
    in_window,
    next_clock,
    occasion_day,
)

LIMA = ZoneInfo("America/Lima")
MADRID = ZoneInfo("Europe/Madrid")  # with summer time
MINUTE = 60_000


def at(text: str, zone: ZoneInfo = LIMA) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


def said(at_ms: int, zone: ZoneInfo = LIMA) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(zone):%Y-%m-%d %H:%M}"


def definition(*steps, trigger=None, **more):
    document = {"trigger": trigger or {"kind": "list_joined", "list": 1}, "steps": steps, **more}
    return read_definition(json.dumps(document))


WELCOME = {"kind": "send", "id": "welcome", "subject": "Hola", "text": "Bienvenida"}
WAIT = {"kind": "wait", "id": "pause", "minutes": 60}


@pytest.mark.parametrize(
    ("steps", "problem"),
    [
        ([], "steps"),
        ([{**WELCOME, "text": ""}], "expected html or text"),
        ([WELCOME, WELCOME], "same id"),
        ([{"kind": "wait", "id": "w"}], "at least 1"),
        ([{"kind": "wait", "id": "w", "until": "24:00"}], "HH:MM"),
        ([{"kind": "dance", "id": "d"}], "kind"),
        ([{**WELCOME, "bcc": "x@y"}], "Extra inputs"),
        ([WELCOME, {"kind": "condition", "id": "c", "opened": "welcome", "then": "welcome"}], "behind"),
        ([{"kind": "condition", "id": "c", "opened": "welcome", "then": ""}, WELCOME], "no mail before"),
        ([{"kind": "condition", "id": "c"}], "expected one of"),
        ([{"kind": "webhook", "id": "w", "url": "ftp://x"}], "url"),
        ([{"kind": "end", "id": "A b"}], "id"),
        ([{"kind": "end", "id": f"s{n}"} for n in range(51)], "steps"),
    ],
)  # fmt: skip
def test_a_definition_that_cannot_run_is_refused_with_the_place(steps, problem):
    with pytest.raises(DefinitionError) as caught:
        definition(*steps)
    assert problem in str(caught.value)


@pytest.mark.parametrize(
    "trigger",
    [
        {"kind": "calendar", "every": "week", "list": 1},
        {"kind": "date", "field": "cumple", "offset_days": 400},
        {"kind": "event", "name": "Compra hecha"},
        {"kind": "opened"},
    ],
)
def test_a_trigger_that_never_fires_is_refused(trigger):
    with pytest.raises(DefinitionError):
        definition(WELCOME, trigger=trigger)


def test_every_problem_is_told_at_once():
    with pytest.raises(DefinitionError) as caught:
        read_definition(b'{"trigger": {"kind": "event", "name": ""}, "steps": [{"kind": "wait"}]}')
    assert len(caught.value.problems) >= 2


def test_a_wait_ends_after_its_minutes_and_then_at_its_hour():
    now = at("2026-11-23 10:00")
    assert after_wait(now, 90, "", LIMA) == now + 90 * MINUTE
    assert said(after_wait(now, 0, "09:00", LIMA)) == "2026-11-24 09:00"
    assert said(after_wait(now, 24 * 60, "12:30", LIMA)) == "2026-11-24 12:30"


def test_an_hour_that_the_clock_leaps_over_comes_once():
    """Spain, 28 March 2027: 02:00 becomes 03:00."""
    due = next_clock(at("2027-03-28 00:30", MADRID), clock_of("02:30"), MADRID)
    assert said(due, MADRID) == "2027-03-28 03:30"
    assert said(next_clock(due + 1, clock_of("02:30"), MADRID), MADRID) == "2027-03-29 02:30"


def test_an_hour_that_comes_twice_is_taken_once():
    """Spain, 25 October 2026: 03:00 becomes 02:00."""
    daily = CalendarTrigger(kind="calendar", every="day", list=1, at="02:30")
    first = calendar_after(at("2026-10-25 00:00", MADRID), daily, MADRID)
    second = calendar_after(first, daily, MADRID)
    assert said(first, MADRID) == "2026-10-25 02:30"
    assert said(second, MADRID) == "2026-10-26 02:30"


def test_mail_outside_of_the_window_waits_for_its_beginning():
    weekdays = SendingWindow(weekdays=(0, 1, 2, 3, 4), begin="08:00", end="18:00")
    assert in_window(at("2026-11-23 08:00"), weekdays, LIMA) == at("2026-11-23 08:00")
    assert said(in_window(at("2026-11-23 07:59"), weekdays, LIMA)) == "2026-11-23 08:00"
    assert said(in_window(at("2026-11-27 18:00"), weekdays, LIMA)) == "2026-11-30 08:00"
    assert in_window(5, None, LIMA) == 5


@pytest.mark.parametrize(
    ("trigger", "occasions"),
    [
        ({"every": "week", "weekdays": (0, 3)}, ["2026-11-23", "2026-11-26", "2026-11-30"]),
        ({"every": "month", "day": 31}, ["2026-11-30", "2026-12-31", "2027-01-31", "2027-02-28"]),
        ({"every": "day"}, ["2026-11-22", "2026-11-23"]),
    ],
)
def test_a_calendar_comes_again(trigger, occasions):
    calendar, moment = CalendarTrigger(kind="calendar", list=1, **trigger), at("2026-11-22 08:00")
    for day in occasions:
        moment = calendar_after(moment, calendar, LIMA)
        assert said(moment) == f"{day} 09:00"


def test_dates_are_read_as_people_write_them():
    assert (
        date_of("1980-05-17")
        == date_of("17/05/1980")
        == date_of(" 17-05-1980 ")
        == date(1980, 5, 17)
    )
    assert date_of("2026-11-22 00:00:00") == date(2026, 11, 22)
    assert [date_of(text) for text in ("", "pronto", "31/02/2026", None)] == [None] * 4


def test_a_date_is_an_occasion_on_its_day_before_or_after_it():
    due = date(2026, 12, 1)
    before = DateTrigger(kind="date", field="vence", offset_days=-7)
    assert occasion_day(due, before, date(2026, 11, 24)) == due
    assert occasion_day(due, before, date(2026, 12, 1)) is None
    yearly = DateTrigger(kind="date", field="cumple", yearly=True)
    assert occasion_day(date(1980, 12, 1), yearly, due) == due
    assert occasion_day(date(2027, 12, 1), yearly, due) is None, "not before it was first"
    leap = date(2024, 2, 29)
    assert occasion_day(leap, yearly, date(2027, 2, 28)) == date(2027, 2, 28)
    assert occasion_day(leap, yearly, date(2028, 2, 28)) is None
    assert occasion_day(leap, yearly, date(2028, 2, 29)) == date(2028, 2, 29)


def test_steps_lead_on_in_their_order_and_over_conditions():
    made = definition(
        WELCOME,
        WAIT,
        {"kind": "condition", "id": "seen", "opened": "welcome", "then": "", "otherwise": "again"},
        {"kind": "list_add", "id": "skipped", "list": 2},
        {**WELCOME, "id": "again"},
    )
    now = at("2026-11-23 10:00")
    sent = move(made, "welcome", now)
    assert (sent.step, sent.effect, sent.due_ms) == ("pause", Effect.ACT, now)
    assert move(made, "pause", now).due_ms == now + 60 * MINUTE
    assert move(made, "seen", now, is_met=True).is_end
    assert move(made, "seen", now, is_met=False).step == "again"
    assert move(made, "again", now).is_end
    assert move(made, "gone", now).is_end


def test_a_mail_outside_of_the_window_stays_at_its_step():
    made = definition(WELCOME, window={"weekdays": [0], "begin": "08:00", "end": "09:00"})
    later = move(made, "welcome", at("2026-11-23 10:00"))
    assert (later.step, later.effect, said(later.due_ms)) == (
        "welcome",
        Effect.NONE,
        "2026-11-30 08:00",
    )


def test_a_step_that_fails_is_tried_again_and_then_given_up():
    waits = [retry_ms(tries, 0) for tries in range(len(RETRY_MINUTES) + 1)]
    assert waits == [minutes * MINUTE for minutes in RETRY_MINUTES] + [None]
