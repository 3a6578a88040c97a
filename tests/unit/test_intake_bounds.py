"""Bounds of what is read of a message, whatever it holds."""

from contextlib import suppress

import pytest

from mta.intake.content import ContentRefused, check_octets, scan


def sent(content: bytes, *, smtputf8: bool = False) -> bytes:
    return b"".join(scan(content, smtputf8=smtputf8).parts)


def refused(content: bytes, *, smtputf8: bool = False) -> tuple[int, str, str]:
    with pytest.raises(ContentRefused) as caught:
        scan(content, smtputf8=smtputf8)
    return caught.value.code, caught.value.enhanced, caught.value.text


def test_a_header_over_a_mebibyte_is_refused_and_one_below_is_not():
    line = b"X-Pad: " + b"x" * 900 + b"\r\n"
    assert len(sent(line * 1000 + b"\r\n")) == 1000 * len(line) + 2
    assert refused(line * 1200 + b"\r\n")[:2] == (552, "5.3.4")
    assert refused(b"X: y\r\n" + b" z\r\n" * 300_000 + b"\r\n")[:2] == (552, "5.3.4")
    assert refused(b"X:" + b"z" * (1 << 20) + b"\r\n")[:2] == (552, "5.3.4")


def test_a_large_body_without_a_header_is_no_large_header():
    body = b"no field here\r\n" * 100_000
    assert sent(body) == b"\r\n" + body


def test_fifty_thousand_fields_are_read():
    header = b"".join(b"X-%d: y\r\n" % n for n in range(50_000))
    assert sent(header + b"\r\n") == header + b"\r\n"
    assert refused(b"Received: x\r\n" * 50_000 + b"\r\n")[:2] == (552, "5.3.4")


@pytest.mark.parametrize(
    "unit",
    [b'"\\"', b'("\\', b"(", b"<a", b"[a", b"a@b.c,", b"a.", b"a@", b"\\", b"=?a?q?", b"\xc3\xa9", b"\xe9 a ",
     b"\xc3\xa9 <a@b.c>, ", b"(\xc3\xa9", b'\xc3\xa9="', b'x="\xc3\xa9\\"', b" ", b"\t", b":", b";a="],
)  # fmt: skip
@pytest.mark.parametrize("name", [b"From", b"To", b"Subject", b"Content-Type", b"Message-ID", b"Date",
                                  b"X-Relevo-Metadata", b"X-Relevo-Send-At", b"nofield"])  # fmt: skip
def test_hostile_values_end(name, unit):
    colon = b"" if name == b"nofield" else b":"
    for size in (100_000, 900_000):
        content = name + colon + b" " + unit * (size // len(unit)) + b"\r\n\r\n"
        with suppress(ContentRefused):
            scan(content, smtputf8=False)


@pytest.mark.parametrize(
    ("content", "enhanced"),
    [
        (b"a\0b\r\n", "5.6.0"),
        (b"a\nb\r\n", "5.6.11"),
        (b"a\rb\r\n", "5.6.11"),
        (b"a\n\rb\r\n", "5.6.11"),
        (b"a\r\r\n", "5.6.11"),
        (b"a", "5.6.0"),
        (b"x" * 999 + b"\r\n", "5.6.0"),
        (b"Subject: a\nBcc: b\r\n\r\n", "5.6.11"),
    ],
)
def test_octets_that_could_smuggle_are_refused(content, enhanced):
    with pytest.raises(ContentRefused) as caught:
        check_octets(content)
    assert caught.value.enhanced == enhanced


def test_ordinary_octets_pass():
    for content in (b"", b"\r\n", b"x" * 998 + b"\r\n", b".\r\n..\r\n\xff\r\n"):
        check_octets(content)
