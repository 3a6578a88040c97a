"""Reads resource records into plain values."""

import ipaddress
from collections.abc import Iterable

from dns.rdata import Rdata
from dns.rdtypes.ANY.MX import MX
from dns.rdtypes.ANY.TXT import TXT
from dns.rdtypes.IN.A import A
from dns.rdtypes.IN.AAAA import AAAA

from mta.dns.answers import MxHost

MAX_MX_HOSTS = 30  # more are a mistake, or an attempt to make us ask; the best ones count


def mx_hosts(data: Iterable[Rdata]) -> tuple[tuple[MxHost, ...], bool]:
    """The usable mail exchangers by preference, then name; and whether the domain has a null MX.

    A "." beside others is void (RFC 7505 §3 forbids it), and so is an IP address in place of a name
    (RFC 5321 §5.1 wants a domain name).
    """
    best: dict[str, int] = {}
    is_null = False
    for record in data:
        if not isinstance(record, MX):
            continue
        name = record.exchange.to_text(omit_final_dot=True).lower()
        if name in (".", "@", ""):
            is_null = True
        elif not literal_address(name):
            best[name] = min(record.preference, best.get(name, 65_535))
    ordered = sorted(best.items(), key=lambda item: (item[1], item[0]))
    hosts = tuple(MxHost(name, preference) for name, preference in ordered[:MAX_MX_HOSTS])
    return hosts, is_null and not hosts


def addresses(data: Iterable[Rdata]) -> tuple[str, ...]:
    """The addresses of A and AAAA records, in answer order."""
    return tuple(record.address for record in data if isinstance(record, A | AAAA))


def texts(data: Iterable[Rdata]) -> tuple[bytes, ...]:
    """TXT records, the strings of each joined without a space (RFC 7208 §3.3, RFC 6376 §3.6.2.2)."""
    return tuple(b"".join(record.strings) for record in data if isinstance(record, TXT))


def literal_address(host: str) -> str:
    """The address in `192.0.2.1`, `[192.0.2.1]` or `[IPv6:2001:db8::1]`; empty for a name."""
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        if host[:5].lower() == "ipv6:":
            host = host[5:]
    if not host[-1:].isdigit() and ":" not in host:
        return ""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return ""
