"""Lays tables out: as wide as they need, or so that they fit a terminal.

To fit, columns that may be left out go first: empty ones, then those that say the same in every row,
then the rest, the highest `rank` first. Then texts that may be cut are cut, and the last column goes on
in further lines.
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

EMPTY = "-"
GAP = "  "
# Characters of the last column for which others are left out: those of rank 1, and all of higher rank.
_MIN_LAST = 24
_GOOD_LAST = 38
_MIN_CUT = 12


class Column(NamedTuple):
    """A column of a table: the key in the rows, and its heading."""

    key: str
    title: str
    rank: int = 0  # over 0: may be left out to fit, the highest first
    can_cut: bool = False  # its texts may end in "…" to fit


@dataclass(slots=True)
class _Laid:
    """One column with its cells, the heading first."""

    column: Column
    cells: list[str]
    is_number: bool
    width: int = 0

    def __post_init__(self) -> None:
        self.width = max(map(len, self.cells))

    @property
    def is_empty(self) -> bool:
        return all(cell == EMPTY for cell in self.cells[1:])

    @property
    def is_same(self) -> bool:
        return len(self.cells) > 2 and len(set(self.cells[1:])) == 1


def lay_out(
    columns: Sequence[Column],
    cells: Sequence[Sequence[str]],
    is_number: Sequence[bool],
    width: int = 0,
    *,
    wraps: bool = True,
) -> list[str]:
    """The lines of a table; `cells` are rows of texts without line ends.

    `width` 0: as wide as it needs, one line a row. Else rows fit, in one line each unless it `wraps`.
    """
    laid = [
        _Laid(column, [column.title, *(row[i] for row in cells)], is_number[i])
        for i, column in enumerate(columns)
    ]
    if width:
        if cells:
            _leave_out(laid, width)
        _narrow(laid, width)
    lines = []
    for number in range(len(cells) + 1):
        lines += _row(laid, number, wraps=wraps and bool(width))
    return lines


def _leave_out(laid: list[_Laid], width: int) -> None:
    by_rank = sorted((c for c in laid if c.column.rank), key=lambda c: -c.column.rank)
    empty = [c for c in by_rank if c.is_empty]
    same = [c for c in by_rank if c.is_same and not c.is_empty]
    rest = [c for c in by_rank if not c.is_same and not c.is_empty]
    for candidate in (*empty, *same, *rest):
        last = min(laid[-1].width, _MIN_LAST if candidate.column.rank == 1 else _GOOD_LAST)
        if _width(laid[:-1]) + last <= width:
            return
        laid.remove(candidate)


def _narrow(laid: list[_Laid], width: int) -> None:
    """Cut what may be cut, the widest first; the last column takes what is left."""
    *others, last = laid
    room = width - min(last.width, _MIN_LAST)
    while (excess := _width(others) - room) > 0:
        widest = max((c for c in others if c.column.can_cut), key=lambda c: c.width, default=None)
        if widest is None or widest.width <= _MIN_CUT:
            break
        widest.width = max(_MIN_CUT, widest.width - excess)
    last.width = min(last.width, max(_MIN_LAST, width - _width(others)))


def _width(columns: Sequence[_Laid]) -> int:
    """Of these columns, with a gap behind each."""
    return sum(c.width + len(GAP) for c in columns)


def _row(laid: Sequence[_Laid], number: int, *, wraps: bool) -> list[str]:
    *others, last = laid
    start = "".join(_fit(c.cells[number], c.width, right=c.is_number) + GAP for c in others)
    text = last.cells[number]
    if wraps and len(text) > last.width:
        first, *more = textwrap.wrap(text, last.width, break_on_hyphens=False) or [""]
        return [start + first, *(" " * len(start) + line for line in more)]
    return [(start + _fit(text, last.width, right=last.is_number)).rstrip()]


def _fit(text: str, width: int, *, right: bool) -> str:
    if len(text) > width:
        return text[: width - 1] + "…"
    return text.rjust(width) if right else text.ljust(width)
