"""Flows are steered while their mail is anywhere: waiting, picked, parked, scheduled, on its way."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from mta.model.traffic import TrafficClass
from tests.evil.behaviour import Behaviour, Fault
from tests.integration.relay import Relay
from tests.integration.relay_network import Network

HOUR_S = 3600.0


async def prepared(relay: Relay, network: Network, **behaviour: object):
    """The site mx2.test is known; mail for one.test goes there."""
    mx = await network.receiver(2, Behaviour(**behaviour))
    network.domain("one.test", mx)
    await relay.submit("first@one.test")
    await relay.until_states(delivered=1)
    await relay.quiet()
    return mx


async def test_a_hold_stops_mail_that_is_claimed_and_not_sent(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await prepared(relay, network)
        relay.queue_everything()
        claiming = relay.store.gate("delivery_claim")
        for n in range(5):
            await relay.submit(f"u{n}@one.test")
        await relay.until(lambda: relay.store.gated)
        await relay.ask("queue.hold", account="7")
        claiming.set()
        await relay.until_states(delivered=1, ready=5)
        await relay.quiet()
        assert len(mx.received) == 1
        assert not relay.board.loaded
        await relay.ask("queue.release", account="7")
        await relay.until_states(delivered=6)
        assert {row[0] for row in relay.sql("SELECT attempts FROM delivery")} == {1}


async def test_a_hold_of_a_site_stops_mail_that_is_claimed_and_not_sent(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await prepared(relay, network)
        relay.queue_everything()
        claiming = relay.store.gate("delivery_claim")
        for n in range(5):
            await relay.submit(f"u{n}@one.test")
        await relay.until(lambda: relay.store.gated)
        await relay.ask("queue.hold", site="mx2.test")
        claiming.set()
        await relay.until_states(delivered=1, ready=5)
        assert len(mx.received) == 1
        await relay.ask("queue.release", site="mx2.test")
        await relay.until_states(delivered=6)


async def test_a_cancelled_campaign_ends_in_every_state(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        await prepared(relay, network)
        news = {"campaign": "news", "klass": TrafficClass.CAMPAIGN}
        await relay.submit("later1@one.test", **news)
        await relay.until_states(delivered=1, scheduled=1)
        relay.queue_everything()
        claiming = relay.store.gate("delivery_claim")
        for n in range(30):
            await relay.submit(f"u{n}@one.test", **news)
        network.dns.pause()
        await relay.submit("ana@unknown.test", **news)
        await relay.until(lambda: relay.store.gated)
        await relay.ask("queue.cancel", campaign="news")
        claiming.set()
        await relay.until_states(delivered=1, cancelled=32)
        network.dns.resume()
        await relay.quiet()


async def test_mail_for_a_cancelled_campaign_is_refused(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await prepared(relay, network)
        news = {"campaign": "news", "klass": TrafficClass.CAMPAIGN}
        await relay.submit("early@one.test", **news)
        await relay.until_states(delivered=2)
        await relay.ask("queue.cancel", campaign="news")
        with pytest.raises(AssertionError, match="was cancelled"):
            await relay.submit("late@one.test", **news)
        assert relay.states()["cancelled"] == 0
        assert "late@one.test" not in mx.recipients


async def test_single_deliveries_are_cancelled_wherever_they_wait(tmp_path):
    shaping = """\
