"""Mail that finds a free connection is claimed by the transaction that accepts it."""

import asyncio
import itertools

import pytest

from mta.model.errors import JobRefused, StoreError
from mta.model.traffic import TrafficClass
from tests.evil.behaviour import Behaviour
from tests.integration.relay import Relay
from tests.integration.relay_network import Network


async def prepared(relay: Relay, network: Network, **behaviour: object):
    """The site mx2.test is known, and a connection to it is open and idle."""
    mx = await network.receiver(2, Behaviour(**behaviour))
    network.domain("one.test", mx)
    await relay.submit("first@one.test")
    await relay.until_states(delivered=1)
    await relay.quiet()
    relay.store.submitted.clear()
    return mx


def claims(relay: Relay) -> int:
    return sum(rows for name, rows in relay.store.submitted if name == "delivery_claim")


async def test_an_idle_connection_takes_mail_without_a_claim_of_its_own(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        await prepared(relay, network)
        for n in range(5):
            await relay.submit(f"u{n}@one.test")
            await relay.until_states(delivered=2 + n)
        assert claims(relay) == 0


async def test_nothing_is_written_to_the_connection_before_the_mail_is_on_disk(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await prepared(relay, network)
        accepting = relay.store.gate("message_insert")
        handed_in = relay.hand_in("ana@one.test")
        await relay.until(lambda: relay.store.gated)
        await asyncio.sleep(0)
        assert "ana@one.test" not in mx.recipients
        accepting.set()
        await handed_in
        await relay.until_states(delivered=2)


async def test_a_hold_while_the_mail_is_being_accepted_keeps_it(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await prepared(relay, network)
        accepting = relay.store.gate("message_insert")
        handed_in = relay.hand_in("ana@one.test")
        await relay.until(lambda: relay.store.gated)
        await relay.ask("queue.hold", account="7")
        accepting.set()
        await handed_in
        await relay.until_states(delivered=1, ready=1)
        assert "ana@one.test" not in mx.recipients
        await relay.ask("queue.release", account="7")
        await relay.until_states(delivered=2)


@pytest.mark.parametrize("error", [StoreError("disk full"), JobRefused("guard")])
async def test_mail_that_is_not_accepted_gives_its_connection_back(tmp_path, error):
    shaping = "[default]\nconnections_start = 1\nconnections_max = 1\n"
    async with Network() as network, Relay(tmp_path, network, shaping=shaping) as relay:
        mx = await prepared(relay, network)
        for n in range(4):  # more than one connection has slots
            relay.store.fail("message_insert", error)
            with pytest.raises(AssertionError):
                await relay.submit(f"lost{n}@one.test")
        await relay.submit("ana@one.test")
        await relay.until_states(delivered=2)
        assert not any("lost" in address for address in mx.recipients)
        assert relay.dispatcher.board.content_bytes == 0
        assert not relay.dispatcher.board.loaded


async def test_at_most_two_attempts_wait_for_one_connection(tmp_path):
    shaping = "[default]\nconnections_start = 1\nconnections_max = 1\n"
    async with Network() as network, Relay(tmp_path, network, shaping=shaping) as relay:
        await prepared(relay, network)
        settling = relay.store.gate("delivery_settle")
        for n in range(5):
            await relay.submit(f"u{n}@one.test")
        await relay.until_states(delivered=1, claimed=2, ready=3)
        settling.set()
        await relay.until_states(delivered=6)


async def test_the_connection_ending_meanwhile_makes_the_mail_ready_again(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await prepared(relay, network)
        accepting = relay.store.gate("message_insert")
        handed_in = relay.hand_in("ana@one.test")
        await relay.until(lambda: relay.store.gated)
        mx.drop()
        await relay.until(lambda: not relay.dispatcher.lanes.connections_open)
        accepting.set()
        await handed_in
        await relay.until_states(delivered=2)
        assert len(relay.events("ana@one.test")) == 1, "no attempt was told that was none"


async def test_a_rate_holds_for_mail_that_would_go_straight_out(tmp_path):
    shaping = "[default]\nmessages_per_minute = 1\n"
    async with Network() as network, Relay(tmp_path, network, shaping=shaping) as relay:
        await prepared(relay, network)
        for n in range(3):
            await relay.submit(f"u{n}@one.test")
        await relay.quiet()
        assert relay.states()["claimed"] == 0
        assert relay.states()["ready"] >= 2


async def test_mail_of_all_classes_goes_and_comes_in_order_of_its_flow(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await prepared(relay, network)
        klasses = itertools.cycle((TrafficClass.TRANSACTIONAL, TrafficClass.AUTOMATED))
        for n, klass in zip(range(20), klasses, strict=False):
            await relay.submit(f"u{n}@one.test", klass=klass)
        await relay.until_states(delivered=21)
        assert len(mx.received) == 21
