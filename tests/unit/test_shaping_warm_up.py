"""Warm-up plans: days that double, judged by what receivers said; numbers only."""

from dataclasses import replace

import pytest

from mta.model.errors import ConfigurationError
from mta.model.outcome import Outcome, OutcomeKind, Phase
from mta.model.reply import Reply
from mta.shaping.documents import parse_document
from mta.shaping.rules import Shaping
from mta.shaping.warm_up import (
    DAY_MS,
    DAYS,
    Progress,
    WarmUp,
    WarmUpPlan,
    concerns,
    days_needed,
    judge,
)

NOW_MS = 1_800_000_000_000
HOUR_MS = 3_600_000
PLAN = WarmUpPlan()


def send(warm_up: WarmUp, from_ms: int, until_ms: int, step_ms: int = 10_000) -> int:
    """How many messages a greedy sender gets out."""
    sent = 0
    for now_ms in range(from_ms, until_ms, step_ms):
        while warm_up.is_open(now_ms):
            warm_up.take(1, now_ms)
            sent += 1
            if warm_up.is_warm:
                return sent
    return sent


def outcome(kind: OutcomeKind, text: str, code: int = 421) -> Outcome:
    enhanced, _, words = text.partition(" ")
    return Outcome(kind, Reply.of(code, enhanced, words), Phase.DOT)


def test_T_e_a_warm_up_sends_twice_as_much_each_day_and_never_more_than_its_plan():
    warm_up = WarmUp(PLAN, Progress())
    days = [send(warm_up, NOW_MS + n * DAY_MS, NOW_MS + (n + 1) * DAY_MS) for n in range(6)]
    assert days == [50, 100, 200, 400, 800, 1600]


@pytest.mark.parametrize("step", [0, 3, 9])
def test_T_e_no_hour_of_a_warm_up_has_more_than_a_tenth_of_its_day(step):
    warm_up = WarmUp(PLAN, Progress(step=step))
    for hour in range(12):
        start = NOW_MS + hour * HOUR_MS
        assert send(warm_up, start, start + HOUR_MS) <= DAYS[step] / 10


def test_days_without_mail_do_not_count():
    warm_up = WarmUp(PLAN, Progress())
    assert send(warm_up, NOW_MS, NOW_MS + DAY_MS) == 50
    warm_up.look(NOW_MS + 30 * DAY_MS)
    assert warm_up.cap == 100
    warm_up.look(NOW_MS + 60 * DAY_MS)
    assert warm_up.cap == 100


@pytest.mark.parametrize(
    ("day", "step", "needed", "reason"),
    [
        ({"sent": 200}, 3, 1, "went well"),
        ({"sent": 200, "needed": 3}, 2, 2, "went well"),
        ({"sent": 99}, 2, 1, "too little mail"),
        ({"sent": 200, "bounced": 1}, 3, 1, "went well"),
        ({"sent": 200, "bounced": 4}, 1, 3, "too many bounces"),
        ({"sent": 200, "deferred": 10}, 2, 3, "slowed down"),
        ({"sent": 200, "deferred": 20}, 1, 3, "too many deferrals"),
        ({"sent": 200, "complained": 1}, 2, 3, "a complaint"),
        ({"sent": 200, "complained": 2}, 1, 3, "too many complaints"),
        ({"sent": 200, "is_amber": True}, 2, 3, "slowed down"),
    ],
)
def test_T_e_a_day_is_judged_by_bounces_deferrals_and_complaints(day, step, needed, reason):
    found = judge(PLAN, Progress(step=2, day_start_ms=NOW_MS, **{"needed": 1, **day}))
    assert (found.progress.step, found.progress.needed, found.reason) == (step, needed, reason)
    assert found.progress.sent == 0


def test_the_first_row_is_the_lowest():
    bad = Progress(day_start_ms=NOW_MS, sent=50, bounced=30)
    assert judge(PLAN, bad).progress.step == 0


