"""The resolver against a real name server on loopback: outcomes, caching, coalescing, fall-backs."""

import asyncio
from collections.abc import AsyncIterator
from random import Random

import pytest

from mta.dns.answers import MxHost
from mta.dns.lookup import Lookup
from mta.dns.reachable import AddressPolicy
from mta.dns.resolver import Resolver
from mta.model.clock import ManualClock
from mta.model.outcome import Outcome, OutcomeKind, Phase
from tests.dnsserver import DnsServer, Fault

RECORDS = {
    "example.test": {
        "MX": ["20 mx2.example.test.", "10 MX1.example.test.", "10 mx0.example.test."]
    },
    "mx0.example.test": {"A": ["198.51.100.10"], "AAAA": ["2600::10"]},
    "mx1.example.test": {"A": ["198.51.100.11"]},
    "mx2.example.test": {"A": ["198.51.100.12"]},
    "implicit.test": {"A": ["198.51.100.20"]},
    "nothing.test": {"TXT": ['"no mail"']},
    "null.test": {"MX": ["0 ."]},
    "alias.test": {"CNAME": ["example.test."]},
    "loop.test": {"CNAME": ["pool.test."]},
    "pool.test": {"CNAME": ["loop.test."]},
    "halfnull.test": {"MX": ["0 .", "10 mx1.example.test."]},
    "deadmx.test": {"MX": ["10 gone.test.", "20 nothing.test."], "A": ["198.51.100.30"]},
    "numeric.test": {"MX": ["10 198.51.100.99."]},
    "many.test": {"MX": [f"10 mx.n{i}.many.test." for i in range(60)]},
    "spf.test": {"TXT": ['"v=spf1 " "-all"', '"other"']},
    "*.wild.test": {"MX": ["10 mx1.example.test."]},
}


class Setup:
    """A resolver, its clock and its name server."""

    def __init__(self, server: DnsServer) -> None:
        self.server = server
        self.clock = ManualClock()
        self.resolver = self.make()

    def make(self, try_s: float = 5.0, max_entries: int = 1000, **policy: object) -> Resolver:
        options = {"is_local": lambda _: False, **policy}
        self.lookup = Lookup([self.server.host_port], try_s=try_s)
        return Resolver(
            self.lookup,
            self.clock,
            # Documentation addresses (RFC 5737) are not public, so tests that need public ones allow all.
            AddressPolicy(**{"allow_private": True, **options}),
            random=Random(7),
            max_entries=max_entries,
        )


@pytest.fixture
async def setup() -> AsyncIterator[Setup]:
    async with DnsServer(RECORDS) as server:
        yield Setup(server)


def failure(result: object) -> tuple[str, int, str]:
    assert isinstance(result, Outcome)
    assert result.phase is Phase.DNS
    return result.kind.value, result.reply.code, result.reply.enhanced


async def test_hosts_come_by_preference_in_lower_case(setup: Setup):
    answer = await setup.resolver.resolve("example.test")
    assert answer.failure is None
    assert answer.hosts == (
        MxHost("mx0.example.test", 10),
        MxHost("mx1.example.test", 10),
        MxHost("mx2.example.test", 20),
    )
    assert answer.mx_names == ("mx0.example.test", "mx1.example.test", "mx2.example.test")
    assert not answer.is_implicit


async def test_nxdomain_bounces_with_5_1_2(setup: Setup):
    answer = await setup.resolver.resolve("unknown.test")
    assert failure(answer.failure) == ("bounced", 550, "5.1.2")
    assert answer.hosts == ()


async def test_null_mx_bounces_with_556_5_1_10(setup: Setup):
    answer = await setup.resolver.resolve("null.test")
    assert failure(answer.failure) == ("bounced", 556, "5.1.10")


async def test_a_null_mx_beside_real_ones_is_ignored(setup: Setup):
    answer = await setup.resolver.resolve("halfnull.test")
    assert answer.mx_names == ("mx1.example.test",)


async def test_no_mx_falls_back_to_the_address_of_the_domain(setup: Setup):
    answer = await setup.resolver.resolve("implicit.test")
    assert answer.is_implicit
    assert answer.hosts == (MxHost("implicit.test", 0),)
    candidates = await setup.resolver.candidates(answer)
    assert [c.address for c in candidates] == ["198.51.100.20"]


async def test_a_missing_mx_is_looked_for_again_after_five_minutes(setup: Setup):
    setup.server.negative_ttl = 86_400
    await setup.resolver.resolve("implicit.test")
    setup.clock.advance(300)
    assert setup.resolver.cached("implicit.test") is None


