"""The rows of a file as text, one after the other, whatever it is."""

import csv
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path

import python_calamine

from console.accounts.csv_text import unguarded
from console.contacts.files.sniffing import FileKind, UnreadableFile

MAX_ROWS = 1_048_576  # what a sheet can have
MAX_COLUMNS = 500
_UNSEEN = re.compile(
    "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\ud800-\\udfff\\u200b\\u2028-\\u202e\\u2060-\\u2069\\ufeff]"
)
MAX_CELL = 2_000  # characters that are kept of one cell


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet of a workbook."""

    name: str
    is_hidden: bool


def sheets(path: Path) -> list[Sheet]:
    """All sheets with cells. Raises `UnreadableFile`."""
    try:
        with python_calamine.CalamineWorkbook.from_path(str(path)) as book:
            return [
                Sheet(meta.name, meta.visible is not python_calamine.SheetVisibleEnum.Visible)
                for meta in book.sheets_metadata
                if meta.typ is python_calamine.SheetTypeEnum.WorkSheet
            ]
    except (python_calamine.CalamineError, OSError, ValueError) as error:
        raise UnreadableFile("damaged_workbook") from error


def rows(path: Path, kind: FileKind, sheet: str = "") -> Iterator[list[str]]:
    """All rows, empty ones too, so that their numbers are those people see. Raises `UnreadableFile`."""
    yield from _sheet_rows(path, sheet) if kind.is_workbook else _text_rows(path, kind)


def _text_rows(path: Path, kind: FileKind) -> Iterator[list[str]]:
    csv.field_size_limit(min(sys.maxsize, 1_000_000))
    with path.open(encoding=kind.encoding, errors="replace", newline="") as file:
        reader = csv.reader((line.replace("\0", "") for line in file), delimiter=kind.separator)
        try:
            for n, row in enumerate(reader):
                if n >= MAX_ROWS:
                    raise UnreadableFile("too_many_rows")
                yield [unguarded(plain_text(cell)) for cell in row[:MAX_COLUMNS]]
        except csv.Error as error:
            raise UnreadableFile("damaged_text") from error


def _sheet_rows(path: Path, name: str) -> Iterator[list[str]]:
    try:
        with python_calamine.CalamineWorkbook.from_path(str(path)) as book:
            sheet = book.get_sheet_by_name(name) if name else book.get_sheet_by_index(0)
            for n, row in enumerate(sheet.iter_rows()):
                if n >= MAX_ROWS:
                    raise UnreadableFile("too_many_rows")
                yield [cell_text(cell) for cell in row[:MAX_COLUMNS]]
    except (python_calamine.CalamineError, OSError) as error:
        raise UnreadableFile("damaged_workbook") from error


def cell_text(cell: object) -> str:
    """A cell as people read it: whole numbers without `.0`, dates as ISO, the value of a formula."""
    if isinstance(cell, str):
        return plain_text(cell)
    if isinstance(cell, float):
        with suppress(OverflowError, ValueError):  # infinite, not a number
            if cell == int(cell):
                return str(int(cell))
        return repr(cell)
    if isinstance(cell, bool):
        return "1" if cell else "0"
    if isinstance(cell, datetime):
        is_day = cell.time() == time(0)
        return cell.date().isoformat() if is_day else cell.isoformat(" ", "minutes")
    if isinstance(cell, date):
        return cell.isoformat()
    return plain_text(str(cell))


def plain_text(text: str) -> str:
    """Without spaces around it and without what nobody sees; ends of lines stay, as one character.

    Control characters do harm further on (U+0000 ends strings, others end fields of mail headers),
    marks of direction let a text look like another one, and spaces of no width come with addresses
    that were copied from a page.
    """
    if not text.isprintable():
        text = _UNSEEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return text.strip()[:MAX_CELL]
