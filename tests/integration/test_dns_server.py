"""The test name server itself, and the resolver on uvloop."""

import asyncio

import uvloop

from mta.dns.answers import MxHost
from mta.dns.lookup import Absent, Failed, Found, Lookup, Records
from mta.dns.reachable import AddressPolicy
from mta.dns.resolver import Resolver
from mta.model.clock import SystemClock
from tests.dnsserver import DnsServer, Fault

ZONE = """
$TTL 120
zone.test.       IN MX 10 mail.zone.test.
mail.zone.test.  IN A 127.0.0.1
mail.zone.test.  IN AAAA ::1
*.any.test.      IN MX 5 mail.zone.test.
www.zone.test.   IN CNAME mail.zone.test.
deep.sub.zone.test. IN A 127.0.0.1
"""


async def ask(server: DnsServer, name: str, rdtype: str) -> Found:
    return await Lookup([server.host_port], try_s=1.0).ask(name, rdtype)


async def test_it_serves_a_zone_text():
    async with DnsServer(zone=ZONE) as server:
        found = await ask(server, "zone.test", "MX")
        assert isinstance(found, Records)
        assert str(found.data[0]) == "10 mail.zone.test."
        assert found.ttl_s == 120
        wild = await ask(server, "x.any.test", "MX")
        assert isinstance(wild, Records)
        alias = await ask(server, "www.zone.test", "A")
        assert isinstance(alias, Records)
        assert server.queries[0] == ("zone.test", "MX")


async def test_it_tells_nodata_from_nxdomain():
    async with DnsServer(zone=ZONE, negative_ttl=7) as server:
        assert await ask(server, "zone.test", "A") == Absent(name_exists=True, ttl_s=7.0)
        assert await ask(server, "sub.zone.test", "A") == Absent(name_exists=True, ttl_s=7.0)
        assert await ask(server, "no.zone.test", "A") == Absent(name_exists=False, ttl_s=7.0)


async def test_records_change_while_it_runs():
    async with DnsServer() as server:
        server.set("new.test", A="127.0.0.2", MX=["10 new.test."])
        assert isinstance(await ask(server, "new.test", "A"), Records)
        server.set("new.test", A=[])
        assert await ask(server, "new.test", "A") == Absent(name_exists=True, ttl_s=60.0)
        server.remove("new.test")
        assert await ask(server, "new.test", "A") == Absent(name_exists=False, ttl_s=60.0)


async def test_a_failure_says_which_server_answered_what():
    async with DnsServer() as server:
        server.fail("*", Fault.SERVFAIL)
        found = await ask(server, "x.test", "A")
        assert isinstance(found, Failed)
        assert "SERVFAIL" in found.reason
        assert str(server.port) in found.reason


async def test_a_second_name_server_helps_when_the_first_fails():
    async with DnsServer() as broken, DnsServer(zone=ZONE) as good:
        broken.fail("*", Fault.SERVFAIL)
        lookup = Lookup([broken.host_port, good.host_port])
        assert isinstance(await lookup.ask("zone.test", "MX"), Records)


async def test_stopping_with_replies_held_back_ends_cleanly():
    async with DnsServer(zone=ZONE) as server:
        server.pause()
        question = asyncio.create_task(ask(server, "zone.test", "MX"))
        while not server.queries:
            await asyncio.sleep(0)
        question.cancel()


def test_the_resolver_works_on_uvloop_over_udp_and_tcp():
    async def resolve() -> None:
        async with DnsServer(zone=ZONE) as server:
            server.fail("zone.test", Fault.TRUNCATED)
            resolver = Resolver(
                Lookup([server.host_port]), SystemClock(), AddressPolicy(allow_private=True)
            )
            answer = await resolver.resolve("zone.test")
            assert answer.hosts == (MxHost("mail.zone.test", 10),)
            assert server.tcp_queries == 1
            assert await resolver.addresses("mail.zone.test") == ("127.0.0.1", "::1")

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(resolve())
