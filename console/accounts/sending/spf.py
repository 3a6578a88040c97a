"""Whether a domain's SPF record lets our addresses send: enough of RFC 7208 to say yes or why not."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field

from mta.dns.lookup import Failed, Lookup, Records
from mta.dns.records import addresses, mx_hosts, texts

MAX_LOOKUPS = 10  # RFC 7208 §4.6.4

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class SpfUnknown(Exception):
    """DNS did not answer: nothing is known."""


class SpfBroken(Exception):
    """The record cannot be used; the text says why."""


@dataclass(slots=True)
class _Budget:
    left: int = field(default=MAX_LOOKUPS)

    def take(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise SpfBroken(f"more than {MAX_LOOKUPS} DNS look-ups are needed")


async def spf_records(lookup: Lookup, domain: str) -> tuple[str, ...]:
    """The SPF records of a domain; one is right. Raises `SpfUnknown`."""
    found = await lookup.ask(domain, "TXT")
    if isinstance(found, Failed):
        raise SpfUnknown(found.reason)
    if not isinstance(found, Records):
        return ()
    records = (text.decode("utf-8", "replace") for text in texts(found.data))
    return tuple(r for r in records if r.lower() == "v=spf1" or r.lower().startswith("v=spf1 "))


async def spf_problem(lookup: Lookup, domain: str, sources: Sequence[str]) -> str:
    """Why mail from `sources` would not pass; empty when it does. Raises `SpfUnknown`."""
    try:
        for source in sources:
            verdict = await _check(lookup, domain, ipaddress.ip_address(source), _Budget())
            if verdict != "+":
                return f"{source} is not allowed to send"
    except SpfBroken as error:
        return str(error)
    return ""


async def _check(lookup: Lookup, domain: str, source: Address, budget: _Budget) -> str:
    """The qualifier of the first mechanism that fits, `?` when none does."""
    records = await spf_records(lookup, domain)
    if len(records) != 1:
        raise SpfBroken(f"{domain} has {len(records)} SPF records, there must be one")
    redirect = ""
    for term in records[0].split()[1:]:
        name, _, value = term.partition("=")
        if value and ":" not in name and "/" not in name:
            if name.lower() == "redirect":
                redirect = value
            continue
        qualifier = term[0] if term[0] in "+-~?" else "+"
        if await _fits(lookup, term.lstrip("+-~?"), domain, source, budget):
            return qualifier
    if redirect:
        budget.take()
        return await _check(lookup, redirect, source, budget)
    return "?"


async def _fits(
    lookup: Lookup, mechanism: str, domain: str, source: Address, budget: _Budget
) -> bool:
    name, _, value = mechanism.partition(":")
    name, _, bits = name.partition("/")
    kind = name.lower()
    if kind == "all":
        return True
    if kind in ("ip4", "ip6"):
        return _is_in(source, value)
    if kind == "include":
        budget.take()
        return await _check(lookup, value, source, budget) == "+"
    if kind in ("a", "mx"):
        budget.take()
        host, _, own_bits = (value or domain).partition("/")
        hosts = [host] if kind == "a" else await _mx(lookup, host)
        prefix = own_bits or bits
        for one in hosts:
            for address in await _addresses(lookup, one, source):
                if _is_in(source, f"{address}/{prefix}" if prefix else address):
                    return True
        return False
    if kind == "exists":  # needs macros: nothing that one would use for us
        budget.take()
        return False
    if kind == "ptr":
        budget.take()
        return False
    raise SpfBroken(f"{mechanism!r} is no mechanism of SPF")


def _is_in(source: Address, network: str) -> bool:
    try:
        wanted = ipaddress.ip_network(network.partition("//")[0], strict=False)
    except ValueError:
        raise SpfBroken(f"{network!r} is no network") from None
    return source.version == wanted.version and source in wanted


async def _mx(lookup: Lookup, domain: str) -> list[str]:
    found = await lookup.ask(domain, "MX")
    if isinstance(found, Failed):
        raise SpfUnknown(found.reason)
    return [host.name for host in mx_hosts(found.data)[0]] if isinstance(found, Records) else []


async def _addresses(lookup: Lookup, host: str, source: Address) -> Sequence[str]:
    found = await lookup.ask(host, "A" if source.version == 4 else "AAAA")
    if isinstance(found, Failed):
        raise SpfUnknown(found.reason)
    return addresses(found.data) if isinstance(found, Records) else ()
