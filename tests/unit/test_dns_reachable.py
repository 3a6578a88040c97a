"""Which addresses mail may be sent to."""

import pytest

from mta.dns.reachable import AddressPolicy, Reach, is_local_address


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.9.10",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fc00::1",
        "ff02::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "::ffff:0:127.0.0.1",
        "::5efe:127.0.0.1",
        "fec0::1",
        "3fff::1",
        "5f00::1",
        "192.88.99.1",
        "2002:7f00:1::",
        "168.63.129.16",
        "::ffff:168.63.129.16",
        "64:ff9b::a83f:8110",
        "100.100.100.200",
        "192.0.0.192",
        "192.0.0.9",
        "169.254.170.2",
        "fd00:ec2::254",
        "fd20:ce::254",
        "not an address",
    ],
)
def test_special_purpose_addresses_are_private_in_every_notation(address: str):
    policy = AddressPolicy(is_local=lambda _: False)
    assert policy.reach(address) is Reach.PRIVATE


@pytest.mark.parametrize("address", ["8.8.4.4", "2600::1", "::ffff:8.8.4.4", "64:ff9b::808:404"])
def test_public_addresses_are_public(address: str):
    assert AddressPolicy(is_local=lambda _: False).reach(address) is Reach.PUBLIC


@pytest.mark.parametrize("address", ["8.8.4.4", "::ffff:8.8.4.4"])
def test_own_addresses_are_own_in_every_notation(address: str):
    policy = AddressPolicy(own_addresses=["8.8.4.4"], is_local=lambda _: False)
    assert policy.reach(address) is Reach.OWN


def test_own_addresses_stay_own_where_private_ones_are_allowed():
    policy = AddressPolicy(allow_private=True, own_addresses=["127.0.0.2"])
    assert policy.reach("127.0.0.2") is Reach.OWN
    assert policy.reach("127.0.0.1") is Reach.PUBLIC


@pytest.mark.parametrize("address", ["0.0.0.0", "224.0.0.1", "::"])
def test_addresses_that_name_no_host_are_never_usable(address: str):
    assert AddressPolicy(allow_private=True).reach(address) is Reach.PRIVATE


def test_addresses_of_this_machine_are_found():
    assert is_local_address("127.0.0.1")
    assert not is_local_address("8.8.4.4")


@pytest.mark.parametrize("name", ["localhost", "mail.localhost", "localhost.localdomain"])
def test_loopback_names_are_known(name: str):
    assert AddressPolicy().is_loopback_name(name)
    assert not AddressPolicy(allow_private=True).is_loopback_name(name)