async def test_neither_mx_nor_address_bounces_with_5_4_4(setup: Setup):
    answer = await setup.resolver.resolve("nothing.test")
    assert failure(answer.failure) == ("bounced", 550, "5.4.4")


async def test_unusable_mx_hosts_bounce_without_fall_back_to_the_domain_address(setup: Setup):
    answer = await setup.resolver.resolve("deadmx.test")
    assert answer.failure is None
    assert failure(await setup.resolver.candidates(answer)) == ("bounced", 550, "5.4.4")


async def test_an_mx_that_is_an_ip_address_is_unusable(setup: Setup):
    answer = await setup.resolver.resolve("numeric.test")
    assert failure(answer.failure) == ("bounced", 550, "5.4.4")


async def test_aliases_are_followed(setup: Setup):
    answer = await setup.resolver.resolve("alias.test")
    assert answer.hosts[0].name == "mx0.example.test"


@pytest.mark.parametrize("fault", [Fault.SERVFAIL, Fault.REFUSED, Fault.GARBAGE])
async def test_a_failing_name_server_defers_with_4_4_3(setup: Setup, fault: Fault):
    resolver = setup.make(try_s=0.05)
    setup.server.fail("example.test", fault)
    answer = await resolver.resolve("example.test")
    assert failure(answer.failure) == ("deferred", 451, "4.4.3")


async def test_a_silent_name_server_defers_with_4_4_3_after_two_tries(setup: Setup):
    resolver = setup.make(try_s=0.3)
    setup.server.fail("*", Fault.SILENT)
    answer = await resolver.resolve("example.test")
    assert failure(answer.failure) == ("deferred", 451, "4.4.3")
    assert setup.server.count("example.test", "MX") == 2


async def test_an_alias_loop_defers(setup: Setup):
    answer = await setup.resolver.resolve("loop.test")
    assert failure(answer.failure) == ("deferred", 451, "4.4.3")


async def test_no_mx_with_a_failing_address_lookup_defers(setup: Setup):
    setup.server.fail("nothing.test", Fault.SERVFAIL, "A")
    answer = await setup.resolver.resolve("nothing.test")
    assert failure(answer.failure) == ("deferred", 451, "4.4.3")


async def test_one_failing_host_among_unusable_ones_defers(setup: Setup):
    setup.server.fail("gone.test", Fault.SERVFAIL)
    answer = await setup.resolver.resolve("deadmx.test")
    assert failure(await setup.resolver.candidates(answer)) == ("deferred", 451, "4.4.3")


async def test_a_failing_aaaa_does_not_hide_the_a_record(setup: Setup):
    setup.server.fail("mx1.example.test", Fault.SERVFAIL, "AAAA")
    assert await setup.resolver.addresses("mx1.example.test") == ("198.51.100.11",)


async def test_truncated_answers_are_asked_again_over_tcp(setup: Setup):
    setup.server.fail("example.test", Fault.TRUNCATED)
    answer = await setup.resolver.resolve("example.test")
    assert len(answer.hosts) == 3
    assert setup.server.tcp_queries == 1


async def test_an_oversized_answer_comes_over_tcp_and_is_cut_to_thirty_hosts(setup: Setup):
    answer = await setup.resolver.resolve("many.test")
    assert setup.server.tcp_queries == 1
    assert len(answer.hosts) == 30


async def test_a_second_resolve_is_answered_from_memory(setup: Setup):
    assert setup.resolver.cached("example.test") is None
    first = await setup.resolver.resolve("example.test")
    assert await setup.resolver.resolve("example.test") is first
    assert setup.resolver.cached("example.test") is first
    assert setup.server.count("example.test", "MX") == 1


@pytest.mark.parametrize(("ttl", "kept_s"), [(0, 60), (59, 60), (3600, 3600), (10_000_000, 86_400)])
async def test_an_answer_lives_by_its_ttl_from_a_minute_to_a_day(
    setup: Setup, ttl: int, kept_s: int
):
    setup.server.set("ttl.test", ttl=ttl, MX=["10 mx1.example.test."])
    await setup.resolver.resolve("ttl.test")
    setup.clock.advance(kept_s - 1)
    assert setup.resolver.cached("ttl.test") is not None
    setup.clock.advance(1)
    assert setup.resolver.cached("ttl.test") is None


async def test_nothing_found_is_remembered_for_five_minutes_at_most(setup: Setup):
    setup.server.negative_ttl = 86_400
    await setup.resolver.resolve("unknown.test")
    setup.clock.advance(299)
    assert setup.resolver.cached("unknown.test") is not None
    setup.clock.advance(1)
    assert setup.resolver.cached("unknown.test") is None


