"""What becomes of a header on its way in: removed, kept, repaired, encoded or refused."""

import pytest

from mta.intake.content import ContentRefused, scan

FROM = b"From: ana@example.org\r\n"


def sent(content: bytes, *, smtputf8: bool = False) -> bytes:
    return b"".join(scan(content, smtputf8=smtputf8).parts)


def refused(content: bytes, *, smtputf8: bool = False) -> tuple[int, str, str]:
    with pytest.raises(ContentRefused) as caught:
        scan(content, smtputf8=smtputf8)
    return caught.value.code, caught.value.enhanced, caught.value.text


# Removing


@pytest.mark.parametrize(
    "field",
    [
        b"Bcc: secret@x.example",
        b"BCC:secret@x.example",
        b"bCc : secret@x.example",
        b"Bcc\t: secret@x.example",
        b"Bcc:",
        b"Bcc:\r\n secret@x.example",
        b"Bcc: a@x.example,\r\n\tsecret@x.example,\r\n b@x.example",
        b"Bcc: secr\xe9t@x.example",
        b"Resent-Bcc: secret@x.example",
        b"Return-Path: <secret@x.example>",
        b"Content-Length: 17",
        b"X-Relevo-Class: campaign",
        b"x-relevo-TAG: secret",
        b"X-RELEVO-Campaign :\r\n secret\r\n campaign",
    ],
)
@pytest.mark.parametrize("place", ["first", "middle", "last", "only", "twice"])
def test_fields_for_us_are_removed_wherever_they_stand(field, place):
    other = b"To: b@example.net\r\n"
    line = field + b"\r\n"
    content, kept = {
        "first": (line + FROM + other, FROM + other),
        "middle": (FROM + line + other, FROM + other),
        "last": (FROM + other + line, FROM + other),
        "only": (line, b""),
        "twice": (line + FROM + b"Bcc: two@x.example\r\n", FROM),
    }[place]
    assert sent(content + b"\r\nbody\r\n") == kept + b"\r\nbody\r\n"


def test_names_that_only_begin_like_ours_stay():
    content = FROM + b"Bcc-Note: x\r\nXBcc: x\r\nX-Relevox: 1\r\nBccc: y\r\n\r\nBcc: body\r\n"
    assert sent(content) == content


def test_a_continuation_line_is_no_field_of_its_own():
    content = FROM + b"Subject: a\r\n Bcc: not a field\r\n\tX-Relevo-Class: neither\r\n\r\n"
    assert sent(content) == content


def test_a_message_without_anything_to_change_is_not_copied():
    content = FROM + b"Subject: x\r\n\r\nbody\r\n"
    assert scan(content, smtputf8=False).parts[0] is content


# Where the header ends


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", b"\r\n"),
        (b"\r\n", b"\r\n"),
        (b"\r\nbody\r\n", b"\r\nbody\r\n"),
        (b"Just a body\r\n", b"\r\nJust a body\r\n"),
        (b" indented\r\n", b"\r\n indented\r\n"),
        (b"Subject: x\r\n", b"Subject: x\r\n\r\n"),
        (b"Subject: x\r\nno field\r\nmore\r\n", b"Subject: x\r\n\r\nno field\r\nmore\r\n"),
        (b"Subject: x\r\n: empty name\r\n", b"Subject: x\r\n\r\n: empty name\r\n"),
        (b"Subject: x\r\nN\xe4me: v\r\n", b"Subject: x\r\n\r\nN\xe4me: v\r\n"),
        (b"Two words: x\r\n\r\nb\r\n", b"\r\nTwo words: x\r\n\r\nb\r\n"),
    ],
)
def test_a_line_that_is_no_field_ends_the_header(content, expected):
    assert sent(content) == expected


@pytest.mark.parametrize("hidden", [b"Bcc: s@x.example", b"bcc : s", b"  Bcc: s", b"X-Relevo-Class: urgent",
                                    b"RESENT-BCC:s"])  # fmt: skip
@pytest.mark.parametrize("before", [b"", FROM])
def test_what_we_promised_to_remove_never_goes_out_in_a_broken_header(hidden, before):
    broken = before + b"this is no field\r\nTo: x@y.example\r\n" + hidden + b"\r\n\r\nbody\r\n"
    assert refused(broken)[:2] == (554, "5.6.0")


