"""Puts tracked links and the pixel into HTML: marks now, a recipient's own addresses when it is sent.

Everything else stays as it is, to the octet. Only the `href` of `<a>` and `<area>` with an
http or https address is marked; relative addresses, `mailto:`, `tel:`, `cid:`, `#`, what carries
`data-notrack`, and links of our own (unsubscribe, view in browser) are left alone. So is a link
whose host is a merge field: where it leads must not depend on a recipient's values. Links inside of
comments, which only old Outlook reads, lead straight to their target.

A mark is written with code points that are no characters, so no author can write one.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import unescape
from html.parser import HTMLParser
from typing import NamedTuple

MAX_LINKS = 200  # distinct ones of one message; further ones lead straight to their target
MAX_URL = 2_000  # characters
PIXEL = "\ufdd0o\ufdd1"
_PIXEL_BEFORE = '<img src="{}/o/'
_PIXEL_AFTER = (
    '.gif" width="1" height="1" alt="" style="display:block;width:1px;height:1px;border:0">'
)
_MARK = re.compile("\ufdd0(o|c[0-9]{1,5})\ufdd1")
_NO_CHARACTERS = re.compile("[\ufdd0-\ufdef]")
_FIELD = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_ATTRIBUTE = re.compile(r"""([^\s"'<>/=]+)\s*=\s*("[^"]*"|'[^']*'|[^\s"'<>]+)""")
_TRACKED = re.compile(r"https?://[^/?#\s{}\\@]+(?:[/?#]|\Z)", re.IGNORECASE)
_UNFIT = re.compile(r"[\x00-\x1f\x7f\\]")
_OWN = ("/u/", "/v/", "/c/", "/o/")


class Mark(NamedTuple):
    """A place for an address of the recipient's own; `link` -1: the pixel."""

    link: int


@dataclass(frozen=True, slots=True)
class TrackingOptions:
    """What is tracked in a message, and by which address."""

    base: str  # https://t.example.org, without a path
    opens: bool = True
    clicks: bool = True
    is_anonymous: bool = False  # figures only: the tokens name no recipient


@dataclass(frozen=True, slots=True)
class Instrumented:
    """HTML with marks, and the addresses that its link marks stand for, by number."""

    html: str
    links: tuple[str, ...]


def instrument(html: str, options: TrackingOptions, *, has_fields: bool = True) -> Instrumented:
    """The HTML with marks at its links and at the end of its body.

    `has_fields` False: it is no template, braces stand for themselves.
    """
    html = _NO_CHARACTERS.sub("", html)
    masked = html
    if has_fields:  # they keep their length but lose what HTML would take for markup
        masked = _FIELD.sub(lambda match: "\ue000" * len(match[0]), html)
    finder = _Finder(masked)
    edits: list[tuple[int, int, str]] = []
    links: dict[str, int] = {}
    if options.clicks:
        for start, end in finder.links:
            url = unescape(html[start:end]).strip()
            if not _is_tracked(url, options.base) or ("{{" in url and not has_fields):
                continue
            number = links.setdefault(url, len(links))
            if number >= MAX_LINKS:
                del links[url]
                continue
            edits.append((start, end, f"\ufdd0c{number}\ufdd1"))
    if options.opens:
        edits.append((finder.end, finder.end, PIXEL))
    return Instrumented(_edited(html, edits), tuple(links))


def pixel(base: str) -> tuple[str, str]:
    """The HTML of the pixel before its token and after it."""
    return _PIXEL_BEFORE.format(base), _PIXEL_AFTER


def parts(text: str) -> Iterator[str | Mark]:
    """Text taken apart at its marks; no part is empty."""
    for place, part in enumerate(_MARK.split(text)):
        if place % 2:
            yield Mark(-1 if part == "o" else int(part[1:]))
        elif part:
            yield part


def _is_tracked(url: str, base: str) -> bool:
    if "{%" in url or len(url) > MAX_URL:
        return False
    if not _TRACKED.match(url) or _UNFIT.search(_FIELD.sub("", url)):
        return False
    return not any(url.startswith(base + path) for path in _OWN)


def _edited(html: str, edits: Sequence[tuple[int, int, str]]) -> str:
    pieces: list[str] = []
    at = 0
    for start, end, text in sorted(edits):
        pieces += (html[at:start], text)
        at = end
    return "".join((*pieces, html[at:]))


class _Finder(HTMLParser):
    """Finds where the links stand, and where the body ends."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=False)
        self.links: list[tuple[int, int]] = []  # where the value of href begins and ends
        self.end = len(html)
        self._lines = [0, *(match.end() for match in re.finditer("\n", html))]
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An `<a>` or `<area>` that leads away."""
        if tag not in ("a", "area"):
            return
        names = {name for name, _ in attrs}
        text = self.get_starttag_text()
        if "data-notrack" in names or "href" not in names or text is None:
            return
        begin = self._position()
        for match in _ATTRIBUTE.finditer(text, 1 + len(tag)):
            if match[1].lower() == "href":
                quote = match[2][0] in "\"'"
                start = begin + match.start(2) + quote
                self.links.append((start, start + len(match[2]) - 2 * quote))
                return

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """`<area … />`."""
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        """The last `</body>`."""
        if tag == "body":
            self.end = self._position()

    def _position(self) -> int:
        line, column = self.getpos()
        return self._lines[line - 1] + column
