"""Tables as XLSX in constant memory; nothing in them is ever a formula."""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

import xlsxwriter

from console.accounts.csv_text import Cell

MAX_ROWS = 1_048_575  # of a sheet, without its head
MAX_CELL = 32_767
_SHEET = re.compile(r"[\[\]:*?/\\]")
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")  # XML has no such
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class Workbook:
    """An XLSX with one sheet that is written row by row to a file of its own.

    Use as a context: the file is gone at its end. Writing and packing happen in threads, a piece
    at a time, so that nobody else waits.
    """

    def __init__(self, sheet: str, headings: Sequence[str], widths: Sequence[int] = ()) -> None:
        self._folder = TemporaryDirectory(prefix="relevo-")
        self.path = Path(self._folder.name) / "table.xlsx"
        options = {
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_numbers": False,
            "strings_to_urls": False,
            "tmpdir": self._folder.name,
        }
        self._book = xlsxwriter.Workbook(str(self.path), options)
        self._sheet = self._book.add_worksheet(_SHEET.sub(" ", sheet)[:31] or "1")
        self._sheet.freeze_panes(1, 0)
        for column, width in enumerate(widths):
            self._sheet.set_column(column, column, width)
        self._sheet.write_row(0, 0, [fit(heading) for heading in headings],
                              self._book.add_format({"bold": True}))  # fmt: skip
        self._rows = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._folder.cleanup()

    async def add(self, rows: Sequence[Sequence[Cell]]) -> None:
        """Some more rows; what does not fit onto a sheet is left out."""
        await asyncio.to_thread(self._add, rows)

    async def finish(self) -> None:
        """Pack the file at `path`."""
        await asyncio.to_thread(self._book.close)

    def _add(self, rows: Sequence[Sequence[Cell]]) -> None:
        for cells in rows:
            if self._rows == MAX_ROWS:
                return
            self._rows += 1
            for column, cell in enumerate(cells):
                if isinstance(cell, str):
                    self._sheet.write_string(self._rows, column, fit(cell))
                elif cell is not None:
                    self._sheet.write_number(self._rows, column, cell)


async def workbook_of(
    sheet: str,
    headings: Sequence[str],
    pieces: AsyncIterator[Sequence[Sequence[Cell]]],
    widths: Sequence[int] = (),
) -> Workbook:
    """A finished workbook of all pieces; the caller leaves it as a context."""
    book = Workbook(sheet, headings, widths)
    async for rows in pieces:
        await book.add(rows)
    await book.finish()
    return book


def fit(text: str) -> str:
    """Without what XML cannot hold, and no longer than a cell may be."""
    return _UNFIT.sub("\ufffd", text)[:MAX_CELL]
