"""Turns a message template into a list of segments: what is the same for all is encoded once.

A compiled template is JSON: the author's address, and segments that are text for the wire as it is
or say what goes there. It is stored as the content of a message; a release reads what it and
earlier ones have written (`VERSION`).
"""

from dataclasses import dataclass

import orjson

from console.content import wire
from console.content.fields import Field, TemplateError, parse
from console.content.headers import check_header
from console.content.segments import Kind, Segment, static
from console.content.structure import File, content
from console.content.tracked_links import TrackedLinks
from console.tracking.instrumenting import TrackingOptions, instrument
from mta.model.address import Address, parse_address
from mta.model.errors import AddressSyntaxError

VERSION = 1


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
    reply_to_name: str = ""
    headers: tuple[tuple[str, str], ...] = ()  # further fields, such as List-Unsubscribe
    files: tuple[File, ...] = ()  # attachments and inline images, the same for everybody
    tracking: TrackingOptions | None = None  # None: neither opens nor clicks


def compile_template(template: MessageTemplate) -> bytes:
    """The compiled template, for `mta.intake.expansion` to store.

    Raises `TemplateError` with what is wrong, where, and what is expected.
    """
    author = _address("from", template.author)
    segments: list[Segment] = [_mailbox("From", template.author_name, str(author))]
    segments.append(_mailbox("To", template.to_name, ""))
    if template.reply_to:
        reply_to = str(_address("reply-to", template.reply_to))
        segments.append(_mailbox("Reply-To", template.reply_to_name, reply_to))
    segments.append([Kind.HEADER, "Subject", _pieces(template.subject, "subject")])
    segments += ([Kind.DATE], [Kind.MESSAGE_ID])
    segments += [_header(name, value) for name, value in template.headers]
    segments.append(static("MIME-Version: 1.0\r\n"))
    document: dict[str, object] = {"v": VERSION, "author": str(author)}
    html, options = template.html, template.tracking
    if html and options is not None:
        marked = instrument(html, options)
        html = marked.html
        document["tracking"] = TrackedLinks.of(marked, options).stored()
    texts, htmls = parse(template.text, "text"), parse(html, "html")
    segments += content(texts, htmls, template.files)
    document["segments"] = _joined(segments)
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
    kind = Kind.LINKS if check_header(name) else Kind.HEADER
    return [kind, name, _pieces(value, name.lower())]


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
