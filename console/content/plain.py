"""The text part of a mail, made from its HTML, as somebody would type it."""

import re
from collections.abc import Callable

from selectolax.lexbor import LexborHTMLParser, LexborNode

_SKIPPED = frozenset(("head", "style", "script", "title", "map"))
_BLOCKS = frozenset(
    [
        "p",
        "div",
        "table",
        "tr",
        "ul",
        "ol",
        "dl",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "blockquote",
        "pre",
        "section",
        "article",
        "header",
        "footer",
        "main",
        "center",
        "address",
        "figure",
        "hr",
    ]
)
_PARAGRAPHS = frozenset(
    ["p", "div", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "blockquote", "table"]
)
_SPACE = re.compile(r"[ \t\r\n\f\u00a0\u200b-\u200d\u034f\u00ad]+")
_HIDDEN = re.compile(r"display\s*:\s*none|mso-hide\s*:\s*all", re.IGNORECASE)
_MANY = re.compile(r"\n{3,}")
_AFTER_TAG = re.compile(r"(\A|\n)(\{%[^}]{0,600}%\}) ?\n+")
_ENDS = re.compile(r"[ \t]+(?=\n)|(?<=\n)[ \t]+")

Token = Callable[[str], str]  # a comment's content → what stands for it, or nothing


def plain_text(tree: LexborHTMLParser, token: Token) -> str:
    """The text, paragraphs with an empty line between them, links behind their words.

    `token` says what a comment stands for: a condition that was hidden in one.
    """
    writer = _Writer(token)
    if tree.body is not None:
        writer.inside(tree.body)
    text = _ENDS.sub("", "".join(writer.parts).replace("\u200b", ""))
    text = _MANY.sub("\n\n", text).strip()
    return f"{text}\n" if text else ""


def tidied(text: str) -> str:
    """Without the empty lines that conditions would leave, whichever way they turn out."""
    return _AFTER_TAG.sub(r"\1\2", text)


class _Writer:
    """Walks the tree; depth is bounded by whoever parsed it."""

    def __init__(self, token: Token) -> None:
        self.parts: list[str] = []
        self._pending = 0  # line ends before what comes next
        self._token = token
        self._lists: list[int] = []  # the next number of each list, 0: bullets

    def inside(self, node: LexborNode) -> None:
        for child in node.iter(include_text=True):
            self._node(child)

    def _node(self, node: LexborNode) -> None:
        if node.is_text_node:
            self._write(_SPACE.sub(" ", node.text_content or ""))
            return
        if node.is_comment_node:
            self._write(self._token(node.comment_content or ""))
            return
        name = (node.tag or "").lower()
        if name in _SKIPPED or _HIDDEN.search(node.attributes.get("style") or ""):
            return
        self._element(node, name)

    def _element(self, node: LexborNode, name: str) -> None:
        if name == "br":
            self._write("\n")
        elif name == "hr":
            self._break(2)
            self._write("-" * 40)
            self._break(2)
        elif name == "img":
            self._write((node.attributes.get("alt") or "").strip())
        elif name == "a":
            self._link(node)
        elif name == "li":
            self._item(node)
        elif name in ("td", "th"):
            self.inside(node)
            self._write(" ")
        else:
            self._block(node, name)

    def _block(self, node: LexborNode, name: str) -> None:
        lines = 2 if name in _PARAGRAPHS else 1 if name in _BLOCKS else 0
        self._break(lines)
        if name in ("ul", "ol"):
            self._lists.append(1 if name == "ol" else 0)
        self.inside(node)
        if name in ("ul", "ol"):
            self._lists.pop()
        self._break(lines)

    def _item(self, node: LexborNode) -> None:
        self._break(1)
        number = self._lists[-1] if self._lists else 0
        if number:
            self._lists[-1] += 1
        self._write(f"{number}. " if number else "- ")
        self.inside(node)
        self._break(1)

    def _link(self, node: LexborNode) -> None:
        self._write("\u200b")  # keeps the place; taken away in the end
        start = len(self.parts)
        self.inside(node)
        words = "".join(self.parts[start:]).strip()
        target = (node.attributes.get("href") or "").strip()
        bare = target.removeprefix("mailto:").removeprefix("tel:")
        if not target or target.startswith("#") or words == bare:
            return
        if words.removeprefix("www.").rstrip("/") == _shown(target):
            self.parts[start:] = [target]
            return
        self._write(f": {bare}" if words else bare)

    def _write(self, text: str) -> None:
        if not text or (self._pending and text == " "):
            return
        if self._pending and self.parts:
            self.parts.append("\n" * self._pending)
        self._pending = 0
        self.parts.append(text)

    def _break(self, lines: int) -> None:
        """At least so many line ends before what comes next; more are taken away in the end."""
        self._pending = max(self._pending, lines)


def _shown(target: str) -> str:
    return target.partition("://")[2].removeprefix("www.").rstrip("/")
