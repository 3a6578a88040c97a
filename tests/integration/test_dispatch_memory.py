"""What is in memory is bounded, and what is not in memory is found again."""

import pytest

from mta.delivery import board, refill
from mta.model.traffic import TrafficClass
from tests.integration.relay import Relay
from tests.integration.relay_network import Network, Receiver


async def site_on_hold(relay: Relay, network: Network, number: int = 2) -> Receiver:
    """The site mxN.test is known and on hold; mail for dN.test goes there."""
    mx = await network.receiver(number)
    network.domain(f"d{number}.test", mx)
    await relay.submit(f"first@d{number}.test")
    await relay.until(lambda: mx.received)
    await relay.quiet()
    await relay.ask("queue.hold", site=mx.name)
    return mx


async def test_mail_that_arrives_while_a_window_is_read_does_not_hide_older_mail(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await site_on_hold(relay, network)
        await relay.ask("queue.hold", account="7")
        for n in range(120):
            await relay.submit(f"old{n}@d2.test")
        reading = relay.store.gate("window")
        await relay.ask("queue.release", account="7")
        await relay.until(lambda: relay.store.gated, "the window is being read")
        for n in range(10):
            await relay.submit(f"new{n}@d2.test")
        reading.set()
        await relay.ask("queue.release", site=mx.name)
        await relay.until_states(delivered=131)


async def test_mail_of_a_held_flow_is_not_read(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        await site_on_hold(relay, network)
        await relay.ask("queue.hold", account="7")
        before = relay.store.reads.count("window")
        for n in range(20):
            await relay.submit(f"u{n}@d2.test")
        await relay.quiet()
        assert relay.store.reads.count("window") == before
        assert not relay.board.loaded
        await relay.ask("queue.release", account="7")
        await relay.ask("queue.release", site="mx2.test")
        await relay.until_states(delivered=21)


async def test_mail_that_ends_while_its_window_is_read_is_not_taken_into_it(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        await site_on_hold(relay, network)
        await relay.ask("queue.hold", account="7")
        ended = await relay.submit(*(f"ended{n}@d2.test" for n in range(20)))
        await relay.submit(*(f"u{n}@d2.test" for n in range(20)))
        reading = relay.store.gate("window")
        await relay.ask("queue.release", account="7")
        await relay.until(lambda: relay.store.gated, "the window is being read")
        assert await relay.ask("queue.cancel", id=str(ended)) == {"changed": 20}
        reading.set()
        await relay.quiet()
        in_memory = {d.address for d in relay.board.loaded.values()}
        assert in_memory == {f"u{n}@d2.test" for n in range(20)}
        await relay.ask("queue.release", site="mx2.test")
        await relay.until_states(delivered=21, cancelled=20)


async def test_a_flow_that_is_held_while_its_window_is_read_stays_on_disk(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        await site_on_hold(relay, network)
        await relay.ask("queue.hold", account="7")
        for n in range(20):
            await relay.submit(f"u{n}@d2.test")
        reading = relay.store.gate("window")
        await relay.ask("queue.release", account="7")
        await relay.until(lambda: relay.store.gated, "the window is being read")
        await relay.ask("queue.hold", account="7")
        reading.set()
        await relay.quiet()
        assert not relay.board.loaded
        await relay.ask("queue.release", account="7")
        await relay.ask("queue.release", site="mx2.test")
        await relay.until_states(delivered=21)


async def test_a_site_on_hold_that_fills_the_memory_stops_no_other_site(tmp_path, monkeypatch):
    monkeypatch.setattr(board, "MAX_LOADED", 10)
    async with Network() as network, Relay(tmp_path, network) as relay:
        await site_on_hold(relay, network)
        other = await network.receiver(3)
        network.domain("d3.test", other)
        for n in range(30):
            await relay.submit(f"u{n}@d2.test")
        assert len(relay.board.loaded) <= 10 + refill.LEAST
        for n in range(40):
            await relay.submit(f"u{n}@d3.test")
        await relay.until(lambda: len(other.received) == 40, "mail to the other site")
        assert len(relay.board.loaded) <= 10 + 2 * refill.LEAST
        await relay.ask("queue.release", site="mx2.test")
        await relay.until_states(delivered=71)


async def test_many_flows_with_little_memory_all_get_through(tmp_path, monkeypatch):
    monkeypatch.setattr(board, "MAX_LOADED", 5)
    async with Network() as network, Relay(tmp_path, network) as relay:
        for number in (2, 3, 4):
            network.domain(f"d{number}.test", await network.receiver(number))
        for n in range(30):
            for number in (2, 3, 4):
                await relay.submit(
                    f"u{n}@d{number}.test",
                    account=n % 3 + 1,
                    campaign=f"c{n % 4}",
                    klass=TrafficClass(n % 2 * 3),
                )
        await relay.until_states(delivered=90)


@pytest.mark.parametrize("held", [0, 3000])
async def test_bodies_that_do_not_fit_into_memory_are_read_from_disk(tmp_path, monkeypatch, held):
    monkeypatch.setattr(board, "MAX_CONTENT_BYTES", held)
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await site_on_hold(relay, network)
        for n in range(25):
            await relay.submit(f"u{n}@d2.test", f"v{n}@d2.test", body=f"body {n} {'x' * 500}\r\n")
        assert relay.board.content_bytes <= held
        await relay.ask("queue.release", site="mx2.test")
        await relay.until_states(delivered=51)
        bodies = {m.content.rpartition(b"\r\n\r\n")[2][:8].split()[1] for m in mx.received[1:]}
        assert bodies == {str(n).encode() for n in range(25)}


async def test_windows_are_refilled_from_disk_to_the_last_row(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await site_on_hold(relay, network)
        await relay.ask("queue.hold", account="7")
        for n in range(15):
            await relay.submit(*(f"u{n}-{k}@d2.test" for k in range(20)), body=f"{n}\r\n")
        await relay.ask("queue.release", account="7")
        await relay.ask("queue.release", site="mx2.test")
        await relay.until_states(delivered=301)
        assert len(set(mx.recipients)) == 301


async def test_after_a_restart_what_is_ready_is_read_in_windows(tmp_path):
    async with Network() as network:
        relay = Relay(tmp_path, network)
        async with relay:
            await site_on_hold(relay, network)
            for n in range(130):
                await relay.submit(f"u{n}@d2.test")
        async with relay:
            await relay.ask("queue.release", site="mx2.test")
            await relay.until_states(delivered=131)


async def test_idle_streams_are_forgotten_and_their_mail_still_goes(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await site_on_hold(relay, network)
        await relay.ask("queue.release", site=mx.name)
        for n in range(5):
            await relay.submit(f"u{n}@d2.test")
            await relay.until(lambda: len(mx.received) == n + 2)  # noqa: B023
            await relay.quiet()
            relay.board.forget_idle()
        assert not any(site.streams for site in relay.board.sites.values())


async def test_sites_without_mail_are_forgotten_and_begin_anew(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await network.receiver(2)
        lanes = relay.dispatcher.lanes
        for n in range(20):
            network.domain(f"d{n}.test", mx)
            network.dns.set(f"h{n}.test", A=mx.host)
            network.domain(f"d{n}.test", f"h{n}.test")
            await relay.submit(f"u@d{n}.test")
        await relay.until_states(delivered=20)
        await relay.quiet()
        relay.clock.advance(100)
        await lanes.sweep_now()
        await relay.until(lambda: not lanes.connections_open)
        await lanes.sweep_now()
        assert len(lanes.by_site) == 20, "what was just used stays"
        relay.clock.advance(700)
        await lanes.sweep_now()
        assert not lanes.by_site
        assert not relay.board.sites
        await relay.submit("again@d3.test")
        await relay.until_states(delivered=21)


async def test_a_site_on_hold_or_slowed_down_is_not_forgotten_wrongly(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await site_on_hold(relay, network)
        lanes = relay.dispatcher.lanes
        await relay.submit("u@d2.test")
        relay.clock.advance(1000)
        await lanes.sweep_now()
        await relay.until(lambda: not lanes.connections_open)
        relay.clock.advance(1000)
        await lanes.sweep_now()
        await relay.quiet()
        assert len(mx.received) == 1
        await relay.ask("queue.release", site=mx.name)
        await relay.until_states(delivered=2)
