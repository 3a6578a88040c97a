"""The simulator's parts: addresses, inbox, content, reports."""

import asyncio
import email
from email import policy

import pytest

from mta.sandbox.behaviour import Behaviour, behaviour_of
from mta.sandbox.content import decode_words, is_allowed, split_headers, tracking_urls
from mta.sandbox.inbox import Inbox, ReceivedMessage
from mta.sandbox.reports import build_bounce, build_complaint

RAW = (
    b"Subject: =?utf-8?q?Factura_n=C2=BA_7?=\r\nX-Long: one\r\n two\r\nnot a field\r\n"
    b"DKIM-Signature: v=1\r\n\r\nBody\r\n.stuffed\r\n"
)


def message(identifier=1, **changes):
    values = {
        "id": identifier, "at_ms": 0, "mail_from": "app@example.org", "rcpt_to": ("ana@example.net",),
        "subject": "Hola", "from_header": "App <app@example.org>",
        "headers": (("Subject", "Hola"),), "size_bytes": 10, "raw": RAW,
    }  # fmt: skip
    return ReceivedMessage(**(values | changes))


@pytest.mark.parametrize(
    ("address", "behaviour"),
    [
        ("ok@example.org", Behaviour.OK),
        ("anyone@example.org", Behaviour.OK),
        ("bounce@example.org", Behaviour.BOUNCE),
        ("BOUNCE@Example.org", Behaviour.BOUNCE),
        ("x@bounce.example", Behaviour.BOUNCE),
        ("full+12@example.org", Behaviour.FULL),
        ("ok@bounce.example", Behaviour.OK),
        ("late-bounce@example.org", Behaviour.LATE_BOUNCE),
        ("bouncer@bounces.example", Behaviour.OK),
        ("x@late-bounce.example", Behaviour.LATE_BOUNCE),
        ("postmaster", Behaviour.OK),
    ],
)
def test_the_address_chooses_the_answer(address, behaviour):
    assert behaviour_of(address) is behaviour


def test_every_behaviour_can_be_asked_for_by_local_part_and_by_domain():
    for behaviour in Behaviour:
        assert behaviour_of(f"{behaviour}@example.org") is behaviour
        assert behaviour_of(f"someone@{behaviour}.example") is behaviour


def test_the_inbox_keeps_the_last_messages_only():
    inbox = Inbox(max_messages=3)
    for identifier in range(1, 6):
        inbox.add(message(identifier))
    assert [m.id for m in inbox.list()] == [5, 4, 3]
    assert inbox.get(1) is None
    assert inbox.total == 5


def test_the_inbox_is_bounded_in_bytes_but_keeps_the_newest():
    inbox = Inbox(max_bytes=100)
    inbox.add(message(1, size_bytes=60))
    inbox.add(message(2, size_bytes=60))
    assert [m.id for m in inbox.list()] == [2]
    inbox.add(message(3, size_bytes=500))
    assert [m.id for m in inbox.list()] == [3]


def test_messages_are_found_by_parts_of_what_people_know():
    inbox = Inbox()
    inbox.add(message(1, rcpt_to=("ana@example.net", "eva@example.net")))
    inbox.add(message(2, rcpt_to=("LUIS@example.net",), subject="Su FACTURA"))
    inbox.add(message(3, mail_from="", rcpt_to=("ana@example.com",)))
    assert [m.id for m in inbox.list(recipient="eva@")] == [1]
    assert [m.id for m in inbox.list(recipient="luis")] == [2]
    assert [m.id for m in inbox.list(text="factura")] == [2]
    assert [m.id for m in inbox.list(sender="app@")] == [2, 1]
    assert [m.id for m in inbox.list(before=3, limit=1)] == [2]


def test_clearing_forgets_but_does_not_uncount():
    inbox = Inbox()
    inbox.add(message(1))
    assert inbox.clear() == 1
    assert len(inbox) == 0
    assert inbox.total == 1


def test_more_knowledge_about_a_forgotten_message_is_ignored():
    inbox = Inbox()
    inbox.add(message(1))
    inbox.replace(message(1, dkim="pass"))
    inbox.replace(message(2))
    assert inbox.get(1).dkim == "pass"
    assert len(inbox) == 1


async def test_viewers_are_woken_by_the_next_message():
    inbox = Inbox()
    inbox.add(message(1))
    await inbox.wait_newer(0)
    viewers = [asyncio.create_task(inbox.wait_newer(1)) for _ in range(3)]
    await asyncio.sleep(0)
    assert not any(viewer.done() for viewer in viewers)
    inbox.add(message(2))
    await asyncio.gather(*viewers)


def test_what_the_api_shows_is_json_able_and_has_ids_as_strings():
    shown = message(2**60, raw=b"a\xff\r\n").details()
    assert shown["id"] == str(2**60)
    assert shown["at"] == "1970-01-01T00:00:00.000Z"
    assert shown["raw"] == "a\ufffd\r\n"
    assert message().header("subject") == "Hola"
    assert message().header("none") == ""


