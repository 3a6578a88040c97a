"""Writes CSV that a spreadsheet shows and never carries out.

Cells come from outside (names, addresses, replies of remote servers). One that begins like a
formula gets an apostrophe, which spreadsheets take as "this is text" (OWASP: CSV injection).
"""

import csv
import io
from collections.abc import Iterable, Sequence

Cell = str | int | float | None

# The ASCII characters that begin a formula, and their full-width forms.
_FORMULA = frozenset("=+-@\uff1d\uff0b\uff0d\uff20")
_CONTROL = frozenset("\t\r\n")


def csv_text(rows: Iterable[Sequence[Cell]]) -> str:
    """Lines ended by CRLF (RFC 4180), comma between cells, quotes where needed."""
    out = io.StringIO()
    csv.writer(out).writerows([[_guarded(cell) for cell in row] for row in rows])
    return out.getvalue()


def _guarded(cell: Cell) -> Cell:
    if not isinstance(cell, str) or not cell:
        return cell
    if cell[0] in _CONTROL or (cell.lstrip()[:1] in _FORMULA and cell.strip()):
        return f"'{cell}"
    return cell
