"""Says what is wrong in `shaping.toml`: file, table, key, value, what was expected."""

import json
from collections.abc import Iterable, Mapping

from pydantic_core import ErrorDetails

from mta.settings.table import Table
from mta.settings.values import suggest
from mta.shaping.schema import Document, Limits, Provider, Site, WarmUpTable

_TABLES: dict[str, type[Table]] = {
    "default": Limits,
    "routes": Limits,
    "provider": Provider,
    "site": Site,
    "warm_up": WarmUpTable,
}
_PLAIN = {
    "bool_type": "expected true or false, without quotes",
    "int_type": "expected a whole number, without quotes",
    "float_type": "expected a number, without quotes",
    "string_type": "expected text in quotes",
    "model_type": "expected a table",
    "missing": "is missing",
}


def sentences(
    errors: Iterable[ErrorDetails], file: str, document: Mapping[str, object]
) -> list[str]:
    """One line for each error, none twice."""
    lines = [_sentence(error, file, document) for error in errors]
    return list(dict.fromkeys(lines))


def _sentence(error: ErrorDetails, file: str, document: Mapping[str, object]) -> str:
    place = error["loc"]
    table = str(place[0]) if place else ""
    if table not in _TABLES:
        if error["type"] == "extra_forbidden":
            known = Document.model_fields
            return f"{file}: [{table}]: no such table or key{suggest(table, known)}"
        return f"{file}: {table} = {_show(error['input'])}: {_expected(error)}"
    index = next((part for part in place[1:] if isinstance(part, int)), None)
    keys = [str(part) for part in place[1:] if not isinstance(part, int)]
    where = f"{file}: {table_name(document, table, index)}"
    if not keys:
        return f"{where}: {_expected(error)}"
    if error["type"] == "extra_forbidden":
        guess = suggest(keys[0], _TABLES[table].model_fields)
        return f"{where} {keys[0]} = {_show(error['input'])}: no such key{guess}"
    if error["type"] == "missing":
        return f"{where}: {keys[0]} is missing"
    return f"{where} {keys[0]} = {_show(error['input'])}: {_expected(error)}"


def table_name(document: Mapping[str, object], table: str, index: int | None) -> str:
    """`[default]`, `[[provider]] "google"`, `[[site]] 3` (counted from 1)."""
    if index is None:
        return f"[{table}]"
    entries = document.get(table)
    entry = entries[index] if isinstance(entries, list) and index < len(entries) else None
    name = entry.get("name") if isinstance(entry, dict) else None
    return f'[[{table}]] "{name}"' if isinstance(name, str) else f"[[{table}]] {index + 1}"


def _expected(error: ErrorDetails) -> str:
    context = error.get("ctx", {})
    match error["type"]:
        case "value_error":
            return str(context["error"])
        case "literal_error":
            return f"expected {context['expected']}".replace("'", '"')
        case "greater_than_equal":
            return f"expected {context['ge']:g} or more"
        case "less_than_equal":
            return f"expected {context['le']:g} or less"
        case kind:
            return _PLAIN.get(kind, error["msg"])


def _show(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)[:120]
    except (TypeError, ValueError):
        return json.dumps(str(value), ensure_ascii=False)[:120]
