"""The machine's clock is set by hours while mail is queued: nothing expires, stalls or goes twice."""

import datetime as dt
import re

import pytest

from mta.delivery import clock_steps
from mta.dkim.keyfiles import KeyType, generate_key
from mta.model.errors import StoreError
from mta.model.traffic import TrafficClass
from tests.evil.behaviour import Behaviour
from tests.integration.relay import Relay
from tests.integration.relay_network import Network, Receiver

HOUR_S = 3_600.0
YEAR_S = 365 * 24 * HOUR_S
JUMPS = {"3 h on": 3 * HOUR_S, "2 h back": -2 * HOUR_S, "a year on": YEAR_S, "a year back": -YEAR_S}
every_jump = pytest.mark.parametrize("jump_s", JUMPS.values(), ids=JUMPS.keys())


@pytest.fixture(autouse=True)
def quick_look(monkeypatch) -> None:
    """The clock is looked at every fiftieth of a second."""
    monkeypatch.setattr(clock_steps, "LOOK_S", 0.02)


async def jump(relay: Relay, seconds: float) -> None:
    """Set the wall clock, and wait until the relay has taken it over."""
    relay.clock.jump(seconds)
    steady = relay.engine.foundation.clock
    await relay.until(lambda: not steady.step_ms(), "the jump is taken over")
    assert abs(steady.now_ms() - relay.clock.now_ms()) < 1_000


async def queue(relay: Relay, network: Network) -> Receiver:
    """One site on hold with mail of every class, one that defers."""
    mx = await network.receiver(2)
    busy = await network.receiver(3, Behaviour(replies={"RCPT": b"450 4.2.1 Busy\r\n"}))
    network.domain("held.test", mx)
    network.domain("busy.test", busy)
    await relay.submit("first@held.test")
    await relay.until_states(delivered=1)
    await relay.ask("queue.hold", site=mx.name)
    for klass in TrafficClass:
        await relay.submit(f"{klass.label}@held.test", klass=klass)
    await relay.submit("ana@busy.test")
    await relay.until(lambda: relay.states()["scheduled"] == 1)
    return busy


@every_jump
async def test_no_jump_expires_or_forgets_what_is_queued(tmp_path, jump_s):
    async with Network() as network, Relay(tmp_path, network) as relay:
        busy = await queue(relay, network)
        await jump(relay, jump_s)
        assert await relay.dispatcher.timekeeper.expire_now() == 0
        assert not relay.states()["expired"]
        busy.behaviour = Behaviour()
        await relay.ask("queue.release", site="mx2.test")
        await relay.until(lambda: relay.states()["delivered"] >= 5)
        relay.advance(HOUR_S)
        await relay.until_states(delivered=6)
        assert busy.recipients == ["ana@busy.test"]


@every_jump
async def test_deadlines_are_as_far_off_after_a_jump_as_before(tmp_path, jump_s):
    async with Network() as network:
        relay = Relay(tmp_path, network)
        async with relay:
            await queue(relay, network)
            await jump(relay, jump_s)
            relay.advance(14 * 60)
            assert await relay.dispatcher.timekeeper.expire_now() == 0
            relay.advance(2 * 60)
            assert await relay.dispatcher.timekeeper.expire_now() == 1
            assert relay.row("urgent@held.test")["state"] == "expired"
        async with relay:  # and after a restart, from what is on the disk
            relay.advance(23.5 * HOUR_S)
            assert await relay.dispatcher.timekeeper.expire_now() == 0
            relay.advance(HOUR_S)
            await relay.dispatcher.timekeeper.expire_now()
            assert relay.row("transactional@held.test")["state"] == "expired"


async def test_retries_come_as_soon_after_a_jump_back_as_without_it(tmp_path, monkeypatch):
    monkeypatch.setattr(clock_steps, "BATCH", 3)
    async with Network() as network, Relay(tmp_path, network, QUEUE__RETRY="10m,3h") as relay:
        busy = await network.receiver(2, Behaviour(replies={"RCPT": b"450 4.2.1 Busy\r\n"}))
        network.domain("busy.test", busy)
        names = [f"u{n}@busy.test" for n in range(10)]
        await relay.submit(*names)
        await relay.until_states(scheduled=10)
        before = {name: relay.row(name)["due_ms"] for name in names}
        await jump(relay, -2 * HOUR_S)
        moved = [before[name] - relay.row(name)["due_ms"] for name in names]
        assert (
            moved == [pytest.approx(2 * 3_600_000, abs=2)] * 10
        )  # two clocks, one after the other
        busy.behaviour = Behaviour()
        relay.advance(12 * 60)
        await relay.until_states(delivered=10)
        assert sorted(busy.recipients) == sorted(names)


