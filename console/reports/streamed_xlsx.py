"""Millions of rows as XLSX: packed as they come, with the memory of a page (ECMA-376, transitional).

XlsxWriter, which writes all other workbooks, takes 135 µs for a row of sixteen cells, this 25: the
difference between ten minutes and two for a contract's 4,000,000 mails. Sheets are written one after the
other into the archive; which one people see first is told at the end. Cells are numbers and texts in
place, never formulas.
"""

import re
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from xml.sax.saxutils import escape, quoteattr

from console.accounts.csv_text import Cell

MAX_ROWS = 1_048_575  # of a sheet, without its head
MAX_CELL = 32_767
_LEVEL = 3  # of deflate: a third larger than 9 and four times as fast
_MADE = (2000, 1, 1, 0, 0, 0)  # of all parts, so that equal data are equal files
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")  # XML has no such
_ENCODED = re.compile("_(x[0-9A-Fa-f]{4}_)")  # Excel reads these as characters
_SPECIAL = re.compile(r"[<>&\x00-\x1f\ufffe\uffff\ud800-\udfff]|_x[0-9A-Fa-f]{4}_|\A\s|\s\Z")
_SHEET_NAME = re.compile(r"[\[\]:*?/\\]")
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
PLAIN, BOLD, WRAPPED = 0, 1, 2  # styles of cells
_STYLES = (
    f'{_HEAD}<styleSheet xmlns="{_MAIN}"><fonts count="2"><font><sz val="11"/><name val="Calibri"/>'
    '</font><font><b/><sz val="11"/><name val="Calibri"/></font></fonts><fills count="2"><fill>'
    '<patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>'
    '<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>'
    '<cellXfs count="3"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>'
    '<xf numFmtId="0" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1"/>'
    '<xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0" applyAlignment="1">'
    '<alignment vertical="top" wrapText="1"/></xf></cellXfs>'
    '<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)


@dataclass(frozen=True, slots=True)
class SheetHead:
    """Name, headings and widths (in characters) of a sheet; without headings nothing is frozen."""

    name: str
    headings: Sequence[str]
    widths: Sequence[int]
    is_filtered: bool = False


class StreamedXlsx:
    """A workbook that is written from the first row to the last; use as a context.

    `begin` a sheet, `add` its rows, begin the next one; `finish` with the order that people see.
    """

    def __init__(self, path: Path) -> None:
        self._archive = zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL)
        self._names: list[str] = []
        self._part: IO[bytes] | None = None
        self._head = SheetHead("", (), ())
        self.rows = 0  # of the sheet under way

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._part is not None:
            self._part.close()
        self._archive.close()

    def begin(self, head: SheetHead) -> int:
        """A new sheet after the one under way; gives its number."""
        self._end_sheet()
        self._names.append(_SHEET_NAME.sub(" ", head.name)[:31] or "1")
        self._head, self.rows = head, 0
        entry = self._entry(f"xl/worksheets/sheet{len(self._names)}.xml")
        self._part = self._archive.open(entry, "w", force_zip64=True)
        columns = "".join(
            f'<col min="{n}" max="{n}" width="{width}" customWidth="1"/>'
            for n, width in enumerate(head.widths, 1)
        )
        frozen = (
            '<sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" '
            'activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>'
            if head.headings else ""
        )  # fmt: skip
        cols = f"<cols>{columns}</cols>" if columns else ""
        top = _row(1, head.headings, BOLD) if head.headings else ""
        self._write(f'{_HEAD}<worksheet xmlns="{_MAIN}">{frozen}{cols}<sheetData>{top}')
        return len(self._names) - 1

    def add(self, rows: Iterable[Sequence[Cell]], style: int = PLAIN) -> None:
        """More rows of the sheet; the caller sees to it that they fit (`MAX_ROWS`)."""
        first = self.rows + (2 if self._head.headings else 1)
        lines = [_row(number, cells, style) for number, cells in enumerate(rows, first)]
        self.rows += len(lines)
        self._write("".join(lines))

    def finish(self, order: Sequence[int]) -> None:
        """Write what holds the sheets together; `order`: their numbers as people see them."""
        self._end_sheet()
        numbers = range(1, len(self._names) + 1)
        sheets = "".join(
            f'<sheet name={quoteattr(self._names[n])} sheetId="{n + 1}" r:id="rId{n + 1}"/>'
            for n in order
        )
        self._put("xl/workbook.xml", f'{_HEAD}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}">'
                  f"<sheets>{sheets}</sheets></workbook>")  # fmt: skip
        targets = [("worksheet", f"worksheets/sheet{n}.xml") for n in numbers]
        self._put("xl/_rels/workbook.xml.rels", _relations([*targets, ("styles", "styles.xml")]))
        self._put("xl/styles.xml", _STYLES)
        self._put("_rels/.rels", _relations([("officeDocument", "xl/workbook.xml")]))
        parts = [("/xl/workbook.xml", "sheet.main"), ("/xl/styles.xml", "styles"),
                 *((f"/xl/worksheets/sheet{n}.xml", "worksheet") for n in numbers)]  # fmt: skip
        overrides = "".join(
            f'<Override PartName="{name}" ContentType="{_TYPE}.{kind}+xml"/>'
            for name, kind in parts
        )
        self._put("[Content_Types].xml", f'{_HEAD}<Types xmlns="{_PACKAGE}/content-types">'
                  '<Default Extension="rels" ContentType='
                  '"application/vnd.openxmlformats-package.relationships+xml"/>'
                  f'<Default Extension="xml" ContentType="application/xml"/>{overrides}</Types>')  # fmt: skip

    # -- inside --------------------------------------------------------------------------------

    def _end_sheet(self) -> None:
        if self._part is None:
            return
        head = self._head
        last = f"{_letter(len(head.headings))}{self.rows + 1}"
        chosen = f'<autoFilter ref="A1:{last}"/>' if head.is_filtered and head.headings else ""
        self._write(f"</sheetData>{chosen}</worksheet>")
        self._part.close()
        self._part = None

    def _write(self, text: str) -> None:
        assert self._part is not None, "no sheet was begun"
        self._part.write(text.encode())

    def _put(self, name: str, text: str) -> None:
        self._archive.writestr(self._entry(name), text)

    def _entry(self, name: str) -> zipfile.ZipInfo:
        entry = zipfile.ZipInfo(name, _MADE)
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry._compresslevel = _LEVEL  # type: ignore[attr-defined]  # ZipFile.open has no other way
        return entry


def _row(number: int, cells: Sequence[Cell], style: int) -> str:
    mark = f' s="{style}"' if style else ""
    made = "".join([_cell(cell, mark) for cell in cells])
    return f'<row r="{number}">{made}</row>'


def _cell(cell: Cell, mark: str) -> str:
    if isinstance(cell, str):
        if _SPECIAL.search(cell) is None and len(cell) <= MAX_CELL:
            return f'<c{mark} t="inlineStr"><is><t>{cell}</t></is></c>'
        text = escape(_ENCODED.sub(r"_x005F_\1", _UNFIT.sub("\ufffd", cell[:MAX_CELL])))
        return f'<c{mark} t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'
    return f"<c{mark}/>" if cell is None else f"<c{mark}><v>{cell}</v></c>"


def _letter(column: int) -> str:
    """`A` for 1, `AA` for 27."""
    letters = ""
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _relations(targets: Sequence[tuple[str, str]]) -> str:
    lines = "".join(
        f'<Relationship Id="rId{n}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for n, (kind, target) in enumerate(targets, 1)
    )
    return f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">{lines}</Relationships>'