async def test_a_failure_is_asked_again_after_a_minute(setup: Setup):
    setup.server.fail("example.test", Fault.SERVFAIL)
    await setup.resolver.resolve("example.test")
    setup.server.fail("example.test", None)
    setup.clock.advance(59)
    assert (await setup.resolver.resolve("example.test")).failure is not None
    setup.clock.advance(1)
    assert (await setup.resolver.resolve("example.test")).failure is None


async def test_an_expired_answer_serves_for_an_hour_while_dns_fails(setup: Setup):
    await setup.resolver.resolve("example.test")
    setup.server.fail("*", Fault.SERVFAIL)
    setup.clock.advance(300)
    for _ in range(59):
        assert (await setup.resolver.resolve("example.test")).failure is None
        setup.clock.advance(60)
    assert (await setup.resolver.resolve("example.test")).failure is None
    setup.clock.advance(60)
    answer = await setup.resolver.resolve("example.test")
    assert failure(answer.failure) == ("deferred", 451, "4.4.3")


async def test_expired_addresses_serve_while_dns_fails(setup: Setup):
    await setup.resolver.addresses("mx1.example.test")
    setup.server.fail("*", Fault.SERVFAIL)
    setup.clock.advance(301)
    assert await setup.resolver.addresses("mx1.example.test") == ("198.51.100.11",)


async def test_a_bounce_is_never_served_stale(setup: Setup):
    await setup.resolver.resolve("unknown.test")
    setup.server.fail("*", Fault.SERVFAIL)
    setup.clock.advance(301)
    answer = await setup.resolver.resolve("unknown.test")
    assert failure(answer.failure) == ("deferred", 451, "4.4.3")


async def test_callers_who_ask_at_once_share_one_question(setup: Setup):
    answers = await asyncio.gather(*(setup.resolver.resolve("example.test") for _ in range(50)))
    assert all(answer is answers[0] for answer in answers)
    assert setup.server.count("example.test", "MX") == 1


async def test_a_cancelled_caller_leaves_the_question_to_those_who_wait(setup: Setup):
    setup.server.pause()
    first = asyncio.create_task(setup.resolver.resolve("example.test"))
    while not setup.server.queries:
        await asyncio.sleep(0)
    second = asyncio.create_task(setup.resolver.resolve("example.test"))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    setup.server.resume()
    assert (await second).failure is None


async def test_the_number_of_remembered_domains_is_bounded(setup: Setup):
    resolver = setup.make(max_entries=10)
    for i in range(30):
        await resolver.resolve(f"d{i}.wild.test")
    assert resolver.cached("d29.wild.test") is not None
    assert resolver.cached("d19.wild.test") is None
    assert sum(resolver.cached(f"d{i}.wild.test") is not None for i in range(30)) == 10


async def test_forget_asks_anew(setup: Setup):
    await setup.resolver.candidates(await setup.resolver.resolve("implicit.test"))
    setup.server.set("implicit.test", A="198.51.100.21")
    setup.resolver.forget("implicit.test")
    candidates = await setup.resolver.candidates(await setup.resolver.resolve("implicit.test"))
    assert not isinstance(candidates, Outcome)
    assert [c.address for c in candidates] == ["198.51.100.21"]


async def test_an_address_literal_needs_no_dns(setup: Setup):
    for literal, address in (("[198.51.100.1]", "198.51.100.1"), ("[IPv6:2600::1]", "2600::1")):
        candidates = await setup.resolver.candidates(await setup.resolver.resolve(literal))
        assert not isinstance(candidates, Outcome)
        assert [c.address for c in candidates] == [address]
    assert setup.server.queries == []


async def test_candidates_are_shuffled_within_a_preference_only(setup: Setup):
    answer = await setup.resolver.resolve("example.test")
    orders = set()
    for _ in range(40):
        candidates = await setup.resolver.candidates(answer, family=4)
        assert not isinstance(candidates, Outcome)
        orders.add(tuple(c.host for c in candidates))
    assert orders == {
        ("mx0.example.test", "mx1.example.test", "mx2.example.test"),
        ("mx1.example.test", "mx0.example.test", "mx2.example.test"),
    }


async def test_at_most_five_addresses_are_tried(setup: Setup):
    setup.server.set("wide.test", MX=["10 wide.test."], A=[f"198.51.100.{i}" for i in range(9)])
    candidates = await setup.resolver.candidates(await setup.resolver.resolve("wide.test"))
    assert not isinstance(candidates, Outcome)
    assert len(candidates) == 5


