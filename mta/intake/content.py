"""Reads and repairs the header of a message on its way in (RFC 6409 §8), in linear time.

One regular expression finds where the header ends, a second one the fields a relay has to know;
all others are never looked at. Nothing is re-encoded unless it has to be, and what its author has
signed (a DKIM-Signature is there) gets no Date or Message-ID from us.

A line that is no field ends the header, as if a blank line stood before it: so every reader of the
message sees the same header. What other software might still take for a field behind such a line
must not be one that we promised to remove.
"""

import re
from dataclasses import dataclass, field
from enum import Enum

from mta.intake.header_encoding import Unencodable, encode_field, field_text
from mta.intake.mailboxes import MailboxSyntaxError, mailboxes
from mta.intake.steering import PREFIX, Steering, SteeringError, read_field
from mta.model.address import Address
from mta.model.errors import PermanentError
from mta.model.reply import Reply
from mta.smtp.data import has_long_line

MAX_HEADER_OCTETS = 1 << 20
MAX_KNOWN_FIELDS = 5_000
MAX_ENCODED_OCTETS = 131_072  # of fields outside ASCII: encoding costs a microsecond an octet
FIELD_OCTETS = 64  # what a field costs beside its value
MAX_SUBJECT = 200
MAX_MESSAGE_ID = 998

_HEADER = re.compile(rb"(?:[!-9;-~]+[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*)*")
_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)\n")
# mbox files put a line before the message, and programs that read such files send it along.
_MAILBOX_LINE = re.compile(rb">?From [^\n]{1,200}[0-9]:[0-9][^\n]{0,200}\n(?=[!-9;-~]+[ \t]*:)")
_DATE = re.compile(
    rb"(?:[a-z]{3}[ \t]*,)?\s*[0-9]{1,2}\s+(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
    rb"\s+[0-9]{2,4}\s+[0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?(?:\s|\Z)"
)
_MESSAGE_ID = re.compile(rb"<[^<>\s@]+@[^<>\s]+>(?:\s*\([^()]*\))?\Z")
_REMOVED = frozenset({b"bcc", b"resent-bcc", b"return-path", b"content-length"})
# At most one of each: RFC 5322 §3.6, and RFC 2045 §3 for those that say how to read the body.
_SINGLE = frozenset(
    {
        b"from", b"sender", b"reply-to", b"to", b"cc", b"message-id", b"in-reply-to",
        b"references", b"subject", b"date", b"mime-version", b"content-type",
        b"content-transfer-encoding",
    }
)  # fmt: skip
_OWNED = frozenset({b"sender", b"resent-from", b"resent-sender"})
_NAMES = b"|".join(
    sorted(_REMOVED | _SINGLE | _OWNED | {b"received", b"dkim-signature", b"list-unsubscribe"})
)
_KNOWN = re.compile(
    rb"\n(" + _NAMES + rb"|" + PREFIX + rb"[!-9;-~]*)[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)"
)
_HIDDEN = re.compile(rb"\n[ \t]*(bcc|resent-bcc|" + PREFIX + rb"[!-9;-~]*)[ \t]*:", re.IGNORECASE)


