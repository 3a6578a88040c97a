"""Trace fields, return paths, rates and fingerprints."""

from email.message import EmailMessage
from email.policy import SMTP
from email.utils import parsedate_to_datetime

import pytest

from mta.intake.fingerprint import fingerprint
from mta.intake.rate import CredentialRates
from mta.intake.return_path import ReturnPathHosts, ReturnPaths
from mta.intake.trace import TraceWriter
from mta.model.address import parse_address
from mta.model.envelope import Envelope, Origin, Recipient

NOW_MS = 1_800_000_000_000


def received(recipient: str = "", protocol: str = "ESMTPSA", **origin: str) -> str:
    trace = TraceWriter("relevo.example.org")
    return trace.received(Origin(protocol, **origin), 77, recipient, NOW_MS)


# Received


def test_a_trace_field_has_its_form():
    assert received("b@x.org", peer="192.0.2.7", helo="pc.example", tls="TLSv1.3 AES") == (
        "Received: from pc.example ([192.0.2.7])\r\n"
        "\t(using TLSv1.3 AES)\r\n"
        "\tby relevo.example.org (Relevo) with ESMTPSA id 77\r\n"
        "\tfor <b@x.org>;\r\n"
        "\tFri, 15 Jan 2027 08:00:00 +0000\r\n"
    )
    assert received().startswith("Received: from unknown\r\n\tby relevo")


@pytest.mark.parametrize(
    ("peer", "literal"),
    [
        ("192.0.2.7", "[192.0.2.7]"),
        ("2001:db8::1", "[IPv6:2001:db8::1]"),
        ("fe80::1%eth0", "[IPv6:fe80::1]"),
        ("a) by evil (\r\nX: y", "[IPv6:a??by?evil????X:?y]"),
    ],
)
def test_the_client_is_told_as_an_address_literal(peer, literal):
    assert f"from h ({literal})\r\n\tby" in received(peer=peer, helo="h")


@pytest.mark.parametrize(
    ("helo", "shown"),
    [
        ("pc-1.example_x", "pc-1.example_x"),
        ("[127.0.0.1]", "[127.0.0.1]"),
        ("[IPv6:::1]", "[IPv6:::1]"),
        ("ñandú", "?and?"),
        ("a b(c)<d>;\r\nBcc: x", "a?b?c??d????Bcc??x"),
        ("[x", "?x"),
        ("h" * 400, "h" * 255),
        ("[" + "1" * 400 + "]", "?" + "1" * 254),
    ],
)
def test_a_hostile_name_cannot_leave_its_place(helo, shown):
    field = received(helo=helo)
    assert field.split("\r\n")[0] == f"Received: from {shown}"
    assert field.count("\r\n") == 3


def test_clients_that_do_not_come_over_smtp_stay_private():
    assert "192.0.2.7" not in received(protocol="HTTP", peer="192.0.2.7", helo="x")


def test_a_recipient_outside_ascii_is_not_told():
    assert "for" not in received("ñ@x.org")


def test_the_date_is_made_once_a_second():
    trace = TraceWriter("h.example")
    first = trace.date(NOW_MS)
    assert trace.date(NOW_MS + 999) is first
    assert trace.date(NOW_MS + 1000) != first
    assert parsedate_to_datetime(first).timestamp() * 1000 == NOW_MS


# Return paths


def test_a_return_path_tells_its_delivery():
    paths = ReturnPaths(b"k" * 32, ReturnPathHosts("b.example.org"))
    for number in (1, 35, 36, 1_800_000_000_123_456_789, 2**63 - 1):
        local, _, domain = paths.address(number).partition("@")
        assert domain == "b.example.org"
        assert paths.delivery_id(local) == paths.delivery_id(local.upper()) == number
        assert len(local) <= 64
        assert parse_address(paths.address(number))


