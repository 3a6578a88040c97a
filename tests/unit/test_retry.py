"""What an outcome means for a delivery."""

import random

import pytest

from mta.model.outcome import OutcomeKind, Phase, local_outcome
from mta.model.traffic import DeliveryState, TrafficClass
from mta.scheduler.retry import MAX_RETURNS, RetryPlan, decide
from mta.spool.flows import Flow
from mta.spool.rows import DeliveryFlag, ExpiryKind, QueuedDelivery, QueuedMessage
from mta.store.work import ContentRef

HOUR_MS = 3_600_000
NOW_MS = 1_800_000_000_000
PLAN = RetryPlan(
    steps_s=(300, 900, 1800, 3600, 7200, 14400),
    urgent_steps_s=(30, 60, 120, 240),
    expire_s={
        ExpiryKind.URGENT: 900,
        ExpiryKind.TRANSACTIONAL: 86_400,
        ExpiryKind.AUTOMATED: 86_400,
        ExpiryKind.CAMPAIGN: 86_400,
        ExpiryKind.RELAY: 432_000,
    },
    uncertain_s=900,
    greylist_s=360,
)


def delivery(kind=ExpiryKind.RELAY, klass=TrafficClass.TRANSACTIONAL):
    message = QueuedMessage(1, 1, "a@b", ContentRef(0, 0, 0, 0), 0, "", "", "")
    return QueuedDelivery(2, message, 0, 1, klass, kind, 1, "d", "u@d")


def apply(d, kind, *, now_ms=NOW_MS, flow_time_ms=None, greylisted=False, seed=1):
    return decide(
        PLAN,
        d,
        local_outcome(kind, 451, "4.0.0", "later", Phase.RCPT),
        now_ms=now_ms,
        flow_time_ms=now_ms if flow_time_ms is None else flow_time_ms,
        is_greylisted=greylisted,
        rng=random.Random(seed),
    )


def test_retries_follow_the_schedule_and_the_last_step_repeats():
    d = delivery()
    now = NOW_MS
    for step in (300, 900, 1800, 3600, 7200, 14400, 14400, 14400):
        decision = apply(d, OutcomeKind.DEFERRED, now_ms=now)
        assert decision.state == DeliveryState.SCHEDULED
        assert 0.9 * step * 1000 <= decision.due_ms - now <= 1.1 * step * 1000
        now = decision.due_ms


def test_urgent_mail_is_retried_within_seconds_and_given_up_after_its_quarter_of_an_hour():
    d = delivery(ExpiryKind.URGENT, TrafficClass.URGENT)
    d.expires_ms = NOW_MS + 900_000
    now, states = NOW_MS, []
    while True:
        decision = apply(d, OutcomeKind.DEFERRED, now_ms=now)
        states.append(decision.state)
        if decision.state == DeliveryState.EXPIRED:
            break
        assert decision.due_ms <= NOW_MS + 900_000
        now = decision.due_ms
    assert len(states) >= 5


def test_the_clock_of_relay_mail_starts_at_its_first_attempt():
    d = delivery()
    assert d.expires_ms == 0
    apply(d, OutcomeKind.DEFERRED)
    assert d.first_attempt_ms == NOW_MS
    assert d.expires_ms == NOW_MS + 5 * 24 * HOUR_MS
    apply(d, OutcomeKind.DEFERRED, now_ms=NOW_MS + HOUR_MS)
    assert d.expires_ms == NOW_MS + 5 * 24 * HOUR_MS


def test_a_deferral_past_the_deadline_is_an_expiry():
    d = delivery()
    apply(d, OutcomeKind.DEFERRED)
    late = apply(d, OutcomeKind.DEFERRED, now_ms=NOW_MS + 5 * 24 * HOUR_MS)
    assert late.state == DeliveryState.EXPIRED


def test_success_after_the_deadline_is_still_a_success():
    d = delivery()
    apply(d, OutcomeKind.DEFERRED)
    late = apply(d, OutcomeKind.DELIVERED, now_ms=NOW_MS + 6 * 24 * HOUR_MS)
    assert late.state == DeliveryState.DELIVERED


def test_time_on_hold_does_not_count():
    flow = Flow(1, 1, "f", "campaign", TrafficClass.CAMPAIGN)
    d = delivery(ExpiryKind.CAMPAIGN, TrafficClass.CAMPAIGN)
    apply(d, OutcomeKind.DEFERRED, flow_time_ms=flow.time_ms(NOW_MS))
    flow.apply(flow.gated(1, "weekend", NOW_MS + HOUR_MS))
    flow.apply(flow.gated(0, "", NOW_MS + 61 * HOUR_MS))
    now = NOW_MS + 62 * HOUR_MS
    assert flow.time_ms(now) == NOW_MS + 2 * HOUR_MS
    again = apply(d, OutcomeKind.DEFERRED, now_ms=now, flow_time_ms=flow.time_ms(now))
    assert again.state == DeliveryState.SCHEDULED


def test_greylisting_is_answered_after_six_minutes_once():
    d = delivery()
    assert apply(d, OutcomeKind.DEFERRED, greylisted=True).due_ms == NOW_MS + 360_000
    later = apply(d, OutcomeKind.DEFERRED, greylisted=True).due_ms - NOW_MS
    assert later >= 0.9 * 900_000


def test_an_unknown_end_is_marked_and_tried_again_after_a_quarter_of_an_hour():
    d = delivery()
    decision = apply(d, OutcomeKind.UNCERTAIN)
    assert decision.due_ms == NOW_MS + 900_000
    assert d.flags & DeliveryFlag.UNCERTAIN


def test_an_unknown_end_after_the_deadline_is_an_expiry_and_still_marked():
    d = delivery()
    apply(d, OutcomeKind.DEFERRED)
    late = apply(d, OutcomeKind.UNCERTAIN, now_ms=NOW_MS + 5 * 24 * HOUR_MS)
    assert late.state == DeliveryState.EXPIRED
    assert d.flags & DeliveryFlag.UNCERTAIN


def test_a_return_costs_no_attempt_until_it_happens_too_often():
    d = delivery()
    for _ in range(MAX_RETURNS):
        assert apply(d, OutcomeKind.RETURNED).state == DeliveryState.READY
    assert d.attempts == 0
    assert apply(d, OutcomeKind.RETURNED).state == DeliveryState.SCHEDULED
    assert d.attempts == 1


@pytest.mark.parametrize("seed", range(20))
def test_no_retry_is_planned_beyond_the_deadline(seed):
    d = delivery(ExpiryKind.URGENT, TrafficClass.URGENT)
    d.expires_ms = NOW_MS + 10_000
    assert apply(d, OutcomeKind.DEFERRED, seed=seed).due_ms == NOW_MS + 10_000