async def test_hosts_behind_the_fifth_address_are_not_asked_for(setup: Setup):
    setup.server.set("wide.test", MX=["10 w1.test.", "20 w2.test."])
    setup.server.set("w1.test", A=[f"198.51.100.{i}" for i in range(5)])
    await setup.resolver.candidates(await setup.resolver.resolve("wide.test"))
    assert setup.server.count("w2.test", "A") == 0


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "0.0.0.0"])
async def test_private_addresses_are_refused_unless_allowed(setup: Setup, address: str):
    setup.server.set("inside.test", MX=["10 inside.test."], A=address)
    resolver = setup.make(allow_private=False)
    answer = await resolver.resolve("inside.test")
    assert failure(await resolver.candidates(answer)) == ("bounced", 550, "5.4.4")
    assert failure(await resolver.addresses("inside.test")) == ("bounced", 550, "5.4.4")
    assert await resolver.addresses("inside.test", trusted=True) == (address,)


async def test_a_public_address_beside_a_private_one_is_used(setup: Setup):
    setup.server.set("mixed.test", MX=["10 mixed.test."], A=["10.0.0.1", "8.8.4.4"])
    resolver = setup.make(allow_private=False)
    candidates = await resolver.candidates(await resolver.resolve("mixed.test"))
    assert not isinstance(candidates, Outcome)
    assert [c.address for c in candidates] == ["8.8.4.4"]


async def test_private_addresses_are_used_where_allowed(setup: Setup):
    setup.server.set("inside.test", MX=["10 inside.test."], A="127.0.0.1")
    resolver = setup.make(allow_private=True)
    assert await resolver.addresses("inside.test") == ("127.0.0.1",)


async def test_a_best_mx_with_our_own_address_bounces_with_5_4_6(setup: Setup):
    resolver = setup.make(own_addresses=["198.51.100.11"])
    setup.server.set("ours.test", MX=["10 mx1.example.test.", "20 mx2.example.test."])
    answer = await resolver.resolve("ours.test")
    assert failure(await resolver.candidates(answer)) == ("bounced", 554, "5.4.6")


async def test_a_best_mx_with_our_own_name_bounces_with_5_4_6(setup: Setup):
    resolver = setup.make(own_names=["MX1.example.test"])
    setup.server.set("ours.test", MX=["10 mx1.example.test."])
    answer = await resolver.resolve("ours.test")
    assert failure(await resolver.candidates(answer)) == ("bounced", 554, "5.4.6")


async def test_as_backup_mx_only_better_hosts_are_tried(setup: Setup):
    resolver = setup.make(own_names=["mx2.example.test"])
    setup.server.set(
        "backup.test",
        MX=["10 mx1.example.test.", "20 mx2.example.test.", "30 mx0.example.test."],
    )
    candidates = await resolver.candidates(await resolver.resolve("backup.test"))
    assert not isinstance(candidates, Outcome)
    assert [c.host for c in candidates] == ["mx1.example.test"]


async def test_an_address_of_this_machine_is_our_own_on_the_internet(setup: Setup):
    setup.server.set("here.test", MX=["10 here.test."], A="8.8.4.4")
    resolver = setup.make(allow_private=False, is_local=lambda address: address == "8.8.4.4")
    answer = await resolver.resolve("here.test")
    assert failure(await resolver.candidates(answer)) == ("bounced", 554, "5.4.6")


async def test_texts_are_joined_per_record(setup: Setup):
    found = await setup.resolver.txt("spf.test")
    assert not isinstance(found, Outcome)
    assert set(found) == {b"v=spf1 -all", b"other"}


async def test_no_text_is_an_empty_tuple_and_a_failure_an_outcome(setup: Setup):
    assert await setup.resolver.txt("unknown.test") == ()
    assert await setup.resolver.txt("implicit.test") == ()
    setup.server.fail("spf.test", Fault.SERVFAIL)
    assert failure(await setup.resolver.txt("spf.test")) == ("deferred", 451, "4.4.3")


@pytest.mark.parametrize("domain", ["a" * 64 + ".test", ".".join(["abcdefgh"] * 40), "a..test"])
async def test_a_name_that_dns_cannot_hold_bounces(setup: Setup, domain: str):
    answer = await setup.resolver.resolve(domain)
    assert failure(answer.failure)[0] == OutcomeKind.BOUNCED


async def test_urgent_questions_pass_those_that_wait(setup: Setup):
    setup.server.set("*.slow.test", MX=["10 mx1.example.test."])
    setup.server.pause()
    bulk = [asyncio.create_task(setup.resolver.resolve(f"d{i}.slow.test")) for i in range(300)]
    urgent = asyncio.create_task(setup.resolver.resolve("example.test", urgent=True))
    while ("example.test", "MX") not in setup.server.queries:
        await asyncio.sleep(0)
    assert len(setup.server.queries) <= 128
    setup.server.resume()
    await asyncio.gather(urgent, *bulk)
