"""Notices, complaints and answers of machines are told apart (RFC 3464, RFC 5965, RFC 3834)."""

import pytest

from mta.feedback.complaints import Complaint
from mta.feedback.mime import MAX_DEPTH, MAX_PARTS, fields_of, parse
from mta.feedback.notices import Action, Notice, reply_of
from mta.feedback.reading import AutoReply, Letter, read

ANA = "ana@example.org"


def mail(*lines: str) -> bytes:
    return "\r\n".join((*lines, "")).encode()


def status_notice(*groups: tuple[str, ...], kind="delivery-status") -> bytes:
    lines = [
        "From: MAILER-DAEMON@mx.example.org",
        "Subject: Undelivered Mail Returned to Sender",
        "Auto-Submitted: auto-replied",
        f'Content-Type: multipart/report; report-type={kind}; boundary="b/1"',
        "",
        "--b/1",
        "Content-Type: text/plain",
        "",
        "Sorry.",
        "--b/1",
        f"Content-Type: message/{kind}",
        "",
        "Reporting-MTA: dns; mx.example.org",
        "Arrival-Date: Mon, 2 Mar 2026 09:00:00 -0500",
    ]
    for group in groups:
        lines += ["", *group]
    return mail(
        *lines, "", "--b/1", "Content-Type: message/rfc822", "", "Subject: x", "", "y", "--b/1--"
    )


def one(content: bytes):
    notice = read(content)
    assert isinstance(notice, Notice), notice
    (reported,) = notice.recipients
    return reported


def test_a_notice_tells_action_status_and_reply():
    content = status_notice(
        (
            f"Final-Recipient: rfc822; {ANA}",
            f"Original-Recipient: rfc822;{ANA}",
            "Action: failed",
            "Status: 5.1.1",
            "Diagnostic-Code: smtp; 550 5.1.1 <ana@example.org>: Recipient address rejected:",
            "    User unknown in virtual mailbox table",
        )
    )
    notice = read(content)
    assert notice.reporter == "mx.example.org"
    reported = one(content)
    assert reported.action is Action.FAILED
    assert reported.addresses == (ANA,)
    assert str(reported.reply) == (
        "550 5.1.1 <ana@example.org>: Recipient address rejected: User unknown in virtual mailbox table"
    )


def test_each_recipient_of_a_notice_is_told():
    notice = read(
        status_notice(
            ("Final-Recipient: rfc822; a@x.test", "Action: failed", "Status: 5.1.1"),
            ("Final-Recipient: rfc822; b@x.test", "Action: delayed", "Status: 4.4.1"),
            ("Final-Recipient: rfc822; c@x.test", "Action: delivered", "Status: 2.0.0"),
        )
    )
    assert [(r.addresses, r.action.value) for r in notice.recipients] == [
        (("a@x.test",), "failed"),
        (("b@x.test",), "delayed"),
        (("c@x.test",), "delivered"),
    ]


def test_an_original_recipient_in_xtext_is_decoded():
    reported = one(
        status_notice(
            (
                "Final-Recipient: rfc822; forwarded@elsewhere.test",
                "Original-Recipient: rfc822;ana+2Bnews@example.org",
                "Action: failed",
            )
        )
    )
    assert "ana+news@example.org" in reported.addresses


def test_all_fields_in_one_group_are_understood():
    content = status_notice().replace(
        b"Arrival-Date: Mon, 2 Mar 2026 09:00:00 -0500",
        b"Final-Recipient: rfc822; ana@example.org\r\nAction: failed\r\nStatus: 5.2.1",
    )
    assert one(content).reply.enhanced == "5.2.1"


def test_a_notice_in_base64_is_decoded():
    content = mail(
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b",
        "",
        "--b",
        "Content-Type: message/delivery-status",
        "Content-Transfer-Encoding: base64",
        "",
        "UmVwb3J0aW5nLU1UQTogZG5zOyBteC54CgpGaW5hbC1SZWNpcGllbnQ6IHJmYzgyMjsgYUB4LnRl",
        "c3QKQWN0aW9uOiBmYWlsZWQKU3RhdHVzOiA1LjEuMQo=",
        "--b--",
    )
    assert one(content).addresses == ("a@x.test",)


@pytest.mark.parametrize(
    ("status", "diagnostic", "told"),
    [
        ("5.1.1", "", "550 5.1.1 "),
        ("5.0.0", "550 5.1.1 no such user", "550 5.1.1 no such user"),
        ("5.0.0", "X-Postfix; User unknown", "550 5.0.0 X-Postfix; User unknown"),
        ("4.4.7", "", "450 4.4.7 "),
        ("", "554-5.7.1 blocked 554 5.7.1 see page", "554 5.7.1 blocked 554 5.7.1 see page"),
        ("5.1.1", "250 2.0.0 ok", "550 5.1.1 ok"),
        ("5.1.1", "452 4.2.2 full", "452 4.2.2 full"),
        ("5.7.515 (x)", "smtp 550", "550 5.7.515 smtp 550"),
        ("", "", "550 "),
        ("rubbish", "\x00\n550", "550"),
    ],
)
def test_the_reply_is_what_the_notice_quotes(status, diagnostic, told):
    assert str(reply_of(status, diagnostic)).rstrip() == told.rstrip()


