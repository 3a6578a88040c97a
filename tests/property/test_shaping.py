"""For every policy and course of events no limit is exceeded in any span of time, and a slowed lane
keeps its bounds and recovers."""

from hypothesis import given
from hypothesis import strategies as st

from mta.model.outcome import Outcome, OutcomeKind, Phase
from mta.model.reply import Reply
from mta.shaping.backoff import COHORT, LEAST_RATE, Backoff
from mta.shaping.gcra import RateGate
from mta.shaping.limiter import LaneLimiter, TotalLimiter
from mta.shaping.policy import Period, Rate
from mta.shaping.sites import pattern_matches, site_pattern
from mta.shaping.throttle import Stage
from tests.property.effort import tries
from tests.unit.test_shaping_limiter import NOW_MS, policy

BUSY = Outcome(OutcomeKind.DEFERRED, Reply.of(421, "4.7.0", "busy"), Phase.MAIL)
FULL = Outcome(OutcomeKind.DEFERRED, Reply.of(452, "4.2.2", "mailbox full"), Phase.RCPT)

rates = st.builds(
    lambda count, period: Rate(period.name, count, period),
    st.integers(1, 300),
    st.sampled_from(list(Period)),
)
labels = st.text("abc-", min_size=1, max_size=4)
host_names = st.lists(labels, min_size=1, max_size=5).map(".".join)


@given(
    rate=rates,
    pauses=st.lists(st.floats(0, 3), min_size=1, max_size=300),
    start_s=st.floats(0, 1e6),
)
@tries(60)
def test_no_span_holds_more_than_the_rate_and_its_burst(
    rate: Rate, pauses: list[float], start_s: float
):
    """`pauses`, in steps of the rate: how long the sender does nothing after each message."""
    gate = RateGate((rate,))
    now_s, sent = start_s, []
    for pause in pauses:
        now_s += gate.wait_s(now_s)
        gate.take(now_s)
        sent.append(now_s)
        now_s += pause * rate.step_s if pause > 1 else 0.0
    span_s = rate.period.length_s - 0.001
    most = rate.count if rate.period.is_cap else rate.count + rate.burst
    oldest = 0
    for newest, at_s in enumerate(sent):
        while at_s - sent[oldest] >= span_s:
            oldest += 1
        assert newest - oldest + 1 <= most


@given(rate=rates, factor=st.sampled_from([1.0, 0.5, 0.0625]))
def test_a_greedy_sender_is_never_stopped_for_longer_than_a_step(rate: Rate, factor: float):
    gate = RateGate()
    gate.change((rate,), factor=factor, now_s=0.0)
    now_s = 50.0
    for _ in range(20):
        wait_s = gate.wait_s(now_s)
        assert 0.0 <= wait_s <= rate.step_s / factor + 1e-6
        now_s += wait_s
        gate.take(now_s)


@given(
    waiting=st.integers(-5, 10**9),
    open_connections=st.integers(0, 200),
    start=st.integers(1, 100),
    total=st.integers(0, 50),
    used=st.integers(0, 60),
)
def test_wanted_connections_are_never_negative_and_within_all_limits(
    waiting: int, open_connections: int, start: int, total: int, used: int
):
    allowed = policy(connections_start=start, connections_max=start, total_connections=total)
    shared = TotalLimiter(allowed)
    limiter = LaneLimiter(allowed, shared)
    for _ in range(used):
        limiter.take_connection(1.0)
    wanted = limiter.connections_wanted(waiting, open_connections)
    assert wanted >= 0
    assert wanted == 0 or wanted + open_connections <= start
    assert not total or wanted == 0 or wanted + used <= total
    assert wanted <= max(0, waiting)
    if waiting > 0 and not open_connections and not total:
        assert wanted >= 1


steps = st.lists(
    st.tuples(st.sampled_from(["busy", "full", "ok", "tick"]), st.floats(0, 4000)), max_size=150
)


@given(course=steps, start=st.integers(1, 20), more=st.integers(0, 20))
@tries(60)
def test_the_back_off_keeps_its_bounds_and_always_recovers(
    course: list[tuple[str, float]], start: int, more: int
):
    allowed = policy(connections_start=start, connections_max=start + more)
    backoff = Backoff(allowed)
    now_s = 1000.0
    for step, seconds in course:
        now_s += seconds if step == "tick" else seconds / 1000
        now_ms = NOW_MS + round(now_s * 1000)
        before = backoff.throttle
        if step == "tick":
            change = backoff.tick(now_s, now_ms)
        elif step == "ok":
            change = backoff.on_delivered()
        else:
            change = backoff.observe(BUSY if step == "busy" else FULL, now_s, now_ms)
            assert step == "busy" or change is None
        assert 1 <= backoff.throttle.connections <= start + more
        assert LEAST_RATE <= backoff.throttle.rate_factor <= 1.0
        assert backoff.throttle.messages_per_minute == (backoff.stage is Stage.RESTING)
        assert len(backoff._recent) <= 3
        if change is None:
            assert backoff.throttle == before
        else:
            assert (change.old, change.new) == (before, backoff.throttle)
            assert change.until_ms == 0 or now_ms < change.until_ms <= now_ms + 43_200_000
    if backoff.stage is Stage.RESTING:
        backoff.on_delivered()
        backoff.tick(backoff.until_s, NOW_MS)
    for _ in range(COHORT * (start + more + 8) * (start + more + 8)):
        backoff.on_delivered()
    assert backoff.throttle.connections == start + more
    assert backoff.throttle.rate_factor == 1.0
    assert backoff.stage is Stage.NORMAL


@given(course=steps)
@tries(30)
def test_a_snapshot_brings_back_what_held(course: list[tuple[str, float]]):
    backoff = Backoff(policy())
    now_s = 1000.0
    for step, seconds in course:
        now_s += seconds / 100
        if step == "busy":
            backoff.observe(BUSY, now_s, NOW_MS)
        else:
            backoff.tick(now_s, NOW_MS)
    after = Backoff(policy())
    after.restore(backoff.snapshot(now_s, NOW_MS), now_s, NOW_MS)
    assert after.stage is backoff.stage
    if backoff.stage is not Stage.NORMAL:
        assert after.throttle == backoff.throttle


@given(names=st.lists(host_names, min_size=1, max_size=8), order=st.randoms())
def test_a_site_pattern_does_not_depend_on_the_order_and_stands_for_all_its_names(
    names: list[str], order: object
):
    pattern = site_pattern(names)
    order.shuffle(names)
    assert site_pattern(names) == pattern
    if "#" not in pattern:
        assert all(pattern_matches(name, pattern) for name in names)
