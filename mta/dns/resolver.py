"""The resolver: MX hosts of a domain and addresses of a host, remembered and never asked twice at once.

Theory of operation. `cached()` is the hot path: it looks into memory and costs about a microsecond.
`resolve()` asks DNS when memory has nothing fresh; callers that ask for the same name meanwhile wait
for the one question. Positive answers live by their TTL, at least a minute and at most a day; "there is
nothing" at most five minutes; a failure (SERVFAIL, timeout) one minute. While DNS fails, an expired
positive answer serves for another hour. Nothing is ever bounced because DNS did not answer.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from random import Random
from typing import TypeVar

from mta.dns.answers import (
    Candidate,
    MxAnswer,
    MxHost,
    lookup_failed,
    no_mail_host,
    no_such_domain,
    null_mx,
    points_at_ourselves,
    unusable_hosts,
)
from mta.dns.cache import TtlCache
from mta.dns.candidates import MAX_ADDRESSES, HostAddresses, in_order, shuffled
from mta.dns.lookup import Absent, Failed, Lookup, Records
from mta.dns.reachable import AddressPolicy, Reach
from mta.dns.records import addresses as addresses_in
from mta.dns.records import literal_address, mx_hosts, texts
from mta.model.clock import Clock
from mta.model.outcome import Outcome, OutcomeKind

MIN_TTL_S = 60.0
MAX_TTL_S = 86_400.0
MIN_NEGATIVE_TTL_S = 10.0  # so that those who wait for one question get one answer
MAX_NEGATIVE_TTL_S = 300.0
FAILURE_TTL_S = 60.0  # then DNS is asked again
STALE_S = 3_600.0  # how long an expired answer serves while DNS fails
MAX_ENTRIES = 50_000  # domains, and as many hosts: some 40 MB when full
NEVER_S = float("inf")


@dataclass(frozen=True, slots=True)
class _HostEntry:
    """The addresses of a host as DNS gives them, or why there are none."""

    found: tuple[str, ...] | Outcome
    expires_s: float
    good_until_s: float


@dataclass(frozen=True, slots=True)
class _TextEntry:
    found: tuple[bytes, ...] | Outcome
    expires_s: float
    good_until_s: float


_Entry = TypeVar("_Entry", MxAnswer, _HostEntry, _TextEntry)


class Resolver:
    """Answers where mail goes; used from the event loop only."""

    def __init__(
        self,
        lookup: Lookup,
        clock: Clock,
        policy: AddressPolicy,
        *,
        random: Random | None = None,
        max_entries: int = MAX_ENTRIES,
    ) -> None:
        """`random` shuffles hosts of equal preference."""
        self._lookup = lookup
        self._clock = clock
        self._policy = policy
        self._random = Random() if random is None else random  # noqa: S311  (load spreading)
        self._domains: TtlCache[str, MxAnswer] = TtlCache(max_entries)
        self._hosts: TtlCache[str, _HostEntry] = TtlCache(max_entries)
        self._texts: TtlCache[str, _TextEntry] = TtlCache(max_entries)
        self._pending: dict[tuple[str, str, bool], asyncio.Future[None]] = {}

    def cached(self, domain: str) -> MxAnswer | None:
        """What is known and fresh, without asking; `domain` in lower-case A-labels."""
        return self._domains.fresh(domain, self._clock.monotonic_s())

    async def resolve(self, domain: str, *, urgent: bool = False) -> MxAnswer:
        """Where mail for the domain goes; a failure is in the answer, never raised.

        `urgent` questions do not wait behind others when many run.
        """
        if domain.startswith("["):
            return MxAnswer(domain, (MxHost(domain, 0),), None, True, NEVER_S, (domain,))
        return await self._shared(
            ("MX", domain, urgent), self._domains, lambda: self._ask_mx(domain, urgent)
        )

    async def addresses(
        self, host: str, *, trusted: bool = False, urgent: bool = False
    ) -> tuple[str, ...] | Outcome:
        """Addresses of a host, IPv4 first, those that mail must not go to left out.

        `host` may also be an IP address or an address literal. `trusted`: the operator named this host
        (route, smarthost), private addresses and our own are fine.
        """
        found = await self._host(host, urgent)
        if isinstance(found, Outcome) or trusted:
            return found
        usable = tuple(a for a in found if self._policy.reach(a) is Reach.PUBLIC)
        if usable and not self._policy.is_loopback_name(host):
            return usable
        if self._policy.is_own_name(host) or any(self._policy.reach(a) is Reach.OWN for a in found):
            return points_at_ourselves(host, host)
        return unusable_hosts(host, "only private addresses")

    async def candidates(
        self,
        answer: MxAnswer,
        *,
        limit: int = MAX_ADDRESSES,
        family: int = 0,
        urgent: bool = False,
    ) -> tuple[Candidate, ...] | Outcome:
        """At most `limit` addresses for one attempt, in the order in which to try them.

        `family`: 4 or 6 keeps only what a source address of that family reaches. Hosts are asked group
        by group, only as far as the attempt needs.
        """
        if answer.failure is not None:
            return answer.failure
        groups = shuffled(answer.hosts, self._random)
        known: dict[str, HostAddresses] = {}
        problems: list[Outcome] = []
        for index, group in enumerate(groups):
            results = await asyncio.gather(*(self._host(host.name, urgent) for host in group))
            for host, found in zip(group, results, strict=True):
                known[host.name] = self._judge(host.name, found, family, problems)
            own = next((host.name for host in group if known[host.name].is_own), "")
            chosen = in_order(groups[: index + 1], known, limit)
            if own and not chosen:
                return points_at_ourselves(answer.domain, own)
            if own or len(chosen) >= limit:
                return chosen
        return chosen or _why_none(answer.domain, problems, family)

    async def txt(self, name: str, *, urgent: bool = False) -> tuple[bytes, ...] | Outcome:
        """TXT records, the strings of each joined (RFC 7208 §3.3); empty when there are none.

        An outcome means that DNS failed and nothing is known.
        """
        entry = await self._shared(
            ("TXT", name, urgent), self._texts, lambda: self._ask_txt(name, urgent)
        )
        return entry.found

    def forget(self, domain: str) -> None:
        """Ask anew for this domain, and for the hosts it had, at the next need."""
        now_s = self._clock.monotonic_s()
        answer = self._domains.fresh(domain, now_s)
        for host in answer.hosts if answer is not None else ():
            self._hosts.discard(host.name)
        self._domains.discard(domain)

    def clear(self) -> None:
        """Forget everything (operator's command, changed name servers)."""
        for cache in (self._domains, self._hosts, self._texts):
            cache.clear()

    def _judge(
        self, host: str, found: tuple[str, ...] | Outcome, family: int, problems: list[Outcome]
    ) -> HostAddresses:
        """Apply the address policy to one host; what is wrong with it is added to `problems`."""
        if self._policy.is_own_name(host):
            return HostAddresses((), is_own=True)
        if isinstance(found, Outcome):
            problems.append(found)
            return HostAddresses(())
        reach = [self._policy.reach(address) for address in found]
        if Reach.OWN in reach:
            return HostAddresses((), is_own=True)
        usable = [a for a, r in zip(found, reach, strict=True) if r is Reach.PUBLIC]
        if not usable or self._policy.is_loopback_name(host):
            problems.append(unusable_hosts(host, "only private addresses"))
            return HostAddresses(())
        return HostAddresses(tuple(a for a in usable if not family or (":" in a) == (family == 6)))

    async def _host(self, host: str, urgent: bool) -> tuple[str, ...] | Outcome:
        """The addresses of a host, before the address policy."""
        literal = literal_address(host)
        if literal:
            return (literal,)
        entry = await self._shared(
            ("HOST", host, urgent), self._hosts, lambda: self._ask_host(host, urgent)
        )
        return entry.found

    async def _shared(
        self,
        key: tuple[str, str, bool],
        cache: TtlCache[str, _Entry],
        ask: Callable[[], Awaitable[_Entry]],
    ) -> _Entry:
        """The cached value, or the result of one question that all who need it wait for.

        The first caller asks (its question has a deadline, so the waiting has one too); if it is
        cancelled, one of those who wait takes over.
        """
        while True:
            value = cache.fresh(key[1], self._clock.monotonic_s())
            if value is not None:
                return value
            pending = self._pending.get(key)
            if pending is None:
                break
            await asyncio.wait((pending,))
        self._pending[key] = done = asyncio.get_running_loop().create_future()
        try:
            value = await ask()
            cache.put(key[1], value)
            return value
        finally:
            del self._pending[key]
            done.set_result(None)

    async def _ask_mx(self, domain: str, urgent: bool) -> MxAnswer:
        found = await self._lookup.ask(domain, "MX", urgent=urgent)
        if isinstance(found, Records):
            hosts, is_null = mx_hosts(found.data)
            if hosts:
                return self._answer(domain, hosts, found.ttl_s)
            failure = null_mx(domain) if is_null else unusable_hosts(domain, "no MX names a host")
            return self._refusal(domain, failure, found.ttl_s)
        if isinstance(found, Failed):
            return self._in_need(self._domains.last(domain)) or self._refusal(
                domain, lookup_failed(domain, found.reason)
            )
        if not found.name_exists:
            return self._refusal(domain, no_such_domain(domain), found.ttl_s)
        return await self._implicit(domain, found.ttl_s, urgent)

    async def _implicit(self, domain: str, ttl_s: float, urgent: bool) -> MxAnswer:
        """No MX: the domain itself is the host, if it has an address (RFC 5321 §5.1)."""
        host = await self._host(domain, urgent)
        if not isinstance(host, Outcome):
            # "No MX" is a negative answer: one may be added any time.
            ttl_s = min(ttl_s, MAX_NEGATIVE_TTL_S)
            return self._answer(domain, (MxHost(domain, 0),), ttl_s, is_implicit=True)
        if host.kind is OutcomeKind.DEFERRED:
            return self._in_need(self._domains.last(domain)) or self._refusal(domain, host)
        return self._refusal(domain, host, ttl_s)

    async def _ask_host(self, host: str, urgent: bool) -> _HostEntry:
        results = await asyncio.gather(
            *(self._lookup.ask(host, rdtype, urgent=urgent) for rdtype in ("A", "AAAA"))
        )
        records = [result for result in results if isinstance(result, Records)]
        failed = next((result for result in results if isinstance(result, Failed)), None)
        absent = [result for result in results if isinstance(result, Absent)]
        found = tuple(address for result in records for address in addresses_in(result.data))
        if found:
            # With half of the answer missing, ask again as soon as a positive answer allows.
            ttl_s = min(r.ttl_s for r in records) if failed is None else MIN_TTL_S
            return _HostEntry(found, *self._lifetime(ttl_s))
        if failed is not None:
            return self._in_need(self._hosts.last(host)) or _HostEntry(
                lookup_failed(host, failed.reason), *self._lifetime(None)
            )
        exists = all(result.name_exists for result in absent)
        ttl_s = min((result.ttl_s for result in absent), default=0.0)
        outcome = no_mail_host(host) if exists else no_such_domain(host)
        return _HostEntry(outcome, *self._lifetime(ttl_s, negative=True))

    async def _ask_txt(self, name: str, urgent: bool) -> _TextEntry:
        found = await self._lookup.ask(name, "TXT", urgent=urgent)
        if isinstance(found, Records):
            return _TextEntry(texts(found.data), *self._lifetime(found.ttl_s))
        if isinstance(found, Absent):
            return _TextEntry((), *self._lifetime(found.ttl_s, negative=True))
        return self._in_need(self._texts.last(name)) or _TextEntry(
            lookup_failed(name, found.reason), *self._lifetime(None)
        )

    def _answer(
        self, domain: str, hosts: tuple[MxHost, ...], ttl_s: float, *, is_implicit: bool = False
    ) -> MxAnswer:
        expires_s, good_until_s = self._lifetime(ttl_s)
        names = tuple(host.name for host in hosts)
        return MxAnswer(domain, hosts, None, is_implicit, expires_s, names, good_until_s)

    def _refusal(self, domain: str, failure: Outcome, ttl_s: float | None = None) -> MxAnswer:
        expires_s, good_until_s = self._lifetime(ttl_s, negative=True)
        return MxAnswer(domain, (), failure, False, expires_s, (), good_until_s)

    def _lifetime(self, ttl_s: float | None, *, negative: bool = False) -> tuple[float, float]:
        """When to ask again, and until when the answer is good; `None`: a failure to look up."""
        now_s = self._clock.monotonic_s()
        if ttl_s is None:
            return now_s + FAILURE_TTL_S, now_s
        low, high = (MIN_NEGATIVE_TTL_S, MAX_NEGATIVE_TTL_S) if negative else (MIN_TTL_S, MAX_TTL_S)
        until_s = now_s + min(high, max(low, ttl_s))
        return until_s, until_s

    def _in_need(self, last: _Entry | None) -> _Entry | None:
        """The last positive answer for another minute, if its TTL ended less than an hour ago."""
        now_s = self._clock.monotonic_s()
        if last is None or last.good_until_s + STALE_S <= now_s or _is_failure(last):
            return None
        return replace(last, expires_s=min(now_s + FAILURE_TTL_S, last.good_until_s + STALE_S))


def _is_failure(entry: MxAnswer | _HostEntry | _TextEntry) -> bool:
    if isinstance(entry, MxAnswer):
        return entry.failure is not None
    return isinstance(entry.found, Outcome)


def _why_none(domain: str, problems: Iterable[Outcome], family: int) -> Outcome:
    """One outcome for a domain none of whose hosts can be used; transient if any of the causes is."""
    texts_of = []
    for problem in problems:
        if problem.kind is OutcomeKind.DEFERRED:
            return problem
        texts_of.append(problem.reply.text)
    if not texts_of:
        return unusable_hosts(domain, f"no IPv{family} address")
    return unusable_hosts(domain, texts_of[0])
