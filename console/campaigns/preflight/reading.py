"""Reads an HTML body for the checks: links with their texts, images, the words that are seen."""

from dataclasses import dataclass
from html.parser import HTMLParser

_UNSEEN = frozenset(("style", "script", "title", "head"))


@dataclass(frozen=True, slots=True)
class Link:
    """A link and what stands in it."""

    target: str
    text: str


@dataclass(frozen=True, slots=True)
class Body:
    """What was found."""

    links: tuple[Link, ...]
    images: int
    images_without_alt: int
    words: str
    has_hidden: bool


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[Link] = []
        self.images = self.without_alt = 0
        self.words: list[str] = []
        self.has_hidden = False
        self._target: str | None = None
        self._text: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag in _UNSEEN:
            self._unseen += 1
        elif tag == "a":
            self._target, self._text = given.get("href", "").strip(), []
        elif tag == "img":
            self.images += 1
            self.without_alt += "alt" not in given
        style = given.get("style", "").replace(" ", "").lower()
        if "font-size:0" in style and "mso-hide" not in style and tag not in ("td", "table", "div"):
            self.has_hidden = True

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._unseen = max(0, self._unseen - 1)
        elif tag == "a" and self._target is not None:
            self.links.append(Link(self._target, " ".join("".join(self._text).split())))
            self._target = None

    def handle_data(self, data: str) -> None:
        if self._unseen:
            return
        self.words.append(data)
        if self._target is not None:
            self._text.append(data)


def read_body(html: str) -> Body:
    """Never raises: HTML of any kind can be read."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    words = " ".join(" ".join(reader.words).split())
    return Body(tuple(reader.links), reader.images, reader.without_alt, words, reader.has_hidden)
