"""The evidence as XLSX: every row in sheets of a million, the summary before them."""

from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

from console.reports.evidence.gathering import Gatherer, Progress
from console.reports.evidence.sections import ROW_COLUMNS, row_headings, sections
from console.reports.evidence.values import Evidence, SentRow
from console.reports.streamed_xlsx import BOLD, MAX_ROWS, PLAIN, SheetHead, StreamedXlsx
from console.reports.usage.layout import Cell, Kind, Section, Table, Words, shown


def write_sheets(
    path: Path, gatherer: Gatherer, words: Words, progress: Progress, per_sheet: int = MAX_ROWS
) -> Evidence:
    """Write the file while the rows are read, and give what was counted. Raises `StoreError`."""
    with StreamedXlsx(path) as book:
        detail = _Detail(book, words, per_sheet)
        evidence = gatherer.gather(detail.add, progress)
        front = [
            _section_sheet(book, section, words, evidence.period.zone)
            for section in sections(evidence, words)
        ]
        book.finish([*front, *detail.sheets])
    return evidence


class _Detail:
    """Puts rows onto sheets; a new one where one is full."""

    def __init__(self, book: StreamedXlsx, words: Words, per_sheet: int) -> None:
        self._book = book
        self._words = words
        self._per_sheet = per_sheet
        self.sheets: list[int] = []
        self._begin()

    def add(self, rows: Sequence[SentRow]) -> None:
        while rows:
            space = self._per_sheet - self._book.rows
            if not space:
                self._begin()
                continue
            self._book.add(rows[:space])
            rows = rows[space:]

    def _begin(self) -> None:
        name = self._words("evidence.rows", n=len(self.sheets) + 1)
        widths = [width for _, width in ROW_COLUMNS]
        head = SheetHead(name, row_headings(self._words), widths, is_filtered=True)
        self.sheets.append(self._book.begin(head))


def _section_sheet(book: StreamedXlsx, section: Section, words: Words, zone: ZoneInfo) -> int:
    widest = max((table.columns for table in section.tables), key=len, default=())
    widths = [column.width for column in widest] or [120]
    sheet = book.begin(SheetHead(section.heading, (), widths))
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
