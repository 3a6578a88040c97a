"""Shows results: tables and records for people, JSON for programs.

Texts from outside (replies of remote servers, names) may hold escape sequences; on a terminal they
come out escaped. Times are shown in the configured time zone to people, and as RFC 3339 in UTC in
JSON; there, whole numbers that JavaScript cannot hold are strings, as all identifiers are.
"""

import json
import re
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from console.cli.options import settings_of
from console.cli.table import EMPTY, GAP, Column, lay_out
from mta.events.record import rfc3339
from mta.intake.header_encoding import readable

Row = Mapping[str, Any]
TIMES = frozenset(
    (
        "accepted",
        "at",
        "checked",
        "created",
        "due",
        "expires",
        "failing_since",
        "last_used",
        "locked_until",
        "next_attempt",
        "replaced_until",
        "since",
        "until",
        "verified",
        "day_ends",
        "held_until",
        "started",
    )
)
SPANS = frozenset(("took_ms",))  # other milliseconds are moments
_FIRST_TIME = 100_000_000_000  # milliseconds: no mail of ours is older than 1973
_MAX_SAFE_INTEGER = 2**53 - 1
# A time as `rfc3339` writes it, inside a sentence of ours.
_UTC_TIME = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def zone_of(config: Path) -> ZoneInfo:
    """The configured time zone."""
    return ZoneInfo(settings_of(config).server.timezone)


def print_json(value: object) -> None:
    """One JSON document."""
    click.echo(json.dumps(_for_programs(value), ensure_ascii=False, indent=2))


def print_table(columns: Sequence[Column], rows: Sequence[Row], zone: ZoneInfo) -> None:
    """Rows under their headings, laid out to fit a terminal; elsewhere one full line for each."""
    for line in table_lines(columns, rows, zone, _terminal_width()):
        click.echo(line)


def table_lines(
    columns: Sequence[Column],
    rows: Sequence[Row],
    zone: ZoneInfo,
    width: int = 0,
    *,
    wraps: bool = True,
) -> list[str]:
    """The lines of a table; `width` 0: as wide as it needs. See `lay_out`."""
    cells = [[show(column.key, row.get(column.key), zone) for column in columns] for row in rows]
    is_number = [
        bool(rows) and all(_is_number(column.key, row.get(column.key)) for row in rows)
        for column in columns
    ]
    return lay_out(columns, cells, is_number, width, wraps=wraps)


def print_record(
    record: Row, zone: ZoneInfo, tables: Mapping[str, Sequence[Column]] | None = None
) -> None:
    """Values by name, each from a new line, then nested records and lists of rows under their name.

    `tables` says which columns such a list shows; by default all.
    """
    plain = {k: v for k, v in record.items() if not _is_nested(v)}
    width = max((len(_title(key)) for key in plain), default=0)
    for key, value in plain.items():
        for line in _wrapped(f"{_title(key):<{width}}{GAP}", show(key, value, zone)):
            click.echo(line)
    for key, value in record.items():
        if not _is_nested(value):
            continue
        click.echo(f"\n{_title(key)}:")
        if isinstance(value, Mapping):
            print_record({k: v for k, v in value.items() if v not in ("", None, [])}, zone)
        else:
            print_table((tables or {}).get(key) or columns_of(value), value, zone)


def print_one(result: Row, as_json: bool, config: Path) -> None:
    """One object, for people or for programs."""
    if as_json:
        print_json(result)
    else:
        print_record(result, zone_of(config))


def print_rows(columns: Sequence[Column], rows: Sequence[Row], as_json: bool, config: Path) -> None:
    """A list of objects, for people or for programs."""
    if as_json:
        print_json(rows)
    else:
        print_table(columns, rows, zone_of(config))


def columns_of(rows: Iterable[Row]) -> list[Column]:
    """A column for every key, in the order of appearance."""
    keys = dict.fromkeys(key for row in rows for key in row)
    return [Column(key, _title(key)) for key in keys]


def show(key: str, value: object, zone: ZoneInfo) -> str:
    """A value as people read it."""
    if value is None or value == "":
        return EMPTY
    if key in SPANS:
        return f"{value} ms"
    if _is_time(key, value) or key.endswith("_ms"):
        return _show_time(value, zone)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if key == "subject":
        return escape(readable(str(value)))
    if isinstance(value, float):
        return f"{value:.1f}"
    if isinstance(value, list | tuple):
        return ", ".join(show("", item, zone) for item in value) or EMPTY
    if isinstance(value, Mapping):
        return ", ".join(f"{_title(k)} {show(k, v, zone)}" for k, v in value.items()) or EMPTY
    return escape(str(value))


def escape(text: str) -> str:
    """The text with control and format characters written out."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def in_zone(text: str, zone: ZoneInfo) -> str:
    """A sentence with the times in it as tables show them."""
    return _UTC_TIME.sub(lambda found: _show_time(found[0], zone), text)


def _show_time(value: object, zone: ZoneInfo) -> str:
    if isinstance(value, int):
        if not value:
            return EMPTY
        moment = datetime.fromtimestamp(value / 1000, zone)
    else:
        try:
            moment = datetime.fromisoformat(str(value)).astimezone(zone)
        except ValueError:
            return escape(str(value))
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def _wrapped(start: str, text: str) -> list[str]:
    """The text behind its start, on a terminal in as many lines as it needs."""
    width = _terminal_width()
    if not width or len(start) + len(text) <= width:
        return [(start + text).rstrip()]
    return textwrap.wrap(
        text,
        max(width, len(start) + 24),
        initial_indent=start,
        subsequent_indent=" " * len(start),
        break_on_hyphens=False,
    )


def _for_programs(value: object, key: str = "") -> object:
    if isinstance(value, Mapping):
        return {k: _for_programs(v, str(k)) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_for_programs(item, key) for item in value]
    if isinstance(value, int) and not isinstance(value, bool):
        if _is_time(key, value):
            return rfc3339(value) if value else None
        if abs(value) > _MAX_SAFE_INTEGER:
            return str(value)
    return value


def _is_time(key: str, value: object) -> bool:
    """A mail is `accepted` at a time, in the use of doors it is a number."""
    return key in TIMES and not (
        key == "accepted" and isinstance(value, int) and value < _FIRST_TIME
    )


def _title(key: str) -> str:
    return key.removesuffix("_ms").replace("_", " ")


def _is_nested(value: object) -> bool:
    if isinstance(value, list):
        return bool(value) and isinstance(value[0], Mapping)
    return isinstance(value, Mapping) and bool(value)


def _is_number(key: str, value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and not _is_time(key, value)


def _terminal_width() -> int:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
