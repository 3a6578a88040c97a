"""How an account's mail looks: name, colours, logo, address, web site."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Self

from console.content.slots import line_markup, link_markup
from mta.model.errors import PermanentError

MAX_FIELD = 300
_COLOR = re.compile(r"#[0-9a-fA-F]{6}\Z")
_DARK = 0.42  # relative luminance from which on dark letters are read better


@dataclass(frozen=True, slots=True)
class Brand:
    """The account's look; colours as `#rrggbb`."""

    name: str = ""
    color: str = "#0b5394"
    accent: str = "#e69138"
    logo: str = ""  # URL of an image
    address: str = ""
    website: str = ""

    @classmethod
    def of(cls, values: Mapping[str, str]) -> Self:
        """What is known of the values. Raises `PermanentError` for a colour that is none."""
        known = {one.name for one in fields(cls)}
        brand = cls(**{key: " ".join(text.split()) for key, text in values.items() if key in known})
        for name, color in (("color", brand.color), ("accent", brand.accent)):
            if not _COLOR.match(color):
                raise PermanentError(f"{name}: {color[:20]!r}: expected #rrggbb")
        for name, text in asdict(brand).items():
            if len(text) > MAX_FIELD:
                raise PermanentError(f"{name}: at most {MAX_FIELD} characters")
        return brand

    @property
    def fields(self) -> dict[str, str]:
        """By name."""
        return asdict(self)

    def places(self) -> dict[str, str]:
        """Markup for `[[brand.…]]`."""
        return {
            "brand.name": line_markup(self.name),
            "brand.color": self.color,
            "brand.accent": self.accent,
            "brand.on_color": readable_on(self.color),
            "brand.on_accent": readable_on(self.accent),
            "brand.soft": mixed(self.color, "#ffffff", 0.92),
            "brand.logo": link_markup(self.logo),
            "brand.address": line_markup(self.address),
            "brand.website": link_markup(self.website),
            "brand.website_text": line_markup(self.website.partition("://")[2] or self.website),
        }


def readable_on(color: str) -> str:
    """Letters that are read on that ground (WCAG 2.1, relative luminance)."""
    return "#1f2933" if _luminance(color) > _DARK else "#ffffff"


def mixed(one: str, other: str, share: float) -> str:
    """The colour that has `share` of the other one in it."""
    pairs = zip(_channels(one), _channels(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def _channels(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def _luminance(color: str) -> float:
    parts = []
    for channel in _channels(color):
        share = channel / 255
        parts.append(share / 12.92 if share <= 0.03928 else ((share + 0.055) / 1.055) ** 2.4)
    red, green, blue = parts
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
