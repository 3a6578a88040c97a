"""What is counted at the doors, and on which day."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from console.accounts.usage.counters import (
    ACCEPTED,
    COLUMNS,
    ERRORS,
    FIRST_BUCKET,
    RECIPIENTS,
    REFUSED,
    REJECTED,
    REQUESTS,
    Result,
    UsageCounters,
)
from mta.model.clock import ManualClock
from mta.model.envelope import Identity
from mta.model.reply import Reply

ERP = Identity(7, 70, "ERP")
SHOP = Identity(7, 71, "shop")
QUEUED = Reply.of(250, "2.0.0", "1 queued")


def at(text):
    return int(datetime.fromisoformat(text).astimezone(UTC).timestamp() * 1000)


def set_clock(clock, text):
    clock.jump((at(text) - clock.now_ms()) / 1000)


@pytest.fixture
def clock():
    clock = ManualClock()
    set_clock(clock, "2026-11-22T12:00:00-05:00")
    return clock


@pytest.fixture
def counters(clock):
    return UsageCounters(clock, "America/Lima")


def test_T_b_a_message_over_smtp_is_a_request_with_its_recipients_and_its_time(counters):
    counters.submitted(ERP, QUEUED, 3, 0.0032)
    ((key, counts),) = counters.take().items()
    assert key == ("2026-11-22", 7, 70, "smtp")
    assert (counts[REQUESTS], counts[ACCEPTED], counts[RECIPIENTS]) == (1, 1, 3)
    assert counts[FIRST_BUCKET + 2] == 1  # under 4 ms
    assert sum(counts[FIRST_BUCKET:]) == 1


@pytest.mark.parametrize(
    ("reply", "column"),
    [
        (Reply.of(552, "5.2.2", "bag exhausted"), REJECTED),
        (Reply.of(550, "5.7.1", "not yours"), REJECTED),
        (Reply.of(450, "4.7.1", "too fast"), REJECTED),
        (Reply.of(452, "4.5.3", "too many"), REJECTED),
        (Reply.of(451, "4.3.0", "store"), ERRORS),
        (Reply.of(452, "4.3.1", "disk"), ERRORS),
    ],
)
def test_a_refusal_is_rejected_or_our_error_by_its_status(counters, reply, column):
    counters.refused(ERP, reply)
    counters.submitted(ERP, reply, 2, 0.5)
    ((_, counts),) = counters.take().items()
    assert (counts[REQUESTS], counts[column], counts[ACCEPTED]) == (2, 2, 0)
    assert (counts[RECIPIENTS], counts[REFUSED]) == (0, 3)
    assert sum(counts[FIRST_BUCKET:]) == 1  # a refused command has no time worth counting


def test_credentials_and_doors_are_counted_apart(counters):
    counters.submitted(ERP, QUEUED, 1, 0.001)
    counters.submitted(SHOP, QUEUED, 1, 0.001)
    counters.note(SHOP, "sendgrid", Result.ACCEPTED, recipients=5, refused=1, seconds=0.01)
    taken = counters.take()
    assert {key[2:]: counts[RECIPIENTS] for key, counts in taken.items()} == {
        (70, "smtp"): 1,
        (71, "smtp"): 1,
        (71, "sendgrid"): 5,
    }
    assert counters.take() == {}


def test_the_day_ends_at_midnight_of_the_server_s_zone(counters, clock):
    set_clock(clock, "2026-11-22T23:59:59.999-05:00")
    counters.submitted(ERP, QUEUED, 1, 0.001)
    set_clock(clock, "2026-11-23T00:00:00-05:00")
    counters.submitted(ERP, QUEUED, 1, 0.001)
    set_clock(clock, "2026-11-22T23:59:59-05:00")  # a clock that was set back
    counters.submitted(ERP, QUEUED, 1, 0.001)
    days = {key[0]: counts[REQUESTS] for key, counts in counters.take().items()}
    assert days == {"2026-11-22": 2, "2026-11-23": 1}


def test_a_day_with_a_clock_change_has_all_of_its_hours(clock):
    counters = UsageCounters(clock, "America/Santiago")  # 2026-04-04 has 25 hours there
    days = []
    for moment in ("2026-04-05T03:59:59+00:00", "2026-04-05T04:00:00+00:00"):
        set_clock(clock, moment)
        days.append(counters.today())
    assert days == ["2026-04-04", "2026-04-05"]


def test_the_slowest_answers_share_the_last_bucket(counters):
    for seconds in (16.4, 60.0, 100_000.0):
        counters.note(ERP, "api", Result.ERROR, seconds=seconds)
    ((_, counts),) = counters.take().items()
    assert counts[COLUMNS - 1] == 3


def test_what_was_put_back_is_added_to_what_came_meanwhile(counters):
    counters.submitted(ERP, QUEUED, 2, 0.001)
    taken = counters.take()
    counters.submitted(ERP, QUEUED, 3, 0.001)
    counters.put_back(taken)
    ((_, counts),) = counters.take().items()
    assert (counts[REQUESTS], counts[RECIPIENTS]) == (2, 5)


def test_T_b_a_request_belongs_to_the_day_of_its_account_s_own_zone(clock):
    zones = {7: ZoneInfo("Pacific/Auckland")}
    counters = UsageCounters(
        clock, "America/Lima", lambda n: zones.get(n, ZoneInfo("America/Lima"))
    )
    counters.submitted(ERP, QUEUED, 1, 0.001)
    counters.submitted(Identity(8, 80, "other"), QUEUED, 1, 0.001)
    assert [key[:2] for key in counters.take()] == [("2026-11-23", 7), ("2026-11-22", 8)]
    assert (counters.today(7), counters.today(8), counters.today()) == (
        "2026-11-23", "2026-11-22", "2026-11-22",
    )  # fmt: skip
    zones[7] = ZoneInfo("UTC")  # set by somebody: it holds from the next write on
    counters.submitted(ERP, QUEUED, 1, 0.001)
    assert [key[:2] for key in counters.take()] == [("2026-11-22", 7)]
