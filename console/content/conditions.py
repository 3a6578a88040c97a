"""Conditions on fields: `{% if cargo == "Gerente" and not empresa %}`.

    expression := all ("or" all)*          all := one ("and" one)*
    one := "not" one | "(" expression ")" | operand [("==" | "!=") operand]
    operand := a field's name, which may have spaces | "text" | 'text' | number

A field alone holds when it has a value that is not blank. Values are compared as text, without
regard to case and outer spaces. That is all: no attributes, calls, arithmetic or loops, so the time
of an evaluation is that of its few look-ups.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import orjson

from console.content.errors import TemplateError

MAX_LENGTH = 300  # characters of an expression
MAX_DEPTH = 10  # of parentheses and nots
MAX_NAME = 60
NAME = re.compile(r"\w(?:[\w.\- ]*\w)?\Z")

Values = Mapping[str, object]

_WORD = re.compile(
    r"""\s*(?:(?P<sign>==|!=|\(|\))|(?P<text>"[^"]*"|'[^']*')|(?P<word>[\w.\-]+)|(?P<bad>\S))"""
)
_KEYWORDS = frozenset(("and", "or", "not", "(", ")", "==", "!="))


def value_text(values: Values, name: str) -> str:
    """The value as text, empty where it is missing or blank."""
    value = values.get(name)
    if value.__class__ is str:
        text = value  # a class look-up is cheaper than isinstance
    else:
        text = "" if value is None else orjson.dumps(value).decode()
    return "" if text.isspace() else text


class Operand(NamedTuple):
    """A field's name, or a text."""

    text: str
    is_field: bool

    def of(self, values: Values) -> str:
        """What it stands for, ready to be compared."""
        text = value_text(values, self.text) if self.is_field else self.text
        return text.strip().casefold()


class Has(NamedTuple):
    """The field has a value."""

    name: str

    def holds(self, values: Values) -> bool:
        """Whether it is so."""
        return bool(value_text(values, self.name))


class Same(NamedTuple):
    """Both are the same text, or are not."""

    left: Operand
    right: Operand
    is_equal: bool

    def holds(self, values: Values) -> bool:
        """Whether it is so."""
        return (self.left.of(values) == self.right.of(values)) is self.is_equal


class Not(NamedTuple):
    """The opposite."""

    of: "Condition"

    def holds(self, values: Values) -> bool:
        """Whether it is so."""
        return not self.of.holds(values)


class Joined(NamedTuple):
    """All of them, or any one."""

    of: tuple["Condition", ...]
    is_all: bool

    def holds(self, values: Values) -> bool:
        """Whether it is so."""
        if self.is_all:
            return all(one.holds(values) for one in self.of)
        return any(one.holds(values) for one in self.of)


Condition = Has | Same | Not | Joined


def read_condition(text: str, where: str, line: int = 0) -> Condition:
    """The condition that the text says. Raises `TemplateError`."""
    if len(text) > MAX_LENGTH:
        raise _unclear(where, line, text, f"at most {MAX_LENGTH} characters")
    words = _words(text, where, line)
    reader = _Reader(words, where, line, text)
    condition = reader.expression(0)
    if reader.left:
        raise _unclear(where, line, text, "expected and, or, == or !=")
    return condition


def names_of(condition: Condition) -> Iterator[str]:
    """The fields that are asked for."""
    match condition:
        case Has(name):
            yield name
        case Same(left, right, _):
            yield from (one.text for one in (left, right) if one.is_field)
        case Not(of):
            yield from names_of(of)
        case Joined(parts, _):
            for part in parts:
                yield from names_of(part)


def sure_of(condition: Condition) -> frozenset[str]:
    """The fields that have a value wherever it holds."""
    match condition:
        case Has(name):
            return frozenset((name,))
        case Same(left, right, is_equal) if is_equal and left.is_field is not right.is_field:
            field, other = (left, right) if left.is_field else (right, left)
            return frozenset((field.text,)) if other.text.strip() else frozenset()
        case Joined(parts, is_all):
            found = [sure_of(part) for part in parts]
            return frozenset.union(*found) if is_all else frozenset.intersection(*found)
        case _:
            return frozenset()


