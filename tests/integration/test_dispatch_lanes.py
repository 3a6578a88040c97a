"""Connections, their limits, and what shares a transaction."""

import asyncio

import pytest

from mta.model.traffic import TrafficClass
from tests.evil.behaviour import Behaviour, Fault
from tests.integration.relay import Relay
from tests.integration.relay_network import Network, Receiver

HOUR_S = 3600.0


def limits(**values: object) -> str:
    lines = [f"{key} = {value!r}" for key, value in values.items()]
    return "\n".join(["[default]", *lines, ""])


async def hold_until_all_are_in(relay: Relay, mx: Receiver, submit) -> None:
    """Deliver one message first, then release many at once, so that windows decide."""
    mx.network.domain("one.test", mx)
    await relay.submit("first@one.test")
    await relay.until(lambda: mx.received)
    await relay.quiet()
    await relay.ask("queue.hold", site=mx.name)
    await submit()
    await relay.ask("queue.release", site=mx.name)


async def test_a_connection_carries_so_many_messages_and_no_more(tmp_path):
    shaping = limits(connections_start=2, connections_max=2, messages_per_connection=3)
    async with Network() as network, Relay(tmp_path, network, shaping=shaping) as relay:
        mx = await network.receiver(2)
        network.domain("one.test", mx)
        for n in range(20):
            await relay.submit(f"u{n}@one.test")
        await relay.until_states(delivered=20)
        assert max(d.messages for d in mx.dialogues) == 3
        await relay.until(
            lambda: all("QUIT" in d.commands for d in mx.dialogues if d.messages == 3)
        )


async def test_no_more_connections_than_the_limit_are_open(tmp_path):
    shaping = limits(connections_start=3, connections_max=3, messages_per_connection=2)
    async with Network() as network, Relay(tmp_path, network, shaping=shaping) as relay:
        mx = await network.receiver(2)
        seen: list[int] = []
        accept = mx._accept

        async def counted(reader, writer):
            seen.append(len(mx._tasks) + 1)
            await accept(reader, writer)

        mx._accept = counted
        network.domain("one.test", mx)
        mx._server.close()
        await mx.__aenter__()
        for n in range(40):
            await relay.submit(f"u{n}@one.test")
        await relay.until_states(delivered=40)
        # A connection that has said QUIT may still be closing at the other end.
        assert max(seen) <= 3 + 3


async def test_a_rate_holds_while_time_stands_still(tmp_path):
    shaping = limits(connections_start=4, connections_max=4, messages_per_hour=100)
    async with Network() as network, Relay(tmp_path, network, shaping=shaping) as relay:
        mx = await network.receiver(2)
        relay.clock.freeze()
        network.domain("one.test", mx)
        for n in range(30):
            await relay.submit(f"u{n}@one.test")
        await relay.until(lambda: relay.lanes() and relay.lanes()[0].wait_reason)
        await relay.quiet()
        assert relay.states() == {"delivered": 5, "ready": 25}  # the burst: a twentieth
        relay.advance(HOUR_S / 10)
        await relay.until(lambda: relay.states()["delivered"] >= 10)
        await relay.quiet()
        assert relay.states()["delivered"] <= 15
        while relay.states()["ready"]:
            before = relay.states()["delivered"]
            relay.advance(HOUR_S / 10)
            await relay.until(lambda: relay.states()["delivered"] > before)  # noqa: B023


async def test_a_rate_counts_for_all_sources_together(tmp_path):
    shaping = limits(total_messages_per_hour=40, connections_start=4, connections_max=4)
    sources = '[{"address": "127.0.0.1"}, {"address": "127.0.0.5"}]'
    async with (
        Network() as network,
        Relay(tmp_path, network, shaping=shaping, DELIVERY__SOURCES=sources) as relay,
    ):
        mx = await network.receiver(2)
        relay.clock.freeze()
        network.domain("one.test", mx)
        for n in range(20):
            await relay.submit(f"u{n}@one.test")
        await relay.until(lambda: relay.lanes() and relay.lanes()[0].wait_reason)
        await relay.quiet()
        assert relay.states()["delivered"] == 2


async def test_both_sources_send(tmp_path):
    shaping = limits(connections_start=1, connections_max=1, messages_per_connection=5)
    sources = (
        '[{"address": "127.0.0.1", "ehlo": "a.relay.test"},'
        ' {"address": "127.0.0.5", "ehlo": "b.relay.test"}]'
    )
    async with (
        Network() as network,
        Relay(tmp_path, network, shaping=shaping, DELIVERY__SOURCES=sources) as relay,
    ):
        mx = await network.receiver(2)

        async def submit():
            for n in range(40):
                await relay.submit(f"u{n}@one.test")

        await hold_until_all_are_in(relay, mx, submit)
        await relay.until_states(delivered=41)
        assert {d.commands[0] for d in mx.dialogues} == {"EHLO a.relay.test", "EHLO b.relay.test"}
        sources_used = {row[0] for row in relay.sql("SELECT DISTINCT source FROM delivery")}
        assert sources_used == {"127.0.0.1", "127.0.0.5"}


