"""Whatever MX records a domain has, the hosts are names in the order of RFC 5321 §5.1, as a naive
reader orders them, and no address is tried at or behind ourselves or twice.
"""

from contextlib import suppress
from random import Random

import dns.exception
import dns.name
import dns.rdata
from dns.rdtypes.ANY.MX import MX
from hypothesis import given
from hypothesis import strategies as st

from mta.dns.answers import MxHost
from mta.dns.candidates import HostAddresses, in_order, shuffled
from mta.dns.records import MAX_MX_HOSTS, literal_address, mx_hosts
from mta.shaping.sites import site_pattern
from tests.property.effort import tries

labels = st.sampled_from(
    [b"mx", b"MX", b"1", b"a-b", b"\xff", b".", b"@", b"\0", b"x" * 63]
) | st.binary(min_size=1, max_size=6)
names = st.one_of(
    st.lists(labels, max_size=3).map(lambda parts: dns.name.Name([*parts, b""])),
    st.sampled_from(["192.0.2.1.", "mx.example.org.", "MX.Example.org.", "2001:db8::1."]).map(
        dns.name.from_text
    ),
)
records = st.builds(
    lambda preference, name: MX("IN", "MX", preference, name), st.integers(0, 65_535), names
)


@tries(300)
@given(st.lists(records, max_size=40))
def test_hosts_are_distinct_names_in_order(data: list[MX]) -> None:
    hosts, is_null = mx_hosts(data)
    best: dict[str, int] = {}
    for record in data:
        if record.exchange != dns.name.root:
            name = record.exchange.to_text(omit_final_dot=True).lower()
            best[name] = min(best.get(name, 65_535), record.preference)
    naive = sorted((p, n) for n, p in best.items() if not literal_address(n))
    assert [(h.preference, h.name) for h in hosts] == naive[:MAX_MX_HOSTS]
    assert is_null == (not hosts and any(r.exchange == dns.name.root for r in data))
    for host in hosts:
        assert host.name == host.name.lower()
        assert host.name.isascii()
        assert not any(ord(c) < 33 for c in host.name)
    if hosts:
        assert site_pattern([h.name for h in hosts])


@tries(200)
@given(st.binary(max_size=60))
def test_octets_that_are_no_record_are_told_by_the_library_or_read(wire: bytes) -> None:
    with suppress(dns.exception.DNSException):  # which the look-up takes for a failure
        mx_hosts([dns.rdata.from_wire("IN", "MX", wire, 0, len(wire))])


known_hosts = st.lists(
    st.tuples(
        st.sampled_from("abcdefgh"),
        st.integers(0, 3),
        st.lists(st.sampled_from("123456789"), max_size=4, unique=True),
        st.sampled_from([False] * 7 + [True]),
    ),
    max_size=8,
    unique_by=lambda host: host[0],
)


@tries(300)
@given(known_hosts, st.integers(0, 1000), st.integers(0, 9))
def test_addresses_come_best_first_and_never_at_or_behind_ourselves(hosts, seed, limit) -> None:
    groups = shuffled([MxHost(n, p) for n, p, _, _ in hosts], Random(seed))
    known = {n: HostAddresses(tuple(a), is_own=own) for n, _, a, own in hosts}
    found = in_order(groups, known, limit)
    own = min((p for _, p, _, is_own in hosts if is_own), default=99)
    reachable = {a for _, p, addresses, _ in hosts if p < own for a in addresses}
    assert len(found) == min(limit, len(reachable))
    assert len({c.address for c in found}) == len(found)
    assert [c.preference for c in found] == sorted(c.preference for c in found)
    assert all(c.preference < own and c.address in known[c.host].addresses for c in found)
