"""Flows begin at their hour, keep to their rate and have an end."""

import asyncio

import pytest

from mta.delivery.flow_clock import FlowClock
from mta.model.clock import SystemClock
from mta.model.traffic import Gate, TrafficClass
from mta.spool.flows import HOUR_MS, Flow, FlowDirectory

NOW_MS = 1_800_000_000_000


def flow(**values):
    return Flow(1, 1, "f", "campaign", TrafficClass.CAMPAIGN, **values)


@pytest.mark.parametrize("per_hour", [3_600, 36_000, 300_000])
def test_a_rate_of_its_own_is_kept_over_any_time(per_hour):
    paced = flow(rate_per_hour=per_hour)
    sent, now = 0, NOW_MS
    while now < NOW_MS + HOUR_MS // 60:
        if paced.is_open(now):
            paced.take(now)
            sent += 1
        else:
            now = paced.next_change_ms(now)
    assert abs(sent - per_hour / 60) <= max(2, per_hour / 60 * 0.05)


def test_without_a_rate_nothing_waits():
    free = flow()
    for _ in range(1_000):
        free.take(NOW_MS)
    assert free.is_open(NOW_MS)
    assert free.next_change_ms(NOW_MS) == 0


def test_a_pause_does_not_save_up_turns():
    paced = flow(rate_per_hour=3_600)
    paced.take(NOW_MS)
    later = NOW_MS + HOUR_MS
    sent = 0
    while paced.is_open(later):
        paced.take(later)
        sent += 1
    assert sent <= 2


def test_the_next_change_is_the_nearest_moment():
    planned = flow(not_before_ms=NOW_MS + 500, end_ms=NOW_MS + 900)
    assert planned.next_change_ms(NOW_MS) == NOW_MS + 500
    assert planned.next_change_ms(NOW_MS + 500) == NOW_MS + 900
    planned.gate = Gate.HELD
    assert planned.next_change_ms(NOW_MS) == 0


async def test_a_flow_is_woken_at_its_hour_and_ended_at_its_end():
    clock, flows = SystemClock(), FlowDirectory()
    begin = clock.now_ms() + 30
    flows.add(flow(not_before_ms=begin, end_ms=begin + 30))
    heard: list[tuple[str, int]] = []
    done = asyncio.Event()

    def ended(_: int) -> None:
        heard.append(("ended", clock.now_ms()))
        done.set()

    watch = FlowClock(
        flows, clock, woken=lambda _: heard.append(("woken", clock.now_ms())), ended=ended
    )
    running = asyncio.create_task(watch.run())
    async with asyncio.timeout(5):
        await done.wait()
    running.cancel()
    assert [name for name, _ in heard] == ["woken", "ended"]
    assert heard[0][1] >= begin
    assert heard[1][1] >= begin + 30


def test_the_end_of_a_flow_comes_later_by_its_time_on_hold():
    planned = flow(end_ms=NOW_MS + HOUR_MS)
    planned.apply(planned.gated(Gate.HELD, "weekend", NOW_MS))
    monday = NOW_MS + 62 * HOUR_MS
    assert not planned.has_ended(monday)
    assert planned.next_change_ms(monday) == 0
    planned.apply(planned.gated(Gate.OPEN, "", monday))
    assert planned.next_change_ms(monday) == monday + HOUR_MS
    assert not planned.has_ended(monday + HOUR_MS - 1)
    assert planned.has_ended(monday + HOUR_MS)


async def test_a_turn_that_came_while_the_flow_was_served_is_not_lost():
    clock, flows, woken = SystemClock(), FlowDirectory(), asyncio.Event()
    paced = flows.add(flow(rate_per_hour=1_800_000))
    moments = FlowClock(flows, clock, woken=lambda _: woken.set(), ended=lambda _: None)
    running = asyncio.create_task(moments.run())
    try:
        paced.next_ms = clock.now_ms() - 1.0  # closed when it was picked from, open by now
        moments.served(paced)
        async with asyncio.timeout(5):
            await woken.wait()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def test_what_had_its_turn_may_go_though_the_next_one_has_not_come():
    paced = flow(rate_per_hour=3_600)
    paced.take(NOW_MS)
    paced.take(NOW_MS)
    assert not paced.is_open(NOW_MS)
    assert paced.lets_out(NOW_MS)
    paced.gate = Gate.HELD
    assert not paced.lets_out(NOW_MS)