[default]
connections_start = 1
connections_max = 1
[[provider]]
name = "big"
mx = ["*.big.test"]
samples = ["a.big.test"]
"""
    async with Network() as network, Relay(tmp_path, network, shaping=shaping) as relay:
        faults = {"DOT": Fault.NEVER_REPLY}
        busy = await network.receiver(2, Behaviour(faults=faults))
        network.dns.set("a.big.test", A=busy.host)
        network.dns.set("b.big.test", A="127.0.0.3")
        network.domain("a.test", "a.big.test")
        network.domain("b.test", "b.big.test")
        await relay.submit("ana@a.test")
        await relay.until(lambda: busy.received)
        parked = await relay.submit("ben@b.test")
        await relay.until(lambda: any(lane.picker.parked for lane in relay.lanes()))
        network.dns.pause()
        unresolved = await relay.submit("cyd@unknown.test")
        for message in (parked, unresolved):
            assert await relay.ask("queue.cancel", id=str(message)) == {"changed": 1}
        assert relay.states() == {"claimed": 1, "cancelled": 2}
        network.dns.resume()
        faults.clear()
        busy.drop()
        await relay.until_states(scheduled=1, cancelled=2)


async def test_single_deliveries_are_held_and_released(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await prepared(relay, network)
        await relay.ask("queue.hold", site="mx2.test")
        kept = await relay.submit("kept@one.test")
        await relay.quiet()
        assert await relay.ask("queue.hold", id=str(kept)) == {"changed": 1}
        assert not relay.board.sites[relay.row("kept@one.test")["site"]].waiting
        relay.advance(48 * HOUR_S)
        await relay.dispatcher.timekeeper.expire_now()
        await relay.quiet()
        assert relay.row("kept@one.test")["state"] == "scheduled"
        assert len(mx.received) == 1
        await relay.ask("queue.release", site="mx2.test")
        await relay.until_states(delivered=2)


async def test_a_hold_taken_in_the_moment_of_the_claim_wins_or_loses_whole(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        await prepared(relay, network)
        claiming = relay.store.gate("delivery_claim")
        kept = await relay.submit("kept@one.test", "other@one.test")
        await relay.until(lambda: relay.store.gated)
        (held,) = relay.sql("SELECT id FROM delivery WHERE address = 'kept@one.test'")[0]
        assert await relay.ask("queue.hold", id=str(held)) == {"changed": 1}
        claiming.set()
        await relay.until_states(delivered=2, scheduled=1)
        assert relay.row("kept@one.test")["state"] == "scheduled"
        await relay.ask("queue.release", id=str(kept))
        await relay.until_states(delivered=3)


async def test_retry_sends_now_what_was_put_off(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await prepared(
            relay, network, replies={"MAIL": b"451 4.3.2 Not now\r\n"}, from_message=1
        )
        await relay.submit("ana@one.test")
        await relay.until_states(delivered=1, scheduled=1)
        mx.behaviour = Behaviour()
        mx.drop()
        await relay.ask("queue.retry", account="7")
        await relay.until_states(delivered=2)


async def test_held_mail_stays_held_over_a_restart(tmp_path):
    async with Network() as network:
        relay = Relay(tmp_path, network)
        async with relay:
            mx = await prepared(relay, network)
            await relay.ask("queue.hold", account="7")
            await relay.submit("ana@one.test")
        async with relay:
            await relay.quiet()
            assert relay.states() == {"delivered": 1, "ready": 1}
            assert len(mx.received) == 1
            await relay.ask("queue.release", account="7")
            await relay.until_states(delivered=2)


async def test_a_held_site_stays_held_over_a_restart(tmp_path):
    async with Network() as network:
        relay = Relay(tmp_path, network)
        async with relay:
            mx = await prepared(relay, network)
            await relay.ask("queue.hold", site="mx2.test")
            await relay.submit("ana@one.test")
        async with relay:
            await relay.quiet()
            assert len(mx.received) == 1
            await relay.ask("queue.release", site="mx2.test")
            await relay.until_states(delivered=2)


async def test_a_header_schedules_mail(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await prepared(relay, network)
        at = datetime.fromtimestamp(relay.clock.now_ms() / 1000, UTC) + timedelta(hours=2)
        await relay.send("ana@one.test", X_Relevo_Send_At=at.isoformat())
        await relay.until_states(delivered=1, scheduled=1)
        relay.advance(HOUR_S)
        await relay.quiet()
        assert len(mx.received) == 1
        relay.advance(HOUR_S + 5)
        await relay.until_states(delivered=2)
        assert b"X-Relevo" not in mx.received[1].content


@pytest.mark.parametrize("parameter", ["HOLDFOR=7200", "HOLDUNTIL={}"])
async def test_future_release_schedules_mail(tmp_path, parameter):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await prepared(relay, network)
        at = datetime.fromtimestamp(relay.clock.now_ms() // 1000 + 7200, UTC)
        until = at.isoformat().replace("+00:00", "Z")
        await relay.send("ana@one.test", mail=[parameter.format(until)])
        await relay.until_states(delivered=1, scheduled=1)
        relay.advance(HOUR_S)
        await relay.quiet()
        assert len(mx.received) == 1
        relay.advance(HOUR_S + 5)
        await relay.until_states(delivered=2)


async def test_scheduled_mail_goes_at_its_time_after_a_restart(tmp_path):
    async with Network() as network:
        relay = Relay(tmp_path, network)
        async with relay:
            await prepared(relay, network)
            at = datetime.fromtimestamp(relay.clock.now_ms() / 1000, UTC) + timedelta(hours=2)
            await relay.send("ana@one.test", X_Relevo_Send_At=at.isoformat())
        relay.clock.advance(2 * HOUR_S + 5)
        async with relay:
            await relay.until_states(delivered=2)


async def test_an_idempotency_key_is_carried_out_once(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await prepared(relay, network)
        first = await relay.send("ana@one.test", X_Relevo_Idempotency_Key="k1")
        second = await relay.send("ana@one.test", X_Relevo_Idempotency_Key="k1")
        relay.accepted -= 1
        assert first == second
        await relay.until_states(delivered=2)
        assert len(mx.received) == 2


async def test_tenants_share_a_site_fairly(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await prepared(relay, network)
        await relay.ask("queue.hold", site="mx2.test")
        for n in range(150):
            await relay.submit(f"big{n}@one.test", account=8)
        for n in range(10):
            await relay.submit(f"small{n}@one.test", account=9)
        await relay.ask("queue.release", site="mx2.test")
        await relay.until_states(delivered=161)
        last = max(i for i, r in enumerate(mx.recipients) if r.startswith("small"))
        assert last < 60, "the small tenant does not wait for the big one"


async def test_events_tell_the_history_of_a_delivery(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        await prepared(relay, network)
        await relay.submit("later1@one.test")
        await relay.until_states(delivered=1, scheduled=1)
        (event,) = relay.events("later1@one.test")
        assert event["reply"] == "450 4.2.1 Mailbox busy"
        assert event["phase"] == "rcpt"
        assert event["host"] == "mx2.test[127.0.0.2]"
        assert event["due_ms"] == relay.row("later1@one.test")["due_ms"]
        assert json.dumps(event)


async def test_mail_that_becomes_due_in_the_moment_of_the_cancelling_is_cancelled(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        await prepared(relay, network)
        await relay.submit("later1@one.test", campaign="news", klass=TrafficClass.CAMPAIGN)
        await relay.until_states(delivered=1, scheduled=1)
        reading = relay.store.gate("flow_open_rows")
        await relay.ask("queue.cancel", campaign="news")
        await relay.until(lambda: relay.store.gated)
        relay.advance(600)
        await relay.until_states(delivered=1, ready=1)
        reading.set()
        await relay.until_states(delivered=1, cancelled=1)


async def test_a_flow_waits_for_its_hour_and_then_goes_without_being_asked(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await prepared(relay, network)
        news = {"campaign": "news", "klass": TrafficClass.CAMPAIGN}
        await relay.submit("first@one.test", **news)
        await relay.until_states(delivered=2)
        flow = next(f for f in relay.engine.foundation.flows if f.name == "news")
        now_ms = relay.engine.foundation.clock.now_ms()
        dispatcher = relay.engine.delivery.dispatcher
        await dispatcher.plan_flow(flow, not_before_ms=now_ms + 3_600_000)
        await relay.submit("second@one.test", **news)
        await relay.quiet()
        assert relay.row("second@one.test")["state"] == "ready"
        assert "second@one.test" not in mx.recipients
        await dispatcher.plan_flow(flow, not_before_ms=now_ms + 200)
        await relay.until_states(delivered=3)


async def test_at_a_campaigns_end_what_was_never_tried_is_cancelled(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        await prepared(relay, network)
        news = {"campaign": "news", "klass": TrafficClass.CAMPAIGN}
        await relay.submit("first@one.test", **news)
        await relay.until_states(delivered=2)
        flow = next(f for f in relay.engine.foundation.flows if f.name == "news")
        now_ms = relay.engine.foundation.clock.now_ms()
        dispatcher = relay.engine.delivery.dispatcher
        await dispatcher.plan_flow(flow, not_before_ms=now_ms + 3_600_000)
        await relay.submit("never@one.test", **news)
        await dispatcher.plan_flow(flow, not_before_ms=now_ms + 3_600_000, end_ms=now_ms + 1)
        await relay.until_states(delivered=2, cancelled=1)
