"""Markdown of a manual as HTML to print: pictures inside it, links only to what the document has."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

_KINDS = {".webp": "image/webp", ".png": "image/png"}


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the contents."""

    level: int  # 2 or 3
    title: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Printed:
    """HTML and the headings in it."""

    html: str
    entries: Sequence[Entry]


def printed(text: str, folder: Path) -> Printed:
    """The text as HTML; `folder`: where its pictures are looked for."""
    reader = MarkdownIt("commonmark", {"html": True}).enable("table")
    tokens = reader.parse(text)
    entries = []
    anchors: set[str] = set()
    for token, following in zip(tokens, [*tokens[1:], None], strict=True):
        if token.type == "heading_open" and following is not None:
            title = _plain(following)
            anchor = _anchor(title)
            token.attrSet("id", anchor)
            anchors.add(anchor)
            if token.tag in ("h2", "h3"):
                entries.append(Entry(int(token.tag[1]), title, anchor))
    for token in tokens:
        _adapt(token.children or (), anchors, folder)
    return Printed(reader.renderer.render(tokens, reader.options, {}), entries)


def _adapt(tokens: Sequence[Token], anchors: set[str], folder: Path) -> None:
    """Pictures into the text; a link to another file becomes its words."""
    is_dropped = False
    for token in tokens:
        if token.type == "image":
            token.attrSet("src", _picture(folder / str(token.attrGet("src"))))
        elif token.type == "link_open":
            target = str(token.attrGet("href"))
            is_dropped = "://" not in target and target.removeprefix("#") not in anchors
            if is_dropped:
                token.tag = "em"
                token.attrs = {}
        elif token.type == "link_close" and is_dropped:
            token.tag = "em"


def _picture(path: Path) -> str:
    kind = _KINDS[path.suffix]
    return f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"


def _plain(inline: Token) -> str:
    return "".join(child.content for child in inline.children or ())


def _anchor(heading: str) -> str:
    """As the usual forges have them."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
