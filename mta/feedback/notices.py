"""Delivery status notifications (RFC 3464), and those of software that does not know it.

The fields of `message/delivery-status` count; where there are none, flufl.bounce's detectors find
the addresses that failed, and the text around them tells why. Both are bounded: detectors see the
first 64 KiB, lines of at most 1,000 characters.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from email import message_from_string
from email.message import Message
from enum import StrEnum

from flufl.bounce import all_failures

from mta.feedback.mime import Part, fields_of
from mta.model.reply import ENHANCED_STATUS, Reply

MAX_RECIPIENTS = 50  # of one notice; ours are about one
MAX_ADDRESS = 320
MAX_TEXT = 500
SCANNED_CHARS = 64 * 1024
SCANNED_LINE = 1_000
SCANNED_LINES = 2_000
MAX_STRUCTURE = 16  # boundaries and embedded mails that the standard parser is trusted with
_NEAR = 300  # characters around an address that tell why

_STATUS = re.compile(r"\s*([245]\.\d{1,3}\.\d{1,3})\b", re.ASCII)
_SMTP_REPLY = re.compile(r"(?<![\d.])([45]\d\d)(?:[ -]+|$)", re.ASCII)
_CODE = re.compile(r"\s*([245]\d\d)(?:[ -]+(.*)|$)", re.ASCII | re.DOTALL)
_XTEXT = re.compile(r"\+([0-9A-F]{2})")
_SPACE = re.compile(r"[\s\x00-\x1f\x7f]+")  # U+0000 is none that a database takes


class Action(StrEnum):
    """RFC 3464 §2.3.3."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"
    EXPANDED = "expanded"


@dataclass(frozen=True, slots=True)
class Reported:
    """What a notice says of one recipient."""

    action: Action
    addresses: tuple[str, ...]  # final and original recipient, as written and decoded
    reply: Reply


@dataclass(frozen=True, slots=True)
class Notice:
    """A delivery status notification."""

    reporter: str  # the server that wrote it
    recipients: tuple[Reported, ...]


def read_notice(mail: Part) -> Notice | None:
    """The notice in a mail, None when it is none."""
    for part in mail.walk():
        if part.kind in ("message/delivery-status", "message/global-delivery-status"):
            notice = _from_fields(part.text)
            if notice.recipients:
                return notice
    return None


def read_irregular(mail: Part, content: bytes) -> Notice | None:
    """The notice in a mail that does not keep to RFC 3464, None when no detector knows it."""
    message, text = _for_detectors(mail, content)
    temporary, permanent = all_failures(message)
    found = [(a, Action.DELAYED) for a in temporary] + [(a, Action.FAILED) for a in permanent]
    recipients = []
    for raw, action in found[:MAX_RECIPIENTS]:
        address = raw.decode("utf-8", "replace") if isinstance(raw, bytes) else str(raw)
        address = _bare(address)
        reply = _reply_near(text, address, action)
        recipients.append(Reported(action, (address,), reply))
    return Notice("", tuple(recipients)) if recipients else None


def _from_fields(text: str) -> Notice:
    blocks = [b for b in re.split(r"\n[ \t]*\n", text.strip("\n")) if b.strip()]
    if not blocks:
        return Notice("", ())
    about = dict(reversed(fields_of(blocks[0])))
    reporter = _typed(about.get("reporting-mta", ""))
    # Some put everything into one group of fields.
    groups: Sequence[str] = blocks if "final-recipient" in about else blocks[1:]
    recipients = []
    for block in groups[:MAX_RECIPIENTS]:
        one = _recipient(dict(reversed(fields_of(block))))
        if one is not None:
            recipients.append(one)
    return Notice(_SPACE.sub(" ", reporter)[:MAX_ADDRESS], tuple(recipients))


def _recipient(fields: dict[str, str]) -> Reported | None:
    try:
        action = Action(fields.get("action", "").partition(" ")[0].strip().lower())
    except ValueError:
        return None
    names = [
        _bare(_typed(fields.get(key, ""))) for key in ("final-recipient", "original-recipient")
    ]
    plain = [_XTEXT.sub(lambda m: chr(int(m[1], 16)), name) for name in names]
    addresses = tuple(dict.fromkeys(name for name in (*names, *plain) if name))
    reply = reply_of(fields.get("status", ""), _typed(fields.get("diagnostic-code", "")))
    return Reported(action, addresses, reply)


def reply_of(status: str, diagnostic: str) -> Reply:
    """The reply that a notice quotes; what it does not tell is made up from its status.

    The quoted reply's own enhanced status says more than the field, which is often 5.0.0.
    """
    match = _STATUS.match(status)
    told = match[1] if match else ""
    diagnostic = _SPACE.sub(" ", diagnostic)[:MAX_TEXT]
    quoted = _CODE.match(diagnostic)
    code, text = (int(quoted[1]), quoted[2] or "") if quoted else (0, diagnostic)
    enhanced = ENHANCED_STATUS.match(text)
    if enhanced is not None:
        text = text[enhanced.end() :]
    own = enhanced[1] if enhanced else ""
    if not 400 <= code < 600:
        code = 450 if (own or told).startswith("4") else 550
    chosen = own or told
    if chosen and chosen[0] != str(code)[0]:  # "smtp; 250 …" with Status 5.1.1, or the other way
        chosen = told if told[:1] == str(code)[0] else ""
    return Reply.of(code, chosen, text.strip())


def _reply_near(text: str, address: str, action: Action) -> Reply:
    """The reply that stands near the address, else the text there."""
    at = max(0, text.lower().find(address.lower()))
    near = text[max(0, at - _NEAR) : at + len(address) + 2 * _NEAR]
    match = _SMTP_REPLY.search(near, min(len(near), _NEAR)) or _SMTP_REPLY.search(near)
    if match is not None:
        line = near[match.start() :].partition("\n\n")[0]
        return reply_of("", line)
    status = "4.0.0" if action is Action.DELAYED else "5.0.0"
    return reply_of(status, near[-(len(address) + 2 * _NEAR) :])


def _for_detectors(mail: Part, content: bytes) -> tuple[Message, str]:
    """A message as flufl.bounce wants it, and its text; without nesting that would cost it time."""
    parts = [p for p in mail.walk() if not p.parts and p.kind.startswith(("text/", "message/"))]
    text = _short("\n".join(p.text for p in parts[:5]))
    raw = content[:SCANNED_CHARS].replace(b"\r\n", b"\n")
    folded = raw.lower()
    if folded.count(b"boundary") + folded.count(b"message/") <= MAX_STRUCTURE:
        return message_from_string(_short(raw.decode("ascii", "replace"))), text
    head = _short("\n".join(f"{n}: {v}" for n, v in mail.headers if n != "content-type"))
    return message_from_string(f"{head}\nContent-Type: text/plain\n\n{text}"), text


def _short(text: str) -> str:
    lines = text[:SCANNED_CHARS].split("\n", SCANNED_LINES)[:SCANNED_LINES]
    return "\n".join(line[:SCANNED_LINE] for line in lines)


def _typed(value: str) -> str:
    """`rfc822; ana@example.org` without its type."""
    kind, semicolon, rest = value.partition(";")
    return rest.strip() if semicolon and " " not in kind.strip() else value.strip()


def _bare(address: str) -> str:
    """Without comment and brackets."""
    address = address.partition(" (")[0].strip()
    if address.startswith("<") and address.endswith(">"):
        address = address[1:-1]
    return address[:MAX_ADDRESS]