def test_a_body_may_speak_of_bcc():
    content = FROM + b"\r\nline\r\nBcc: is a field\r\n"
    assert sent(content) == content
    assert sent(b"no field\r\n\r\nBcc: body\r\n") == b"\r\nno field\r\n\r\nBcc: body\r\n"


@pytest.mark.parametrize(
    "line", [b"From ana@example.org Sun Nov 22 11:00:00 2026", b">From x  1:02"]
)
def test_the_line_of_an_mbox_file_is_dropped(line):
    content = FROM + b"Subject: x\r\n\r\nFrom the body\r\n"
    assert sent(line + b"\r\n" + content) == content
    assert sent(line + b"\r\nBcc: x@y.example\r\n" + content) == content


def test_a_body_that_begins_with_from_stays_whole():
    for content in (
        b"From me to you at 10:30\r\nbye\r\n",
        b"From 1:02\r\n\r\nx\r\n",
        b"From all of us\r\nX: 1\r\n",
    ):
        assert sent(content) == b"\r\n" + content


# Author and sender


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("ana@example.org", "ana@example.org"),
        ("<ana@example.org>", "ana@example.org"),
        ("Ana <ana@example.org>", "ana@example.org"),
        ("Ana\r\n <ana@example.org>", "ana@example.org"),
        ('"María, \\"Pepa\\" <x>" <ana@example.org>', "ana@example.org"),
        ('"ceo@victim.example" <ana@example.org>', "ana@example.org"),
        ("ana@example.org <ana@example.org>", "ana@example.org"),
        ("ana@example.org (Ana)", "ana@example.org"),
        ("(Ana) ana@example.org", "ana@example.org"),
        ('"a b"@example.org', '"a b"@example.org'),
        ("=?utf-8?q?Jos=C3=A9?= <ana@example.org>", "ana@example.org"),
        ("José <ana@EXAMPLE.org>", "ana@example.org"),
        ("ana@[192.0.2.1]", "ana@[192.0.2.1]"),
        ("Ana <ana@[IPv6:::1]>", "ana@[IPv6:::1]"),
    ],
)
def test_the_author_is_read(value, address):
    found = scan(b"From: " + value.encode() + b"\r\n\r\n", smtputf8=True)
    assert [str(a) for a in found.froms] == [address]
    assert found.has_from


@pytest.mark.parametrize(
    "value",
    [
        "", "Ana", "@", "<>", "Ana <>", "a@b.example, c@evil.example", "a@b.example c@evil.example",
        "<a@b.example><c@evil.example>", "<a@b.example> c@evil.example", "a@b(c@evil.example)",
        "alice@example.org)bob@evil.example", "alice@example.org(bob@evil.example)",
        '"x" <a@b.example>, "y" <c@evil.example>', "group: a@b.example;", "undisclosed:;",
        "c@evil.example <a@b.example>", '("x)" <victim@v.example> ("y)")) <a@b.example>',
        "(a (b) c) <a@b.example>", "(a\\) <evil@x.example> (b) <a@b.example>", '"a <a@b.example>',
        "<a@b.example", "a@b.example>", "a@b.example;", "[a@b.example]", "a@b@c.example",
        "<@x.example:a@b.example>", "a@b.example\0", "<a@b.example\u2028>", "<a@b.example>,", ",<a@b.example>",
        "\\<evil@x.example\\> <a@b.example>",
    ],
)  # fmt: skip
@pytest.mark.parametrize("name", ["From", "Sender", "Resent-From", "Resent-Sender"])
def test_an_author_that_readers_could_read_differently_is_refused(name, value):
    assert refused(f"{name}: {value}\r\n\r\n".encode())[:2] == (554, "5.6.0")


def test_sender_and_resent_fields_are_told_with_their_names():
    content = FROM + b"SENDER: x@y.example\r\nResent-From: z@y.example\r\n\r\n"
    assert [(n, str(a)) for n, a in scan(content, smtputf8=False).owned] == [
        ("Sender", "x@y.example"), ("Resent-From", "z@y.example"),
    ]  # fmt: skip