def renamed(condition: Condition, names: Mapping[str, str]) -> Condition:
    """The same with other names for the fields."""
    match condition:
        case Has(name):
            return Has(names.get(name, name))
        case Same(left, right, is_equal):
            return Same(_other(left, names), _other(right, names), is_equal)
        case Not(of):
            return Not(renamed(of, names))
        case Joined(parts, is_all):
            return Joined(tuple(renamed(part, names) for part in parts), is_all)


def _other(operand: Operand, names: Mapping[str, str]) -> Operand:
    return Operand(names.get(operand.text, operand.text), True) if operand.is_field else operand


def stored(condition: Condition) -> list[object]:
    """As JSON keeps it."""
    match condition:
        case Has(name):
            return ["has", name]
        case Same(left, right, is_equal):
            return ["==" if is_equal else "!=", list(left), list(right)]
        case Not(of):
            return ["not", stored(of)]
        case Joined(parts, is_all):
            return ["and" if is_all else "or", *map(stored, parts)]


def restored(kept: object) -> Condition:
    """The condition of `stored`. Raises `ValueError`."""
    match kept:
        case ["has", str(name)]:
            return Has(name)
        case ["==" | "!=" as sign, [str(left), bool(one)], [str(right), bool(two)]]:
            return Same(Operand(left, one), Operand(right, two), sign == "==")
        case ["not", of]:
            return Not(restored(of))
        case ["and" | "or" as kind, *parts]:
            return Joined(tuple(map(restored, parts)), kind == "and")
    raise ValueError(f"condition {kept!r}")


def _unclear(where: str, line: int, text: str, expected: str) -> TemplateError:
    return TemplateError(
        f"{where}, line {line}: {{% if {text[:40]} %}}: {expected}",
        code="condition", line=line, shown=text,
    )  # fmt: skip


def _words(text: str, where: str, line: int) -> list[str]:
    words = []
    for match in _WORD.finditer(text):
        if match["bad"]:
            raise _unclear(where, line, text, f"{match['bad']!r} is not understood")
        words.append(match["sign"] or match["text"] or match["word"])
    return words


class _Reader:
    """Reads words by the grammar above, one after the other."""

    def __init__(self, words: list[str], where: str, line: int, text: str) -> None:
        self.left = words[::-1]
        self._where = where
        self._line = line
        self._text = text

    def expression(self, depth: int) -> Condition:
        return self._joined("or", depth)

    def _joined(self, keyword: str, depth: int) -> Condition:
        parts = []
        while True:
            parts.append(self._joined("and", depth) if keyword == "or" else self._one(depth))
            if not self._takes(keyword):
                return parts[0] if len(parts) == 1 else Joined(tuple(parts), keyword == "and")

    def _one(self, depth: int) -> Condition:
        if depth > MAX_DEPTH:
            raise self._wrong(f"at most {MAX_DEPTH} levels")
        if self._takes("not"):
            return Not(self._one(depth + 1))
        if self._takes("("):
            inner = self.expression(depth + 1)
            if not self._takes(")"):
                raise self._wrong("expected )")
            return inner
        left = self._operand()
        for sign in ("==", "!="):
            if self._takes(sign):
                return Same(left, self._operand(), sign == "==")
        if not left.is_field:
            raise self._wrong("expected a field's name")
        return Has(left.text)

    def _operand(self) -> Operand:
        if not self.left:
            raise self._wrong("expected a field's name")
        if self.left[-1][0] in "\"'":
            return Operand(self.left.pop()[1:-1], False)
        words = []
        while self.left and self.left[-1] not in _KEYWORDS and self.left[-1][0] not in "\"'":
            words.append(self.left.pop())
        name = " ".join(words)
        if name.isascii() and name.isdigit():
            return Operand(name, False)
        if len(name) > MAX_NAME or not NAME.match(name):
            raise self._wrong("expected a field's name")
        return Operand(name, True)

    def _takes(self, word: str) -> bool:
        if self.left and self.left[-1] == word:
            self.left.pop()
            return True
        return False

    def _wrong(self, expected: str) -> TemplateError:
        return _unclear(self._where, self._line, self._text, expected)
