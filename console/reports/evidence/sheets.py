"""The evidence as XLSX: every row in sheets of a million, the summary before them."""

from collections.abc import Sequence
from pathlib import Path

from console.reports.evidence.gathering import Gatherer, Progress
from console.reports.evidence.sections import ROW_COLUMNS, row_headings, sections
from console.reports.evidence.values import Evidence, SentRow
from console.reports.section_sheets import section_sheet
from console.reports.streamed_xlsx import MAX_ROWS, SheetHead, StreamedXlsx
from console.reports.usage.layout import Words


def write_sheets(
    path: Path, gatherer: Gatherer, words: Words, progress: Progress, per_sheet: int = MAX_ROWS
) -> Evidence:
    """Write the file while the rows are read, and give what was counted. Raises `StoreError`."""
    with StreamedXlsx(path) as book:
        detail = _Detail(book, words, per_sheet)
        evidence = gatherer.gather(detail.add, progress)
        front = [
            section_sheet(book, section, words, evidence.period.zone)
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
