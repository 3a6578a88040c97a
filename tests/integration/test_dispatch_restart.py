"""Stops, crashes and lost connections: nothing is lost, and what may come twice is told."""

import asyncio
import re

import pytest

from tests.evil.behaviour import Behaviour, Fault
from tests.integration.relay import Relay
from tests.integration.relay_network import Network

MESSAGE_ID = re.compile(rb"^Message-ID: *(\S+)", re.MULTILINE | re.IGNORECASE)


async def test_a_connection_lost_after_the_dot_is_uncertain_and_tried_again_later(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await network.receiver(2, Behaviour(faults={"DOT": Fault.DROP}))
        network.domain("one.test", mx)
        await relay.send("ana@one.test")
        await relay.until_states(scheduled=1)
        row = relay.row("ana@one.test")
        (event,) = relay.events("ana@one.test")
        assert event["uncertain"] is True
        assert abs(row["due_ms"] - relay.clock.now_ms() - 900_000) < 60_000
        mx.behaviour = Behaviour()
        relay.advance(600)
        await relay.quiet()
        assert len(mx.received) == 1
        relay.advance(301)
        await relay.until_states(delivered=1)
        first, second = (MESSAGE_ID.search(m.content)[1] for m in mx.received)
        assert first == second, "the same Message-ID, so that the recipient's server can tell"


async def test_rows_claimed_at_a_crash_are_uncertain_and_told(tmp_path):
    async with Network() as network:
        relay = Relay(tmp_path, network)
        mx = await network.receiver(2, Behaviour(faults={"DOT": Fault.NEVER_REPLY}))
        network.domain("one.test", mx)
        async with relay:
            for n in range(5):
                await relay.submit(f"u{n}@one.test")
            await relay.until(lambda: mx.received)
            await relay.until(lambda: relay.states()["claimed"] >= 2)
            await relay.kill()
            claimed = relay.states()["claimed"]
        mx.drop()
        mx.behaviour = Behaviour()
        async with relay:
            await relay.until_states(scheduled=claimed, delivered=5 - claimed)
            addresses = relay.sql("SELECT address FROM delivery WHERE state = 0")
            for (address,) in addresses:
                (event,) = relay.events(address)
                assert event["uncertain"] is True
                assert "Interrupted" in event["reply"]
                assert abs(relay.row(address)["due_ms"] - relay.clock.now_ms() - 900_000) < 60_000
            # The server log is written behind the loop, a few times a second.
            await relay.until(lambda: any("uncertain" in e["event"] for e in relay.log()))
            relay.advance(901)
            await relay.until_states(delivered=5)


async def test_a_crash_under_load_loses_nothing(tmp_path):
    async with Network() as network:
        relay = Relay(tmp_path, network)
        receivers = [await network.receiver(n) for n in (2, 3)]
        for number, receiver in enumerate(receivers):
            network.domain(f"d{number}.test", receiver)
        promised = []

        async def load() -> None:
            for n in range(10_000):
                address = f"u{n}@d{n % 2}.test"
                await relay.submit(address)
                promised.append(address)

        async with relay:
            loading = [asyncio.create_task(load())]
            await relay.until(lambda: sum(len(r.received) for r in receivers) > 100)
            await relay.kill()
            loading[0].cancel()
            await asyncio.gather(*loading, return_exceptions=True)
        for receiver in receivers:
            receiver.drop()
        (relay.accepted,) = relay.sql("SELECT count(*) FROM delivery")[0]
        async with relay:
            uncertain = relay.states()["scheduled"]
            await relay.until(lambda: not relay.states()["ready"] + relay.states()["claimed"])
            relay.advance(901)
            await relay.until(lambda: set(relay.states()) == {"delivered"})
            taken = [r for receiver in receivers for r in receiver.recipients]
            assert set(promised) <= set(taken)
            assert len(taken) - len(set(taken)) <= uncertain


@pytest.mark.parametrize("seed", range(3))
async def test_a_graceful_stop_under_load_loses_and_doubles_nothing(tmp_path, seed):
    async with Network() as network:
        relay = Relay(tmp_path, network)
        receivers = [await network.receiver(n) for n in (2, 3)]
        for number, receiver in enumerate(receivers):
            network.domain(f"d{number}.test", receiver)
        async with relay:
            for n in range(150):
                await relay.submit(f"u{n}@d{n % 2}.test", f"v{n}@d{n % 2}.test")
            await relay.until(lambda: sum(len(r.received) for r in receivers) > 20 + 15 * seed)
            await relay.stop()
            assert not relay.states()["claimed"]
            assert not relay.states()["scheduled"], "nothing uncertain"
        async with relay:
            await relay.until_states(delivered=300)
            taken = [r for receiver in receivers for r in receiver.recipients]
            assert len(taken) == len(set(taken)) == 300


async def test_a_stop_does_not_wait_for_a_server_that_is_silent(tmp_path, monkeypatch):
    monkeypatch.setattr("mta.engine.engine.DELIVERY_STOP_S", 0.3)
    async with Network() as network:
        relay = Relay(tmp_path, network)
        mx = await network.receiver(2, Behaviour(faults={"DOT": Fault.NEVER_REPLY}))
        network.domain("one.test", mx)
        async with relay:
            for n in range(4):
                await relay.submit(f"u{n}@one.test")
            await relay.until(lambda: mx.received and relay.states()["claimed"] >= 2)
            await relay.stop()
        states = relay.states()
        assert not states["claimed"], "what was under way is settled as uncertain"
        assert states["scheduled"] >= 1
        assert states.total() == 4
        mx.drop()
        mx.behaviour = Behaviour()
        async with relay:
            relay.advance(901)
            await relay.until_states(delivered=4)


async def test_a_second_stop_waits_for_no_client_and_no_receiver(tmp_path, monkeypatch):
    monkeypatch.setattr("mta.engine.engine.LISTENER_STOP_S", 3_600)
    monkeypatch.setattr("mta.engine.engine.DELIVERY_STOP_S", 3_600)
    async with Network() as network:
        relay = Relay(tmp_path, network)
        mx = await network.receiver(2, Behaviour(faults={"DOT": Fault.NEVER_REPLY}))
        network.domain("one.test", mx)
        async with relay:
            await relay.submit("ana@one.test")
            await relay.until(lambda: mx.received and relay.states()["claimed"] == 1)
            reader, writer = await asyncio.open_connection(*relay.engine.listener.addresses[0])
            await reader.readline()
            writer.write(b"EHLO client.test\r\nMAIL FROM:<app@one.test>\r\n")
            stopping = asyncio.create_task(relay.stop())
            await relay.until(lambda: any(e["event"] == "stopping" for e in relay.log()))
            assert not stopping.done()
            relay.engine.stop()
            await stopping
            writer.close()
        assert relay.states() == {"scheduled": 1}, "settled as uncertain"
        mx.drop()
        mx.behaviour = Behaviour()
        async with relay:
            relay.advance(901)
            await relay.until_states(delivered=1)


async def test_a_stop_while_the_store_is_slow_leaves_nothing_claimed(tmp_path):
    async with Network() as network:
        relay = Relay(tmp_path, network)
        mx = await network.receiver(2)
        network.domain("one.test", mx)
        async with relay:
            claiming = relay.store.gate("delivery_claim")
            for n in range(4):
                await relay.submit(f"u{n}@one.test")
            await relay.until(lambda: relay.store.gated)
            stopping = asyncio.create_task(relay.stop())
            await asyncio.sleep(0)
            claiming.set()
            await stopping
        assert relay.states() == {"ready": 4}
        async with relay:
            await relay.until_states(delivered=4)


async def test_a_connection_dropped_before_the_dot_is_tried_again(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await network.receiver(2, Behaviour(faults={"DATA": Fault.RESET}))
        network.domain("one.test", mx)
        await relay.submit("ana@one.test")
        await relay.until_states(scheduled=1)
        assert not relay.row("ana@one.test")["flags"] & 1, "not uncertain"
        mx.behaviour = Behaviour()
        relay.advance(600)
        await relay.until_states(delivered=1)


async def test_a_stop_waits_for_claims_that_the_store_is_still_writing(tmp_path, monkeypatch):
    monkeypatch.setattr("mta.engine.engine.DELIVERY_STOP_S", 0.2)
    async with Network() as network:
        relay = Relay(tmp_path, network)
        network.domain("one.test", await network.receiver(2))
        async with relay:
            claiming = relay.store.gate("delivery_claim")
            for n in range(4):
                await relay.submit(f"u{n}@one.test")
            await relay.until(lambda: relay.store.gated)
            stopping = asyncio.create_task(relay.stop())
            await relay.until(
                lambda: any("stop deadline" in e["event"] for e in relay.log()), "deadline"
            )
            claiming.set()
            await stopping
        assert relay.states() == {"ready": 4}
        async with relay:
            await relay.until_states(delivered=4)
