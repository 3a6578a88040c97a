"""Merge fields in text: `{{ nombre }}`, `{{ nombre | default: "estimado" }}`.

A field is looked up in the recipient's values; where it is missing or blank its default stands, or
nothing. There is no logic in fields, so nothing that a recipient's values contain is ever read as
a part of the template.
"""

import re
from typing import NamedTuple

import orjson

from mta.model.errors import PermanentError

MAX_NAME = 60
_FIELD = re.compile(
    r"""\s*(?P<name>[^|{}"']+?)\s*
        (?:\|\s*default\s*(?::\s*|\(\s*)(?P<default>"[^"]*"|'[^']*')\s*\)?\s*)?\Z""",
    re.VERBOSE,
)
_NAME = re.compile(r"\w(?:[\w.\- ]*\w)?\Z")
_SURROGATE = re.compile("[\ud800-\udfff]")
_SHOWN = 40


class TemplateError(PermanentError):
    """The template cannot be used; the text says where, why and what is expected."""


class Field(NamedTuple):
    """A place where a recipient's value goes."""

    name: str
    default: str = ""

    def text(self, values: dict[str, object]) -> str:
        """The value as text, or the default where there is none."""
        value = values.get(self.name)
        if value.__class__ is not str:
            value = "" if value is None else orjson.dumps(value).decode()
        return value if value and not value.isspace() else self.default


Pieces = tuple[str | Field, ...]


def parse(text: str, where: str) -> Pieces:
    """The text taken apart: literals, never two in a row and none empty, and fields.

    `where` names the text in errors. Raises `TemplateError`.
    """
    if _SURROGATE.search(text):
        raise TemplateError(f"{where}: holds surrogates, which are no characters")
    if "{%" in text:
        raise TemplateError(f"{where}: {{% … %}}: only fields like {{{{ name }}}} are understood")
    pieces: list[str | Field] = []
    at = 0
    while (start := text.find("{{", at)) >= 0:
        if start > at:
            pieces.append(text[at:start])
        end = text.find("}}", start + 2)
        inside = text[start + 2 : end] if end >= 0 else ""
        field = _field(inside) if end >= 0 else None
        if field is None:
            line = text.count("\n", 0, start) + 1
            raise TemplateError(
                f"{where}, line {line}: {text[start : start + _SHOWN]!r}: "
                'expected {{ name }} or {{ name | default: "…" }}'
            )
        pieces.append(field)
        at = end + 2
    if at < len(text):
        pieces.append(text[at:])
    return tuple(pieces)


def names(pieces: Pieces) -> set[str]:
    """The fields that are asked for."""
    return {piece.name for piece in pieces if isinstance(piece, Field)}


def filled(pieces: Pieces, values: dict[str, object]) -> str:
    """The text with the values in their places."""
    return "".join([p if p.__class__ is str else p.text(values) for p in pieces])  # type: ignore[union-attr]  # a class look-up is cheaper than isinstance


def _field(inside: str) -> Field | None:
    match = _FIELD.match(inside)
    if match is None:
        return None
    name = " ".join(match["name"].split())
    if len(name) > MAX_NAME or not _NAME.match(name):
        return None
    return Field(name, (match["default"] or '""')[1:-1])
