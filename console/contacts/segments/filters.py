"""The language of segments: JSON that is checked here and becomes rows of parameters, never SQL.

A filter is a condition `{"field": …, "op": …, "value": …}`, or `{"all": […]}`, `{"any": […]}`,
`{"not": …}` of filters. It is brought into groups of literals, of which each group needs one that
is true (`contact_segment_hits` evaluates that); a `not` moves inwards to the literals.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import product
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from mta.model.errors import PermanentError

MAX_CONDITIONS = 50
MAX_DEPTH = 5
MAX_LITERALS = 500  # after bringing it into groups
MAX_VALUE = 200
MAX_CHOICES = 50  # of `one_of`
MAX_DAYS = 3_650
MAX_NUMBER = 10**15
DAY_MS = 86_400_000

TEXT_OPS = (
    "is", "is_not", "contains", "contains_not", "starts", "ends", "one_of", "over", "under",
    "filled", "empty",
)  # fmt: skip
DAY_OPS = ("within_days", "not_within_days")
OPS: Mapping[str, Sequence[str]] = {
    "email": TEXT_OPS,
    "language": TEXT_OPS,
    "source": TEXT_OPS,
    "created": ("before", "after", *DAY_OPS),
    "list": ("on", "not_on"),
    "consent": ("given", "not_given"),
    "opened": DAY_OPS,
    "clicked": DAY_OPS,
}
VALUES = "values."  # before the name of a contact's own value
_OPPOSITES = {
    "is_not": "is", "contains_not": "contains", "empty": "filled", "not_on": "on",
    "not_given": "given", "not_within_days": "within_days",
}  # fmt: skip
_FOLDS = str.maketrans("ÁÉÍÓÚÜÑ", "áéíóúüñ")


class Literal(NamedTuple):
    """One question about a contact."""

    is_negated: bool
    source: str
    path: str
    op: str
    text: str
    number: float


@dataclass(frozen=True, slots=True)
class Moment:
    """What days are counted from."""

    now_ms: int
    zone: ZoneInfo


Groups = tuple[tuple[Literal, ...], ...]


def compile_filter(document: object, moment: Moment) -> Groups:
    """The groups of a filter; each needs one literal that is true.

    Raises `PermanentError` that names the place of what is wrong.
    """
    compiler = _Compiler(moment)
    return compiler.compile(document, "filter", 0, is_negated=False)


def rows_of(programs: Sequence[tuple[int, Groups]]) -> str:
    """Programs with their roles (1: in, 2: out) as `contact_segment_hits` takes them."""
    return json.dumps(
        [
            (n, role, m, int(one.is_negated), *one[1:])
            for n, (role, groups) in enumerate(programs)
            for m, group in enumerate(groups)
            for one in group
        ],
        ensure_ascii=False,
    )


def list_program(number: int, *, is_any_status: bool) -> Groups:
    """Who is on a list: confirmed, or in any way."""
    return ((Literal(False, "list", "", "any" if is_any_status else "on", "", number),),)


def lists_in(document: object) -> set[int]:
    """The lists that a checked filter names."""
    if not isinstance(document, Mapping):
        return set()
    if document.get("field") in ("list", "consent"):
        return {int(document["value"])} if document.get("value") else set()
    parts = [*document.get("all", ()), *document.get("any", ()), document.get("not")]
    return {one for part in parts for one in lists_in(part)}


class _Compiler:
    def __init__(self, moment: Moment) -> None:
        self._moment = moment
        self._conditions = 0

    def compile(self, document: object, at: str, depth: int, *, is_negated: bool) -> Groups:
        if not isinstance(document, Mapping):
            raise PermanentError(f"{at}: expected an object")
        if depth > MAX_DEPTH:
            raise PermanentError(f"{at}: nested deeper than {MAX_DEPTH}")
        keys = set(document)
        if keys in ({"all"}, {"any"}):
            return self._several(document, at, depth, is_negated)
        if keys == {"not"}:
            return self.compile(document["not"], f"{at}.not", depth + 1, is_negated=not is_negated)
        self._conditions += 1
        if self._conditions > MAX_CONDITIONS:
            raise PermanentError(f"{at}: more than {MAX_CONDITIONS} conditions")
        literals = self._condition(document, at)
        if not is_negated:
            return (literals,)
        return tuple((one._replace(is_negated=not one.is_negated),) for one in literals)

    def _several(
        self, document: Mapping[str, Any], at: str, depth: int, is_negated: bool
    ) -> Groups:
        key = "all" if "all" in document else "any"
        parts = document[key]
        if not isinstance(parts, list) or not parts:
            raise PermanentError(f"{at}.{key}: expected at least one condition")
        found = [
            self.compile(part, f"{at}.{key}[{n}]", depth + 1, is_negated=is_negated)
            for n, part in enumerate(parts)
        ]
        if (key == "all") is not is_negated:
            return _limited(tuple(group for groups in found for group in groups), at)
        size = 1
        for groups in found:
            size *= len(groups)
        if size > MAX_LITERALS:
            raise PermanentError(f"{at}: too many combinations of conditions")
        return _limited(
            tuple(tuple(one for group in chosen for one in group) for chosen in product(*found)), at
        )

    def _condition(self, document: Mapping[str, Any], at: str) -> tuple[Literal, ...]:
        if not set(document) <= {"field", "op", "value"} or "field" not in document:
            raise PermanentError(f"{at}: expected field, op and value, or one of all, any, not")
        field, op = document["field"], document.get("op", "is")
        source, path = _source(field, at)
        known = OPS.get(source, TEXT_OPS)
        if op not in known:
            raise PermanentError(f"{at}.op: expected one of {', '.join(known)}")
        value = document.get("value", "")
        is_negated, plain = op in _OPPOSITES, _OPPOSITES.get(op, op)
        place = f"{at}.value"
        if plain == "one_of":
            choices = value if isinstance(value, list) else str(value).split(",")
            if not 0 < len(choices) <= MAX_CHOICES:
                raise PermanentError(f"{place}: expected 1 to {MAX_CHOICES} values")
            texts = [_text(one, place) for one in choices]
            return tuple(Literal(False, source, path, "is", text, 0) for text in texts)
        text, number = "", 0.0
        if source in ("list", "consent"):
            number = _list_number(value, place, may_be_any=source == "consent")
        elif source in ("created", "opened", "clicked"):
            number = self._moment_of(plain, value, place)
        elif plain in ("over", "under"):
            number = _number(value, place)
        elif plain != "filled":
            text = _text(value, place)
        return (Literal(is_negated, source, path, plain, text, number),)

    def _moment_of(self, op: str, value: object, at: str) -> float:
        """The millisecond that a day or a number of days means."""
        if op == "within_days":
            days = _number(value, at)
            if not 1 <= days <= MAX_DAYS or days != int(days):
                raise PermanentError(f"{at}: expected days from 1 to {MAX_DAYS}")
            return self._moment.now_ms - int(days) * DAY_MS
        try:
            day = date.fromisoformat(str(value))
            start = datetime(day.year, day.month, day.day, tzinfo=self._moment.zone)
            return int(start.timestamp() * 1000)
        except (ValueError, OverflowError):
            raise PermanentError(f"{at}: expected a day such as 2026-05-31") from None


def fold(text: str) -> str:
    """As `contact_segment_hits` compares texts: ASCII and Spanish letters without regard to case."""
    return "".join(c.lower() if c.isascii() else c for c in text).translate(_FOLDS)


def _source(field: object, at: str) -> tuple[str, str]:
    if isinstance(field, str) and field in OPS:
        return field, ""
    if isinstance(field, str) and field.startswith(VALUES):
        name = field.removeprefix(VALUES)
        if 0 < len(name) <= 100 and name.isprintable() and not set(name) & {'"', "\\"}:
            return "value", f'$."{name}"'
    raise PermanentError(f"{at}.field: expected one of {', '.join(OPS)}, or values.NAME")


def _text(value: object, at: str) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise PermanentError(f"{at}: expected a text")
    text = str(value).strip()
    if not 0 < len(text) <= MAX_VALUE or not text.isprintable():
        raise PermanentError(f"{at}: expected a text of 1 to {MAX_VALUE} characters")
    return fold(text)


def _number(value: object, at: str) -> float:
    try:
        number = float(_text(value, at)[:40])
    except ValueError:
        raise PermanentError(f"{at}: expected a number") from None
    if not abs(number) <= MAX_NUMBER:  # also what is no number
        raise PermanentError(f"{at}: expected a number up to {MAX_NUMBER}")
    return number


def _list_number(value: object, at: str, *, may_be_any: bool) -> int:
    text = "" if isinstance(value, bool) else str(value).strip()
    if may_be_any and text in ("", "0"):
        return 0
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) < 1 << 63):
        raise PermanentError(f"{at}: expected the id of a list")
    return int(text)


def _limited(groups: Groups, at: str) -> Groups:
    if sum(map(len, groups)) > MAX_LITERALS:
        raise PermanentError(f"{at}: too many combinations of conditions")
    return groups
