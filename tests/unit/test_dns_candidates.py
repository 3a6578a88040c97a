"""The order of addresses, and the bounded memory."""

from dataclasses import dataclass
from random import Random

import pytest
from dns import rdata

from mta.dns.answers import MxHost
from mta.dns.cache import TtlCache
from mta.dns.candidates import HostAddresses, in_order, shuffled
from mta.dns.lookup import Lookup
from mta.dns.records import literal_address, mx_hosts
from mta.model.errors import ConfigurationError
from mta.settings.values import HostPort


@dataclass(frozen=True)
class Entry:
    expires_s: float


def hosts(*pairs: tuple[str, int]) -> list[MxHost]:
    return [MxHost(name, preference) for name, preference in pairs]


def test_every_host_of_a_preference_gets_its_turn_before_a_second_address():
    groups = [hosts(("a", 10), ("b", 10)), hosts(("c", 20))]
    known = {
        "a": HostAddresses(("1", "2", "3")),
        "b": HostAddresses(("4", "5")),
        "c": HostAddresses(("6",)),
    }
    assert [c.address for c in in_order(groups, known, 10)] == ["1", "4", "2", "5", "3", "6"]
    assert [c.address for c in in_order(groups, known, 3)] == ["1", "4", "2"]


def test_an_address_shared_by_two_hosts_is_tried_once():
    known = {"a": HostAddresses(("1",)), "b": HostAddresses(("1",))}
    assert len(in_order([hosts(("a", 10), ("b", 20))], known)) == 1


def test_ourselves_end_the_list_before_our_preference():
    groups = [hosts(("a", 10)), hosts(("b", 20), ("us", 20)), hosts(("c", 30))]
    known = {
        "a": HostAddresses(("1",)),
        "b": HostAddresses(("2",)),
        "us": HostAddresses((), is_own=True),
        "c": HostAddresses(("3",)),
    }
    assert [c.address for c in in_order(groups, known)] == ["1"]


def test_shuffling_keeps_preferences_apart():
    mx = hosts(("a", 20), ("b", 10), ("c", 20), ("d", 10))
    for seed in range(20):
        groups = shuffled(mx, Random(seed))
        assert [{host.name for host in group} for group in groups] == [{"b", "d"}, {"a", "c"}]


def test_hosts_are_read_once_each_with_their_best_preference():
    data = [rdata.from_text("IN", "MX", text) for text in ("20 A.test.", "10 a.test.", "5 b.test.")]
    assert mx_hosts(data) == (tuple(hosts(("b.test", 5), ("a.test", 10))), False)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("[192.0.2.1]", "192.0.2.1"),
        ("[IPv6:2001:db8::1]", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("mx1", ""),
        ("mx.example.org", ""),
        ("1.2.3.4.5", ""),
    ],
)
def test_literals_are_told_from_names(host: str, address: str):
    assert literal_address(host) == address


def test_the_cache_drops_what_was_used_longest_ago():
    cache: TtlCache[str, Entry] = TtlCache(2)
    cache.put("a", Entry(10.0))
    cache.put("b", Entry(10.0))
    cache.fresh("a", 0.0)
    cache.put("c", Entry(10.0))
    assert (cache.fresh("a", 0.0), cache.fresh("b", 0.0)) == (Entry(10.0), None)
    assert len(cache) == 2


def test_the_cache_keeps_expired_values_for_need_only():
    cache: TtlCache[str, Entry] = TtlCache(2)
    cache.put("a", Entry(10.0))
    assert cache.fresh("a", 10.0) is None
    assert cache.last("a") == Entry(10.0)


def test_a_name_server_must_be_an_ip_address():
    with pytest.raises(ConfigurationError, match="nameservers"):
        Lookup([HostPort("dns.example.org", 53)])
