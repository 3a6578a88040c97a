"""Campaigns over days: a weekend on hold, nine days under a daily limit, and an end of their own."""

import pytest

from mta.model.traffic import EventType, TrafficClass
from tests.evil.behaviour import Behaviour
from tests.integration.relay import Relay
from tests.integration.relay_days import (
    DAY_S,
    HOUR_S,
    counters,
    ends,
    flow_named,
    follows,
    pass_time,
    tries,
    until_next_try,
)
from tests.integration.relay_network import Network

NEWS = {"campaign": "news", "klass": TrafficClass.CAMPAIGN}
RETRY_S = (300.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0)
WEEKEND_S = 62 * HOUR_S  # Friday 18:00 to Monday 08:00


def daily(count: int) -> str:
    return f"""\
[default]
connections_start = 2
connections_max = 4
messages_per_day = {count}
"""


async def test_a_campaign_on_hold_over_a_weekend_loses_no_time(tmp_path):
    async with Network() as network:
        relay = Relay(tmp_path, network)
        async with relay:
            mx = await network.receiver(2)
            network.domain("one.test", mx)
            await relay.submit("first@one.test", "later1@one.test", **NEWS)
            await relay.until_states(delivered=1, scheduled=1)
            news, tried_ms = flow_named(relay, "news"), relay.clock.now_ms()
            while relay.clock.now_ms() < tried_ms + 3 * HOUR_S * 1000:
                await until_next_try(relay, "later1@one.test")
            used_ms = relay.clock.now_ms() - tried_ms
            attempts = relay.row("later1@one.test")["attempts"]
            await relay.ask("queue.hold", campaign="news", reason="weekend")
            await relay.submit(*(f"u{n}@one.test" for n in range(40)), **NEWS)
            assert await pass_time(relay, WEEKEND_S / 2) == 0
        async with relay:  # somebody restarts the server on Saturday
            assert await pass_time(relay, WEEKEND_S / 2) == 0
            assert mx.recipients == ["first@one.test"]
            # Its retry became due meanwhile: it is ready, and behind the gate like the others.
            assert counters(relay, news) == {"delivered": 1, "ready": 41}
            assert relay.row("later1@one.test")["attempts"] == attempts
            held_ms = relay.clock.now_ms() - tried_ms - used_ms
            await relay.ask("queue.release", campaign="news")
            await relay.until_states(delivered=41, scheduled=1)
            assert counters(relay, news) == {"delivered": 41, "scheduled": 1}
            assert sorted(mx.recipients[1:]) == sorted(f"u{n}@one.test" for n in range(40))
            while relay.row("later1@one.test")["state"] == "scheduled":
                await until_next_try(relay, "later1@one.test")
            (ended_ms,) = ends(relay, "later1@one.test", EventType.EXPIRED)
            alive_s = (ended_ms - tried_ms - held_ms) / 1000
            assert abs(alive_s - DAY_S) < 60, "24 hours after the first attempt, without the hold"
            waits = [t.wait_s for t in tries(relay, "later1@one.test")]
            assert follows(waits[:-1], RETRY_S), waits
            assert counters(relay, news) == {"delivered": 41, "expired": 1}


async def test_a_campaign_is_spread_over_nine_days_by_a_daily_limit(tmp_path):
    """Ten a day for ninety people; the server is restarted on the fifth day."""
    async with Network() as network:
        relay = Relay(tmp_path, network, shaping=daily(10))
        relay.clock.freeze()
        start_s = relay.clock.monotonic_s()
        sent_s: list[float] = []
        async with relay:
            mx = await network.receiver(2)
            network.domain("one.test", mx)
            for n in range(90):
                await relay.submit(f"u{n}@one.test", **NEWS)
            await until_sent(relay, mx, sent_s, 1)
            for count in range(2, 46):
                assert await pass_time(relay, DAY_S / 10, DAY_S / 10) == 0
                await until_sent(relay, mx, sent_s, count)
        async with relay:
            for count in range(46, 91):
                assert counters(relay, flow_named(relay, "news"))["ready"] == 91 - count
                assert await pass_time(relay, DAY_S / 10, DAY_S / 10) == 0
                await until_sent(relay, mx, sent_s, count)
            assert relay.states() == {"delivered": 90}
            assert 8 * DAY_S < relay.clock.monotonic_s() - start_s < 9 * DAY_S
            assert len(set(mx.recipients)) == 90
            first_days = {n: s for n, s in enumerate(sent_s) if n + 10 < len(sent_s)}
            assert all(sent_s[n + 10] - s >= DAY_S - 0.001 for n, s in first_days.items())


async def until_sent(relay: Relay, mx, sent_s: list[float], count: int) -> None:
    await relay.until(lambda: relay.states()["delivered"] == count, f"{count} delivered")
    await relay.quiet()
    assert len(mx.received) == count, "more than the daily limit lets through"
    sent_s += [relay.clock.monotonic_s()] * (count - len(sent_s))


