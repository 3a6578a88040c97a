"""SendGrid's personal texts: tags that are replaced, and fields of dynamic templates.

Two ways to the same mail: the texts of one personalization (`TaggedTexts.of`, `with_fields`), or one
template for many with values for each (`TaggedTexts.shared`), whose content is stored once. Values of
tags go into HTML as they are, which values of a template never do; so a value that is markup has to
go the first way.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from typing import NamedTuple

import orjson

from console.content.fields import Field, Pieces, TemplateError, parse

MAX_DEPTH = 8  # levels of objects whose values have names of their own
MAX_TAGS = 1_000  # different ones in a request
MAX_EFFORT = 10_000_000  # tags times characters: about a tenth of a second
_BRACE = re.compile(r"\{\{|\{(?=%)|\{\Z")  # what a template would take for a field, or make one of
_MARKUP = re.compile("[<>&]")

Values = Mapping[str, str]


class Texts(NamedTuple):
    """What may hold tags or fields."""

    subject: str
    text: str
    html: str


class TooMuch(Exception):
    """More tags in longer texts than anybody writes letters with."""


class TaggedTexts:
    """Texts cut at their tags, once for all personalizations."""

    def __init__(self, texts: Texts, tags: set[str]) -> None:
        """Raises `TooMuch`."""
        size = sum(map(len, texts))
        if len(tags) > MAX_TAGS:
            raise TooMuch
        used = {tag for tag in tags if any(tag in part for part in texts)}
        if len(used) * size > MAX_EFFORT:
            raise TooMuch
        self._tags = sorted(used, key=len, reverse=True)  # the longest first
        pattern = re.compile(f"({'|'.join(map(re.escape, self._tags))})") if used else None
        # Literal, tag, literal, tag, …, literal.
        self._parts = [[part] if pattern is None else pattern.split(part) for part in texts]
        self._in_html = set(self._parts[2][1::2])

    def of(self, values: Values) -> Texts:
        """The texts of one personalization; a tag without a value stays."""
        return Texts(
            *(
                "".join(
                    [piece if n % 2 == 0 else values.get(piece, piece) for n, piece in enumerate(p)]
                )
                for p in self._parts
            )
        )

    def shared(self, each: Sequence[Values]) -> tuple[Texts, list[dict[str, str]]] | None:
        """One template for all and the values of each; None when that would not be the same mail."""
        if not all(map(self._is_plain, each)):
            return None
        names = {tag: f"tag.{n}" for n, tag in enumerate(self._tags)}
        template = Texts(
            *(
                "".join(
                    [
                        literal(piece) if n % 2 == 0 else f"{{{{ {names[piece]} }}}}"
                        for n, piece in enumerate(part)
                    ]
                )
                for part in self._parts
            )
        )
        return template, [
            {name: values.get(tag, tag) for tag, name in names.items()} for values in each
        ]

    def _is_plain(self, values: Values) -> bool:
        """Whether a template writes the values as they are; blank ones it would leave out."""
        return not any(
            (value := values.get(tag, tag)).isspace()
            or (tag in self._in_html and _MARKUP.search(value))
            for tag in self._tags
        )


def with_fields(texts: Texts, values: Mapping[str, object]) -> Texts:
    """Fields filled, in HTML as text. Raises `TemplateError`."""
    return Texts(
        _filled(texts.subject, "subject", values, str),
        _filled(texts.text, "text", values, str),
        _filled(texts.html, "html", values, escape),
    )


def literal(text: str) -> str:
    """Text for a template that stands for itself."""
    return _BRACE.sub(lambda match: f'{{{{ relevo.brace | default: "{match[0]}" }}}}', text)


def has_braces(text: str) -> bool:
    """Whether a template would not take the text as it is."""
    return _BRACE.search(text) is not None


def flat(data: Mapping[str, object], depth: int = MAX_DEPTH) -> dict[str, object]:
    """Nested objects by dotted names too, as in `{{ user.name }}`; `depth` levels of them."""
    found: dict[str, object] = dict(data)
    for name, value in data.items():
        if depth and isinstance(value, Mapping):
            found |= {f"{name}.{inner}": one for inner, one in flat(value, depth - 1).items()}
    return found


def _filled(
    text: str, where: str, values: Mapping[str, object], write: Callable[[str], str]
) -> str:
    known = dict(values)
    try:
        return "".join(_written(parse(text, where), known, write))
    except orjson.JSONEncodeError as error:
        raise TemplateError(f"{where}: {error}") from None


def _written(
    pieces: Pieces, values: dict[str, object], write: Callable[[str], str]
) -> Iterator[str]:
    for piece in pieces:
        if isinstance(piece, str):
            yield piece
        elif isinstance(piece, Field):
            yield write(piece.text(values))
        else:
            yield from _written(piece.chosen(values), values, write)
