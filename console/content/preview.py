"""A mail as somebody would see it: with values, with images or without; and what a list can fill."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from html import escape

from console.content.fields import Field, Pieces, filled, parse
from console.content.rendering import safe_link
from console.content.source import CompiledBody, FieldUse

_IMAGE = re.compile(r"(<img\b[^>]*?\s)src=(\"[^\"]*\"|'[^']*')", re.IGNORECASE)
_BACKGROUND = re.compile(r"(?:background=\"[^\"]*\"|url\([^)]*\))", re.IGNORECASE)
_URL_BEFORE = re.compile(r"(?:href|src|background|action)\s*=\s*[\"']?\s*\Z", re.IGNORECASE)


def preview(
    body: CompiledBody, values: Mapping[str, object], *, is_images_off: bool = False
) -> str:
    """The HTML with these values in it; escaped as it is when it is sent."""
    html = filled_html(parse(body.html, "html"), dict(values))
    return without_images(html) if is_images_off else html


def preview_text(text: str, values: Mapping[str, object]) -> str:
    """A text part or a subject with these values."""
    return filled(parse(text, "text"), dict(values))


def filled_html(pieces: Pieces, values: dict[str, object]) -> str:
    """The markup; no value is read as markup, and none makes a link a program."""
    parts: list[str] = []
    for piece in pieces:
        if isinstance(piece, str):
            parts.append(piece)
        elif isinstance(piece, Field):
            text = piece.text(values)
            is_link = bool(parts) and _URL_BEFORE.search(parts[-1][-40:])
            parts.append(escape(safe_link(text) if is_link else text))
        else:
            parts.append(filled_html(piece.chosen(values), values))
    return "".join(parts)


def without_images(html: str) -> str:
    """As readers show it who do not load images."""
    return _BACKGROUND.sub("", _IMAGE.sub(r"\1", html))


@dataclass(frozen=True, slots=True)
class Coverage:
    """How far a list fills a field: `Nombre: 99.2 % with a value, 2,311 get the default`."""

    name: str
    column: str  # of the list; empty: there is none
    filled: int
    missing: int
    default: str
    is_needed: bool  # somewhere it leaves a hole where it is empty
    count: int = 1  # places
    meant: str = ""  # a column with almost that name

    @property
    def is_unknown(self) -> bool:
        """Nothing fills it: a slip of the pen, unless everybody is to get the default."""
        return not self.column and (self.is_needed or not self.default)

    @property
    def is_blocking(self) -> bool:
        """Some would get a hole where a value should be."""
        return self.is_unknown or (self.is_needed and self.missing > 0)


CAMPAIGN = "campaña"  # its name
TODAY = "fecha"  # the day on which it is sent
SYSTEM_FIELDS = (
    "email", "delivery_id", "enlace_baja", "enlace_preferencias", "ver_en_navegador", CAMPAIGN,
    TODAY,
)  # fmt: skip
_NOBODY_SETS = frozenset(SYSTEM_FIELDS) - {CAMPAIGN, TODAY}
_LIKE = 0.75  # of difflib; from here on it may be a slip of the pen


def coverage(fields: Sequence[FieldUse], columns: Mapping[str, int], rows: int) -> list[Coverage]:
    """What the columns (name or alias → rows with a value) do for the fields; ours are left out."""
    by_key = {key_of(name): (name, count) for name, count in columns.items()}
    found = []
    for field in fields:
        key = key_of(field.name)
        if field.name in SYSTEM_FIELDS and key not in by_key:
            continue
        column, count = by_key.get(key, ("", 0))
        like = () if column else get_close_matches(key, by_key, 1, _LIKE)
        meant = by_key[like[0]][0] if like else ""
        found.append(
            Coverage(
                field.name, column, count, max(0, rows - count), field.default, field.is_bare,
                field.count, meant,
            )
        )  # fmt: skip
    return found


def names_for(fields: Iterable[FieldUse], columns: Iterable[str]) -> dict[str, str]:
    """Where the value of each field is: `Razón  Social` is what `{{ razón social }}` means."""
    by_key = {key_of(name): name for name in columns}
    return {
        field.name: by_key[key_of(field.name)]
        for field in fields
        if field.name not in _NOBODY_SETS and key_of(field.name) in by_key
    }


def key_of(name: str) -> str:
    """The same for names that people take for the same: case, accents, spaces, underscores."""
    return "".join(_PLAIN.get(c, c) for c in name.casefold() if c.isalnum())


_PLAIN = dict(zip("áàâäãéèêëíìîïóòôöõúùûüç", "aaaaaeeeeiiiiooooouuuuc", strict=True))
