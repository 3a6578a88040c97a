"""Reads and repairs the header of a message on its way in (RFC 6409 §8), in linear time.

Fields are looked at as bytes; nothing is re-encoded unless it has to be, and what its author has
signed (a DKIM-Signature is there) gets no Date or Message-ID from us.
"""

import email.header
import re
from dataclasses import dataclass, field

from mta.intake.mailboxes import TOKEN, MailboxSyntaxError, mailboxes
from mta.intake.steering import PREFIX, Steering, SteeringError, read_field
from mta.model.address import Address
from mta.model.errors import PermanentError

MAX_HEADER_OCTETS = 1 << 20
MAX_SUBJECT = 200

_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:([^\r\n]*(?:\r\n[ \t][^\r\n]*)*)\r\n")
_FOLD = re.compile(r"\r\n[ \t]*")
_REMOVED = frozenset({b"bcc", b"resent-bcc", b"return-path"})
_ADDRESS_FIELDS = frozenset({b"from", b"to", b"cc", b"sender", b"reply-to"})


class ContentRefused(PermanentError):
    """The message cannot be taken; `code` and `enhanced` make the reply."""

    def __init__(self, code: int, enhanced: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.enhanced = enhanced
        self.text = text


@dataclass(slots=True)
class Scan:
    """What the header says, as far as a relay has to know, and what is to be sent instead."""

    parts: list[bytes] = field(default_factory=list)  # header and body without what was removed
    froms: list[Address] = field(default_factory=list)
    header_id: str = ""
    subject: str = ""
    has_from: bool = False
    has_date: bool = False
    has_signature: bool = False
    has_utf8_header: bool = False
    hops: int = 0
    steering: Steering = field(default_factory=Steering)


def scan(content: bytes, *, smtputf8: bool) -> Scan:
    """Read the header of `content` (CRLF lines), dropping Bcc, Return-Path and steering fields.

    A line that is no field ends the header, as if a blank line stood before it. Octets over 127
    in fields are encoded after RFC 2047 unless the client asked for SMTPUTF8.
    Raises `ContentRefused`.
    """
    result = Scan()
    position = kept = 0
    match = _FIELD.match
    while (field_match := match(content, position)) is not None:
        start, position = position, field_match.end()
        if position > MAX_HEADER_OCTETS:
            raise ContentRefused(554, "5.6.0", f"header larger than {MAX_HEADER_OCTETS} octets")
        name = field_match[1].lower()
        replacement = _look(result, name, field_match[2], smtputf8=smtputf8)
        if replacement is not None:
            result.parts.append(content[kept:start])
            if replacement:
                result.parts.append(field_match[1] + b": " + replacement + b"\r\n")
            kept = position
    result.parts.append(content[kept:position])
    if not content.startswith(b"\r\n", position):
        result.parts.append(b"\r\n")
    result.parts.append(content[position:])
    return result


def _look(result: Scan, name: bytes, value: bytes, *, smtputf8: bool) -> bytes | None:
    """Note what a field says; None keeps it, b"" drops it, other bytes replace its value."""
    if name in _REMOVED:
        return b""
    if name.startswith(PREFIX):
        try:
            read_field(result.steering, name.decode("ascii"), _text(value))
        except SteeringError as error:
            raise ContentRefused(550, "5.5.4", str(error)) from None
        return b""
    replacement = None
    if not value.isascii():
        if smtputf8:
            result.has_utf8_header = True
        else:
            replacement = value = _encoded(name, value)
    match name:
        case b"from":
            _note_from(result, value)
        case b"date":
            result.has_date = True
        case b"message-id":
            result.header_id = result.header_id or _text(value)[:998]
        case b"subject":
            result.subject = result.subject or _text(value)[:MAX_SUBJECT]
        case b"received":
            result.hops += 1
        case b"dkim-signature":
            result.has_signature = True
    return replacement


def _note_from(result: Scan, value: bytes) -> None:
    if result.has_from:
        raise ContentRefused(554, "5.6.0", "more than one From field (RFC 5322 §3.6)")
    result.has_from = True
    try:
        result.froms = mailboxes(_text(value))
    except MailboxSyntaxError as error:
        raise ContentRefused(554, "5.6.0", f"From: {error}") from None


def _text(value: bytes) -> str:
    return _FOLD.sub(" ", value.decode("utf-8", "replace")).strip()


def _encoded(name: bytes, value: bytes) -> bytes:
    """The value with its characters outside ASCII as encoded words (RFC 2047)."""
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        text = value.decode("latin-1")
    text = _FOLD.sub(" ", text).strip()
    if name not in _ADDRESS_FIELDS:
        return _words(text).encode("ascii")
    encoded = "".join(_phrase(match[0]) for match in TOKEN.finditer(text))
    if not encoded.isascii():
        raise ContentRefused(
            550,
            "5.6.7",
            f"{name.decode()}: an address outside ASCII needs SMTPUTF8 (RFC 6531)",
        )
    return encoded.strip().encode("ascii")


def _phrase(token: str) -> str:
    """A token of an address field, encoded when it is a display name outside ASCII."""
    if token.isascii() or "@" in token or token[0] == "<":
        return token
    if token == '"':
        raise ContentRefused(554, "5.6.0", "a quote without its partner in an address field")
    return f" {_words(token.strip().strip(chr(34)))} "


def _words(text: str) -> str:
    return email.header.Header(text, "utf-8", maxlinelen=76).encode(linesep="\r\n")
