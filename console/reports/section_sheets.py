"""Sections of tables as sheets of a streamed workbook."""

from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

from console.reports.streamed_xlsx import BOLD, PLAIN, SheetHead, StreamedXlsx
from console.reports.usage.layout import Cell, Kind, Section, Table, Words, shown


def write_sections(
    path: Path, sections: Sequence[Section], words: Words, zone: ZoneInfo, mark: str = ""
) -> None:
    """A workbook with a sheet for each section; `mark` stands above each."""
    with StreamedXlsx(path) as book:
        book.finish([section_sheet(book, section, words, zone, mark) for section in sections])


def section_sheet(
    book: StreamedXlsx, section: Section, words: Words, zone: ZoneInfo, mark: str = ""
) -> int:
    """Write a sheet of all of the section's tables; gives its number in the book."""
    widest = max((table.columns for table in section.tables), key=len, default=())
    widths = [column.width for column in widest] or [120]
    sheet = book.begin(SheetHead(section.heading, (), widths))
    if mark:
        book.add([(mark,)], BOLD)
    book.add([(section.heading,)], BOLD)
    book.add([(section.intro,), ()])
    for table in section.tables:
        _table(book, table, words, zone)
    book.add([(note,) for note in section.notes])
    return sheet


def _table(book: StreamedXlsx, table: Table, words: Words, zone: ZoneInfo) -> None:
    if table.title:
        book.add([(table.title,)], BOLD)
    if not table.is_facts:
        book.add([[column.title for column in table.columns]], BOLD)
    kinds = [column.kind for column in table.columns]
    rows = [[_plain(c, k, words, zone) for c, k in zip(row, kinds, strict=True)]
            for row in table.rows]  # fmt: skip
    book.add(rows or [(table.empty,)], PLAIN)
    book.add([()])


def _plain(
    cell: Cell | tuple[int, int], kind: Kind, words: Words, zone: ZoneInfo
) -> str | int | float | None:
    """Numbers stay numbers, so that a reader can add them up; the rest is as in the document."""
    if isinstance(cell, tuple):
        part, whole = cell
        return round(100 * part / whole, 2) if whole else None
    if cell is None or kind in (Kind.NUMBER, Kind.DECIMAL, Kind.TEXT):
        return cell
    return shown(cell, kind, words, zone)