async def test_greylisted_mail_comes_back_from_the_same_source(tmp_path):
    sources = (
        '[{"address": "127.0.0.1", "ehlo": "a.relay.test"},'
        ' {"address": "127.0.0.5", "ehlo": "b.relay.test"}]'
    )
    shaping = limits(connections_start=1, connections_max=1)
    async with (
        Network() as network,
        Relay(tmp_path, network, shaping=shaping, DELIVERY__SOURCES=sources) as relay,
    ):
        replies = {"RCPT": b"450 4.7.1 Greylisted, try again later\r\n"}
        mx = await network.receiver(2, Behaviour(replies=replies))
        network.domain("one.test", mx)
        await asyncio.gather(*(relay.hand_in(f"u{n}@one.test") for n in range(30)))
        await relay.until_states(scheduled=30)
        replies.clear()
        due = relay.row("u0@one.test")["due_ms"] - relay.clock.now_ms()
        assert 330_000 < due < 361_000, "six minutes"
        relay.advance(361)
        await relay.until_states(delivered=30)
        names: dict[str, set[str]] = {}
        for dialogue in mx.dialogues:
            for line in dialogue.commands:
                if line.startswith("RCPT"):
                    names.setdefault(line, set()).add(dialogue.commands[0])
        assert {len(used) for used in names.values()} == {1}, "each from one source only"
        assert len(set.union(*names.values())) == 2, "both sources were used"


async def test_one_connection_is_kept_for_mail_that_is_not_bulk(tmp_path):
    shaping = limits(connections_start=2, connections_max=2)
    async with Network() as network, Relay(tmp_path, network, shaping=shaping) as relay:
        faults = {"DOT": Fault.NEVER_REPLY}
        mx = await network.receiver(2, Behaviour(faults=faults))
        network.domain("one.test", mx)
        for n in range(50):
            await relay.submit(f"bulk{n}@one.test", klass=TrafficClass.CAMPAIGN)
        await relay.until(lambda: mx.received)
        faults.clear()
        await relay.submit("code@one.test", klass=TrafficClass.URGENT)
        await relay.until(lambda: relay.row("code@one.test")["state"] == "delivered")
        assert relay.states()["claimed"] <= 2, "bulk keeps to its one connection"
        mx.drop()
        await relay.until_states(delivered=50, scheduled=1)


async def test_bulk_does_not_starve_under_transactional_mail(tmp_path):
    shaping = limits(connections_start=2, connections_max=2)
    async with Network() as network, Relay(tmp_path, network, shaping=shaping) as relay:
        mx = await network.receiver(2)

        async def submit():
            for n in range(20):
                await relay.submit(f"bulk{n}@one.test", klass=TrafficClass.CAMPAIGN)
            for n in range(200):
                await relay.submit(f"app{n}@one.test")

        await hold_until_all_are_in(relay, mx, submit)
        await relay.until_states(delivered=221)
        first = [r for r in mx.recipients[1:] if r.startswith("bulk")]
        place = mx.recipients.index(first[9])
        assert place < 150, "half of the bulk mail went before the transactional mail was done"


@pytest.mark.parametrize("pipelining", [True, False])
async def test_recipients_of_a_domain_share_transactions_of_at_most_fifty(tmp_path, pipelining):
    behaviour = Behaviour() if pipelining else Behaviour(extensions=("8BITMIME", "SIZE 1000000"))
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await network.receiver(2, behaviour)
        network.domain("one.test", mx)
        network.domain("two.test", mx)
        everybody = [f"u{n}@{d}.test" for n in range(70) for d in ("one", "two")]
        await relay.submit(*everybody)
        await relay.until_states(delivered=140)
        assert sorted(mx.recipients) == sorted(everybody)
        for message in mx.received:
            assert len(message.recipients) <= 50
            domains = {r.partition("@")[2].partition(">")[0] for r in message.recipients}
            assert len(domains) == 1, "domains are mixed"
        assert len(mx.received) <= 6


