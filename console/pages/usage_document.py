"""The report of consumption as a document to print: HTML that becomes the PDF.

Cover, contents with page numbers, the sections with the tender's letters; headings of tables repeat on
each page, and each page has the number of the report and the beginning of its hash.
"""

import json
import re
from collections.abc import Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
from markupsafe import Markup

from console.pages.texts import Texts
from console.reports.charts import Frame, Point, bars
from console.reports.drawing import element
from console.reports.ranks import Series, ranked
from console.reports.shapes import heat_map
from console.reports.usage.data import UsageReport
from console.reports.usage.layout import Column, HeatMap, Kind, Table, shown
from console.reports.usage.sections import sections

_FIGURES = (Kind.NUMBER, Kind.DECIMAL, Kind.SHARE, Kind.SPAN)
_SHORT, _LONG = 16, 30  # characters of a column
_MAX_PRINTED = 1_500  # rows of a table; an XLSX has them all
_NOTHING = re.compile(r"<rect [^>]*class=\"heat-0\"></rect>")
_TITLE = re.compile(r"<title>[^<]*</title>")
# WeasyPrint applies no style of the document to a picture: each has its own.
_PICTURE_STYLE = Markup(
    "text { font: 11px 'DejaVu Sans', sans-serif; fill: #4a5568; } "
    ".grid { stroke: #d9dde4; stroke-width: 1; } .mark, .series-0 { fill: #1f6f5c; } "
    ".mark-peak { fill: #d9822b; } .series-1 { fill: #d9822b; } .series-2 { fill: #5470c6; } "
    ".value { font-size: 9px; } .peak-text { font-weight: bold; } "
    ".heat-0 { fill: #f1f4f6; } .heat-1 { fill: #d2e5df; } .heat-2 { fill: #a3cbbf; } "
    ".heat-3 { fill: #6aab99; } .heat-4 { fill: #3c8a76; } .heat-5 { fill: #1f6f5c; } "
    ".heat-best { fill: #d9822b; }"
)


def document(report: UsageReport, texts: Texts) -> str:
    """The whole document. Takes some CPU: call it in a thread."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("console.pages", "documents"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    zone = ZoneInfo(report.cover.zone)
    return environment.get_template("usage_report.html").render(
        t=texts,
        report=report,
        cover=report.cover,
        digest=report.digest(),
        first=texts.date(date.fromisoformat(report.cover.first)),
        last=texts.date(date.fromisoformat(report.cover.last)),
        made=texts.moment(report.cover.made_ms, zone),
        sections=sections(report, texts),
        keys=_keys(report, texts),
        cells=lambda table, row: _cells(table, row, texts, zone),
        look=_look,
        printed=_printed,
        chart=lambda table, identifier: _chart(table, identifier, texts),
        heat=lambda one, identifier: _heat(one, identifier, texts),
        max_printed=_MAX_PRINTED,
        page=_page_words(texts),
    )


def _page_words(texts: Texts) -> str:
    """What stands at the foot, as CSS: text and counters in turn."""
    parts = texts("usage_report.page", page="\0", pages="\1").split("\0")
    before, (between, after) = parts[0], parts[1].split("\1")
    shown_parts = (json.dumps(one, ensure_ascii=False) for one in (before, between, after))
    first, second, third = shown_parts
    return f"{first} counter(page) {second} counter(pages) {third}"


def _keys(report: UsageReport, texts: Texts) -> Sequence[tuple[str, str, str]]:
    """The numbers of the cover: name, number, what it is a part of."""
    balance, sums = report.balance, report.totals
    found = [
        (texts("usage_report.column.attempted"), texts.number(sums.attempted), ""),
        (texts("usage_report.key_success"), texts.percent(sums.delivered, sums.attempted),
         texts.number(sums.delivered)),
        (texts("usage_report.key_opened"), texts.percent(sums.opened, sums.delivered),
         texts.number(sums.opened)),
    ]  # fmt: skip
    if balance.state:
        share = texts.percent(balance.available, balance.granted)
        found.append((texts("usage_report.key_available"), texts.number(balance.available), share))
    return found


def _printed(table: Table) -> Sequence[Any]:
    return [column for column in table.columns if column.is_printed]


def _cells(table: Table, row: Sequence[Any], texts: Texts, zone: ZoneInfo) -> list[tuple[str, str]]:
    """Those that are printed: text, and how it stands."""
    return [
        (shown(cell, column.kind, texts, zone), _look(column))
        for column, cell in zip(table.columns, row, strict=True)
        if column.is_printed
    ]


def _look(column: Column) -> str:
    """A class: `n` figures, `w` long texts, `m` names, `k` what is not broken into lines."""
    if column.kind in _FIGURES:
        return "n"
    if column.kind is not Kind.TEXT or column.width <= _SHORT:
        return "k"
    return "w" if column.width >= _LONG else "m"


def _chart(table: Table, identifier: str, texts: Texts) -> Markup:
    chosen = table.bars
    if chosen is None or not table.rows:
        return Markup("")
    rows = table.rows[: chosen.top or None]
    first, last = chosen.labels
    headings = tuple(table.columns[c].title for c in (first, *chosen.columns))
    frame = Frame(identifier, chosen.title, headings, texts.number, texts("chart.peak"))
    kind = table.columns[first].kind
    if len(chosen.columns) == 1 and (kind is Kind.DAY or not table.is_printed):
        (column,) = chosen.columns
        points = [Point(_short(row[first], kind), _float(row[column])) for row in rows]
        return _styled(bars(frame, points).svg)
    names = [" · ".join(str(cell).strip() for cell in row[first : last + 1]) for row in rows]
    series = [
        Series(table.columns[c].title, [_float(row[c]) for row in rows]) for c in chosen.columns
    ]
    return _styled(ranked(frame, names, series).svg)


def _float(cell: Any) -> float:
    return float(cell or 0)


def _short(cell: Any, kind: Kind) -> str:
    """A label that fits below a bar: `05/09`, `13`."""
    text = str(cell)
    return f"{text[8:]}/{text[5:7]}" if kind is Kind.DAY else text.partition(":")[0]


def _heat(one: HeatMap, identifier: str, texts: Texts) -> Markup:
    headings = (texts("report.day"), texts("report.hour"), texts("usage_report.column.opens"))
    frame = Frame(identifier, one.title, headings, texts.number, texts("chart.peak"))
    days = [texts.weekday(day) for day in range(7)]
    return _styled(heat_map(frame, days, one.heat, lambda hour: f"{hour:02}:00").svg)


def _styled(svg: Markup) -> Markup:
    """With its style inside, and without what only a pointer shows: 168 titles a map are too many."""
    head, _, rest = str(svg).partition(">")
    first, last, others = rest.partition("</title>")
    lean = _NOTHING.sub("", _TITLE.sub("", others))
    return Markup(f"{head}>{element('style', _PICTURE_STYLE)}{first}{last}{lean}")  # noqa: S704  # as it came
