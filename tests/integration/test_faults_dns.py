"""DNS is dead, slow or lies: mail waits, other domains go on, and it recovers by itself."""

from functools import partial

import pytest

from mta.delivery.domains import WORKERS
from mta.dns import lookup
from mta.model.traffic import TrafficClass
from tests.dnsserver import Fault
from tests.integration.relay import Relay
from tests.integration.relay_network import Network

PATIENT = lookup.Lookup.__init__
SOON_S = 600.0  # past the first retry and the minute for which a failure is remembered


@pytest.fixture(autouse=True)
def little_patience(monkeypatch) -> None:
    """A name server that is silent costs 0.2 s instead of 10."""
    impatient = partial(lookup.Lookup.__init__, try_s=0.1, tries=2)
    monkeypatch.setattr(lookup.Lookup, "__init__", _method(impatient))


def _method(function):
    return lambda self, *arguments: function(self, *arguments)


@pytest.mark.parametrize("fault", [Fault.SERVFAIL, Fault.REFUSED, Fault.SILENT, Fault.GARBAGE])
async def test_a_domain_whose_dns_fails_waits_and_others_do_not(tmp_path, fault):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await network.receiver(2)
        network.domain("good.test", mx)
        network.domain("bad.test", mx)
        network.dns.fail("bad.test", fault)
        for n in range(20):
            await relay.submit(f"u{n}@bad.test", f"u{n}@good.test")
        await relay.until_states(delivered=20, scheduled=20)
        assert relay.row("u0@bad.test")["last_reply"].startswith("451 4.4.3 ")
        network.dns.fail("bad.test", None)
        relay.advance(SOON_S)
        await relay.until_states(delivered=40)
        assert len(mx.recipients) == len(set(mx.recipients)) == 40


async def test_more_silent_domains_than_are_looked_up_at_once_hold_no_known_domain_up(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await network.receiver(2)
        network.domain("good.test", mx)
        await relay.submit("first@good.test")
        await relay.until_states(delivered=1)
        for n in range(300):
            network.dns.fail(f"silent{n}.test", Fault.SILENT)
            await relay.submit(f"u@silent{n}.test")
        for n in range(50):
            await relay.submit(f"u{n}@good.test")
        await relay.until(lambda: len(mx.received) == 51)
        assert relay.states()["bounced"] == 0
        await relay.until_states(delivered=51, scheduled=300)


async def test_urgent_mail_is_looked_up_while_all_others_wait_for_dns(tmp_path, monkeypatch):
    monkeypatch.setattr(lookup.Lookup, "__init__", PATIENT)
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await network.receiver(2)
        network.domain("good.test", mx)
        for n in range(WORKERS + 20):
            network.domain(f"slow{n}.test", mx)
            network.dns.fail(f"slow{n}.test", Fault.HELD)
            await relay.submit(f"u@slow{n}.test")
        await relay.until(lambda: len(network.dns.queries) >= WORKERS)
        await relay.submit("code@good.test", klass=TrafficClass.URGENT)
        await relay.until_states(delivered=1, ready=WORKERS + 20)
        assert mx.recipients == ["code@good.test"]
        network.dns.release()
        await relay.until_states(delivered=WORKERS + 21)


async def test_a_name_server_that_dies_and_returns_costs_time_and_no_mail(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await network.receiver(2)
        network.domain("known.test", mx)
        for n in range(10):
            network.domain(f"new{n}.test", mx)
        await relay.submit("first@known.test")
        await relay.until_states(delivered=1)
        await network.dns.stop()
        for n in range(10):
            await relay.submit(f"u@new{n}.test", f"u{n}@known.test")
        await relay.until_states(delivered=11, scheduled=10)
        await network.dns.start()
        relay.advance(SOON_S)
        await relay.until_states(delivered=21)


async def test_while_dns_is_dead_known_domains_are_served_beyond_their_ttl(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await network.receiver(2)
        network.domain("known.test", mx)
        await relay.submit("first@known.test")
        await relay.until_states(delivered=1)
        await relay.quiet()
        await network.dns.stop()
        relay.advance(network.dns.ttl + SOON_S)
        await relay.submit("second@known.test")
        await relay.until_states(delivered=2)
        await network.dns.start()


async def test_an_alias_loop_waits_and_goes_when_it_is_mended(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await network.receiver(2)
        network.dns.set("one.test", CNAME="two.test.")
        network.dns.set("two.test", CNAME="one.test.")
        await relay.submit("ana@one.test")
        await relay.until_states(scheduled=1)
        network.dns.set("two.test", CNAME=[], MX=[f"10 {mx.name}."])
        relay.advance(SOON_S)
        await relay.until_states(delivered=1)


async def test_thirty_hosts_in_a_truncated_answer_are_one_attempt_on_a_few_of_them(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        names = [network.dead(n) for n in range(100, 130)]
        network.domain("wide.test", *names)
        network.dns.fail("wide.test", Fault.TRUNCATED, "MX")
        await relay.submit("ana@wide.test")
        await relay.until_states(scheduled=1)
        assert network.dns.tcp_queries
        assert relay.row("ana@wide.test")["attempts"] == 1
        asked = {name for name, rdtype in network.dns.queries if rdtype == "A"} & set(names)
        assert len(asked) <= 30
        mx = await network.receiver(2)
        network.dns.set("wide.test", MX=[*(f"10 {n}." for n in names[:29]), f"5 {mx.name}."])
        relay.advance(SOON_S)
        await relay.until_states(delivered=1)


async def test_a_preferred_host_whose_address_cannot_be_had_gives_way_to_the_next(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        spare = await network.receiver(2)
        network.dead(9)
        network.domain("one.test", "mx9.test", spare, preferences=(10, 20))
        network.dns.fail("mx9.test", Fault.SERVFAIL)
        await relay.submit("ana@one.test")
        await relay.until_states(delivered=1)
        assert relay.row("ana@one.test")["attempts"] == 1
