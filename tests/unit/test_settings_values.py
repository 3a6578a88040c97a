"""Readers of single values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mta.settings.display import format_duration
from mta.settings.values import (
    HostPort,
    read_address,
    read_destination,
    read_domain,
    read_duration,
    read_listen,
    read_nameserver,
    read_network,
    read_seconds,
    read_size,
    read_store,
    read_url,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5m", 300), ("1h30m", 5400), ("1h 30m", 5400), ("250ms", 0.25), ("1.5h", 5400), ("2d", 172800),
     ("1w", 604800), ("90", 90), (90, 90), (0, 0), (0.5, 0.5)],
)  # fmt: skip
def test_durations_are_seconds(text, seconds):
    assert read_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "5x", "m", "-5m", "5m5", True, None, [], "1e9d", "99999d", -1, float("nan")]
)
def test_other_texts_are_no_durations(text):
    with pytest.raises(ValueError, match="expected a duration"):
        read_duration(text)


def test_whole_seconds_are_whole():
    assert isinstance(read_seconds("1m"), int)
    with pytest.raises(ValueError, match="whole seconds"):
        read_seconds("1500ms")


@given(st.integers(0, 10 * 366 * 86400))
def test_a_written_duration_reads_the_same(seconds):
    assert read_duration(format_duration(seconds)) == seconds


@pytest.mark.parametrize(
    ("text", "size"),
    [(5, 5), ("5", 5), ("5B", 5), ("5K", 5120), ("5kb", 5120), ("25MiB", 26214400), ("1 GiB", 1 << 30), ("2T", 2 << 40)],
)  # fmt: skip
def test_sizes_are_bytes(text, size):
    assert read_size(text) == size


@pytest.mark.parametrize("text", ["", "x", "-1", -1, True, 1.5, "1.5M", "5X", None])
def test_other_texts_are_no_sizes(text):
    with pytest.raises(ValueError, match="expected a size"):
        read_size(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.0.0.0:587", HostPort("0.0.0.0", 587)),
        ("[::]:0", HostPort("::", 0)),
        ("[2001:DB8::0:1]:25", HostPort("2001:db8::1", 25)),
        ("Mail.Example.org:25", HostPort("mail.example.org", 25)),
        ("localhost:25", HostPort("localhost", 25)),
        ("correo.ñandú.example:25", HostPort("correo.xn--and-6ma2c.example", 25)),
    ],
)
def test_host_and_port(text, expected):
    assert read_listen(text) == expected
    assert read_listen(str(expected)) == expected


@pytest.mark.parametrize(
    "text", ["", ":25", "25", "a", "a:", "a:x", "a:-1", "a b:1", "1.2.3:4", "1.2.3.256:4", "[::1]", "[x]:1", "::1", "a:٣", 25]
)  # fmt: skip
def test_other_texts_are_no_host_and_port(text):
    with pytest.raises(ValueError, match="expected"):
        read_listen(text)


def test_port_0_is_no_destination():
    with pytest.raises(ValueError, match="port from 1 to 65535"):
        read_destination("a.example:0")


def test_loopback_is_known():
    assert all(read_listen(a).is_loopback for a in ("127.8.0.1:1", "[::1]:1", "localhost:1"))
    assert not any(
        read_listen(a).is_loopback for a in ("0.0.0.0:1", "[::]:1", "10.0.0.1:1", "a.example:1")
    )


def test_a_nameserver_is_an_address():
    assert read_nameserver("192.0.2.1") == HostPort("192.0.2.1", 53)
    assert read_nameserver("[::1]:5353") == HostPort("::1", 5353)
    with pytest.raises(ValueError, match="IP address of a DNS server"):
        read_nameserver("ns.example.org:53")


def test_one_address_is_a_network():
    assert str(read_network("192.0.2.1")) == "192.0.2.1/32"
    assert str(read_network("2001:db8::/32")) == "2001:db8::/32"


def test_domains_are_a_labels():
    assert read_domain("Ñandú.Example") == "xn--and-6ma2c.example"
    for text in ("", "a b", "192.0.2.1", "[192.0.2.1]", "-a.example", 5):
        with pytest.raises(ValueError, match="expected a domain name"):
            read_domain(text)


def test_mail_addresses_are_checked():
    assert read_address("Ops@Example.org") == "Ops@example.org"
    with pytest.raises(ValueError, match="expected a mail address"):
        read_address("ops")


def test_urls_have_no_slash_at_the_end():
    assert read_url("https://correo.example.org/") == "https://correo.example.org"
    assert read_url("http://127.0.0.1:8080") == "http://127.0.0.1:8080"
    for text in (
        "correo.example.org",
        "ftp://a",
        "https://",
        "https://a b",
        "https://a:x",
        "https://ñ",
        5,
    ):
        with pytest.raises(ValueError, match="expected a URL"):
            read_url(text)


def test_the_store_is_sqlite_or_postgresql():
    assert read_store("sqlite") == "sqlite"
    assert read_store("postgresql://u:p@h/db") == "postgresql://u:p@h/db"
    for text in ("", "mysql://h/db", "postgresql://h", "sqlite3"):
        with pytest.raises(ValueError, match="expected"):
            read_store(text)