class ContentRefused(PermanentError):
    """The message cannot be taken; `code` and `enhanced` make the reply."""

    def __init__(self, code: int, enhanced: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.enhanced = enhanced
        self.text = text

    @property
    def reply(self) -> Reply:
        """The refusal as it is said."""
        return Reply.of(self.code, self.enhanced, self.text)


@dataclass(slots=True)
class Scan:
    """What the header says, as far as a relay has to know, and what is to be sent instead."""

    parts: list[bytes] = field(default_factory=list)  # header and body without what was removed
    froms: list[Address] = field(default_factory=list)
    owned: list[tuple[str, Address]] = field(default_factory=list)  # Sender and its like
    replies: str = ""  # Reply-To, unfolded
    header_id: str = ""
    subject: str = ""
    has_from: bool = False
    has_date: bool = False
    has_signature: bool = False
    has_unsubscribe: bool = False
    has_utf8_header: bool = False
    hops: int = 0
    steering: Steering = field(default_factory=Steering)


Cut = tuple[int, int, bytes]  # from, to, and what comes in its place


def check_octets(content: bytes) -> None:
    """What every door promises of a content: CRLF lines of at most 998 octets, no NUL.

    Raises `ContentRefused`. The SMTP door has looked at it while it came in.
    """
    if b"\0" in content:
        raise ContentRefused(554, "5.6.0", "the message contains a NUL octet")
    pairs = content.count(b"\r\n")
    if content.count(b"\r") != pairs or content.count(b"\n") != pairs:
        raise ContentRefused(550, "5.6.11", "the message contains a lone CR or LF")
    if content and not content.endswith(b"\r\n"):
        raise ContentRefused(554, "5.6.0", "the last line of the message does not end with CRLF")
    if has_long_line(content):
        raise ContentRefused(554, "5.6.0", "the message has a line longer than 998 octets")


def scan(content: bytes, *, smtputf8: bool) -> Scan:
    """Read the header of `content` (CRLF lines), dropping Bcc, Return-Path and steering fields.

    A Date or Message-ID that is none is dropped too (RFC 6409 §8.2, §8.3). Octets over 127 in
    fields are encoded after RFC 2047; with `smtputf8` the message stays as it is when that is not
    possible or would break its signature. Raises `ContentRefused`.
    """
    start, end = _bounds(content)
    header = content[start:end]
    result = Scan()
    cuts: list[Cut] = []
    wrong: list[Cut] = []
    seen: set[bytes] = set()
    shift = start - 1  # the searched text begins with a line end of its own
    for count, match in enumerate(_KNOWN.finditer(b"\n" + header.lower())):
        if count == MAX_KNOWN_FIELDS:
            raise ContentRefused(552, "5.3.4", "too many header fields")
        name = match[1]
        if name in _SINGLE:
            if name in seen:
                raise ContentRefused(554, "5.6.0", f"more than one {name.decode().title()} field")
            seen.add(name)
        first, last = match.span(2)
        verdict = _look(result, name, content[first + shift : last + shift])
        if verdict is not _Verdict.KEEP:
            cut = (match.start() + start, last + start, b"")
            (cuts if verdict is _Verdict.DROP else wrong).append(cut)
    if not result.has_signature:
        cuts += wrong
    if not header.isascii():
        cuts += _encoded(result, header, start, {cut[0] for cut in cuts}, smtputf8=smtputf8)
    result.parts = _parts(content, start, end, cuts)
    return result


class _Verdict(Enum):
    KEEP = 0
    DROP = 1
    DROP_UNSIGNED = 2


def _bounds(content: bytes) -> tuple[int, int]:
    """Where the header begins and ends; octets in between are whole fields."""
    match = _HEADER.match(content, 0, MAX_HEADER_OCTETS)
    assert match is not None  # it matches nothing, too
    start, end = match.span()
    if not end and (line := _MAILBOX_LINE.match(content, 0, MAX_HEADER_OCTETS)) is not None:
        match = _HEADER.match(content, line.end(), MAX_HEADER_OCTETS)
        assert match is not None
        start, end = match.span()
    if content.startswith(b"\r\n", end) or end == len(content):
        return start, end
    if len(content) > MAX_HEADER_OCTETS and content.find(b"\n", end, MAX_HEADER_OCTETS) < 0:
        raise ContentRefused(552, "5.3.4", f"header larger than {MAX_HEADER_OCTETS} octets")
    blank = content.find(b"\r\n\r\n", end)
    hidden = _HIDDEN.search(b"\n" + content[end : blank if blank >= 0 else len(content)])
    if hidden is not None:
        raise ContentRefused(
            554,
            "5.6.0",
            f"a line of the header is no field, and {hidden[1].decode()} stands behind it",
        )
    return start, end


def _look(result: Scan, name: bytes, value: bytes) -> _Verdict:
    """Note what a field says, and whether it stays."""
    match name:
        case b"from":
            result.froms = _addresses("From", value)
            result.has_from = True
        case b"reply-to":
            result.replies = field_text(value)
        case b"subject":
            result.subject = field_text(value)[:MAX_SUBJECT]
        case b"message-id":
            if len(value) > MAX_MESSAGE_ID or _MESSAGE_ID.match(value.strip()) is None:
                return _Verdict.DROP_UNSIGNED
            result.header_id = field_text(value)
        case b"date":
            if _DATE.match(value.strip().lower()) is None:
                return _Verdict.DROP_UNSIGNED
            result.has_date = True
        case b"received":
            result.hops += 1
        case b"dkim-signature":
            result.has_signature = True
        case b"list-unsubscribe":
            result.has_unsubscribe = True
        case _ if name in _OWNED:
            shown = name.decode().title()
            result.owned += [(shown, address) for address in _addresses(shown, value)]
        case _ if name in _REMOVED:
            return _Verdict.DROP
        case _ if name.startswith(PREFIX):
            _steer(result.steering, name, value)
            return _Verdict.DROP
    return _Verdict.KEEP


def _addresses(name: str, value: bytes) -> list[Address]:
    try:
        found = mailboxes(field_text(value))
    except MailboxSyntaxError as error:
        raise ContentRefused(554, "5.6.0", f"{name}: {error}") from None
    if len(found) > 1:  # RFC 5322 allows it in From; large providers refuse it, and readers differ
        raise ContentRefused(554, "5.6.0", f"{name}: more than one address")
    return found


def _steer(steering: Steering, name: bytes, value: bytes) -> None:
    try:
        read_field(steering, name.decode("ascii"), field_text(value))
    except SteeringError as error:
        raise ContentRefused(550, "5.5.4", str(error)) from None


def _encoded(
    result: Scan, header: bytes, start: int, dropped: set[int], *, smtputf8: bool
) -> list[Cut]:
    """New values for fields with octets over 127, or a mark that the message needs SMTPUTF8."""
    if smtputf8 and result.has_signature:
        result.has_utf8_header = _is_utf8(header)
        return []
    cuts: list[Cut] = []
    octets = 0
    for match in _FIELD.finditer(header):
        value = match[2]
        if value.isascii() or match.start() + start in dropped:
            continue
        octets += len(value) + FIELD_OCTETS
        if octets > MAX_ENCODED_OCTETS:
            raise ContentRefused(552, "5.3.4", "too much text outside ASCII in the header")
        name = match[1].decode("ascii")
        try:
            replacement = encode_field(name, value)
        except Unencodable as error:
            if smtputf8:
                result.has_utf8_header = _is_utf8(header)
                return []
            raise ContentRefused(550, "5.6.7", f"{name}: {error}") from None
        first, last = match.span(2)
        cuts.append((first + start, last + start - 1, replacement))  # its CR stays
    return cuts


def _is_utf8(header: bytes) -> bool:
    try:
        header.decode("utf-8")
    except UnicodeDecodeError:
        raise ContentRefused(554, "5.6.0", "the header is not valid UTF-8") from None
    return True


def _parts(content: bytes, start: int, end: int, cuts: list[Cut]) -> list[bytes]:
    parts: list[bytes] = []
    for first, last, replacement in sorted(cuts):
        parts += (content[start:first], replacement)
        start = last
    if content.startswith(b"\r\n", end):
        parts.append(content[start:] if start else content)
    else:
        parts += (content[start:end], b"\r\n", content[end:])
    return parts
