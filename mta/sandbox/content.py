"""Reads as much of a received message as the simulator shows or needs: headers, pixel, link."""

from email import message_from_bytes, policy
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from html.parser import HTMLParser
from urllib.parse import urlsplit

MAX_HEADER_BYTES = 256 * 1024
MAX_PARSED_BYTES = 2 * 1024 * 1024  # what is longer has no business with a tracking pixel


def split_headers(raw: bytes) -> tuple[tuple[str, str], ...]:
    """Header fields in order, unfolded; lines that are no field are left out."""
    end = raw.find(b"\r\n\r\n", 0, MAX_HEADER_BYTES)
    block = raw[: end if end >= 0 else MAX_HEADER_BYTES].decode("utf-8", "replace")
    fields: list[tuple[str, str]] = []
    for line in block.split("\r\n"):
        if line[:1] in (" ", "\t") and fields:
            name, value = fields[-1]
            fields[-1] = (name, f"{value} {line.strip()}")
        else:
            name, colon, value = line.partition(":")
            if colon and name and " " not in name:
                fields.append((name, value.strip()))
    return tuple(fields)


def decode_words(value: str) -> str:
    """A field's value with its encoded words (RFC 2047) decoded; as it is when that fails."""
    if "=?" not in value:
        return value
    try:
        return str(make_header(decode_header(value)))
    except (HeaderParseError, LookupError, ValueError):
        return value


def tracking_urls(raw: bytes, allowed_host: str) -> tuple[str, str]:
    """(first image, first link) of the HTML part that lie on `allowed_host` (`host[:port]`).

    Empty texts for what is not there. Only http and https count.
    """
    message = message_from_bytes(raw[:MAX_PARSED_BYTES], policy=policy.default)
    part = message.get_body(preferencelist=("html",))
    if part is None:
        return "", ""
    try:
        html = part.get_content()
    except (KeyError, LookupError):  # a multipart in disguise, an unknown charset
        return "", ""
    finder = _UrlFinder(allowed_host)
    finder.feed(str(html))
    return finder.image, finder.link


class _UrlFinder(HTMLParser):
    def __init__(self, allowed_host: str) -> None:
        super().__init__()
        self._allowed_host = allowed_host.lower()
        self.image = ""
        self.link = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img" and not self.image:
            self.image = self._allowed(dict(attrs).get("src"))
        elif tag == "a" and not self.link:
            self.link = self._allowed(dict(attrs).get("href"))

    def _allowed(self, url: str | None) -> str:
        return url if url and is_allowed(url, self._allowed_host) else ""


def is_allowed(url: str, allowed_host: str) -> bool:
    """Whether a URL is http(s) and on that `host[:port]`: mail must not make us fetch elsewhere."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc.lower() == allowed_host.lower() != ""
