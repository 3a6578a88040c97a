"""A manual, and the guide of a role, as documents to print: cover, contents with page numbers, footer."""

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass

import jinja2
from markupsafe import Markup

from console.manuals.markdown import Entry, printed
from console.manuals.sources import Chapter, Manual, source_folder
from console.pages.texts import Texts


@dataclass(frozen=True, slots=True)
class Part:
    """A chapter as it is printed."""

    html: Markup
    entries: Sequence[Entry]


def manual_document(manual: Manual, texts: Texts, release: str, url: str) -> str:
    """The whole manual. Takes some CPU: call it in a thread."""
    lead = _part(Chapter("", "", manual.lead)).html
    return _render(
        texts, title=manual.title, lead=lead, facts=(), release=release, url=url,
        parts=[_part(chapter) for chapter in manual.chapters],
    )  # fmt: skip


def guide_document(
    title: str,
    lead: str,
    facts: Sequence[tuple[str, str]],
    chapters: Sequence[Chapter],
    texts: Texts,
    url: str,
) -> str:
    """The guide of a role, with what is so in the person's account."""
    return _render(
        texts, title=title, lead=lead, facts=facts, release="", url=url,
        parts=[_part(chapter) for chapter in chapters],
    )  # fmt: skip


def _render(texts: Texts, **values: object) -> str:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("console.pages", "documents"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    before, rest = texts("document.page", page="\0", pages="\1").split("\0")
    between, after = rest.split("\1")
    quoted = [json.dumps(one, ensure_ascii=False) for one in (before, between, after)]
    page = f"{quoted[0]} counter(page) {quoted[1]} counter(pages) {quoted[2]}"
    return environment.get_template("manual.html").render(t=texts, page=page, **values)


@functools.cache
def _part(chapter: Chapter) -> Part:
    made = printed(chapter.text, source_folder())
    return Part(Markup(made.html), made.entries)  # noqa: S704 - from the package's own files
