"""Turns what the schema refused into sentences: place, table, key, value, what was expected."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic_core import ErrorDetails

from mta.settings.keys import ENV_PREFIX, Key
from mta.settings.schema import Settings
from mta.settings.table import Table
from mta.settings.values import suggest

_MAX_SHOWN = 120
_SECRET_NAME = re.compile("pass|secret|token|store|url|webhook")  # of keys that do not exist


class ProblemWriter:
    """Writes problems of one loading; knows where each value came from."""

    def __init__(self, keys: tuple[Key, ...], origins: Mapping[str, str], file: str) -> None:
        """`origins`: for keys that were set, by dotted name; `file`: what to call the file."""
        self._keys = {key.path: key for key in keys}
        self._origins = origins
        self._file = file

    def write(self, errors: Iterable[ErrorDetails]) -> list[str]:
        """One line for each error, in the order of the schema."""
        return [self._line(error) for error in errors if not _is_consequence(error)]

    def _line(self, error: ErrorDetails) -> str:
        path = tuple(part for part in error["loc"] if isinstance(part, str))
        key, inside = self._key_of(path)
        if error["type"] == "extra_forbidden":
            return self._unknown(path, key, error)
        place = self._place(path, key, error)
        if key is None:
            return f"{place}: {self._expected(error, key)}"
        if error["type"] == "missing":
            return f"{place}: {inside[-1]} is missing"
        name = " ".join(["", *inside])
        shown = _show(error["input"], is_secret=bool(key.kind and key.kind.hide))
        return f"{place}{name} = {shown}: {self._expected(error, key)}"

    def _key_of(self, path: tuple[str, ...]) -> tuple[Key | None, tuple[str, ...]]:
        for length in range(len(path), 0, -1):
            key = self._keys.get(path[:length])
            if key is not None:
                return key, path[length:]
        return None, ()

    def _place(self, path: tuple[str, ...], key: Key | None, error: ErrorDetails) -> str:
        if key is None:
            return f"{self._file}: [{'.'.join(path)}]" if path else self._file
        origin = self._origins.get(key.name, self._file)
        place = origin if origin.startswith(ENV_PREFIX) else f"{origin}: [{key.section}]"
        if key.entry is None:
            return place if place == origin else f"{place} {key.name_in_section}"
        index = next((part for part in error["loc"] if isinstance(part, int)), None)
        entry = "" if index is None else f" entry {index + 1}"
        return f"{place if place == origin else f'{origin}: [[{key.name}]]'}{entry}"

    def _unknown(self, path: tuple[str, ...], key: Key | None, error: ErrorDetails) -> str:
        *above, name = path
        shown = _show(error["input"], is_secret=bool(_SECRET_NAME.search(name)))
        if key is not None and key.entry is not None:
            guess = suggest(name, key.entry.model_fields)
            return f"{self._place(path, key, error)} {name} = {shown}: no such key{guess}"
        if not above:
            guess = suggest(name, Settings.model_fields) or self._elsewhere(name)
            return f"{self._file}: [{name}]: no such table{guess}"
        guess = suggest(name, _table_at(tuple(above)).model_fields) or self._elsewhere(name)
        inner = ".".join([*above[1:], name])
        return f"{self._file}: [{above[0]}] {inner} = {shown}: no such key{guess}"

    def _elsewhere(self, name: str) -> str:
        """Points at the tables that do have such a key."""
        homes = [f"[{key.section}]" for key in self._keys.values() if key.path[-1] == name]
        return f"; {' and '.join(dict.fromkeys(homes))} has a key of that name" if homes else ""

    def _expected(self, error: ErrorDetails, key: Key | None) -> str:
        context: dict[str, Any] = error.get("ctx", {})
        match error["type"]:
            case "value_error":
                return str(context["error"])
            case "bool_type":
                return "expected true or false, without quotes"
            case "int_type":
                return "expected a whole number, without quotes"
            case "string_type":
                return "expected text in quotes"
            case "model_type" | "dict_type":
                return "expected a table"
            case "literal_error":
                return "expected " + (" or ".join(f'"{c}"' for c in key.choices) if key else "")
            case "greater_than_equal":
                return f"expected {context['ge']} or more"
            case "greater_than":
                return f"expected more than {context['gt']:g}"
            case "less_than_equal":
                return f"expected {context['le']} or less"
            case "too_short" | "string_too_short":
                return "expected at least one entry" if error["type"] == "too_short" else "is empty"
            case _:
                return error["msg"]


def _is_consequence(error: ErrorDetails) -> bool:
    """A list whose entries were all refused is not "too short" as well."""
    return error["type"] == "too_short" and bool(error["input"])


def _table_at(path: tuple[str, ...]) -> type[Table]:
    schema: type[Table] = Settings
    for part in path:
        inner = schema.model_fields[part].annotation
        if isinstance(inner, type) and issubclass(inner, Table):
            schema = inner
    return schema


def _show(value: object, *, is_secret: bool = False) -> str:
    if is_secret:
        return "(not shown: it may hold a password)"
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        text = json.dumps(str(value), ensure_ascii=False)
    return text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 1] + "…"
