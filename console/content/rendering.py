"""Renders compiled templates: static bytes and encoded values, joined.

Runs in the signing threads beside a busy event loop: a mail costs tens of microseconds, and nothing
is kept between two of them.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import orjson

from console.content import wire
from console.content.compiling import VERSION
from console.content.conditions import Condition, restored
from console.content.errors import TemplateError
from console.content.fields import Field, Pieces, filled
from console.content.own_links import OwnLink, OwnLinks, own_values
from console.content.segments import Kind, pieces_of
from console.content.tracked_links import Slot, TrackedLinks, Values
from console.tracking.tokens import TrackingTokens
from mta.model.address import Address, parse_address
from mta.model.errors import AddressSyntaxError
from mta.model.rendering import Companion, Occasion

RECIPIENT = "email"  # a field that every recipient has: the address
DELIVERY = "delivery_id"  # and the number of the delivery, for links

_FORBIDDEN_SCHEMES = ("javascript:", "vbscript:", "data:text", "data:application", "data:,")
_UNSEEN = re.compile(r"[\x00-\x20\x7f-\xa0]")
MAX_FILLED = 1 << 20  # octets that values may add to one mail; readers are shown 102 KB
MAX_HEADER = 10_000  # characters of a field of the header that values fill
_QUIET = 1 << 18  # characters; values that cannot become more need not be counted
_OTHER = 1_000  # of the address and the own links, which are filled in like values


class CompiledTemplate:
    """A template in memory (`mta.model.rendering.Template`)."""

    def __init__(
        self,
        author: Address,
        segments: Sequence[bytes | Slot],
        links: TrackedLinks | None = None,
        own: Sequence[OwnLink] = (),
        reply_to: str = "",
        slots: int = 0,
    ) -> None:
        """`slots`: how many places values are filled in at, those inside of choices too."""
        self._author = author
        self._segments = segments
        self._links = links
        self._own = own
        self._reply_to = reply_to
        self._slots = slots

    @property
    def author(self) -> Address:
        """The address in From."""
        return self._author

    @property
    def reply_to(self) -> str:
        """The address in Reply-To; also of templates older than this release, which say none."""
        return self._reply_to

    def companions(self, message: int) -> Sequence[Companion]:
        """Where the tracked links of the message lead."""
        return self._links.rows(message) if self._links is not None else ()

    def render(self, occasion: Occasion) -> bytes:
        """The whole message.

        Raises `TemplateError` for values that are no JSON object, or that become too much: a short
        value at a hundred thousand places would take the memory of the machine.
        """
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
        if self._own:
            values |= own_values(self._own, occasion)
        if (len(occasion.merge) + _OTHER) * self._slots > _QUIET:
            return _counted(self._segments, values, occasion)
        return b"".join(
            [s if s.__class__ is bytes else s(values, occasion) for s in self._segments]  # type: ignore[operator]  # a class look-up is cheaper than isinstance
        )


class Renderer:
    """Loads compiled templates (`mta.model.rendering.ContentRenderer`)."""

    def __init__(self, tokens: TrackingTokens | None = None) -> None:
        """`tokens` make tracked links; without them links lead straight to their target."""
        self.tokens = tokens
        self.own_links: OwnLinks | None = None

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
            slots = _Loader(links, self.tokens).segments(document["segments"])
            own = self.own_links.used_in(compiled) if self.own_links is not None else ()
            return CompiledTemplate(
                author, slots, links, own, document.get("reply_to", ""),
                slots=_places(document["segments"]),
            )  # fmt: skip
        except (
            orjson.JSONDecodeError,
            AddressSyntaxError,
            IndexError,
            KeyError,
            TypeError,
            ValueError,
        ) as error:
            raise TemplateError(f"this is no compiled template: {error!r}") from None


class _Loader:
    """Makes slots of segments, also of those that are inside of choices."""

    def __init__(self, links: TrackedLinks | None, tokens: TrackingTokens | None) -> None:
        self._links = links
        self._tokens = tokens

    def segments(self, stored: Sequence[Sequence[object]]) -> list[bytes | Slot]:
        return [self._segment(str(kind), *arguments) for kind, *arguments in stored]

    def _segment(self, kind: str, *arguments: object) -> bytes | Slot:
        match kind, arguments:
            case Kind.CHOICE, [list(arms)]:
                return _choice(
                    [(c if c is None else restored(c), self.segments(inner)) for c, inner in arms]
                )
            case Kind.CLICK, [int(number)] if self._links is not None:
                return self._links.click(number, self._tokens)
            case Kind.PIXEL, [] if self._links is not None:
                return self._links.pixel(self._tokens)
        return _segment(kind, *arguments)


def _segment(kind: str, *arguments: object) -> bytes | Slot:
    match Kind(kind), arguments:
        case Kind.STATIC, [str(text)]:
            return text.encode()
        case Kind.TEXT, [str(name), str(default)]:
            return _value(Field(name, default), wire.body)
        case Kind.HTML, [str(name), str(default)]:
            return _value(Field(name, default), wire.markup)
        case Kind.URL, [str(name), str(default)]:
            return _url(Field(name, default))
        case Kind.HEADER, [str(name), list(pieces)]:
            return _header(name, pieces_of(pieces))
        case Kind.MAILBOX, [str(name), list(pieces), str(address)]:
            return _mailbox(name, pieces_of(pieces), address)
        case Kind.LINKS, [str(name), list(pieces)]:
            return _links(name, pieces_of(pieces))
        case Kind.MESSAGE_ID, []:
            return lambda _, occasion: f"Message-ID: {occasion.message_id}\r\n".encode()
        case Kind.DATE, []:
            return lambda _, occasion: f"Date: {occasion.date}\r\n".encode()
    raise ValueError(f"segment {kind!r}")


def _places(stored: Sequence[Sequence[Any]]) -> int:
    """How many segments are not the same for everybody, with those inside of choices."""
    found = 0
    for kind, *rest in stored:
        if kind == Kind.CHOICE:
            found += sum(_places(inner) for _, inner in rest[0])
        found += kind != Kind.STATIC
    return found


def _counted(segments: Sequence[bytes | Slot], values: Values, occasion: Occasion) -> bytes:
    """The segments joined. Raises `TemplateError` as soon as values are more than may be."""
    made, left = [], MAX_FILLED
    for segment in segments:
        if isinstance(segment, bytes):
            made.append(segment)
            continue
        made.append(segment(values, occasion))
        left -= len(made[-1])
        if left < 0:
            raise TemplateError(
                f"the values of {occasion.address} fill in more than {MAX_FILLED} octets"
            )
    return b"".join(made)


def _choice(arms: list[tuple[Condition | None, list[bytes | Slot]]]) -> Slot:
    def render(values: Values, occasion: Occasion) -> bytes:
        for condition, segments in arms:
            if condition is None or condition.holds(values):
                return _counted(segments, values, occasion)
        return b""

    return render


def _url(field: Field) -> Slot:
    return lambda values, _: wire.markup(safe_link(field.text(values)))


def safe_link(text: str) -> str:
    """The link of a recipient's values, `#` for one that is a program or a document of its own."""
    start = _UNSEEN.sub("", text).lower()  # of all of it: browsers skip any number of these
    return "#" if start.startswith(_FORBIDDEN_SCHEMES) else text


def _value(field: Field, encode: Callable[[str], bytes]) -> Slot:
    return lambda values, _: encode(field.text(values))


def _header(name: str, pieces: Pieces) -> Slot:
    return lambda values, _: wire.unstructured(name, _fitting(name, filled(pieces, values)))


def _mailbox(name: str, pieces: Pieces, address: str) -> Slot:
    return lambda values, occasion: wire.mailbox(
        name, _fitting(name, filled(pieces, values)), address or occasion.address
    )


def _fitting(name: str, text: str) -> str:
    if len(text) > MAX_HEADER:
        raise TemplateError(f"{name}: values make it longer than {MAX_HEADER} characters")
    return text


def _links(name: str, pieces: Pieces) -> Slot:
    def render(values: Values, _: Occasion) -> bytes:
        return wire.link_field(name, "".join(_link_texts(pieces, values)))

    return render


def _link_texts(pieces: Pieces, values: Values) -> Iterator[str]:
    for piece in pieces:
        if isinstance(piece, str):
            yield piece
        elif isinstance(piece, Field):
            yield wire.link_part(piece.text(values))
        else:
            yield from _link_texts(piece.chosen(values), values)
