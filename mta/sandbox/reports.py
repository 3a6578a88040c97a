"""The mails that come back: complaints (RFC 5965) and late bounces (RFC 3464).

Both are multipart/report (RFC 6522): text for people, fields for machines, the original message.
They are put together as bytes, because the original must stay as it arrived.
"""

import re
from email.header import Header

from mta.sandbox.inbox import ReceivedMessage

_CONTROLS = re.compile(r"[\x00-\x1f\x7f]+")


def build_complaint(message: ReceivedMessage, recipient: str, hostname: str, date: str) -> bytes:
    """An abuse report (ARF) about `message`, as a mailbox provider's feedback loop sends it.

    `date` is an RFC 5322 date.
    """
    fields = (
        ("Feedback-Type", "abuse"),
        ("User-Agent", "Relevo-Sandbox/1.0"),
        ("Version", "1"),
        ("Original-Mail-From", f"<{message.mail_from}>"),
        ("Original-Rcpt-To", f"<{recipient}>"),
        ("Arrival-Date", date),
        ("Reporting-MTA", f"dns; {hostname}"),
    )
    head = (
        ("From", f"Feedback Loop <fbl@{hostname}>"),
        ("To", message.mail_from),
        ("Subject", f"FW: {message.subject}"),
        ("Date", date),
        ("Message-ID", f"<complaint.{message.id}@{hostname}>"),
    )
    text = f"This is an abuse report for a message that {recipient} received on {date}."
    original = _part("message/rfc822", message.raw)
    return _report("feedback-report", head, text, [_block(fields)], original)


def build_bounce(message: ReceivedMessage, recipient: str, hostname: str, date: str) -> bytes:
    """A delivery status notification that says, after acceptance, that there is no such mailbox."""
    about_message = (("Reporting-MTA", f"dns; {hostname}"), ("Arrival-Date", date))
    about_recipient = (
        ("Final-Recipient", f"{'rfc822' if recipient.isascii() else 'utf-8'}; {recipient}"),
        ("Action", "failed"),
        ("Status", "5.1.1"),
        ("Diagnostic-Code", "smtp; 550 5.1.1 No such user here (sandbox)"),
    )
    head = (
        ("From", f"Mail Delivery System <mailer-daemon@{hostname}>"),
        ("To", message.mail_from),
        ("Subject", "Undelivered Mail Returned to Sender"),
        ("Auto-Submitted", "auto-replied"),
        ("Date", date),
        ("Message-ID", f"<bounce.{message.id}@{hostname}>"),
    )
    text = f"Your message to {recipient} could not be delivered: 550 5.1.1 No such user here."
    headers, _, _ = message.raw.partition(b"\r\n\r\n")
    original = _part("text/rfc822-headers", headers + b"\r\n")
    return _report(
        "delivery-status", head, text, [_block(about_message), _block(about_recipient)], original
    )


def _report(
    kind: str, head: tuple[tuple[str, str], ...], text: str, blocks: list[bytes], original: bytes
) -> bytes:
    boundary = f"=_relevo_{kind}"
    while boundary.encode() in original:
        boundary += "_"
    mime = (
        ("MIME-Version", "1.0"),
        ("Content-Type", f'multipart/report; report-type={kind}; boundary="{boundary}"'),
        ("Content-Transfer-Encoding", "8bit"),
    )
    parts = (
        _part("text/plain; charset=utf-8", text.encode("utf-8", "replace") + b"\r\n"),
        _part(f"message/{kind}", b"\r\n".join(blocks)),
        original,
    )
    mark = f"--{boundary}".encode()
    body = b"".join(mark + b"\r\n" + part + b"\r\n" for part in parts)
    return _block((*head, *mime)) + b"\r\n" + body + mark + b"--\r\n"


def _part(content_type: str, body: bytes) -> bytes:
    head = f"Content-Type: {content_type}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    return head.encode() + body


def _block(fields: tuple[tuple[str, str], ...]) -> bytes:
    return b"".join(f"{name}: {_value(value)}\r\n".encode() for name, value in fields)


def _value(value: str) -> str:
    """A field's value that cannot add a line and is ASCII."""
    flat = _CONTROLS.sub(" ", value)
    return flat if flat.isascii() else Header(flat, "utf-8", maxlinelen=0).encode(linesep="")
