"""The report as XLSX: a sheet for each section, real numbers and dates, native charts, no formula.

Nothing that people wrote can become a formula, a link or a number: every text is written as text.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, tzinfo
from io import BytesIO
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import xlsxwriter
from xlsxwriter.worksheet import Worksheet

from console.reports.usage.data import DAYS, HOURS, UsageReport
from console.reports.usage.layout import Bars, Cell, Column, HeatMap, Kind, Section, Table, Words
from console.reports.usage.sections import sections
from console.reports.workbooks import MAX_ROWS, fit

_MAX_SHEET_NAME = 31
_CHART_ROWS = 17  # of a sheet that a chart covers
_FORMATS = {
    Kind.NUMBER: "#,##0",
    Kind.DECIMAL: "#,##0.0",
    Kind.SHARE: "0.0%",
    Kind.MOMENT: "yyyy-mm-dd hh:mm",
    Kind.DAY: "yyyy-mm-dd",
    Kind.SPAN: "[h]:mm:ss",
}
_COLOURS = ("#1f6f5c", "#d9822b", "#5470c6")
_DAY_S = 86_400


class _Formats(NamedTuple):
    """Of a workbook; cells of a kind, and the same in a line of sums."""

    title: Any
    text: Any
    heading: Any
    cells: dict[Kind, Any]
    sums: dict[Kind, Any]
    hour: Any


def workbook(report: UsageReport, words: Words, mark: str = "") -> bytes:
    """The whole file, `mark` on its cover and each printed page. Takes CPU: call it in a thread."""
    file = BytesIO()
    options = {
        "in_memory": True,
        "strings_to_formulas": False,
        "strings_to_numbers": False,
        "strings_to_urls": False,
    }
    book = xlsxwriter.Workbook(file, options)
    formats = _formats(book)
    cover = report.cover
    book.set_properties({
        "title": f"{words('usage_report.title')} {cover.number}",
        "subject": fit(cover.account_name),
        "comments": f"SHA-256 {report.digest()}",
        "created": datetime.fromtimestamp(cover.made_ms / 1000, UTC),
    })  # fmt: skip
    _cover(book, report, words, formats)
    zone = ZoneInfo(cover.zone)
    for section in sections(report, words):
        _Sheet(book, section, words, formats, zone).write()
    if mark:
        _mark(book, mark, formats)
    book.close()
    return file.getvalue()


def _mark(book: Any, mark: str, formats: _Formats) -> None:
    cover, *_ = book.worksheets()
    cover.write_string(1, 0, mark, formats.title)
    for sheet in book.worksheets():
        sheet.set_header(f"&C&20{mark}")


def _formats(book: Any) -> _Formats:
    def kinds(more: dict[str, Any]) -> dict[Kind, Any]:
        made = {k: book.add_format({"num_format": shape, **more}) for k, shape in _FORMATS.items()}
        return {**made, Kind.TEXT: book.add_format(more)}

    return _Formats(
        book.add_format({"bold": True, "font_size": 15, "font_color": _COLOURS[0]}),
        book.add_format({"font_color": "#555555"}),
        book.add_format({"bold": True, "bg_color": _COLOURS[0], "font_color": "#ffffff",
                         "text_wrap": True, "valign": "vcenter"}),
        kinds({"valign": "top"}),
        kinds({"bold": True, "top": 1}),
        book.add_format({"bold": True, "align": "center"}),
    )  # fmt: skip


def _cover(book: Any, report: UsageReport, words: Words, formats: _Formats) -> None:
    cover, zone = report.cover, ZoneInfo(report.cover.zone)
    sheet = book.add_worksheet(_name(words("usage_report.title")))
    sheet.set_column(0, 0, 26)
    sheet.set_column(1, 1, 70)
    sheet.hide_gridlines(2)
    sheet.write_string(0, 0, words("usage_report.title"), formats.title)
    facts = (
        ("number", words("usage_report.number", n=cover.number)),
        ("account", cover.account_name),
        ("contract", cover.contract_name or words("usage_report.no_contract")),
        ("period", words("usage_report.period", first=words.date(date.fromisoformat(cover.first)),
                         last=words.date(date.fromisoformat(cover.last)))),
        ("zone", cover.zone),
        ("made", words.moment(cover.made_ms, zone)),
        ("made_by", cover.made_by),
        ("hash", report.digest()),
    )  # fmt: skip
    for row, (key, text) in enumerate(facts, start=2):
        label = {"number": "column.number", "period": "column.span"}.get(key, key)
        sheet.write_string(row, 0, words(f"usage_report.{label}"), formats.text)
        sheet.write_string(row, 1, fit(text))
    start = len(facts) + 4
    sheet.write_string(start - 1, 0, words("usage_report.contents"), formats.title)
    for place, section in enumerate(sections(report, words)):
        target = f"internal:'{_sheet_name(section)}'!A1"
        sheet.write_url(start + place, 0, target, string=section.heading)


class _Sheet:
    """Writes one section."""

    def __init__(
        self, book: Any, section: Section, words: Words, formats: _Formats, zone: tzinfo
    ) -> None:
        self._book, self._section, self._words = book, section, words
        self._formats, self._zone = formats, zone
        self._sheet: Worksheet = book.add_worksheet(_sheet_name(section))
        self._row = 0

    def write(self) -> None:
        """Heading, words, tables with their charts beside them, maps of opens."""
        sheet, section = self._sheet, self._section
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.fit_to_pages(1, 0)
        self._widths()
        sheet.write_string(0, 0, section.heading, self._formats.title)
        sheet.write_string(1, 0, section.intro, self._formats.text)
        self._row = 2
        for note in section.notes:
            sheet.write_string(self._row, 0, note)
            self._row += 1
        self._row += 1
        for place, table in enumerate(section.tables):
            self._table(table, is_first=place == 0)
        if section.maps:
            self._maps(section.maps)

    def _widths(self) -> None:
        widest: dict[int, int] = {}
        for table in self._section.tables:
            for place, column in enumerate(table.columns):
                widest[place] = max(widest.get(place, 0), column.width)
        for place, width in widest.items():
            self._sheet.set_column(place, place, width)

    def _table(self, table: Table, *, is_first: bool) -> None:
        sheet = self._sheet
        if table.title:
            sheet.write_string(self._row, 0, table.title, self._formats.hour)
            self._row += 1
        if not table.rows:
            sheet.write_string(self._row, 0, table.empty)
            self._row += 2
            return
        for place, column in enumerate(table.columns):
            sheet.write_string(self._row, place, column.title, self._formats.heading)
        if is_first and len(table.rows) > 1 and not table.is_facts:
            sheet.freeze_panes(self._row + 1, 1)
        first = self._row + 1
        rows = table.rows[: MAX_ROWS - first - 10]
        for offset, row in enumerate(rows):
            self._cells(first + offset, table.columns, row, self._formats.cells)
        last = first + len(rows) - 1
        if is_first and not table.is_facts:
            sheet.autofilter(self._row, 0, last, len(table.columns) - 1)
            sheet.repeat_rows(self._row)
        self._row = last + 1
        if table.total is not None:
            self._cells(self._row, table.columns, table.total, self._formats.sums)
            self._row += 1
        self._row += 1
        if table.bars is not None:
            self._chart(table, table.bars, first, last)

    def _cells(
        self, at: int, columns: Sequence[Column], row: Sequence[Cell], formats: dict[Kind, Any]
    ) -> None:
        for place, (column, cell) in enumerate(zip(columns, row, strict=True)):
            shape = formats[column.kind]
            if isinstance(cell, str) and not (column.kind is Kind.DAY and cell):
                self._sheet.write_string(at, place, fit(cell), formats[Kind.TEXT])
                continue
            value = _value(cell, column.kind, self._zone)
            if value is None:
                self._sheet.write_blank(at, place, None, shape)
            elif isinstance(value, datetime | date):
                self._sheet.write_datetime(at, place, value, shape)
            else:
                self._sheet.write_number(at, place, value, shape)

    def _chart(self, table: Table, bars: Bars, first: int, last: int) -> None:
        if bars.top:
            last = min(last, first + bars.top - 1)
        chart = self._book.add_chart({"type": "column"})
        name = self._sheet.get_name()
        for place, column in enumerate(bars.columns):
            chart.add_series({
                "name": table.columns[column].title,
                "categories": [name, first, bars.labels[0], last, bars.labels[1]],
                "values": [name, first, column, last, column],
                "fill": {"color": _COLOURS[place % len(_COLOURS)]},
                "line": {"color": _COLOURS[place % len(_COLOURS)]},
            })  # fmt: skip
        chart.set_title({"name": bars.title, "name_font": {"size": 12}})
        chart.set_size({"width": 900, "height": 320})
        chart.set_legend({"position": "bottom"} if len(bars.columns) > 1 else {"none": True})
        self._sheet.insert_chart(self._row, 0, chart)
        self._row += _CHART_ROWS

    def _maps(self, maps: Sequence[HeatMap]) -> None:
        """On a sheet of their own: a line for each map and day, a column for each hour."""
        words = self._words
        sheet = self._book.add_worksheet(
            _name(f"{self._section.letter}) {words('report.by_week')}")
        )
        sheet.set_column(0, 0, 34)
        sheet.set_column(1, 1, 8)
        sheet.set_column(2, 1 + HOURS, 5.5)
        sheet.freeze_panes(1, 2)
        titles = (words("usage_report.column.campaign"), words("usage_report.column.day"))
        for place, title in enumerate((*titles, *(f"{hour:02}" for hour in range(HOURS)))):
            sheet.write_string(0, place, title, self._formats.heading)
        number = self._formats.cells[Kind.NUMBER]
        for place, one in enumerate(maps):
            begin = 1 + place * DAYS
            for day in range(DAYS):
                sheet.write_string(begin + day, 0, fit(one.title))
                sheet.write_string(begin + day, 1, words.weekday(day))
                for hour, count in enumerate(one.heat[day]):
                    sheet.write_number(begin + day, 2 + hour, count, number)
            sheet.conditional_format(begin, 2, begin + DAYS - 1, 1 + HOURS, {
                "type": "2_color_scale", "min_color": "#ffffff", "max_color": _COLOURS[0],
            })  # fmt: skip


def _value(cell: Cell, kind: Kind, zone: tzinfo) -> Any:
    """As a sheet keeps it; None: nothing."""
    if isinstance(cell, tuple):
        return cell[0] / cell[1] if cell[1] else None
    if cell is None or (kind in (Kind.MOMENT, Kind.DAY) and not cell):
        return None
    if kind is Kind.MOMENT and isinstance(cell, int | float):
        return datetime.fromtimestamp(cell / 1000, zone).replace(tzinfo=None)
    if kind is Kind.DAY and isinstance(cell, str):
        return date.fromisoformat(cell)
    if kind is Kind.SPAN and isinstance(cell, int | float):
        return cell / _DAY_S
    return cell


def _sheet_name(section: Section) -> str:
    letter = f"{section.letter}) " if section.letter else ""
    return _name(f"{section.number} {letter}{section.title}")


def _name(text: str) -> str:
    for character in "[]:*?/\\'":
        text = text.replace(character, " ")
    return text[:_MAX_SHEET_NAME].strip()
