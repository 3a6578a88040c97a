"""What somebody should know about a mail before it goes out; each with a code that pages explain."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from selectolax.lexbor import LexborHTMLParser

from console.content.tokens import Hidden

CLIP_OCTETS = 102 * 1024  # Gmail shows no more of a mail
SHOWN = 80
UNSUBSCRIBE = "enlace_baja"
_HOST = re.compile(
    r"\A(?:https?://)?(?:www\.)?([a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,})(?:[/?#:].*)?\Z"
)


class Severity(StrEnum):
    """What follows from it."""

    WARNING = "warning"  # ask before it is sent
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One of them; `shown` is the piece of the mail that it is about."""

    code: str
    severity: Severity
    shown: str = ""


@dataclass(frozen=True, slots=True)
class Link:
    """A link as it stands in the mail, numbered from 1."""

    number: int
    url: str
    text: str


@dataclass(frozen=True, slots=True)
class Image:
    """An image; `alt` None: it has no such attribute."""

    url: str
    alt: str | None


def links_of(tree: LexborHTMLParser, hidden: Hidden) -> tuple[Link, ...]:
    """The links, in order."""
    links: list[Link] = []
    for node in tree.css("a[href]"):
        url = hidden.restored((node.attributes.get("href") or "").strip())
        text = " ".join(hidden.restored(node.text(deep=True)).split())
        links.append(Link(len(links) + 1, url, text))
    return tuple(links)


def images_of(tree: LexborHTMLParser, hidden: Hidden) -> tuple[Image, ...]:
    """The images, in order."""
    return tuple(
        Image(hidden.restored(node.attributes.get("src") or ""), node.attributes.get("alt"))
        for node in tree.css("img")
    )


def look_at(
    *,
    size: int,
    links: Sequence[Link],
    images: Sequence[Image],
    removed: Sequence[str],
    text: str,
) -> list[Finding]:
    """Everything that is to be said."""
    found = [Finding("removed", Severity.WARNING, one) for one in removed]
    if size > CLIP_OCTETS:
        found.append(Finding("size", Severity.WARNING, str(size)))
    if not text.strip():
        found.append(Finding("no_text", Severity.WARNING))
    for link in links:
        found += _about_link(link)
    found += _about_images(images)
    if UNSUBSCRIBE not in "".join(link.url for link in links):
        found.append(Finding("no_unsubscribe", Severity.NOTE))
    return found


def _about_link(link: Link) -> list[Finding]:
    url = link.url.lower()
    shown = f"{link.text or '–'} → {link.url}"[:SHOWN]
    if not url or url == "#":
        return [Finding("link_empty", Severity.WARNING, shown)]
    if not url.startswith(("https://", "http://", "mailto:", "tel:", "{{", "{%", "#")):
        return [Finding("link_relative", Severity.WARNING, shown)]
    found = []
    if url.startswith("http://"):
        found.append(Finding("link_insecure", Severity.NOTE, shown))
    said, meant = _HOST.match(link.text.lower()), _HOST.match(url)
    if said and meant and not f".{meant[1]}".endswith(f".{said[1]}"):
        found.append(Finding("link_text", Severity.WARNING, shown))
    if not link.text:
        found.append(Finding("link_unnamed", Severity.NOTE, shown))
    return found


def _about_images(images: Sequence[Image]) -> list[Finding]:
    found = []
    for image in images:
        if image.alt is None:
            found.append(Finding("no_alt", Severity.WARNING, image.url[:SHOWN]))
        if not image.url:
            found.append(Finding("image_empty", Severity.WARNING))
        elif image.url.startswith(("data:", "cid:")):
            found.append(Finding("image_inline", Severity.NOTE, image.url[:30]))
    return found