def test_headers_are_unfolded_and_in_order():
    assert split_headers(RAW) == (
        ("Subject", "=?utf-8?q?Factura_n=C2=BA_7?="),
        ("X-Long", "one two"),
        ("DKIM-Signature", "v=1"),
    )
    assert split_headers(b"no end of headers: x") == ()
    assert split_headers(b"A: b") == (("A", "b"),)


@pytest.mark.parametrize(
    ("value", "decoded"),
    [
        ("=?utf-8?q?Factura_n=C2=BA_7?=", "Factura nº 7"),
        ("plain", "plain"),
        ("=?no-such-charset?q?x?=", "=?no-such-charset?q?x?="),
    ],
)
def test_encoded_words_are_decoded_where_they_can_be(value, decoded):
    assert decode_words(value) == decoded


HTML = (
    b"Content-Type: text/html; charset=utf-8\r\nMIME-Version: 1.0\r\n\r\n"
    b'<a href="mailto:x@example.org">m</a><a href="https://evil.example/c/1">e</a>'
    b'<a href="https://correo.example.org/c/1?a=1&amp;b=2">first</a>'
    b'<a href="https://correo.example.org/c/2">second</a>'
    b'<img src="cid:logo"><img src="https://correo.example.org/o/1.gif">'
)


def test_only_urls_of_our_own_host_are_followed():
    image, link = tracking_urls(HTML, "correo.example.org")
    assert image == "https://correo.example.org/o/1.gif"
    assert link == "https://correo.example.org/c/1?a=1&b=2"
    assert tracking_urls(HTML, "other.example") == ("", "")
    assert tracking_urls(b"Subject: x\r\n\r\nno html", "correo.example.org") == ("", "")
    unknown = HTML.replace(b"utf-8", b"no-such-charset")
    assert tracking_urls(unknown, "correo.example.org") == ("", "")


@pytest.mark.parametrize(
    "url",
    ["ftp://h:1/x", "file:///etc/passwd", "https://h:2/", "https://h:1@evil/", "//h:1/x", "https://[h", "javascript:h:1"],
)  # fmt: skip
def test_other_urls_are_refused(url):
    assert not is_allowed(url, "h:1")


def test_without_a_public_host_nothing_is_allowed():
    assert is_allowed("HTTP://H:1/x", "h:1")
    assert not is_allowed("http:///x", "")


def parsed(content):
    return email.message_from_bytes(content, policy=policy.SMTP)


def test_a_complaint_is_an_arf_report_with_the_message_inside():
    report = parsed(
        build_complaint(
            message(), "ana@example.net", "sandbox.invalid", "Thu, 01 Jan 1970 00:00:00 -0000"
        )
    )
    assert report.get_content_type() == "multipart/report"
    assert report.get_param("report-type") == "feedback-report"
    text, feedback, original = report.get_payload()
    assert "ana@example.net" in text.get_content()
    assert feedback.get_content_type() == "message/feedback-report"
    fields = feedback.as_bytes()
    assert b"Feedback-Type: abuse\r\n" in fields
    assert b"Original-Rcpt-To: <ana@example.net>" in fields
    assert original.get_content_type() == "message/rfc822"
    assert original.get_payload(0)["subject"] == "Factura nº 7"
    assert not report.defects


def test_a_late_bounce_is_a_delivery_status_notification():
    report = parsed(
        build_bounce(
            message(), "ana@example.net", "sandbox.invalid", "Thu, 01 Jan 1970 00:00:00 -0000"
        )
    )
    assert report.get_param("report-type") == "delivery-status"
    assert report["auto-submitted"] == "auto-replied"
    _text, status, original = report.get_payload()
    per_message, per_recipient = status.get_payload()
    assert per_message["reporting-mta"] == "dns; sandbox.invalid"
    assert per_recipient["final-recipient"] == "rfc822; ana@example.net"
    assert per_recipient["action"] == "failed"
    assert per_recipient["status"] == "5.1.1"
    assert original.get_content_type() == "text/rfc822-headers"
    assert "Factura" in original.get_content()
    assert "Body" not in original.get_content()
    assert not report.defects


def test_no_text_of_a_message_can_add_a_field_to_a_report():
    evil = message(subject="x\r\nBcc: victim@example.org", mail_from="a\nEvil: 1@example.org")
    for build in (build_complaint, build_bounce):
        report = parsed(build(evil, "ñandú@example.net", "sandbox.invalid", "d"))
        assert report["bcc"] is None
        assert report["evil"] is None


def test_a_message_that_holds_the_boundary_stays_whole():
    raw = b"Subject: x\r\n\r\n--=_relevo_feedback-report--\r\n"
    report = parsed(build_complaint(message(raw=raw), "a@example.net", "h", "d"))
    assert len(report.get_payload()) == 3
    assert report.get_payload(2).get_payload(0).get_content().endswith("report--\r\n")
