"""Turns a message template into a list of segments: what is the same for all is encoded once.

A compiled template is JSON: the author's address, and segments that are text for the wire as it is
or say what goes there. It is stored as the content of a message; a release reads what it and
earlier ones have written (`VERSION`).
"""

import hashlib
import re
from dataclasses import dataclass
from enum import StrEnum

import orjson

from console.content import wire
from console.content.fields import Field, Pieces, TemplateError, parse
from mta.model.address import Address, parse_address
from mta.model.errors import AddressSyntaxError

VERSION = 1
Segment = list[object]  # its kind, then what the kind needs


class Kind(StrEnum):
    """What a segment is; stored."""

    STATIC = "="  # text
    TEXT = "t"  # name, default: a value in a text part
    HTML = "h"  # name, default: a value in an HTML part
    HEADER = "u"  # field name, pieces: free text
    MAILBOX = "a"  # field name, pieces of the display name, address ('': the recipient's)
    LINKS = "l"  # field name, pieces
    MESSAGE_ID = "i"
    DATE = "d"


_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,70}\Z")
_OWN = frozenset(
    {
        "from", "to", "cc", "bcc", "subject", "date", "message-id", "reply-to", "sender",
        "mime-version", "dkim-signature", "received", "return-path",
    }
)  # fmt: skip
_LINKS = ("list-", "feedback-id", "auto-submitted", "precedence")  # atoms and URLs, never words


@dataclass(frozen=True, slots=True)
class MessageTemplate:
    """A message with fields; every text but the addresses may hold some."""

    author: str  # address in From
    subject: str
    text: str = ""
    html: str = ""
    author_name: str = ""
    to_name: str = ""  # shown with the recipient's address
    reply_to: str = ""  # address
    headers: tuple[tuple[str, str], ...] = ()  # further fields, such as List-Unsubscribe


def compile_template(template: MessageTemplate) -> bytes:
    """The compiled template, for `mta.intake.expansion` to store.

    Raises `TemplateError` with what is wrong, where, and what is expected.
    """
    author = _address("from", template.author)
    segments: list[Segment] = [_mailbox("From", template.author_name, str(author))]
    segments.append(_mailbox("To", template.to_name, ""))
    if template.reply_to:
        segments.append(_mailbox("Reply-To", "", str(_address("reply-to", template.reply_to))))
    segments.append([Kind.HEADER, "Subject", _pieces(template.subject, "subject")])
    segments += ([Kind.DATE], [Kind.MESSAGE_ID])
    segments += [_header(name, value) for name, value in template.headers]
    segments.append([Kind.STATIC, "MIME-Version: 1.0\r\n"])
    segments += _content(template.text, template.html)
    document = {"v": VERSION, "author": str(author), "segments": _joined(segments)}
    return orjson.dumps(document)


def _address(where: str, text: str) -> Address:
    try:
        address = parse_address(text)
    except AddressSyntaxError as error:
        raise TemplateError(f"{where}: {error}") from None
    if not address.is_ascii:
        raise TemplateError(f"{where}: {text!r}: only ASCII is delivered everywhere")
    return address


def _pieces(text: str, where: str) -> list[object]:
    return [list(p) if isinstance(p, Field) else p for p in parse(text, where)]


def _mailbox(name: str, display: str, address: str) -> Segment:
    return [Kind.MAILBOX, name, _pieces(display, name.lower()), address]


def _header(name: str, value: str) -> Segment:
    lower = name.lower()
    if not _NAME.match(name) or lower in _OWN or lower.startswith("content-"):
        raise TemplateError(f"headers: {name!r} cannot be set")
    if lower.startswith(_LINKS):
        return [Kind.LINKS, name, _pieces(value, lower)]
    return [Kind.HEADER, name, _pieces(value, lower)]


def _content(text: str, html: str) -> list[Segment]:
    """Header fields of the content and the body."""
    texts, htmls = parse(text, "text"), parse(html, "html")
    if not texts and not htmls:
        raise TemplateError("the template has neither text nor HTML")
    if not htmls:
        return _part("plain", texts, Kind.TEXT)
    if not texts:
        return _part("html", htmls, Kind.HTML)
    # Quoted-printable writes no "=_", so no text can hold the boundary.
    digest = hashlib.blake2b(f"{text}\0{html}".encode(), digest_size=12)
    boundary = f"=_{digest.hexdigest()}"
    return [
        [
            Kind.STATIC,
            f'Content-Type: multipart/alternative; boundary="{boundary}"\r\n\r\n--{boundary}\r\n',
        ],
        *_part("plain", texts, Kind.TEXT),
        [Kind.STATIC, f"\r\n--{boundary}\r\n"],
        *_part("html", htmls, Kind.HTML),
        [Kind.STATIC, f"\r\n--{boundary}--\r\n"],
    ]


def _part(subtype: str, pieces: Pieces, kind: Kind) -> list[Segment]:
    head = (
        f"Content-Type: text/{subtype}; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    )
    segments: list[Segment] = [[Kind.STATIC, head]]
    for piece in pieces:
        if isinstance(piece, Field):
            segments.append([kind, *piece])
        else:
            segments.append([Kind.STATIC, wire.body(piece).decode()])
    last = pieces[-1]
    if isinstance(last, Field) or not last.endswith(("\n", "\r")):
        segments.append([Kind.STATIC, "\r\n"])
    return segments


def _joined(segments: list[Segment]) -> list[Segment]:
    """Segments with neighbours that are static made one; headers without fields are static."""
    joined: list[Segment] = []
    for segment in map(_settled, segments):
        if segment[0] is Kind.STATIC and joined and joined[-1][0] is Kind.STATIC:
            joined[-1] = [Kind.STATIC, f"{joined[-1][1]}{segment[1]}"]
        else:
            joined.append(segment)
    return joined


def _settled(segment: Segment) -> Segment:
    match segment:
        case [Kind.HEADER, str(name), list(pieces)] if _is_literal(pieces):
            written = wire.unstructured(name, "".join(pieces))
        case [Kind.LINKS, str(name), list(pieces)] if _is_literal(pieces):
            written = wire.link_field(name, "".join(pieces))
        case [Kind.MAILBOX, str(name), list(pieces), str(address)] if address and _is_literal(
            pieces
        ):
            written = wire.mailbox(name, "".join(pieces), address)
        case _:
            return segment
    return [Kind.STATIC, written.decode()]


def _is_literal(pieces: list[object]) -> bool:
    return all(isinstance(piece, str) for piece in pieces)