def test_a_forged_or_foreign_return_path_tells_nothing():
    paths = ReturnPaths(b"k" * 32, ReturnPathHosts("b.example.org"))
    local = paths.address(4711).partition("@")[0]
    other = ReturnPaths(b"j" * 32, ReturnPathHosts("b.example.org")).address(4711).partition("@")[0]
    changed = local[:-1] + ("0" if local[-1] != "0" else "1")
    hostile = ("", "b+", "b+1-", local + "x", "x" + local, local + "\n", local.replace("b+", "b+1"),
               "b+\u212a-" + "0" * 20, "b+\u017f-" + "0" * 20, "b+٣-" + "0" * 20, "b+" + "z" * 13 + "-" + "0" * 20,
               "b+" + "z" * 14 + "-" + "0" * 20)  # fmt: skip
    for text in (other, changed, *hostile):
        assert paths.delivery_id(text) is None


# Rates


def test_a_minute_of_recipients_at_once_and_then_one_after_another():
    rates = CredentialRates()
    assert [rates.take(1, 60, 1000.0) for _ in range(61)] == [True] * 60 + [False]
    assert not rates.take(1, 60, 1000.9)
    assert rates.take(1, 60, 1001.0)
    assert not rates.take(1, 60, 1001.5)
    assert [rates.take(1, 60, 2000.0) for _ in range(61)] == [True] * 60 + [False]


@pytest.mark.parametrize("per_minute", [1, 3, 7, 1000])
def test_never_more_than_the_rate_and_its_burst(per_minute):
    rates = CredentialRates()
    taken = sum(rates.take(1, per_minute, 5.0 + step * 0.05) for step in range(2400))  # two minutes
    assert 2 * per_minute <= taken <= 3 * per_minute


def test_credentials_do_not_share_and_no_limit_is_none():
    rates = CredentialRates()
    assert rates.take(1, 1, 10.0)
    assert not rates.take(1, 1, 10.0)
    assert rates.take(2, 1, 10.0)
    assert all(rates.take(3, 0, 10.0) for _ in range(1000))


def test_memory_of_rates_is_bounded_and_keeps_the_active_ones():
    rates = CredentialRates(max_keys=100)
    assert rates.take(1, 1, 10.0)
    for number in range(2, 1000):
        assert rates.take(number, 1, 10.0)
        assert not rates.take(1, 1, 10.0)
    assert len(rates._next_s) == 100


# Fingerprints


def envelope(*recipients: str, sender: str = "ana@example.org") -> Envelope:
    found = tuple(Recipient(parse_address(r)) for r in recipients or ("b@example.net",))
    return Envelope(parse_address(sender), found)


def build(text: str = "Hola", boundary: str = "===one===1", **fields: str) -> bytes:
    message = EmailMessage(policy=SMTP)
    for name, value in {"From": "ana@example.org", "Subject": "Factura", **fields}.items():
        message[name.replace("_", "-")] = value
    message.set_content(text)
    message.add_alternative(f"<p>{text}</p>", subtype="html")
    message.set_boundary(boundary)
    return message.as_bytes()


def test_a_message_built_anew_is_the_same():
    first = build(Date="Fri, 15 Jan 2027 08:00:00 +0000", Message_ID="<one@example.org>")
    again = build(
        boundary="===two=====2",
        Date="Fri, 15 Jan 2027 09:00:00 +0000",
        Message_ID="<two@example.org>",
    )
    assert first != again
    assert fingerprint(envelope(), first) == fingerprint(envelope(), again)


def test_whatever_a_reader_would_see_makes_a_difference():
    base = fingerprint(envelope(), build())
    others = (
        fingerprint(envelope(), build("Adiós")),
        fingerprint(envelope(), build(Subject="Otra")),
        fingerprint(envelope(), build(X_Relevo_Campaign="x")),
        fingerprint(envelope("c@example.net"), build()),
        fingerprint(envelope("b@example.net", "c@example.net"), build()),
        fingerprint(envelope(sender="eva@example.org"), build()),
        fingerprint(envelope(), build().replace(b"Hola", b"Date: Hola")),
        fingerprint(envelope(), b""),
        fingerprint(envelope(), b"\r\n" + build()),
    )
    assert len({base, *others}) == len(others) + 1
