"""Mailboxes and domains: what is an address, in which form, and what nobody may smuggle into one."""

import pytest

from mta.model.address import Address, parse_address, parse_domain
from mta.model.errors import AddressSyntaxError


@pytest.mark.parametrize(
    ("text", "local", "domain"),
    [
        ("ana@example.org", "ana", "example.org"),
        ("Ana.B+x@EXAMPLE.Org", "Ana.B+x", "example.org"),
        ("!#$%&'*+-/=?^_`{|}~@x.org", "!#$%&'*+-/=?^_`{|}~", "x.org"),
        ('"a b"@example.org', '"a b"', "example.org"),
        ('"a@b"@example.org', '"a@b"', "example.org"),
        (r'"a\"b"@example.org', r'"a\"b"', "example.org"),
        ("a@[192.0.2.1]", "a", "[192.0.2.1]"),
        ("a@[ipv6:2001:DB8::1]", "a", "[IPv6:2001:db8::1]"),
        ("a@ñandú.example", "a", "xn--and-6ma2c.example"),
        ("a@XN--AND-6MA2C.example", "a", "xn--and-6ma2c.example"),
        ("ñandú@example.org", "ñandú", "example.org"),
        ("a@faß.example", "a", "xn--fa-hia.example"),
        ("a@localhost", "a", "localhost"),
    ],
)
def test_an_address_keeps_its_local_part_and_gets_a_canonical_domain(text, local, domain):
    assert parse_address(text) == Address(local, domain)


@pytest.mark.parametrize(
    "text",
    [
        "", "@", "a@", "@b.c", "a", "a b@c.d", "a@b c", "a@b..c", ".a@b.c", "a.@b.c", "a..b@c.d",
        "a@-b.c", "a@b-.c", "a@b.c.", "a@.b", "a@b_c.d", "a@b@c.d", "<a@b.c>", "a@b.c>", "a@b.c,d@e.f",
        "a@b(c@evil.example)", "alice@example.org)bob@evil.example", "a@b.test SIZE=1",
        "a@b.test>\r\nRSET", '"a\r\nb"@c.d', '"a"b@c.d', '"a@c.d', 'a"@c.d', "a\0@b.c", "a@b\0.c",
        "a@1.2.3.4", "a@123", "a@[1.2.3]", "a@[1.2.3.4", "a@1.2.3.4]", "a@[]", "a@[IPv6:]",
        "a@[IPv6:::1%eth0]", "a@[IPv6:::1%> SIZE=1]", "a@[IPv6:fe80::1%\r\nRSET]", "a@[x]",
        "a@exa\u2024mple.org", "a@exa\ufe52mple.org", "a@exa\uff0emple.org", "a@exa\u3002mple.org",
        "a@ex\uff20ample.org", "a@ex\uff1cample.org", "a@ex\u2028ample.org", "a\u2028@b.c", "a\x85@b.c",
        "a@xn--a.org", "a@xn--.org", "a@XN--A.org", "\ud800@b.c", "a@\ud800.c", "a@\u200d.org",
        "a@b\uff1cc.org", "a＠b.c",
    ],
)  # fmt: skip
def test_what_is_no_single_address_is_refused(text):
    with pytest.raises(AddressSyntaxError):
        parse_address(text)


def test_the_longest_parts_are_taken_and_one_octet_more_is_not():
    label = "x" * 63
    longest = ".".join([label] * 3)
    assert parse_address(f"{'a' * 62}@{longest}").local == "a" * 62  # path of 256 octets
    assert parse_address(f"{'a' * 64}@{'b.' * 90}c.de")
    assert parse_domain(f"{longest}.{'x' * 63}") == f"{longest}.{'x' * 63}"
    for text in (
        f"{'a' * 63}@{longest}",
        f"{'a' * 65}@b.c",
        f"{'ñ' * 33}@b.c",
        f"a@{'x' * 64}.de",
        f"a@{'b.' * 130}c.de",
        f"a@{'ñ.' * 200}org",
        f'"{"a" * 63}"@b.c',
    ):
        with pytest.raises(AddressSyntaxError):
            parse_address(text)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Ana@Example.org", "ana@example.org"),
        ('"Ana"@example.org', "ana@example.org"),
        (r'"a\na"@example.org', "ana@example.org"),
        ('"a b"@example.org', '"a b"@example.org'),
        (r'"a\ b"@example.org', '"a b"@example.org'),
        (r'"a\"b"@example.org', r'"a\"b"@example.org'),
        ("n\u0303a@example.org", "ña@example.org"),
        ("ÑA@example.org", "ña@example.org"),
    ],
)
def test_ways_to_write_one_mailbox_share_a_key(text, key):
    assert parse_address(text).key == key


def test_properties_of_addresses():
    assert not parse_address("ñ@example.org").is_ascii
    assert parse_address("n@ñ.org").is_ascii
    assert parse_address("a@[192.0.2.1]").is_literal
    assert not parse_address("a@example.org").is_literal
    assert str(parse_address("A@EXAMPLE.org")) == "A@example.org"


@pytest.mark.parametrize("count", [100_000])
@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "a.",
        "a-",
        "@",
        "a@",
        '"',
        '"\\',
        "\\",
        "[",
        "xn--",
        "ñ",
        "ñ.",
        "\u0300",
        ".",
        "1.",
        "-",
    ],
)
def test_hostile_input_ends(unit, count):
    hostile = unit * count
    for text in (
        hostile,
        f"{hostile}@example.org",
        f"a@{hostile}",
        f'"{hostile}"@b.c',
        f"a@[{hostile}]",
    ):
        with pytest.raises(AddressSyntaxError):
            parse_address(text)
        with pytest.raises(AddressSyntaxError):
            parse_domain(text)
