"""Mail over MX from the door to the recipient's server, through the whole relay."""

from mta.model.errors import StoreError
from tests.dnsserver import Fault as DnsFault
from tests.evil.behaviour import Behaviour, Fault
from tests.integration.relay import CALM, Relay
from tests.integration.relay_network import Network

TTL_S = 301
ONE_EACH = """\
[default]
connections_start = 4
connections_max = 4
messages_per_connection = 1
"""
PROVIDER = """\
[default]
connections_start = {0}
connections_max = {0}
messages_per_connection = 10
[[provider]]
name = "big"
mx = ["*.big.test"]
samples = ["a.big.test"]
"""


async def provider(network: Network) -> tuple:
    """Two domains at one provider, each with a host of its own."""
    one, two = await network.receiver(2), await network.receiver(3)
    for name, receiver in (("a", one), ("b", two)):
        network.dns.set(f"{name}.big.test", A=receiver.host)
        network.domain(f"{name}.test", f"{name}.big.test")
    return one, two


async def test_mail_goes_to_the_mx_hosts_of_each_domain(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        one, two = await network.receiver(2), await network.receiver(3)
        network.domain("one.test", one)
        network.domain("two.test", two)
        await relay.send("ana@one.test")
        await relay.send("ben@two.test", "cyd@one.test")
        await relay.until_states(delivered=3)
        assert sorted(one.recipients) == ["ana@one.test", "cyd@one.test"]
        assert two.recipients == ["ben@two.test"]


async def test_mail_is_accepted_before_its_domain_is_looked_up(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        network.domain("one.test", await network.receiver(2))
        network.dns.pause()
        await relay.send("ana@one.test")
        assert relay.row("ana@one.test")["site"] == 0
        assert relay.states() == {"ready": 1}
        network.dns.resume()
        await relay.until_states(delivered=1)
        assert relay.row("ana@one.test")["site"] != 0


async def test_a_domain_without_mx_is_its_own_host(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await network.receiver(2)
        await relay.send("ana@mx2.test")
        await relay.until_states(delivered=1)
        assert mx.recipients == ["ana@mx2.test"]


async def test_an_address_literal_is_its_own_host(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await network.receiver(2)
        await relay.submit("ana@[127.0.0.2]")
        await relay.until_states(delivered=1)
        assert mx.recipients == ["ana@[127.0.0.2]"]


async def test_mail_to_a_domain_that_does_not_exist_bounces(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        await relay.submit("ana@gone.test")
        await relay.until_states(bounced=1)
        assert relay.row("ana@gone.test")["last_reply"].startswith("550 5.1.2 ")


async def test_mail_to_a_domain_with_a_null_mx_bounces(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        network.dns.set("none.test", MX=["0 ."])
        await relay.submit("ana@none.test")
        await relay.until_states(bounced=1)
        assert relay.row("ana@none.test")["last_reply"].startswith("556 5.1.10 ")


async def test_mail_waits_while_dns_fails_and_its_clock_runs(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        network.domain("one.test", await network.receiver(2))
        network.dns.fail("one.test", DnsFault.SERVFAIL)
        await relay.send("ana@one.test")
        await relay.until_states(scheduled=1)
        row = relay.row("ana@one.test")
        assert row["last_reply"].startswith("451 4.4.3 ")
        assert row["attempts"] == 1
        assert row["expires_ms"] >= row["first_attempt_ms"] + 5 * 86_400_000 > 0
        network.dns.fail("one.test", None)
        relay.advance(600)
        await relay.until_states(delivered=1)


async def test_the_next_host_is_tried_when_the_first_refuses(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        spare = await network.receiver(2)
        network.domain("one.test", network.dead(9), spare, preferences=(10, 20))
        for n in range(3):
            await relay.submit(f"u{n}@one.test")
        await relay.until_states(delivered=3)
        assert len(spare.received) == 3
        assert relay.row("u0@one.test")["attempts"] == 1
        assert relay.lanes()[0]._opener._dead_hosts.is_dead("127.0.0.9", relay.clock.monotonic_s())


async def test_mail_waits_while_all_hosts_refuse_and_goes_when_one_is_back(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        network.domain("one.test", network.dead(2))
        for n in range(5):
            await relay.submit(f"u{n}@one.test")
        await relay.until_states(scheduled=5)
        row = relay.row("u0@one.test")
        assert row["last_reply"].startswith("451 4.4.")
        assert row["last_host"] == "mx2.test[127.0.0.2]"
        assert row["attempts"] == 1
        mx = await network.receiver(2)
        relay.advance(600)
        await relay.until_states(delivered=5)
        assert len(mx.received) == 5


async def test_mail_that_comes_while_a_host_rests_waits_without_a_connection(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        network.domain("one.test", network.dead(2))
        await relay.submit("first@one.test")
        await relay.until_states(scheduled=1)
        mx = await network.receiver(2)
        relay.clock.advance(10)  # the lane's own rest is over, the host's is not
        await relay.submit("second@one.test")
        await relay.until_states(scheduled=2)
        assert "left alone" in relay.row("second@one.test")["last_reply"]
        assert not mx.dialogues


async def test_hosts_of_equal_preference_share_the_load(tmp_path):
    async with Network() as network, Relay(tmp_path, network, shaping=ONE_EACH) as relay:
        one, two = await network.receiver(2), await network.receiver(3)
        network.domain("one.test", one, two)
        for n in range(40):
            await relay.submit(f"u{n}@one.test")
        await relay.until_states(delivered=40)
        assert len(one.received) + len(two.received) == 40
        assert one.received
        assert two.received


async def test_a_host_that_greets_with_421_gives_way_to_the_next(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        await network.receiver(2, Behaviour(faults={"GREETING": Fault.CLOSING}))
        spare = await network.receiver(3)
        network.domain("one.test", "mx2.test", spare, preferences=(10, 20))
        await relay.submit("ana@one.test")
        await relay.until_states(delivered=1)
        assert spare.recipients == ["ana@one.test"]


async def test_a_connection_serves_only_domains_that_have_its_host(tmp_path):
    async with Network() as network, Relay(tmp_path, network, shaping=PROVIDER.format(4)) as relay:
        one, two = await provider(network)
        for n in range(30):
            await relay.submit(f"u{n}@a.test")
            await relay.submit(f"u{n}@b.test")
        await relay.until_states(delivered=60)
        assert len(relay.lanes()) == 1
        assert {r.partition("@")[2] for r in one.recipients} == {"a.test"}
        assert {r.partition("@")[2] for r in two.recipients} == {"b.test"}


async def test_domains_with_other_hosts_take_turns_on_a_site_with_one_connection(tmp_path):
    async with Network() as network, Relay(tmp_path, network, shaping=PROVIDER.format(1)) as relay:
        one, two = await provider(network)
        for n in range(25):
            await relay.submit(f"u{n}@a.test")
            await relay.submit(f"u{n}@b.test")
        await relay.until_states(delivered=50)
        assert len(one.received) == len(two.received) == 25


async def test_domains_with_the_same_hosts_share_a_connection(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await network.receiver(2)
        for name in ("a", "b", "c"):
            network.domain(f"{name}.test", mx)
        for name in ("a", "b", "c"):
            await relay.submit(f"u@{name}.test")
            await relay.until(lambda: len(mx.received) == "abc".index(name) + 1)  # noqa: B023
            await relay.quiet()
        assert len(mx.dialogues) == 1


async def test_a_domain_that_moved_changes_lanes(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        old, new = await network.receiver(2), await network.receiver(3)
        network.domain("one.test", old)
        await relay.submit("first@one.test")
        await relay.until_states(delivered=1)
        network.domain("one.test", new)
        relay.advance(2 * TTL_S)
        for n in range(5):
            await relay.submit(f"u{n}@one.test")
        await relay.until_states(delivered=6)
        assert old.recipients == ["first@one.test"]
        assert len(new.received) == 5
        assert relay.row("u0@one.test")["site"] != relay.row("first@one.test")["site"]
        assert relay.sql(
            "SELECT name FROM site WHERE id = ?", relay.row("u0@one.test")["site"]
        ) == [("mx3.test",)]


async def test_mail_on_disk_of_a_domain_that_moved_follows_it(tmp_path):
    async with Network() as network:
        relay = Relay(tmp_path, network)
        old, new = await network.receiver(2), await network.receiver(3)
        network.domain("one.test", old)
        async with relay:
            await relay.submit("first@one.test")
            await relay.until_states(delivered=1)
            await relay.ask("queue.hold", site="mx2.test")
            for n in range(150):
                await relay.submit(f"u{n}@one.test")
            await relay.ask("queue.hold", account="7")
        network.domain("one.test", new)
        async with relay:
            await relay.ask("queue.release", site="mx2.test")
            await relay.ask("queue.release", account="7")
            await relay.until_states(delivered=151)
            assert len(old.received) == 1
            assert len(new.received) == 150
            names = {lane.site.site.name for lane in relay.lanes() if lane.links}
            assert names == {"mx3.test"}


async def test_mail_that_was_deferred_goes_to_the_new_host(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        old, new = await network.receiver(2), await network.receiver(3)
        network.domain("one.test", old)
        await relay.submit("later1@one.test", "later2@one.test")
        await relay.until_states(scheduled=2)
        network.domain("one.test", new)
        relay.advance(2 * TTL_S)
        await relay.until(lambda: relay.row("later2@one.test")["attempts"] == 2)
        assert new.dialogues
        assert relay.row("later1@one.test")["last_host"] == "mx3.test[127.0.0.3]"


async def test_mail_changes_lanes_although_the_store_fails_first(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        old, new = await network.receiver(2), await network.receiver(3)
        network.domain("one.test", old)
        await relay.submit("first@one.test")
        await relay.until_states(delivered=1)
        network.domain("one.test", new)
        relay.advance(2 * TTL_S)
        relay.store.fail("delivery_site", StoreError("disk full"))
        relay.store.fail("site_insert", StoreError("disk full"))
        for n in range(5):
            await relay.submit(f"u{n}@one.test")
        await relay.until_states(delivered=6)
        assert len(new.received) == 5


async def test_a_domain_that_vanished_bounces_what_waits_for_it(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await network.receiver(2)
        network.domain("one.test", mx)
        await relay.submit("first@one.test")
        await relay.until_states(delivered=1)
        network.dns.remove("one.test")
        relay.advance(2 * TTL_S)
        await relay.submit("late@one.test")
        await relay.until_states(delivered=1, bounced=1)
        assert relay.row("late@one.test")["last_reply"].startswith("550 5.1.2 ")


async def test_a_route_of_the_transport_map_wins_over_mx(tmp_path):
    async with Network() as network:
        mx, own = await network.receiver(2), await network.receiver(3)
        network.domain("one.test", mx)
        routes = f'[{{"domain": "one.test", "to": "{own.host}:{own.port}"}}]'
        async with Relay(tmp_path, network, shaping=CALM, DELIVERY__ROUTES=routes) as relay:
            await relay.submit("ana@one.test")
            await relay.until_states(delivered=1)
            assert own.recipients == ["ana@one.test"]


async def test_everything_goes_to_a_smarthost(tmp_path):
    async with Network() as network:
        smart = await network.receiver(2)
        where = f"{smart.host}:{smart.port}"
        async with Relay(
            tmp_path, network, DELIVERY__MODE="smarthost", DELIVERY__SMARTHOST=where
        ) as relay:
            await relay.submit("ana@one.test")
            await relay.submit("ben@two.test")
            await relay.until_states(delivered=2)
            assert len(smart.dialogues) <= 2
            assert sorted(smart.recipients) == ["ana@one.test", "ben@two.test"]