# Fields that may stand once


@pytest.mark.parametrize(
    "name",
    [b"From", b"Sender", b"Reply-To", b"To", b"Cc", b"Message-ID", b"In-Reply-To", b"References",
     b"Subject", b"Date", b"MIME-Version", b"Content-Type", b"Content-Transfer-Encoding"],
)  # fmt: skip
def test_a_second_field_of_a_kind_that_stands_once_is_refused(name):
    twice = name + b": a@b.example\r\n" + b"X: y\r\n" + name.lower() + b" : a@b.example\r\n\r\n"
    code, enhanced, text = refused(twice)
    assert (code, enhanced) == (554, "5.6.0")
    assert name.decode().lower() in text.lower()
    assert refused(name + b": a@b.example\r\n" + name.upper() + b":\r\n b@b.example\r\n\r\n")


def test_fields_that_may_stand_often_do():
    content = b"Received: a\r\nReceived: b\r\nX-Y: 1\r\nX-Y: 2\r\nDKIM-Signature: v=1\r\nDKIM-Signature: v=1\r\n\r\n"
    assert sent(content) == content


# Date, Message-ID, trace


@pytest.mark.parametrize(
    "value",
    ["Sun, 22 Nov 2026 11:00:00 +0000", "22 Nov 2026 11:00 -0500", "Sun,  2 nov 2026 1:02:03 GMT (x)",
     "Sun, 22 Nov 2026\r\n 11:00:00 +0000", "22 Nov 26 11:00 EST"],
)  # fmt: skip
def test_dates_are_known(value):
    found = scan(f"Date: {value}\r\n\r\n".encode(), smtputf8=False)
    assert found.has_date


@pytest.mark.parametrize("value", ["", "now", "2026-11-22 11:00", "mié, 22 nov", "Sun Nov 22 11:00:00 2026",
                                   "22.11.2026 11:00"])  # fmt: skip
def test_a_date_that_is_none_is_dropped_unless_signed(value):
    field = f"Date: {value}\r\n".encode()
    found = scan(FROM + field + b"\r\n", smtputf8=False)
    assert not found.has_date
    assert b"".join(found.parts) == FROM + b"\r\n"
    if field.isascii():
        signed = FROM + field + b"DKIM-Signature: v=1\r\n\r\n"
        assert sent(signed) == signed


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("<a@b.example>", "<a@b.example>"),
        ("\r\n <a@b.example>", "<a@b.example>"),
        ("<a@b.example> (added by x)", "<a@b.example> (added by x)"),
        ("", ""), ("a@b.example", ""), ("<a>", ""), ("<a@b", ""), ("<a b@c>", ""), ("<a@b><c@d>", ""),
        ("<" + "a" * 1000 + "@b>", ""),
    ],
)  # fmt: skip
def test_a_message_id_is_kept_if_it_is_one(value, expected):
    found = scan(FROM + f"Message-ID: {value}\r\n\r\n".encode(), smtputf8=False)
    assert found.header_id == expected
    assert (b"Message-ID" in b"".join(found.parts)) == bool(expected)


def test_a_signature_anywhere_in_the_header_is_seen():
    for content in (b"DKIM-Signature: v=1\r\n" + FROM, FROM + b"dkim-signature :\r\n v=1\r\n"):
        assert scan(content + b"\r\n", smtputf8=False).has_signature
    assert not scan(FROM + b"\r\nDKIM-Signature: body\r\n", smtputf8=False).has_signature


def test_hops_are_counted_in_the_header_only():
    content = b"Received: x\r\nreceived : y\r\n\tz\r\nX-Received: n\r\n\r\nReceived: body\r\n"
    assert scan(content, smtputf8=False).hops == 2


def test_the_subject_is_kept_for_people():
    found = scan(b"Subject: =?utf-8?q?x?=\r\n\tand  more\r\n\r\n", smtputf8=False)
    assert found.subject == "=?utf-8?q?x?= and  more"
    assert len(scan(b"Subject: " + b"x" * 900 + b"\r\n\r\n", smtputf8=False).subject) == 200
