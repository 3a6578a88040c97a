"""Only our own addresses are taken, and a token is good for one thing."""

import pytest

from mta.feedback.addresses import FeedbackAddresses, Mailbox, Use
from mta.feedback.session import _network_of
from mta.intake.return_path import ReturnPathHosts, ReturnPaths
from mta.intake.tokens import DeliveryTokens, Purpose

KEY = b"k" * 32
DOMAIN = "b.example.org"
ID = 1_795_347_660_672_723_965


@pytest.fixture
def addresses():
    return FeedbackAddresses(KEY, ReturnPathHosts(DOMAIN))


def returns(identifier=ID, key=KEY):
    return ReturnPaths(key, ReturnPathHosts(DOMAIN)).address(identifier)


def leaves(identifier=ID, key=KEY):
    return DeliveryTokens(key, Purpose.UNSUBSCRIBE).token(identifier)


def test_our_addresses_are_known_in_either_case(addresses):
    for address in (returns(), returns().upper()):
        assert addresses.resolve(address) == Mailbox(Use.RETURN_PATH, ID)
    for prefix in ("u+", "baja+", "BAJA+"):
        assert addresses.resolve(f"{prefix}{leaves()}@{DOMAIN}") == Mailbox(Use.UNSUBSCRIBE, ID)
    for name in ("fbl", "FBL", "fbl+yahoo"):
        assert addresses.resolve(f"{name}@{DOMAIN}") == Mailbox(Use.FEEDBACK_LOOP)
    for name in ("postmaster", "Postmaster", f"postmaster@{DOMAIN}", f"abuse@{DOMAIN.upper()}"):
        assert addresses.resolve(name) == Mailbox(Use.PEOPLE)


@pytest.mark.parametrize(
    "address",
    [
        "ana@example.com",
        f"ana@{DOMAIN}",
        f"ana@sub.{DOMAIN}",
        "abuse",
        f"b+1-{'0' * 20}@{DOMAIN}",
        returns(key=b"j" * 32),
        returns().replace(DOMAIN, "example.com"),
        returns().replace("@", "%example.com@"),
        f"@{DOMAIN}:{returns()}",
        f"u+{leaves(key=b'j' * 32)}@{DOMAIN}",
        f"u+{returns()[2:]}",
        f"b+{leaves()}@{DOMAIN}",
        f"b+{'z' * 13}-{'0' * 20}@{DOMAIN}",
        "",
        "@",
    ],
)
def test_everything_else_is_nobody(addresses, address):
    assert addresses.resolve(address) is None


def test_every_changed_bit_of_a_token_is_seen(addresses):
    local = returns().partition("@")[0]
    for place in range(2, len(local)):
        for char in "0a-":
            changed = local[:place] + char + local[place + 1 :]
            if changed != local:
                assert addresses.resolve(f"{changed}@{DOMAIN}") is None


def test_a_token_is_found_in_the_text_of_a_report(addresses):
    forged = returns(key=b"j" * 32)
    assert addresses.delivery_in(f"Return-Path: <{forged}>\nX: <{returns()}>") == ID
    assert addresses.delivery_in(f"List-Unsubscribe: <https://r.example/u/{leaves()}>") == ID
    assert (
        addresses.delivery_in(f"List-Unsubscribe: <mailto:u+{leaves()}@{DOMAIN}?subject=x>") == ID
    )
    assert addresses.delivery_in(f"Return-Path: <{forged}>") == 0
    assert addresses.delivery_in("") == 0


def test_an_undo_token_covers_its_time():
    tokens = DeliveryTokens(KEY, Purpose.UNDO)
    token = tokens.token(ID, 1_800_000_000)
    assert tokens.delivery_id(token, 1_800_000_000) == ID
    assert tokens.delivery_id(token, 1_800_000_001) is None
    assert tokens.delivery_id(token) is None


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_clients_are_counted_by_what_one_holder_has(address, network):
    assert _network_of(address) == network
