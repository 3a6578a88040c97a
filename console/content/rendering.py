"""Renders compiled templates: static bytes and encoded values, joined.

Runs in the signing threads beside a busy event loop: a mail costs tens of microseconds, and nothing
is kept between two of them.
"""

from collections.abc import Callable, Sequence

import orjson

from console.content import wire
from console.content.compiling import VERSION
from console.content.fields import Field, Pieces, TemplateError, filled
from console.content.segments import Kind
from console.content.tracked_links import Slot, TrackedLinks, Values
from console.tracking.tokens import TrackingTokens
from mta.model.address import Address, parse_address
from mta.model.errors import AddressSyntaxError
from mta.model.rendering import Companion, Occasion

RECIPIENT = "email"  # a field that every recipient has: the address
DELIVERY = "delivery_id"  # and the number of the delivery, for links


class CompiledTemplate:
    """A template in memory (`mta.model.rendering.Template`)."""

    def __init__(
        self, author: Address, segments: Sequence[bytes | Slot], links: TrackedLinks | None = None
    ) -> None:
        self._author = author
        self._segments = segments
        self._links = links

    @property
    def author(self) -> Address:
        """The address in From."""
        return self._author

    def companions(self, message: int) -> Sequence[Companion]:
        """Where the tracked links of the message lead."""
        return self._links.rows(message) if self._links is not None else ()

    def render(self, occasion: Occasion) -> bytes:
        """The whole message. Raises `TemplateError` for values that are no JSON object."""
        values: Values = {}
        if occasion.merge:
            try:
                values = orjson.loads(occasion.merge)
            except orjson.JSONDecodeError as error:
                raise TemplateError(f"the values of {occasion.address}: {error}") from None
            if values.__class__ is not dict:
                raise TemplateError(f"the values of {occasion.address} are no JSON object")
        values[RECIPIENT] = occasion.address
        values[DELIVERY] = str(occasion.delivery)
        return b"".join(
            [s if s.__class__ is bytes else s(values, occasion) for s in self._segments]  # type: ignore[operator]  # a class look-up is cheaper than isinstance
        )


class Renderer:
    """Loads compiled templates (`mta.model.rendering.ContentRenderer`)."""

    def __init__(self, tokens: TrackingTokens | None = None) -> None:
        """`tokens` make tracked links; without them links lead straight to their target."""
        self.tokens = tokens

    def load(self, compiled: bytes) -> CompiledTemplate:
        """Raises `TemplateError` for what this release has not written and cannot read."""
        try:
            document = orjson.loads(compiled)
            if document["v"] != VERSION:
                raise TemplateError(
                    f"template of version {document['v']}: this release reads {VERSION}"
                )
            author = parse_address(document["author"])
            stored = document.get("tracking")
            links = TrackedLinks.load(stored) if stored is not None else None
            slots = [self._tracked(links, *one) or _segment(*one) for one in document["segments"]]
            return CompiledTemplate(author, slots, links)
        except (
            orjson.JSONDecodeError,
            AddressSyntaxError,
            IndexError,
            KeyError,
            TypeError,
            ValueError,
        ) as error:
            raise TemplateError(f"this is no compiled template: {error!r}") from None

    def _tracked(self, links: TrackedLinks | None, kind: str, *arguments: object) -> Slot | None:
        """The slot of a tracked link or the pixel; None for a segment of another kind."""
        if links is None:
            return None
        match kind, arguments:
            case Kind.CLICK, [int(number)]:
                return links.click(number, self.tokens)
            case Kind.PIXEL, []:
                return links.pixel(self.tokens)
        return None


def _segment(kind: str, *arguments: object) -> bytes | Slot:
    match Kind(kind), arguments:
        case Kind.STATIC, [str(text)]:
            return text.encode()
        case Kind.TEXT, [str(name), str(default)]:
            return _value(Field(name, default), wire.body)
        case Kind.HTML, [str(name), str(default)]:
            return _value(Field(name, default), wire.markup)
        case Kind.HEADER, [str(name), list(pieces)]:
            return _header(name, _pieces(pieces))
        case Kind.MAILBOX, [str(name), list(pieces), str(address)]:
            return _mailbox(name, _pieces(pieces), address)
        case Kind.LINKS, [str(name), list(pieces)]:
            return _links(name, _pieces(pieces))
        case Kind.MESSAGE_ID, []:
            return lambda _, occasion: f"Message-ID: {occasion.message_id}\r\n".encode()
        case Kind.DATE, []:
            return lambda _, occasion: f"Date: {occasion.date}\r\n".encode()
    raise ValueError(f"segment {kind!r}")


def _pieces(stored: list[object]) -> Pieces:
    return tuple(p if isinstance(p, str) else Field(*p) for p in stored)  # type: ignore[misc]  # a list of strings


def _value(field: Field, encode: Callable[[str], bytes]) -> Slot:
    return lambda values, _: encode(field.text(values))


def _header(name: str, pieces: Pieces) -> Slot:
    return lambda values, _: wire.unstructured(name, filled(pieces, values))


def _mailbox(name: str, pieces: Pieces, address: str) -> Slot:
    return lambda values, occasion: wire.mailbox(
        name, filled(pieces, values), address or occasion.address
    )


def _links(name: str, pieces: Pieces) -> Slot:
    def render(values: Values, _: Occasion) -> bytes:
        texts = [p if isinstance(p, str) else wire.link_part(p.text(values)) for p in pieces]
        return wire.link_field(name, "".join(texts))

    return render
