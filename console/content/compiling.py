"""Turns a message template into a list of segments: what is the same for all is encoded once.

A compiled template is JSON: the author's address, and segments that are text for the wire as it is
or say what goes there. It is stored as the content of a message; a release reads what it and
earlier ones have written (`VERSION`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from html import escape
from urllib.parse import quote

import orjson

from console.content import wire
from console.content.errors import TemplateError
from console.content.fields import Field, Pieces, filled_in, parse, rename
from console.content.headers import check_header
from console.content.segments import Kind, Segment, kept, static
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
    names: Mapping[str, str] = field(default_factory=dict)  # a field's name → where its value is
    constants: Mapping[str, str] = field(default_factory=dict)  # a field's name → its text for all


def compile_template(template: MessageTemplate) -> bytes:
    """The compiled template, for `mta.intake.expansion` to store.

    Raises `TemplateError` with what is wrong, where, and what is expected.
    """
    author = _address("from", template.author)
    words = _Words(template)
    segments: list[Segment] = [words.mailbox("From", template.author_name, str(author))]
    segments.append(words.mailbox("To", template.to_name, ""))
    if template.reply_to:
        reply_to = str(_address("reply-to", template.reply_to))
        segments.append(words.mailbox("Reply-To", template.reply_to_name, reply_to))
    segments.append([Kind.HEADER, "Subject", kept(words.parsed(template.subject, "subject"))])
    segments += ([Kind.DATE], [Kind.MESSAGE_ID])
    segments += [words.header(name, value) for name, value in template.headers]
    segments.append(static("MIME-Version: 1.0\r\n"))
    document: dict[str, object] = {"v": VERSION, "author": str(author)}
    if template.reply_to:
        document["reply_to"] = reply_to
    html, options = template.html, template.tracking
    if html and options is not None:
        marked = instrument(html, options)
        marked = replace(marked, links=tuple(map(words.link, marked.links)))
        html = marked.html
        document["tracking"] = TrackedLinks.of(marked, options).stored()
    texts = words.parsed(template.text, "text")
    htmls = words.html(html)
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


class _Words:
    """Reads the texts of a template; its fields have the names and texts that it gives them."""

    def __init__(self, template: MessageTemplate) -> None:
        self._names = template.names
        self._constants = template.constants
        constants = template.constants.items()
        self._escaped = {name: escape(text) for name, text in constants}
        self._quoted = {name: quote(text) for name, text in constants}

    def parsed(self, text: str, where: str) -> Pieces:
        return self._pieces(text, where, self._constants)

    def html(self, text: str) -> Pieces:
        return self._pieces(text, "html", self._escaped)

    def _pieces(self, text: str, where: str, constants: Mapping[str, str]) -> Pieces:
        pieces = parse(text, where)
        if constants:
            pieces = filled_in(pieces, constants)
        return rename(pieces, self._names) if self._names else pieces

    def link(self, url: str) -> str:
        """A tracked link with the fields' other names; it has no conditions."""
        if not self._names and not self._quoted:
            return url
        return "".join(
            [
                f'{{{{ {p.name} | default: "{p.default}" }}}}' if isinstance(p, Field) else str(p)
                for p in self._pieces(url, "link", self._quoted)
            ]
        )

    def mailbox(self, name: str, display: str, address: str) -> Segment:
        return [Kind.MAILBOX, name, kept(self.parsed(display, name.lower())), address]

    def header(self, name: str, value: str) -> Segment:
        kind = Kind.LINKS if check_header(name) else Kind.HEADER
        return [kind, name, kept(self.parsed(value, name.lower()))]


def _joined(segments: Iterable[Segment]) -> list[Segment]:
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
        case [Kind.CHOICE, list(arms)]:
            return [Kind.CHOICE, [[condition, _joined(inner)] for condition, inner in arms]]
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
