"""A report as sections of tables and charts: what both writers share, so that they say the same.

Cells are values; a writer shows them as the column's kind asks. Shares are cells of two numbers, so
that an XLSX holds the formula's parts and a PDF the percentage.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from enum import StrEnum
from typing import Protocol

from console.reports.usage.data import Heat


class Words(Protocol):
    """Texts of one language; numbers and dates as it writes them."""

    @property
    def language(self) -> str:
        """`es` or `en`."""
        ...

    def __call__(self, key: str, /, **values: object) -> str:
        """The text with that key."""
        ...

    def number(self, number: float, decimals: int = 0) -> str:
        """With its separators."""
        ...

    def percent(self, part: float, whole: float, decimals: int = 1) -> str:
        """A share; a dash where there is no whole."""
        ...

    def day(self, day: date) -> str:
        """A day, short."""
        ...

    def date(self, day: date) -> str:
        """A day in words."""
        ...

    def moment(self, at_ms: int, zone: tzinfo) -> str:
        """Day and minute."""
        ...

    def duration(self, seconds: float) -> str:
        """The two greatest units of a span."""
        ...

    def weekday(self, number: int, width: str = "abbreviated") -> str:
        """0 is Monday."""
        ...


class Kind(StrEnum):
    """What the cells of a column are."""

    TEXT = "text"
    NUMBER = "number"  # int or None
    DECIMAL = "decimal"  # float
    SHARE = "share"  # (part, whole)
    MOMENT = "moment"  # ms, 0: none
    DAY = "day"  # ISO date, "": none
    SPAN = "span"  # seconds or None


Cell = str | int | float | None | tuple[int, int]


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `width` in characters of a sheet."""

    title: str
    kind: Kind = Kind.NUMBER
    width: int = 12
    is_printed: bool = True  # False: in the XLSX only


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars of a table's columns: a label for each row, from columns side by side.

    `columns` are places of number columns.
    """

    title: str
    labels: tuple[int, int]  # the first and the last column of it
    columns: tuple[int, ...]
    top: int = 0  # only the first so many rows; 0: all


@dataclass(frozen=True, slots=True)
class Table:
    """Rows below headings; `total` is the last line, set apart."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    total: Sequence[Cell] | None = None
    title: str = ""
    empty: str = ""  # what stands where there are no rows
    bars: Bars | None = None
    is_printed: bool = True
    is_facts: bool = False  # two columns, the first one names the second: no headings


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Opens by day of the week and hour."""

    title: str
    heat: Heat


@dataclass(frozen=True, slots=True)
class Section:
    """A numbered part; `letter` is the tender's, "" where it has none."""

    number: int
    letter: str
    title: str
    intro: str
    tables: Sequence[Table]
    maps: Sequence[HeatMap] = ()
    notes: Sequence[str] = ()

    @property
    def heading(self) -> str:
        """`3. b) Results of each campaign`."""
        letter = f"{self.letter}) " if self.letter else ""
        return f"{self.number}. {letter}{self.title}"


def shown(cell: Cell, kind: Kind, words: Words, zone: tzinfo) -> str:
    """A cell as people of the language read it; a dash for what there is not."""
    if isinstance(cell, tuple):
        return words.percent(*cell)
    if isinstance(cell, str):
        is_day = kind is Kind.DAY and cell
        return words.day(date.fromisoformat(cell)) if is_day else cell or "–"
    if cell is None or (kind is Kind.MOMENT and not cell):
        return "–"
    if kind is Kind.MOMENT:
        at = datetime.fromtimestamp(cell / 1000, zone)
        return f"{words.day(at.date())}, {at:%H:%M}"
    if kind is Kind.SPAN:
        return words.duration(cell)
    return words.number(cell, 1 if kind is Kind.DECIMAL else 0)
