"""Tables of an export: their columns, and how a stored value is told to the world outside."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import orjson

from console.accounts.csv_text import Cell
from mta.events.record import EVENT_TYPES, rfc3339
from mta.model.traffic import DeliveryState, TrafficClass


class Kind(StrEnum):
    """What a stored value is."""

    PLAIN = ""  # text or number, as it is
    ID = "id"  # as text, for it does not fit into the numbers of JSON; 0: null
    TIME = "time"  # milliseconds since 1970 as RFC 3339; 0: null
    FLAG = "flag"
    JSON = "json"
    STATE = "state"
    CLASS = "class"
    EVENT = "event"


_TOLD: Mapping[Kind, Callable[[Any], Any]] = MappingProxyType(
    {
        Kind.PLAIN: lambda value: value,
        Kind.ID: lambda value: str(value) if value else None,
        Kind.TIME: lambda value: rfc3339(value) if value else None,
        Kind.FLAG: bool,
        Kind.JSON: lambda value: orjson.loads(value) if value else None,
        Kind.STATE: lambda value: DeliveryState(value).label,
        Kind.CLASS: lambda value: TrafficClass(value).label,
        Kind.EVENT: lambda value: EVENT_TYPES[value].value if value in EVENT_TYPES else str(value),
    }
)


@dataclass(frozen=True, slots=True)
class Column:
    """A column with its name in the export."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class ExportTable:
    """One table: a read statement that is paged by key.

    The statement takes `accounts` (a JSON array), `after` (and `after_2` with two keys) and
    `count`; it gives the keys first and then the columns.
    """

    name: str  # of its files
    statement: str
    columns: Sequence[Column]
    start: Sequence[int | str] = (0,)  # before the first key
    page: int = 1_000  # rows of a read: few where rows are large

    def told(self, row: Sequence[Any]) -> dict[str, Any]:
        """A row without its keys, as JSON has it."""
        values = row[len(self.start) :]
        return {
            column.name: None if value is None else _TOLD[column.kind](value)
            for column, value in zip(self.columns, values, strict=True)
        }

    def cells(self, told: Mapping[str, Any]) -> list[Cell]:
        """The same for CSV: lists and objects as JSON."""
        return [_cell(value) for value in told.values()]


def table(
    name: str,
    columns: str,
    *,
    start: Sequence[int | str] = (0,),
    page: int = 1_000,
) -> ExportTable:
    """`columns`: names with kinds, as in `"id:id name created_at:time"`."""
    parsed = []
    for word in columns.split():
        told, _, kind = word.partition(":")
        parsed.append(Column(told, Kind(kind)))
    return ExportTable(name, f"export_{name}", tuple(parsed), start, page)


def _cell(value: Any) -> Cell:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return orjson.dumps(value).decode()
    return value  # type: ignore[no-any-return]  # text or number