@pytest.mark.parametrize("klass", [TrafficClass.CAMPAIGN, TrafficClass.AUTOMATED])
async def test_the_wait_for_a_turn_starts_no_clock_and_the_first_attempt_does(tmp_path, klass):
    async with Network() as network, Relay(tmp_path, network, shaping=daily(1)) as relay:
        relay.clock.freeze()
        mx = await network.receiver(2)
        network.domain("one.test", mx)
        await relay.submit("u0@one.test", klass=klass)
        await relay.until_states(delivered=1)
        await relay.submit("u1@one.test", klass=klass)
        await relay.submit("u2@one.test", klass=klass)
        await relay.submit("later3@one.test", klass=klass)
        for day in (1, 2, 3):
            assert relay.row("later3@one.test")["expires_ms"] == 0
            assert await pass_time(relay, DAY_S, HOUR_S) == 0
            await relay.until(lambda n=day: relay.states()["ready"] == 3 - n)
        await relay.until_states(delivered=3, scheduled=1)
        row = relay.row("later3@one.test")
        assert row["expires_ms"] - row["first_attempt_ms"] == DAY_S * 1000
        assert await pass_time(relay, DAY_S - HOUR_S) == 0
        assert await pass_time(relay, HOUR_S + 60) == 1
        await relay.until_states(delivered=3, expired=1)


async def test_what_a_campaign_never_tried_is_cancelled_at_its_end_and_the_rest_goes_on(tmp_path):
    async with Network() as network, Relay(tmp_path, network, shaping=daily(10)) as relay:
        relay.clock.freeze()
        mx = await network.receiver(2)
        network.domain("one.test", mx)
        await relay.submit("u0@one.test", **NEWS)
        await relay.until_states(delivered=1)
        news = flow_named(relay, "news")
        end_ms = relay.clock.now_ms() + round(4.95 * DAY_S * 1000)
        await relay.dispatcher.plan_flow(news, end_ms=end_ms)
        for n in range(1, 90):
            await relay.submit(f"u{n}@one.test", **NEWS)
        for count in range(2, 50):
            assert await pass_time(relay, DAY_S / 10, DAY_S / 10) == 0
            await relay.until(lambda n=count: relay.states()["delivered"] == n)
        mx.behaviour = Behaviour(replies={"RCPT": b"450 4.2.1 Mailbox busy\r\n"})
        mx.drop()
        relay.advance(DAY_S / 10)
        await relay.until_states(delivered=49, scheduled=1, ready=40)
        relay.advance((end_ms - relay.clock.now_ms()) / 1000 + 1)
        # What was tried is due again by now, and waits for its turn under the limit.
        await relay.until_states(delivered=49, ready=1, cancelled=40)
        assert counters(relay, news) == {"delivered": 49, "ready": 1, "cancelled": 40}
        assert ends(relay, "u89@one.test", EventType.CANCELLED)
        mx.behaviour = Behaviour()
        mx.drop()
        assert await pass_time(relay, DAY_S / 10, HOUR_S) == 0
        await relay.until_states(delivered=50, cancelled=40)


async def test_a_hold_moves_the_end_of_a_campaign_by_its_length(tmp_path):
    async with Network() as network:
        relay = Relay(tmp_path, network)
        async with relay:
            mx = await network.receiver(2)
            network.domain("one.test", mx)
            await relay.submit("first@one.test", **NEWS)
            await relay.until_states(delivered=1)
            news, now_ms = flow_named(relay, "news"), relay.clock.now_ms()
            await relay.dispatcher.plan_flow(news, not_before_ms=now_ms + 60_000)
            await relay.submit("u1@one.test", "u2@one.test", **NEWS)
            await relay.ask("queue.hold", campaign="news")
            await pass_time(relay, HOUR_S)
            end_ms = relay.clock.now_ms() + round(DAY_S * 1000)
            await relay.dispatcher.plan_flow(news, end_ms=end_ms)
            await pass_time(relay, WEEKEND_S / 2)
        async with relay:
            await pass_time(relay, WEEKEND_S / 2)
            assert relay.states() == {"delivered": 1, "ready": 2}
            await relay.ask("queue.release", campaign="news")
            await relay.until_states(delivered=3)
            await relay.ask("queue.hold", site="mx2.test")
            await relay.submit("u3@one.test", **NEWS)
            await pass_time(relay, DAY_S - HOUR_S)
            assert relay.states() == {"delivered": 3, "ready": 1}
            relay.advance(2 * HOUR_S)
            await relay.until_states(delivered=3, cancelled=1)


async def test_under_a_daily_limit_a_transactional_mail_does_not_wait_for_the_campaign(tmp_path):
    async with Network() as network, Relay(tmp_path, network, shaping=daily(10)) as relay:
        relay.clock.freeze()
        mx = await network.receiver(2)
        network.domain("one.test", mx)
        await relay.submit("u0@one.test", **NEWS)
        await relay.until_states(delivered=1)
        for n in range(1, 60):
            await relay.submit(f"u{n}@one.test", **NEWS)
        for count in (2, 3):
            await pass_time(relay, DAY_S / 10, DAY_S / 10)
            await relay.until(lambda n=count: relay.states()["delivered"] == n)
        await relay.submit("ana@one.test")
        for count in (4, 5):
            await pass_time(relay, DAY_S / 10, DAY_S / 10)
            await relay.until(lambda n=count: relay.states()["delivered"] == n)
        assert "ana@one.test" in mx.recipients