EXIM = mail(
    "X-Failed-Recipients: ana@example.org",
    "Auto-Submitted: auto-replied",
    "From: Mail Delivery System <Mailer-Daemon@mail.example.net>",
    "Subject: Mail delivery failed: returning message to sender",
    "",
    "This message was created automatically by mail delivery software.",
    "",
    "A message that you sent could not be delivered to one or more of its recipients.",
    "",
    "  ana@example.org",
    "    SMTP error from remote mail server after RCPT TO:<ana@example.org>:",
    "    host mx.example.org [192.0.2.1]: 550 5.1.1 No such person at this address",
)
QMAIL = mail(
    "From: MAILER-DAEMON@mail.example.net",
    "Subject: failure notice",
    "",
    "Hi. This is the qmail-send program at mail.example.net.",
    "I'm afraid I wasn't able to deliver your message to the following addresses.",
    "This is a permanent error; I've given up. Sorry it didn't work out.",
    "",
    "<ana@example.org>:",
    "192.0.2.1 does not like recipient.",
    "Remote host said: 550 5.2.1 This account has been disabled",
    "Giving up on 192.0.2.1.",
    "",
    "--- Below this line is a copy of the message.",
)


@pytest.mark.parametrize(("content", "reply"), [(EXIM, "550 5.1.1"), (QMAIL, "550 5.2.1")])
def test_notices_of_other_software_are_found_with_their_reply(content, reply):
    reported = one(content)
    assert reported.action is Action.FAILED
    assert reported.addresses == (ANA,)
    assert str(reported.reply).startswith(reply)


def arf(kind="abuse", *extra: str) -> bytes:
    return mail(
        "From: fbl@provider.example",
        'Content-Type: multipart/report; report-type=feedback-report; boundary="b"',
        "",
        "--b",
        "Content-Type: text/plain",
        "",
        "This is an email abuse report.",
        "--b",
        "Content-Type: message/feedback-report",
        "",
        f"Feedback-Type: {kind}",
        "User-Agent: Loop/1",
        "Version: 1",
        *extra,
        "--b",
        "Content-Type: message/rfc822",
        "",
        "Return-Path: <b+1-2@b.example>",
        "Subject: Oferta",
        "List-Unsubscribe: <https://r.example/u/3-4>,",
        " <mailto:u+3-4@b.example>",
        "",
        "body",
        "--b--",
    )


def test_a_complaint_brings_the_headers_that_prove_it():
    complaint = read(arf("abuse", "Reporting-MTA: dns; loop.example"))
    assert isinstance(complaint, Complaint)
    assert (complaint.kind, complaint.is_complaint) == ("abuse", True)
    assert complaint.reporter == "loop.example"
    assert "b+1-2@b.example" in complaint.proof
    assert "u+3-4@b.example" in complaint.proof
    assert "body" not in complaint.proof


def test_headers_alone_prove_a_complaint_too():
    content = arf().replace(b"message/rfc822", b"text/rfc822-headers")
    assert "b+1-2@b.example" in read(content).proof


@pytest.mark.parametrize("kind", ["not-spam", "auth-failure", "dmarc", ""])
def test_other_reports_are_no_complaint(kind):
    complaint = read(arf(kind))
    assert isinstance(complaint, Complaint)
    assert not complaint.is_complaint
    assert not complaint.is_unsubscribe


AUTO = [
    ("Auto-Submitted: auto-replied (vacation)",),
    ("Auto-Submitted: auto-generated",),
    ("X-Autoreply: yes",),
    ("X-Autorespond: me",),
    ("X-Auto-Response-Suppress: All",),
    ("Precedence: auto_reply",),
    ("Precedence: bulk",),
    ("Content-Type: multipart/report; report-type=disposition-notification; boundary=b",),
    ("Subject: Automatic reply: Oferta",),
    ("Subject: Respuesta automática: Oferta",),
    ("Subject: Fuera de la oficina",),
    ("Subject: AUTO: Luis is away",),
    ("Subject: Out of Office: back on Monday",),
]


@pytest.mark.parametrize("headers", AUTO)
def test_answers_of_machines_are_ignored(headers):
    assert isinstance(read(mail(*headers, "", "I am away until Monday.")), AutoReply)


@pytest.mark.parametrize(
    "headers", [(), ("Subject: Re: Oferta",), ("Auto-Submitted: no", "Subject: baja")]
)
def test_what_a_person_wrote_is_a_letter(headers):
    assert isinstance(read(mail(*headers, "", "Ya no me escriban")), Letter)


def test_nesting_is_followed_to_a_bounded_depth():
    content = b"x"
    for level in range(50):
        head = b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (level, level)
        content = head + content
    part, depth = parse(content), 0
    while part.parts:
        (part,) = part.parts
        depth += 1
    assert depth == MAX_DEPTH


def test_parts_are_counted():
    content = b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 1000
    assert len(parse(content).walk()) <= MAX_PARTS


def test_a_boundary_is_a_whole_line():
    content = b'Content-Type: multipart/mixed; boundary="b"\n\n--b\n\n--bb\nx\n--b--\nafter'
    (part,) = parse(content).parts
    assert part.body == b"--bb\nx"


def test_a_field_is_unfolded_and_what_is_none_is_left_out():
    assert fields_of("A: 1\n  2\nno field\n folded\nB : 3") == (("a", "1 2"), ("b", "3"))
