"""Lane limits: rates, caps, connections, totals, snapshots."""

import math
from dataclasses import replace

import pytest

from mta.shaping.limiter import LaneLimiter, TotalLimiter
from mta.shaping.policy import Period, Rate, SitePolicy
from mta.shaping.throttle import Throttle

NOW_MS = 1_800_000_000_000


def rate(count: float, period: Period, prefix: str = "messages_per_") -> Rate:
    return Rate(prefix + period.name.lower(), count, period)


def policy(**limits: object) -> SitePolicy:
    base = SitePolicy(
        site="example.org",
        provider="",
        connections_start=4,
        connections_max=10,
        messages_per_connection=100,
        messages=(),
        connections=(),
        total_connections=0,
        total_messages=(),
        total_connection_rates=(),
        idle_timeout_s=10.0,
        tls=None,
    )
    return replace(base, **limits)


def lane(total: TotalLimiter | None = None, **limits: object) -> LaneLimiter:
    allowed = policy(**limits)
    return LaneLimiter(allowed, total or TotalLimiter(allowed))


def send(limiter: LaneLimiter, start_s: float, span_s: float) -> int:
    """How many messages a greedy sender gets through in a span."""
    now_s, sent = start_s, 0
    while True:
        now_s += limiter.message_wait_s(now_s)
        if now_s >= start_s + span_s - 1e-5:  # the span is half open, rounding aside
            return sent
        limiter.take_message(now_s)
        sent += 1


def test_without_rates_messages_never_wait():
    limiter = lane()
    for _ in range(1000):
        assert limiter.message_wait_s(1.0) == 0.0
        limiter.take_message(1.0)


def test_a_pace_is_reached_and_a_tenth_may_go_at_once():
    limiter = lane(messages=(rate(20, Period.SECOND),))
    assert send(limiter, 1000.0, 10.0) == 201  # 2 at once, then one each 50 ms


def test_a_cap_per_hour_is_never_exceeded_even_after_a_pause():
    limiter = lane(messages=(rate(1000, Period.HOUR),))
    assert send(limiter, 5000.0, 3600.0) == 1000


def test_a_cap_per_day_is_never_exceeded_even_after_a_pause():
    limiter = lane(messages=(rate(50, Period.DAY),))
    assert send(limiter, 5000.0, 86_400.0) == 50


def test_a_cap_of_one_a_day_lets_one_a_day_through():
    limiter = lane(messages=(rate(1, Period.DAY),))
    assert send(limiter, 5000.0, 3 * 86_400.0) == 3


def test_the_tightest_of_several_rates_holds():
    limiter = lane(messages=(rate(100, Period.SECOND), rate(6, Period.MINUTE)))
    limiter.take_message(1000.0)
    assert limiter.message_wait_s(1000.0) == pytest.approx(10.0)
    assert limiter.held_by(1000.0) == "messages_per_minute = 6"


def test_a_total_holds_all_sources_together():
    allowed = policy(total_messages=(rate(6, Period.MINUTE, "total_messages_per_"),))
    total = TotalLimiter(allowed)
    one, two = LaneLimiter(allowed, total), LaneLimiter(allowed, total)
    one.take_message(1000.0)
    assert two.message_wait_s(1000.0) == pytest.approx(10.0)
    assert two.held_by(1000.0) == "total_messages_per_minute = 6"


@pytest.mark.parametrize(
    ("waiting", "wanted"), [(0, 0), (1, 1), (2, 1), (10, 1), (30, 2), (100, 4), (1000, 4)]
)
def test_connections_are_opened_by_need(waiting: int, wanted: int):
    assert lane().connections_wanted(waiting, 0) == wanted


def test_no_connection_beyond_the_limit():
    limiter = lane()
    assert limiter.connections_wanted(1000, 4) == 0
    assert limiter.connection_wait_s(1.0, 4, 1000) == math.inf
    assert limiter.held_by(1.0, 4) == "connections: 4 of 4 open"