async def test_a_time_that_people_chose_stays_as_they_chose_it(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await network.receiver(2)
        network.domain("one.test", mx)
        when = relay.clock.now_ms() + 3_600_000
        await relay.submit("now@one.test", klass=TrafficClass.CAMPAIGN, campaign="news")
        await relay.until_states(delivered=1)
        (flow,) = (f for f in relay.board.flows if f.name == "news")
        await relay.dispatcher.plan_flow(flow, not_before_ms=when)
        await relay.submit("next@one.test", klass=TrafficClass.CAMPAIGN, campaign="news")
        await jump(relay, -2 * HOUR_S)
        assert flow.not_before_ms == when
        relay.advance(2 * HOUR_S)
        await relay.quiet()
        assert relay.states() == {"delivered": 1, "ready": 1}
        relay.advance(1.1 * HOUR_S)
        relay.dispatcher.flow_clock._event.set()
        await relay.until_states(delivered=2)
        assert mx.recipients == ["now@one.test", "next@one.test"]


async def test_a_campaign_that_has_begun_goes_on_when_its_hour_comes_again(tmp_path):
    async with Network() as network:
        relay = Relay(tmp_path, network)
        async with relay:
            mx = await network.receiver(2)
            network.domain("one.test", mx)
            await relay.submit("a@one.test", klass=TrafficClass.CAMPAIGN, campaign="news")
            await relay.until_states(delivered=1)
            (flow,) = (f for f in relay.board.flows if f.name == "news")
            begun = relay.clock.now_ms() - 60_000
            await relay.dispatcher.plan_flow(flow, not_before_ms=begun, rate_per_hour=3_600_000)
            await relay.submit("b@one.test", klass=TrafficClass.CAMPAIGN, campaign="news")
            await relay.until_states(delivered=2)
            await jump(relay, -2 * HOUR_S)
            await relay.submit("c@one.test", klass=TrafficClass.CAMPAIGN, campaign="news")
            await relay.until_states(delivered=3)
        async with relay:
            await relay.submit("d@one.test", klass=TrafficClass.CAMPAIGN, campaign="news")
            await relay.until_states(delivered=4)
            assert mx.recipients == [f"{x}@one.test" for x in "abcd"]


async def test_a_jump_there_and_back_leaves_no_trace(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        await queue(relay, network)
        flows = {f.id: (f.held_ms, f.held_since_ms) for f in relay.board.flows}
        deadlines = dict(relay.sql("SELECT address, expires_ms FROM delivery WHERE state < 10"))
        await jump(relay, 3 * HOUR_S)
        await relay.quiet()
        await jump(relay, -3 * HOUR_S)
        assert dict(relay.sql("SELECT address, expires_ms FROM delivery WHERE state < 10")) == (
            deadlines
        )
        for flow in relay.board.flows:
            was, _ = flows[flow.id]
            assert abs(flow.held_ms - was) < 2_000


async def test_while_the_store_fails_the_old_time_holds_and_then_each_row_is_moved_once(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(clock_steps, "BATCH", 1)
    async with Network() as network, Relay(tmp_path, network) as relay:
        busy = await network.receiver(2, Behaviour(replies={"RCPT": b"450 4.2.1 Busy\r\n"}))
        network.domain("busy.test", busy)
        await relay.submit("ana@busy.test", "ben@busy.test")
        await relay.until_states(scheduled=2)
        before = {n: relay.row(n)["due_ms"] for n in ("ana@busy.test", "ben@busy.test")}
        gate = relay.store.gate("flow_clock_step")
        relay.store.fail("flow_clock_step", StoreError("disk full"), times=3)
        relay.clock.jump(-2 * HOUR_S)
        await relay.until(lambda: relay.store.gated, "three failures later it is tried again")
        assert relay.engine.foundation.clock.now_ms() - relay.clock.now_ms() > 7_000_000
        gate.set()
        await relay.until(lambda: not relay.engine.foundation.clock.step_ms())
        moved = [b - relay.row(n)["due_ms"] for n, b in before.items()]
        assert moved == [pytest.approx(7_200_000, abs=2)] * 2


async def test_history_is_not_dropped_by_a_jump_forward(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        network.domain("one.test", await network.receiver(2))
        await relay.submit("ana@one.test")
        await relay.until_states(delivered=1)
        await jump(relay, YEAR_S)
        keeper = relay.engine.housekeeping
        await keeper.sweep_now()
        assert relay.states() == {"delivered": 1}
        relay.advance(25 * HOUR_S)
        await keeper.sweep_now()
        assert not relay.states(), "a day later it is believed"
        relay.audits = False  # what was accepted is not there any more


async def test_a_signature_made_after_a_jump_tells_the_time_of_then(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await network.receiver(2)
        network.domain("one.test", mx)
        (tmp_path / "keys").mkdir(exist_ok=True)
        generate_key(
            tmp_path / "keys", "sender.test", today=dt.date(2026, 11, 1), key_type=KeyType.ED25519
        )
        relay.engine.reload()
        await jump(relay, 3 * HOUR_S)
        await relay.submit("ana@one.test")
        await relay.until_states(delivered=1)
        (stamp,) = re.findall(rb"[; ]t=([0-9]+)", mx.received[0].content)
        assert abs(int(stamp) - relay.clock.now_ms() / 1000) < 60
