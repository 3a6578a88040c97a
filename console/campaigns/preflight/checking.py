"""Checks of a content: links, images, size, subject, words, fields. Pure functions of texts.

The lint is our own; its rules are these functions and lists, and nothing is sent to anybody.
"""

import ipaddress
import re
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from console.campaigns.ports import Column
from console.campaigns.preflight.findings import Finding
from console.campaigns.preflight.reading import Body, Link, read_body
from console.campaigns.values import Content
from console.content.preview import Coverage, coverage
from console.content.source import fields_of

CLIPPED = 102 * 1024  # bytes of HTML that Gmail shows
LONG_SUBJECT = 78
MAX_LINKS_TOLD = 10
SHORTENERS = frozenset(
    (
        "bit.ly", "tinyurl.com", "goo.gl", "t.co", "ow.ly", "is.gd", "buff.ly", "cutt.ly",
        "rebrand.ly", "acortar.link", "shorturl.at", "tiny.cc", "rb.gy", "t.ly",
    )
)  # fmt: skip
SPAM_WORDS = (
    "gratis", "dinero fácil", "gana dinero", "gane dinero", "haga clic aquí", "oferta exclusiva",
    "100% gratis", "sin riesgo", "garantizado", "urgente!!!", "felicitaciones, ganó", "préstamo ya",
    "viagra", "casino", "criptomoneda", "free money", "click here", "act now", "risk free",
    "winner", "you have won", "make money fast", "guaranteed", "limited offer", "no obligation",
)  # fmt: skip
ADVERTISING = "PUBLICIDAD"
_REPLY = re.compile(r"\s*(re|rv|fwd?|reenviado)\s*:", re.IGNORECASE)
_SHOWN_URL = re.compile(r"(?:https?://)?((?:[a-z0-9-]+\.)+[a-z]{2,})(?:[/?#]\S*)?\Z", re.IGNORECASE)
_POSTAL = re.compile(
    r"\b(av\.|avenida|jr\.|jirón|jiron|calle|pasaje|urb\.|direcci[oó]n|street|address)",
    re.IGNORECASE,
)
_SENTENCE = 20  # letters; shorter subjects in capitals are names


def check_content(
    content: Content, html: str, text: str, columns: Sequence[Column]
) -> list[Finding]:
    """All that can be said of the content; `html` and `text` are what goes out, with its fields."""
    body = read_body(html)
    found = [
        *_subject(content),
        *_links(body.links),
        *_body(body, html, text),
        *_words(f"{content.subject} {body.words} {text}"),
        *_fields((content.subject, content.from_name, html, text), columns),
    ]
    if content.files:
        found.append(Finding("files.attached", {"count": len(content.files)}))
    if content.is_commercial:
        found += _commercial(content, f"{body.words} {text}")
    return found


def _subject(content: Content) -> Iterator[Finding]:
    subject = content.subject
    letters = [c for c in subject.removeprefix(ADVERTISING) if c.isalpha()]
    if len(letters) >= _SENTENCE and all(c.isupper() for c in letters):
        yield Finding("subject.capitals")
    if sum(subject.count(mark) for mark in "!¡?¿") > 4 or "!!" in subject or "??" in subject:
        yield Finding("subject.marks")
    if match := _REPLY.match(subject):
        yield Finding("subject.reply", {"start": match[0].strip()})
    if len(subject) > LONG_SUBJECT:
        yield Finding("subject.long", {"count": len(subject)})


def _links(links: Sequence[Link]) -> Iterator[Finding]:
    told = 0
    for link in links:
        for finding in _link(link):
            told += 1
            if told <= MAX_LINKS_TOLD:
                yield finding


def _link(link: Link) -> Iterator[Finding]:
    shown = {"link": link.target[:120]}
    try:
        parts = urlsplit(link.target)
        host = (parts.hostname or "").lower()
    except ValueError:
        yield Finding("links.script", shown)
        return
    if parts.scheme in ("javascript", "data", "vbscript", "file"):
        yield Finding("links.script", shown)
    if parts.scheme == "http":
        yield Finding("links.http", shown)
    if host.removeprefix("www.") in SHORTENERS:
        yield Finding("links.shortener", shown)
    if _is_address(host):
        yield Finding("links.address", shown)
    said = _SHOWN_URL.match(link.text)
    if said and host and not _same_site(said[1].lower(), host):
        yield Finding("links.mismatch", {**shown, "shown": link.text[:120]})


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _same_site(shown: str, host: str) -> bool:
    shown, host = shown.removeprefix("www."), host.removeprefix("www.")
    return shown == host or host.endswith(f".{shown}") or shown.endswith(f".{host}")


def _body(body: Body, html: str, text: str) -> Iterator[Finding]:
    size = len(html.encode())
    if size > CLIPPED:
        yield Finding("size.clipped", {"size": size // 1024})
    if body.images_without_alt:
        yield Finding("images.alt", {"count": body.images_without_alt})
    if body.images and len(body.words) < 20 * body.images and len(body.words) < 200:
        yield Finding("images.only")
    if html and not text:
        yield Finding("text.missing")
    if body.has_hidden:
        yield Finding("spam.hidden")


def _words(text: str) -> Iterator[Finding]:
    lower = text.lower()
    known = [word for word in SPAM_WORDS if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", lower)]
    if len(known) > 1:
        yield Finding("spam.words", {"words": ", ".join(known)})


def _commercial(content: Content, words: str) -> Iterator[Finding]:
    if not content.subject.lstrip().upper().startswith(ADVERTISING):
        yield Finding("commercial.subject")
    if not content.from_name.strip():
        yield Finding("commercial.sender")
    if not _POSTAL.search(words):
        yield Finding("commercial.address")


def _fields(texts: Sequence[str], columns: Sequence[Column]) -> Iterator[Finding]:
    """Fields that the audience does not have, and those that are empty for some."""
    for one in covered(texts, columns):
        values: dict[str, str | int] = {
            "field": one.name,
            "empty": one.missing,
            "total": one.filled + one.missing,
        }
        if one.is_unknown:
            meant = {"meant": one.meant}
            yield Finding("fields.like" if one.meant else "fields.unknown", {**values, **meant})
        elif not one.column:
            yield Finding("fields.nobody", {**values, "default": one.default})
        elif one.missing and (one.is_needed or one.default):
            yield Finding("fields.empty" if one.is_needed else "fields.default", values)


def covered(texts: Sequence[str], columns: Sequence[Column]) -> list[Coverage]:
    """How far the audience fills the fields of the texts; a column that was not counted is full."""
    rows = max((column.filled for column in columns), default=0)
    filled = {column.name: column.filled or rows for column in columns}
    return coverage(fields_of(*texts), filled, rows)
