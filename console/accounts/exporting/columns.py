"""Tables of an export: their columns, and how a stored value is told to the world outside."""

import re
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


PLACES = (":after", ":after_2")
ACCOUNTS = "(SELECT value FROM json_each(:accounts))"
_SHORT = re.compile(r"\bAS (\w+)")

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
    expression: str  # SQL


@dataclass(frozen=True, slots=True)
class ExportTable:
    """One table: what is read of it, page by page by its key, of some accounts."""

    name: str  # of its files
    source: str  # what stands behind FROM
    columns: Sequence[Column]
    key: Sequence[str]  # SQL, one or two; what comes first in a row of `sql`
    owned: str  # SQL: whether a row is of the accounts
    start: Sequence[int | str]  # before the first key
    page: int  # rows of a read: few where rows are large

    @property
    def sql(self) -> str:
        """Reads a page: takes `accounts` (a JSON array), `after` (and `after_2`) and `count`."""
        keys, places = ", ".join(self.key), ", ".join(PLACES[: len(self.key)])
        shown = ", ".join(column.expression for column in self.columns)
        return (
            f"SELECT {keys}, {shown} FROM {self.source} WHERE ({keys}) > ({places}) "  # noqa: S608
            f"AND {self.owned} ORDER BY {keys} LIMIT :count"
        )

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
    source: str,
    columns: str,
    *,
    key: Sequence[str] = ("id",),
    start: Sequence[int | str] = (0,),
    page: int = 1_000,
    owned: str = "",
    **expressions: str,
) -> ExportTable:
    """A table of an export.

    `source`: tables with their short names, as in `"list_member AS m CROSS JOIN contact_list AS l ON
    l.id = m.list"`: columns and keys are of the first one, `account` is of the last one unless `owned`
    says it in SQL. `columns`: names with columns (where they are called otherwise) and kinds, as in
    `"id:id name created_at=created_ms:time"`; `expressions` holds SQL for those that are no columns.
    """
    short = _SHORT.findall(source)
    found = []
    for word in columns.split():
        what, _, kind = word.partition(":")
        told, _, stored = what.partition("=")
        expression = expressions.get(told) or _column(short[0], stored or told)
        found.append(Column(told, Kind(kind), expression))
    keys = [expressions.get(one) or _column(short[0], one) for one in key]
    # "+": by its key, not by an index of accounts and a sort of all that is theirs.
    return ExportTable(
        name, source, found, keys, owned or f"+{short[-1]}.account IN {ACCOUNTS}", start, page
    )


def _column(short: str, name: str) -> str:
    """`name` may be of another table, as in `i.number`."""
    table, _, column = name.rpartition(".")
    return f'{table or short}."{column}"'


def _cell(value: Any) -> Cell:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        return orjson.dumps(value).decode()
    return value  # type: ignore[no-any-return]  # text or number
