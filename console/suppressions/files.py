"""Suppression lists as CSV: reading what people bring, writing what opens safely in a spreadsheet.

A file has one address a line, or a header that names the columns (English or Spanish). Separators
comma, semicolon and tab are found out, also Excel's UTF-8 mark and Windows' own encoding. Cells that
a spreadsheet would take for a formula are written with an apostrophe before them, which reading
takes away again.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from types import MappingProxyType
from zoneinfo import ZoneInfo

from console.accounts.csv_text import unguarded
from mta.events.record import rfc3339
from mta.suppression.values import Entry

MAX_CELL = 1_000
HEADER = ("address", "reason", "scope", "note", "created", "expires")
_COLUMNS: Mapping[str, str] = MappingProxyType(
    {
        "address": "address", "email": "address", "e-mail": "address", "correo": "address",
        "scope": "scope", "alcance": "scope",
        "note": "note", "nota": "note", "motivo": "note",
        "expires": "expires", "vence": "expires",
    }
)  # fmt: skip
_SCOPES: Mapping[str, str] = MappingProxyType(
    {
        "todo": "all", "todos": "all", "todo el correo": "all", "all mail": "all",
        "comercial": "commercial", "campañas": "commercial", "campaigns": "commercial",
        "campañas y automáticos": "commercial", "campaigns and automated mail": "commercial",
    }
)  # fmt: skip
_DAY = re.compile(r"([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4})")  # as Peru writes it


@dataclass(frozen=True, slots=True)
class FileRow:
    """One line of a file, as text."""

    line: int
    address: str
    scope: str = ""
    note: str = ""
    expires: str = ""


def decoded(data: bytes) -> str:
    """The text of a file: UTF-8 with or without mark, else Windows-1252, in which all octets are."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def read_rows(lines: Iterable[str]) -> Iterator[FileRow]:
    """The rows of a CSV; empty lines are left out, cells longer than `MAX_CELL` are cut."""
    source = iter(lines)
    first = next(source, "")
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(_chain(first, source), delimiter=delimiter)
    columns: dict[str, int] = {"address": 0}
    for cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        if reader.line_num == 1 and (named := _header(cells)):
            columns = named
            continue
        yield FileRow(
            reader.line_num, *(_cell(cells, columns, name) for name in FileRow.__slots__[1:])
        )


def _chain(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _header(cells: Sequence[str]) -> dict[str, int]:
    """Where the columns are; empty when the line is none of names."""
    found = {
        _COLUMNS[name]: n
        for n, cell in enumerate(cells)
        if (name := cell.strip().lower()) in _COLUMNS
    }
    return found if "address" in found else {}


def _cell(cells: Sequence[str], columns: Mapping[str, int], name: str) -> str:
    place = columns.get(name, len(cells))
    text = cells[place].strip()[:MAX_CELL] if place < len(cells) else ""
    return unguarded(text)


def read_day(text: str, zone: ZoneInfo) -> int:
    """Milliseconds of a date (31/01/2027 too) or a date and time; 0 for nothing.

    Raises `ValueError`.
    """
    if not text:
        return 0
    day = _DAY.fullmatch(text)
    try:
        if day is not None:
            moment = datetime.combine(date(int(day[3]), int(day[2]), int(day[1])), time())
        else:
            moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"date {text[:40]!r}: expected 2027-01-31 or 31/01/2027") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone)
    return round(moment.timestamp() * 1000)


def scope_in(text: str) -> str:
    """The name of a scope that a file says in Spanish or English; any other text as it is."""
    return _SCOPES.get(text.lower(), text.lower())


def cells_of(entry: Entry) -> tuple[str, ...]:
    """An entry in the columns of `HEADER`."""
    times = (rfc3339(at_ms) if at_ms else "" for at_ms in (entry.created_ms, entry.expires_ms))
    return (entry.address, entry.reason.value, entry.scope.value, entry.note, *times)
