"""From Postmark's request to ours, and its error codes."""

import re
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from console.api.dialects.faults import UNSUPPORTED, Fault, Faulty, faults_of
from console.api.dialects.postmark_schema import (
    MAX_RECIPIENTS,
    Attachment,
    Common,
    Email,
    TemplatedEmail,
)
from console.api.messages import request as native
from console.api.messages.request import Mailbox, MailClass, MessageRequest, Track, read_mailbox
from mta.model.address import parse_address
from mta.model.errors import AddressSyntaxError

OUTBOUND = "outbound"
BROADCAST = "broadcast"
_UNSUBSCRIBE = "{{{ pm:unsubscribe"
_COMMA = re.compile(r'"(?:[^"\\]|\\.)*"|[^,"]+|"|,')
_STREAM = re.compile(r"[A-Za-z0-9_-]{1,30}\Z")


def translate(mail: Email) -> MessageRequest:
    """The message to send. Raises `Faulty`."""
    if any(_UNSUBSCRIBE in (body or "") for body in (mail.html_body, mail.text_body)):
        raise Faulty(Fault("HtmlBody", f"the placeholder {_UNSUBSCRIBE}… is {UNSUPPORTED}"))
    if not mail.html_body and not mail.text_body:
        raise Faulty(Fault("TextBody", "Provide either email TextBody or HtmlBody or both."))
    texts = {
        "subject": mail.subject or "",
        "text": mail.text_body or "",
        "html": mail.html_body or "",
    }
    return _request(mail, texts)


def translate_template(mail: TemplatedEmail) -> MessageRequest:
    """The message to send with a stored template. Raises `Faulty`."""
    if mail.template_id is None and not mail.template_alias:
        raise Faulty(Fault("TemplateId", "expected TemplateId or TemplateAlias"))
    template = str(mail.template_id if mail.template_id is not None else mail.template_alias)
    return _request(mail, {"template": template})


def mailboxes(field: str, text: str | None) -> list[Mailbox]:
    """The mailboxes of a list with commas. Raises `Faulty`."""
    boxes = []
    for part in _split(text or ""):
        box = read_mailbox(part)
        if box is None:
            raise Faulty(Fault(field, f"Error parsing '{field}': Illegal email address '{part}'."))
        try:
            parse_address(box.email)
        except AddressSyntaxError as error:
            raise Faulty(
                Fault(
                    field,
                    f"Error parsing '{field}': Illegal email address '{box.email}'. {error}.",
                )
            ) from None
        boxes.append(box)
    return boxes


def _split(text: str) -> list[str]:
    parts, part = [], ""
    for piece in _COMMA.findall(text):
        if piece == ",":
            parts.append(part)
            part = ""
        else:
            part += piece
    return [one.strip() for one in (*parts, part) if one.strip()]


def _request(mail: Common, texts: dict[str, Any]) -> MessageRequest:
    senders = mailboxes("From", mail.sender)
    if len(senders) != 1:
        raise Faulty(Fault("From", f"Invalid 'From' address: '{mail.sender[:100]}'."))
    reply_to = mailboxes("ReplyTo", mail.reply_to)
    if len(reply_to) > 1:
        raise Faulty(Fault("ReplyTo", f"more than one address is {UNSUPPORTED}"))
    to, cc, bcc = (
        mailboxes(field, text)
        for field, text in (("To", mail.to), ("Cc", mail.cc), ("Bcc", mail.bcc))
    )
    count = len(to) + len(cc) + len(bcc)
    if not count:
        raise Faulty(Fault("To", "Zero recipients specified"))
    if count > MAX_RECIPIENTS:
        raise Faulty(Fault("To", f"more than {MAX_RECIPIENTS} recipients in To, Cc and Bcc"))
    stream = mail.message_stream or OUTBOUND
    if not _STREAM.match(stream):
        raise Faulty(Fault("MessageStream", "expected letters, digits, - and _"))
    values: dict[str, Any] = {
        **texts,
        "sender": senders[0],
        "to": to,
        "cc": cc,
        "bcc": bcc,
        "reply_to": reply_to[0] if reply_to else None,
        "headers": _headers(mail),
        "tags": [mail.tag] if mail.tag else [],
        "metadata": mail.metadata or {},
        "attachments": [_attachment(one) for one in mail.attachments or ()],
        "track": _track(mail),
        "klass": MailClass.CAMPAIGN if stream == BROADCAST else None,
        "campaign": "" if stream in (OUTBOUND, BROADCAST) else stream,
    }
    try:
        return MessageRequest(**values)
    except ValidationError as error:
        found = [Fault(field_of(one.field), one.message) for one in faults_of(error)]
        raise Faulty(*found) from None


def _headers(mail: Common) -> dict[str, str]:
    headers: dict[str, str] = {}
    for one in mail.headers or ():
        if one.name.lower() in {name.lower() for name in headers}:
            raise Faulty(Fault("Headers", f"a second {one.name[:80]} is {UNSUPPORTED}"))
        headers[one.name] = one.value
    return headers


def _attachment(one: Attachment) -> native.Attachment:
    return native.Attachment.model_construct(
        content=one.content,
        filename=one.name or "attachment",
        content_type=one.content_type or "application/octet-stream",
        content_id=(one.content_id or "").removeprefix("cid:"),
    )


def _track(mail: Common) -> Track:
    clicks = None if mail.track_links is None else mail.track_links != "None"
    return Track(opens=mail.track_opens, clicks=clicks)


_FIELDS = {
    "from": "From",
    "to": "To",
    "cc": "Cc",
    "bcc": "Bcc",
    "reply_to": "ReplyTo",
    "subject": "Subject",
    "text": "TextBody",
    "html": "HtmlBody",
    "headers": "Headers",
    "tags": "Tag",
    "metadata": "Metadata",
    "attachments": "Attachments",
    "campaign": "MessageStream",
    "template": "TemplateId",
}


def field_of(name: str) -> str:
    """Postmark's name of a field of ours."""
    head, _, rest = name.partition(".")
    known = _FIELDS.get(head, head)
    return f"{known}.{rest}" if rest else known


def inactive(addresses: Sequence[str]) -> str:
    """How Postmark names those that are not written to; libraries read the list out of it."""
    return (
        f"inactive addresses: {', '.join(addresses)}. Inactive recipients are ones that have "
        "generated a hard bounce, a spam complaint, or a manual suppression."
    )