def test_the_back_off_sets_the_connection_limit_within_the_policy():
    limiter = lane()
    limiter.apply(Throttle(100), 1.0)
    assert limiter.connection_limit == 10
    limiter.apply(Throttle(0), 1.0)
    assert limiter.connection_limit == 1


def test_total_connections_hold_all_sources_together():
    allowed = policy(total_connections=3)
    total = TotalLimiter(allowed)
    one, two = LaneLimiter(allowed, total), LaneLimiter(allowed, total)
    for _ in range(2):
        one.take_connection(1.0)
    assert two.connections_wanted(1000, 0) == 1
    two.take_connection(1.0)
    assert two.connection_wait_s(1.0, 1, 1000) == math.inf
    assert two.held_by(1.0, 1) == "total_connections = 3"
    one.release_connection()
    assert two.connection_wait_s(1.0, 1, 1000) == 0.0


def test_new_connections_have_a_rate():
    limiter = lane(connections=(rate(6, Period.MINUTE, "connections_per_"),))
    assert limiter.connection_wait_s(1000.0, 0, 10) == 0.0
    limiter.take_connection(1000.0)
    assert limiter.connection_wait_s(1000.0, 0, 10) == pytest.approx(10.0)
    assert limiter.held_by(1000.0) == "connections_per_minute = 6"


def test_a_rest_lets_one_message_a_minute_through():
    limiter = lane(messages=(rate(20, Period.SECOND),))
    limiter.apply(Throttle(1, 1.0, 1.0), 1000.0)
    limiter.take_message(1000.0)
    assert limiter.message_wait_s(1000.0) == pytest.approx(60.0)
    assert limiter.held_by(1000.0) == "back-off: 1 a minute"


def test_a_slowed_lane_says_so():
    limiter = lane(messages=(rate(6, Period.MINUTE),))
    limiter.apply(Throttle(1, 0.5), 1000.0)
    limiter.take_message(1000.0)
    assert limiter.message_wait_s(1000.0) == pytest.approx(20.0)
    assert limiter.held_by(1000.0) == "messages_per_minute = 6, slowed to 50% by back-off"


def test_what_was_sent_counts_on_after_a_change_of_policy():
    limiter = lane(messages=(rate(1, Period.MINUTE),))
    limiter.take_message(1000.0)
    limiter.change(policy(messages=(rate(1, Period.MINUTE),)), 1000.0)
    assert limiter.message_wait_s(1000.0) == pytest.approx(60.0)


def test_caps_survive_a_restart():
    day = (rate(50, Period.DAY), rate(20, Period.SECOND))
    before = lane(messages=day)
    send(before, 5000.0, 60.0)
    saved = before.snapshot(5060.0, NOW_MS)
    assert set(saved) == {"messages_per_day"}
    after = lane(messages=day)
    after.restore(saved, 100.0, NOW_MS + 1000)
    assert after.message_wait_s(100.0) == pytest.approx(before.message_wait_s(5061.0), abs=0.01)


def test_totals_survive_a_restart():
    allowed = policy(total_messages=(rate(1, Period.DAY, "total_messages_per_"),))
    before = TotalLimiter(allowed)
    LaneLimiter(allowed, before).take_message(5000.0)
    after = TotalLimiter(allowed)
    after.restore(before.snapshot(5000.0, NOW_MS), 10.0, NOW_MS)
    assert after.messages.wait_s(10.0) == pytest.approx(86_400.0)


def test_a_clock_that_went_back_blocks_no_longer_than_full_use():
    day = (rate(50, Period.DAY),)
    before = lane(messages=day)
    send(before, 5000.0, 60.0)
    after = lane(messages=day)
    after.restore(before.snapshot(5060.0, NOW_MS), 100.0, NOW_MS - 10 * 86_400_000)
    assert after.message_wait_s(100.0) <= day[0].step_s + 0.001


def test_a_snapshot_of_a_changed_policy_is_taken_up_as_far_as_it_fits():
    limiter = lane(messages=(rate(20, Period.SECOND),))
    limiter.restore({"messages_per_day": NOW_MS + 10_000}, 100.0, NOW_MS)
    assert limiter.message_wait_s(100.0) == 0.0
