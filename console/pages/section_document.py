"""Sections of tables as a document to print: HTML that becomes a PDF.

A band with the title and what the document is about, then the sections; headings of tables repeat on
each page, and each page has the beginning of the document's hash.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import jinja2

from console.pages.texts import Texts
from console.reports.usage.layout import Column, Kind, Section, Table, shown

_FIGURES = (Kind.NUMBER, Kind.DECIMAL, Kind.SHARE, Kind.SPAN)
_WIDE = 6  # printed columns from which a section lies on its side
_LONG = 40  # characters without a space: hashes, which may break anywhere
MAX_PRINTED = 300  # rows of a table: WeasyPrint takes 15 ms for each


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands at the top of the document and on each page."""

    title: str
    subtitle: str
    owner: str
    number: str  # "" while it has none
    digest: str  # of the data, SHA-256
    signatures: Sequence[str] = ()  # who signs: one line each, under an empty space


def section_document(
    heading: Heading, sections: Sequence[Section], texts: Texts, zone: ZoneInfo
) -> str:
    """The whole document. Takes some CPU: call it in a thread."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("console.pages", "documents"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("sections.html").render(
        t=texts,
        heading=heading,
        sections=sections,
        cells=lambda table, row: _cells(table, row, texts, zone),
        is_figure=lambda column: column.kind in _FIGURES,
        printed=_printed,
        is_wide=lambda section: any(
            len(_printed(table)) > _WIDE for table in section.tables if table.is_printed
        ),
        is_long=lambda text: max(map(len, text.split()), default=0) >= _LONG,
        max_printed=MAX_PRINTED,
        page=_page_words(texts),
    )


def _page_words(texts: Texts) -> str:
    """What stands at the foot, as CSS: text and counters in turn."""
    before, rest = texts("document.page", page="\0", pages="\1").split("\0")
    between, after = rest.split("\1")
    first, second, third = (json.dumps(one, ensure_ascii=False) for one in (before, between, after))
    return f"{first} counter(page) {second} counter(pages) {third}"


def _printed(table: Table) -> Sequence[Column]:
    return [column for column in table.columns if column.is_printed]


def _cells(
    table: Table, row: Sequence[object], texts: Texts, zone: ZoneInfo
) -> Sequence[tuple[str, bool]]:
    """Those that are printed: text, and whether it is a figure."""
    return [
        (shown(cell, column.kind, texts, zone), column.kind in _FIGURES)  # type: ignore[arg-type]
        for column, cell in zip(table.columns, row, strict=True)
        if column.is_printed
    ]
