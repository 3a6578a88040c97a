"""The one way from what somebody has written to what is previewed, tested and sent.

Fields are hidden, MJML becomes HTML, what does not belong into mail is taken out, styles of plain
HTML go into the elements, the text part is made, fields are put back and read. Nothing is fetched
from anywhere and no file is read. Milliseconds for a usual mail: large ones belong into a thread.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import css_inline
from selectolax.lexbor import LexborHTMLParser

from console.content.errors import TemplateError
from console.content.fields import needed, parse, uses
from console.content.findings import Finding, Image, Link, images_of, links_of, look_at
from console.content.mjml import MAX_DEPTH, MAX_SOURCE, mjml_to_html
from console.content.plain import plain_text, tidied
from console.content.sanitising import sanitise
from console.content.slots import filled_slots
from console.content.tokens import Hidden, check_lengths

MAX_OUTPUT = 1024 * 1024  # octets of HTML
MAX_ELEMENTS = 20_000
THREAD_SIZE = 8 * 1024  # characters; what is smaller takes less than a millisecond


class SourceKind(StrEnum):
    """What somebody writes; stored."""

    MJML = "mjml"
    HTML = "html"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class FieldUse:
    """A field of a template."""

    name: str
    count: int
    default: str  # the first one that is given
    is_bare: bool  # somewhere it leaves a hole where it is empty (`fields.needed`)


@dataclass(frozen=True, slots=True)
class CompiledBody:
    """A mail's content, still with its fields."""

    html: str  # empty for plain text
    text: str
    fields: tuple[FieldUse, ...]
    links: tuple[Link, ...]
    images: tuple[Image, ...]
    size: int  # octets of the HTML
    findings: tuple[Finding, ...]


async def compile_source_aside(
    kind: SourceKind, source: str, slots: Mapping[str, object] | None = None
) -> CompiledBody:
    """`compile_source` without holding up the loop."""
    if len(source) < THREAD_SIZE:
        return compile_source(kind, source, slots)
    return await asyncio.to_thread(compile_source, kind, source, slots)


def compile_source(
    kind: SourceKind, source: str, slots: Mapping[str, object] | None = None
) -> CompiledBody:
    """The content. `slots` fill `[[ name ]]`; Raises `TemplateError` with code and line."""
    check_lengths(source, MAX_SOURCE, "html")
    if slots is not None:
        source = filled_slots(source, slots)
        check_lengths(source, 2 * MAX_SOURCE, "html")
    parse(source, "html")  # tells mistakes by the line of the source
    if kind is SourceKind.TEXT:
        return CompiledBody("", source, fields_of(source), (), (), 0, ())
    return _compiled(Hidden(source, "html", is_markup=True), kind)


def _compiled(hidden: Hidden, kind: SourceKind) -> CompiledBody:
    html = mjml_to_html(hidden.text) if kind is SourceKind.MJML else _whole(hidden.text)
    _check_size(html)
    tree = LexborHTMLParser(html)
    _check_depth(tree)
    removed = sanitise(tree)
    _check_styles(tree, hidden)
    if kind is SourceKind.HTML:
        inlined = _INLINER.inline(_serialised(tree))
        tree = LexborHTMLParser(inlined)
    html = _serialised(tree)
    text = tidied(hidden.restored(plain_text(tree, hidden.comment_token)))
    links, images = links_of(tree, hidden), images_of(tree, hidden)
    html = hidden.restored(html)
    parse(text, "text")
    size = len(html.encode())
    if size > MAX_OUTPUT:
        raise TemplateError(f"html: {size} octets, at most {MAX_OUTPUT}", code="too_long")
    findings = look_at(size=size, links=links, images=images, removed=removed, text=text)
    return CompiledBody(html, text, fields_of(html), links, images, size, tuple(findings))


_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]*)")
_FREE = frozenset(  # have no end, or need none, so they lie in no others of their kind
    [
        "area",
        "br",
        "col",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "wbr",
        "source",
        "p",
        "li",
        "td",
        "th",
        "tr",
        "dt",
        "dd",
        "option",
        "tbody",
        "thead",
    ]
)
_INLINER = css_inline.CSSInliner(
    load_remote_stylesheets=False, keep_style_tags=True, keep_link_tags=False, keep_at_rules=True
)


def _whole(html: str) -> str:
    """HTML with a doctype: without one readers measure boxes as in 1998."""
    start = html[:200].lstrip().lower()
    return html if start.startswith("<!doctype") else f"<!doctype html>\n{html}"


def _serialised(tree: LexborHTMLParser) -> str:
    html = tree.html or ""
    return html if html[:9].lower() == "<!doctype" else f"<!doctype html>\n{html}"


def _check_size(html: str) -> None:
    """Before anything is parsed: elements in each other take the square of their number."""
    if len(html) > 2 * MAX_OUTPUT:
        raise TemplateError(f"html: more than {2 * MAX_OUTPUT} characters", code="too_long")
    count = html.count("<")
    if count > 2 * MAX_ELEMENTS:
        raise TemplateError(f"html: more than {MAX_ELEMENTS} elements", code="too_many")
    depth = deepest = 0
    for match in _TAG.finditer(html):
        if match[2].lower() in _FREE:
            continue
        depth = max(0, depth + (-1 if match[1] else 1))
        deepest = max(deepest, depth)
    if deepest > 10 * MAX_DEPTH:
        raise TemplateError(f"html: more than {10 * MAX_DEPTH} levels", code="too_deep")


def _check_depth(tree: LexborHTMLParser) -> None:
    """What comes next is recursive."""
    node = tree.root
    depth = 0
    while node is not None:  # in document order, without recursion
        if node.child is not None:
            node, depth = node.child, depth + 1
            if depth > 4 * MAX_DEPTH:
                raise TemplateError(f"html: more than {4 * MAX_DEPTH} levels", code="too_deep")
            continue
        while node is not None and node.next is None:
            node, depth = node.parent, depth - 1
        node = node.next if node is not None else None


def _check_styles(tree: LexborHTMLParser, hidden: Hidden) -> None:
    """A value in a style would be read as style, whatever is escaped."""
    pattern = hidden.pattern()
    texts = [node.text() for node in tree.css("style")]
    texts += [node.attributes.get("style") or "" for node in tree.css("[style]")]
    for text in texts:
        if found := pattern.search(text):
            token = hidden.restored(found[0])
            raise TemplateError(
                f"html: {token} stands in a style", code="field_in_style", shown=token
            )


def fields_of(*texts: str) -> tuple[FieldUse, ...]:
    """The fields of some texts together, in the order in which they come."""
    counts: Counter[str] = Counter()
    defaults: dict[str, str] = {}
    bare: set[str] = set()
    for text in texts:
        pieces = parse(text, "html")
        bare.update(needed(pieces))
        for name, field in uses(pieces):
            counts[name] += 1
            if field is not None and field.default:
                defaults.setdefault(name, field.default)
    return tuple(
        FieldUse(name, n, defaults.get(name, ""), name in bare) for name, n in counts.items()
    )