async def test_each_recipient_has_its_own_outcome(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await network.receiver(2)
        network.domain("one.test", mx)
        await relay.submit("ana@one.test", "bounce1@one.test", "later1@one.test", "ben@one.test")
        await relay.until_states(delivered=2, bounced=1, scheduled=1)
        assert len(mx.received) == 1
        assert mx.recipients == ["ana@one.test", "ben@one.test"]
        assert relay.row("later1@one.test")["last_reply"] == "450 4.2.1 Mailbox busy"
        assert relay.row("later1@one.test")["attempts"] == 1
        assert relay.row("bounce1@one.test")["last_reply"] == "550 5.1.1 No such user here"
        assert relay.row("ana@one.test")["last_host"] == "mx2.test[127.0.0.2]"


async def test_recipients_beyond_the_servers_limit_go_in_the_next_transaction(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await network.receiver(2, Behaviour(max_recipients=10))
        network.domain("one.test", mx)
        await relay.submit(*(f"u{n}@one.test" for n in range(25)))
        await relay.until_states(delivered=25)
        assert sorted(len(m.recipients) for m in mx.received) == [5, 10, 10]
        attempts = {row[0] for row in relay.sql("SELECT attempts FROM delivery")}
        assert attempts == {1}, "being one too many is no attempt"


async def test_a_server_that_tells_its_limits_is_not_asked_for_more(tmp_path):
    limited = (*Behaviour().extensions, "LIMITS MAILMAX=2 RCPTMAX=3")
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await network.receiver(2, Behaviour(extensions=limited))
        network.domain("one.test", mx)
        await relay.submit(*(f"r{n}@one.test" for n in range(7)))
        for n in range(6):
            await relay.submit(f"u{n}@one.test")
        await relay.until_states(delivered=13)
        assert max(len(m.recipients) for m in mx.received) == 3
        assert max(d.messages for d in mx.dialogues) <= 2
        claims = sum(n for name, n in relay.store.submitted if name == "delivery_claim")
        assert claims <= 2 * 13, "no claim is made for a connection that takes no more"


async def test_a_peer_that_closes_an_idle_connection_costs_no_attempt(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await network.receiver(2, Behaviour(max_messages=1))
        network.domain("one.test", mx)
        for n in range(6):
            await relay.submit(f"u{n}@one.test")
            await relay.until(lambda: len(mx.received) == n + 1)  # noqa: B023
            await relay.quiet()
        await relay.until_states(delivered=6)
        assert {row[0] for row in relay.sql("SELECT attempts FROM delivery")} == {1}
        assert not relay.sql("SELECT 1 FROM event WHERE type = 3"), "nothing was deferred"


async def test_a_connection_that_idles_is_closed(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await network.receiver(2)
        network.domain("one.test", mx)
        await relay.submit("ana@one.test")
        await relay.until_states(delivered=1)
        await relay.quiet()
        relay.lanes()[0].sweep_idle(relay.clock.monotonic_s() + 61)
        await relay.until(lambda: not relay.lanes()[0].links)
        assert mx.dialogues[0].commands[-1] == "QUIT"
        await relay.submit("ben@one.test")
        await relay.until_states(delivered=2)


async def test_refused_mail_slows_the_lane_and_is_never_bounced(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await network.receiver(2, Behaviour(replies={"MAIL": b"421 4.7.0 Too fast\r\n"}))
        network.domain("one.test", mx)
        for n in range(20):
            await relay.submit(f"u{n}@one.test")
        await relay.until(lambda: relay.lanes()[0].limits.backoff.stage.value != "normal")
        await relay.until(lambda: relay.sql("SELECT 1 FROM event WHERE type = 40"))
        await relay.quiet()
        assert not relay.states()["bounced"]
        assert relay.states().total() == 20


async def test_a_busy_site_leaves_room_for_others(tmp_path):
    async with (
        Network() as network,
        Relay(tmp_path, network, DELIVERY__MAX_CONNECTIONS="2") as relay,
    ):
        faults = {"DOT": Fault.NEVER_REPLY}
        slow = await network.receiver(2, Behaviour(faults=faults))
        quick = await network.receiver(3)
        network.domain("slow.test", slow)
        network.domain("quick.test", quick)
        for n in range(10):
            await relay.submit(f"u{n}@slow.test", klass=TrafficClass.CAMPAIGN)
        await relay.until(lambda: slow.received)
        await relay.submit("code@quick.test", klass=TrafficClass.URGENT)
        await relay.until(lambda: quick.received, "a connection is kept for urgent mail")
        faults.clear()
        slow.drop()
        await relay.until_states(delivered=10, scheduled=1)


async def test_many_connections_from_many_flows_lose_nothing(tmp_path):
    shaping = limits(connections_start=8, connections_max=20, messages_per_connection=7)
    async with Network() as network, Relay(tmp_path, network, shaping=shaping) as relay:
        receivers = [await network.receiver(n) for n in (2, 3, 4)]
        for number, receiver in enumerate(receivers):
            network.domain(f"d{number}.test", receiver, receivers[(number + 1) % 3])
        tasks = [
            relay.hand_in(
                f"u{n}@d{n % 3}.test",
                account=n % 5 + 1,
                campaign=f"c{n % 4}" if n % 2 else "",
                klass=TrafficClass(n % 4),
            )
            for n in range(600)
        ]
        await asyncio.gather(*tasks)
        await relay.until_states(delivered=600)
        recipients = [r for receiver in receivers for r in receiver.recipients]
        assert len(recipients) == len(set(recipients)) == 600
