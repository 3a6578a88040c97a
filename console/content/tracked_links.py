"""The slots of tracked links and of the pixel: each recipient's own addresses in a rendered mail."""

import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from console.content import wire
from console.content.fields import Pieces, filled, parse
from console.tracking.instrumenting import Instrumented, TrackingOptions, pixel
from console.tracking.links import link_rows
from console.tracking.tokens import Purpose, TrackingTokens
from mta.model.rendering import Companion, Occasion

Values = dict[str, object]
Slot = Callable[[Values, Occasion], bytes]
CLICK_PATH = "/c/"


@dataclass(frozen=True, slots=True)
class TrackedLinks:
    """What a compiled template knows of its tracked links."""

    base: str
    urls: tuple[str, ...]  # by number; may hold merge fields
    is_anonymous: bool

    @classmethod
    def of(cls, marked: Instrumented, options: TrackingOptions) -> "TrackedLinks":
        """As they were marked. Raises `TemplateError` for a field that cannot be read."""
        for url in marked.links:
            parse(url, "link")
        return cls(options.base, marked.links, options.is_anonymous)

    @classmethod
    def load(cls, stored: Mapping[str, Any]) -> "TrackedLinks":
        """From a compiled template. Raises `KeyError` or `TypeError`."""
        return cls(str(stored["base"]), tuple(map(str, stored["urls"])), bool(stored["anonymous"]))

    def stored(self) -> dict[str, object]:
        """For the compiled template."""
        return {"base": self.base, "urls": self.urls, "anonymous": self.is_anonymous}

    def rows(self, message: int) -> Sequence[Companion]:
        """What becomes durable with the message: where its links lead."""
        return link_rows(message, self.urls)

    def click(self, number: int, tokens: TrackingTokens | None) -> Slot:
        """The address of a link; a copy that nobody gets has the link itself."""
        plain = _plain(parse(self.urls[number], "link"))
        if tokens is None:
            return plain
        head, octets, is_anonymous = (
            wire.body(self.base + CLICK_PATH),
            tokens.octets,
            self.is_anonymous,
        )

        def render(values: Values, occasion: Occasion) -> bytes:
            if not occasion.message:
                return plain(values, occasion)
            delivery = 0 if is_anonymous else occasion.delivery
            return b"%b%b=\r\n" % (head, octets(Purpose.CLICK, delivery, occasion.message, number))

        return render

    def pixel(self, tokens: TrackingTokens | None) -> Slot:
        """The pixel; a copy that nobody gets has none."""
        if tokens is None:
            return lambda _, __: b""
        before, after = map(wire.body, pixel(self.base))
        octets, is_anonymous = tokens.octets, self.is_anonymous

        def render(_: Values, occasion: Occasion) -> bytes:
            if not occasion.message:
                return b""
            delivery = 0 if is_anonymous else occasion.delivery
            token = octets(Purpose.OPEN, delivery, occasion.message)
            return b"%b%b=\r\n%b" % (before, token, after)

        return render


def _plain(pieces: Pieces) -> Slot:
    def render(values: Values, _: Occasion) -> bytes:
        return wire.body(html.escape(filled(pieces, values)))

    return render