def test_T_e_a_provider_that_refuses_the_rate_is_left_alone_for_a_day():
    warm_up = WarmUp(PLAN, Progress(step=4))
    warm_up.take(1, NOW_MS)
    reply = "4.7.28 Our system has detected an unusual rate of mail from your IP address"
    warm_up.observe(outcome(OutcomeKind.DEFERRED, reply), NOW_MS, is_domain=False)
    assert not warm_up.is_open(NOW_MS + DAY_MS - 1000)
    assert "4.7.28" in warm_up.held_by(NOW_MS + 1000)
    assert warm_up.is_open(NOW_MS + DAY_MS + 1000)
    assert (warm_up.progress.step, warm_up.progress.needed) == (4, 3)


def test_a_refusal_concerns_what_it_names():
    by_address = "421 4.7.28 unusual rate of unsolicited mail originating from your IP address"
    by_domain = "421 4.7.28 unusual rate of unsolicited mail originating from your DKIM domain"
    assert concerns(by_address, is_domain=False)
    assert not concerns(by_address, is_domain=True)
    assert concerns(by_domain, is_domain=True)
    assert not concerns("451 4.7.1 greylisted", is_domain=False)


def test_greylisting_and_full_mailboxes_are_no_deferrals():
    warm_up = WarmUp(PLAN, Progress())
    for text in ("4.7.1 Greylisted, come again", "4.2.2 mailbox full"):
        warm_up.observe(outcome(OutcomeKind.DEFERRED, text, 451), NOW_MS, is_domain=False)
    assert warm_up.progress.deferred == 0


def test_what_was_never_tried_does_not_count():
    warm_up = WarmUp(PLAN, Progress())
    warm_up.take(3, NOW_MS)
    warm_up.observe(outcome(OutcomeKind.RETURNED, "4.4.2 gone"), NOW_MS, is_domain=False)
    assert warm_up.progress.sent == 2


def test_behind_the_last_row_nothing_is_held():
    warm_up = WarmUp(PLAN, Progress(step=len(DAYS) - 1))
    warm_up.take(DAYS[-1], NOW_MS)
    assert not warm_up.is_open(NOW_MS + HOUR_MS)
    warm_up.look(NOW_MS + DAY_MS)
    assert warm_up.is_warm
    assert warm_up.is_open(NOW_MS + DAY_MS)
    assert warm_up.held_by(NOW_MS + DAY_MS) == ""


def test_the_reason_tells_number_and_row():
    warm_up = WarmUp(PLAN, Progress(sent=50, day_start_ms=NOW_MS))
    assert warm_up.held_by(NOW_MS) == "warm-up: 50 of 50 messages today, step 1 of 18"
    assert warm_up.ready_ms(NOW_MS) == NOW_MS + DAY_MS


def test_an_operator_sets_the_row():
    warm_up = WarmUp(PLAN, Progress(sent=50, day_start_ms=NOW_MS, hold_until_ms=NOW_MS + DAY_MS))
    warm_up.go_to(3)
    assert warm_up.cap == 400
    assert warm_up.is_open(NOW_MS + HOUR_MS)
    warm_up.go_to(99)
    assert warm_up.is_warm


@pytest.mark.parametrize(
    ("messages", "days"), [(50, 10 / 24), (150, 1 + 10 / 24), (51, 1 + 10 / 2400), (0, 0.0)]
)
def test_a_forecast_counts_the_days_of_the_plan(messages, days):
    assert days_needed(PLAN, Progress(), messages) == pytest.approx(days)


def test_a_forecast_begins_with_what_is_left_of_today_and_knows_caution():
    today = Progress(step=1, sent=60, day_start_ms=NOW_MS)
    assert days_needed(PLAN, today, 40) == pytest.approx(40 / 100 * 10 / 24)
    slow = replace(today, needed=3)
    assert days_needed(PLAN, slow, 240) == pytest.approx(2 + 10 / 24)


def test_a_plan_that_jumps_is_an_error_that_names_the_jump():
    with pytest.raises(ConfigurationError, match=r"\[warm_up\].*days = 50, 500"):
        parse_document("[warm_up]\ndays = [50, 500]\n", "shaping.toml")
    with pytest.raises(ConfigurationError, match="hold_deferrals is above max_deferrals"):
        parse_document("[warm_up]\nhold_deferrals = 0.2\n", "shaping.toml")


def test_the_shipped_plan_is_the_built_in_one():
    assert Shaping.load().warm_up.plan == WarmUpPlan()
