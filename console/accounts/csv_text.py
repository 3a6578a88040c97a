"""Writes CSV that a spreadsheet shows and never carries out.

Cells come from outside (names, addresses, replies of remote servers). One that begins like a
formula gets an apostrophe, which spreadsheets take as "this is text" (OWASP: CSV injection). Where the
list separator is a semicolon, as in Peru, Excel divides every line there, quotes or not: what begins
like a formula behind one gets its apostrophe, too.
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence

Cell = str | int | float | None

# The ASCII characters that begin a formula, and their full-width forms.
_FORMULA = frozenset("=+-@\uff1d\uff0b\uff0d\uff20")
_CONTROL = frozenset("\t\r\n")
# A run that ends with the beginning of a formula or does not: matched whole, so that time is linear.
_INNER = re.compile(r"""((?!\A\s)[;\t\r\n][\s"';]*+)([=+\-@\uff1d\uff0b\uff0d\uff20]?)""")


def csv_text(rows: Iterable[Sequence[Cell]]) -> str:
    """Lines ended by CRLF (RFC 4180), comma between cells, quotes where needed."""
    out = io.StringIO()
    csv.writer(out).writerows([[_guarded(cell) for cell in row] for row in rows])
    return out.getvalue()


def unguarded(cell: str) -> str:
    """A cell of such a file as it was: without the apostrophe before a formula."""
    is_guarded = cell[:1] == "'" and (cell[1:2] in _CONTROL or cell[1:].lstrip()[:1] in _FORMULA)
    return cell[1:] if is_guarded and len(cell) > 1 else cell


def _guarded(cell: Cell) -> Cell:
    if not isinstance(cell, str) or not cell:
        return cell
    if ";" in cell or not cell.isprintable():
        cell = _INNER.sub(_divided, cell)
    if cell[0] in _CONTROL or (cell.lstrip()[:1] in _FORMULA and cell.strip()):
        return f"'{cell}"
    return cell


def _divided(found: re.Match[str]) -> str:
    return f"{found[1]}'{found[2]}" if found[2] else found[1]
