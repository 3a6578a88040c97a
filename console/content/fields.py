"""Merge fields in text: `{{ nombre }}`, `{{ nombre | default: "estimado" }}`, and conditions.

A field is looked up in the recipient's values; where it is missing or blank its default stands, or
nothing. `{% if cargo %} … {% elif … %} … {% else %} … {% endif %}` chooses between texts. Nothing
that a recipient's values contain is ever read as a part of the template, and a template is read in
one pass over its text.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import orjson

from console.content.conditions import (
    MAX_NAME,
    NAME,
    Condition,
    names_of,
    read_condition,
    renamed,
    sure_of,
)
from console.content.errors import TemplateError as TemplateError  # noqa: PLC0414 - callers have it from here

MAX_INSIDE = 600  # characters between the braces of a field
MAX_FIELDS = 5_000  # of one text: taken apart in 50 ms
MAX_CHOICES = 200  # conditions of one text
MAX_NESTED = 8
_FIELD = re.compile(
    r"""(?P<name>[^|{}"']+)
        (?:\|\s*default\s*(?::\s*|\(\s*)(?P<default>"[^"]*"|'[^']*')\s*\)?)?\Z""",
    re.VERBOSE,
)
_SURROGATE = re.compile("[\ud800-\udfff]")
_OPENING = re.compile(r"\{\{|\{%")
_SHOWN = 40


class Field(NamedTuple):
    """A place where a recipient's value goes."""

    name: str
    default: str = ""

    def text(self, values: dict[str, object]) -> str:
        """The value as text, or the default where there is none."""
        value = values.get(self.name)  # as `value_text`: a call less for each field of each mail
        if value.__class__ is not str:
            value = "" if value is None else orjson.dumps(value).decode()
        return value if value and not value.isspace() else self.default


class Choice(NamedTuple):
    """A place where the first text stands whose condition holds (None: always)."""

    arms: "tuple[tuple[Condition | None, Pieces], ...]"

    def chosen(self, values: dict[str, object]) -> "Pieces":
        """The pieces that stand there for these values."""
        for condition, pieces in self.arms:
            if condition is None or condition.holds(values):
                return pieces
        return ()


Piece = str | Field | Choice
Pieces = tuple[Piece, ...]


def parse(text: str, where: str) -> Pieces:
    """The text taken apart: literals, never two in a row and none empty, fields and choices.

    `where` names the text in errors. Raises `TemplateError`.
    """
    if _SURROGATE.search(text):
        raise TemplateError(f"{where}: holds surrogates, which are no characters", code="surrogate")
    builder = _Builder(where)
    at = line = 0
    for match in _OPENING.finditer(text):
        start = match.start()
        if start < at:  # inside of the field before
            continue
        builder.literal(text[at:start])
        line += text.count("\n", at, start)
        is_field = match[0] == "{{"
        end = text.find("}}" if is_field else "%}", start + 2, start + 2 + MAX_INSIDE)
        if end < 0:
            raise unclear(where, line + 1, text[start:])
        inside = text[start + 2 : end]
        if not is_field:
            builder.tag(inside.strip(" \t\r\n-"), line + 1)
        elif (field := _field(inside)) is not None:
            builder.field(field, line + 1)
        else:
            raise unclear(where, line + 1, text[start:])
        line += inside.count("\n")
        at = end + 2
    builder.literal(text[at:])
    return builder.finish()


def unclear(where: str, line: int, text: str) -> TemplateError:
    """That this is no field."""
    shown = text[:_SHOWN]
    return TemplateError(
        f"{where}, line {line}: {shown!r}: expected "
        '{{ name }}, {{ name | default: "…" }} or {% if name %} … {% endif %}',
        code="field", line=line, shown=shown,
    )  # fmt: skip


class _Builder:
    """Gathers pieces; conditions that are open lie on a stack."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._pieces: list[Piece] = []
        self._open: list[_Open] = []
        self._choices = self._fields = 0

    def literal(self, text: str) -> None:
        if text:
            self._pieces.append(text)

    def field(self, field: Field, line: int) -> None:
        self._fields += 1
        if self._fields > MAX_FIELDS:
            why = f"more than {MAX_FIELDS} fields"
            raise TemplateError(f"{self._where}, line {line}: {why}", code="fields", line=line)
        self._pieces.append(field)

    def tag(self, inside: str, line: int) -> None:
        """What stands between `{%` and `%}`."""
        word, _, rest = inside.partition(" ")
        if word == "if":
            self._choices += 1
            if len(self._open) >= MAX_NESTED or self._choices > MAX_CHOICES:
                raise self._wrong(line, inside, "too many conditions", "conditions")
            condition = read_condition(rest, self._where, line)
            self._open.append(_Open(line, self._pieces, [(condition, [])]))
            self._pieces = self._open[-1].arms[-1][1]
        elif word in ("elif", "elsif", "else", "endif") and self._open:
            self._go_on(word, rest, line)
        elif word in ("elif", "elsif", "else", "endif"):
            raise self._wrong(line, inside, "there is no {% if %} before it", "unopened")
        else:
            raise self._wrong(line, inside, "only if, elif, else and endif are understood", "tag")

    def _go_on(self, word: str, rest: str, line: int) -> None:
        one = self._open[-1]
        if word == "endif":
            self._open.pop()
            self._pieces = one.before
            self._pieces.append(Choice(tuple((condition, tuple(p)) for condition, p in one.arms)))
            return
        if one.arms[-1][0] is None:
            raise self._wrong(line, word, "comes after {% else %}", "unopened")
        self._choices += 1
        if self._choices > MAX_CHOICES:
            raise self._wrong(line, word, "too many conditions", "conditions")
        condition = None if word == "else" else read_condition(rest, self._where, line)
        one.arms.append((condition, []))
        self._pieces = one.arms[-1][1]

    def finish(self) -> Pieces:
        if self._open:
            raise self._wrong(self._open[-1].line, "if", "expected {% endif %}", "unclosed")
        return tuple(self._pieces)

    def _wrong(self, line: int, shown: str, why: str, code: str) -> TemplateError:
        text = f"{self._where}, line {line}: {{% {shown[:_SHOWN]} %}}: {why}"
        return TemplateError(text, code=code, line=line, shown=shown)


class _Open(NamedTuple):
    """A condition whose end was not seen yet."""

    line: int
    before: list[Piece]
    arms: list[tuple[Condition | None, list[Piece]]]


def names(pieces: Pieces) -> set[str]:
    """The fields that are asked for."""
    return {name for name, _ in uses(pieces)}


def uses(pieces: Pieces) -> Iterator[tuple[str, Field | None]]:
    """Every use of a field, in order; None for one in a condition."""
    for piece in pieces:
        if isinstance(piece, Field):
            yield piece.name, piece
        elif isinstance(piece, Choice):
            for condition, inner in piece.arms:
                if condition is not None:
                    yield from ((name, None) for name in names_of(condition))
                yield from uses(inner)


def needed(pieces: Pieces, sure: frozenset[str] = frozenset()) -> Iterator[str]:
    """The fields that leave a hole where they are empty: without a default, and in no condition
    that sees to it that they have a value.
    """
    for piece in pieces:
        if isinstance(piece, Field):
            if not piece.default and piece.name not in sure:
                yield piece.name
        elif isinstance(piece, Choice):
            for condition, inner in piece.arms:
                more = sure_of(condition) if condition is not None else frozenset()
                yield from needed(inner, sure | more)


def filled_in(pieces: Pieces, constants: Mapping[str, str]) -> Pieces:
    """The same pieces with texts in the place of some fields."""
    found: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, Choice):
            arms = [(condition, filled_in(inner, constants)) for condition, inner in piece.arms]
            piece = Choice(tuple(arms))
        text = constants.get(piece.name, piece) if isinstance(piece, Field) else piece
        if isinstance(text, str) and found and isinstance(found[-1], str):
            found[-1] += text
        else:
            found.append(text)
    return tuple(found)


def rename(pieces: Pieces, by_name: Mapping[str, str]) -> Pieces:
    """The same pieces with other names for the fields, where one is given."""
    return tuple(_renamed(piece, by_name) for piece in pieces)


def _renamed(piece: Piece, by_name: Mapping[str, str]) -> Piece:
    if isinstance(piece, Field):
        return Field(by_name.get(piece.name, piece.name), piece.default)
    if isinstance(piece, Choice):
        return Choice(
            tuple(
                (None if condition is None else renamed(condition, by_name), rename(inner, by_name))
                for condition, inner in piece.arms
            )
        )
    return piece


def filled(pieces: Pieces, values: dict[str, object]) -> str:
    """The text with the values in their places."""
    return "".join(
        [
            p
            if isinstance(p, str)
            else p.text(values)
            if isinstance(p, Field)
            else filled(p.chosen(values), values)
            for p in pieces
        ]
    )


def _field(inside: str) -> Field | None:
    match = _FIELD.match(inside.strip())
    if match is None:
        return None
    name = " ".join(match["name"].split())
    if len(name) > MAX_NAME or not NAME.match(name):
        return None
    return Field(name, (match["default"] or '""')[1:-1])
