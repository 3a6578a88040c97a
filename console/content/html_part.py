"""Finds the HTML part of a finished message, and puts another one in its place.

Nothing else of the message changes. What is signed or encrypted by its author, attached, of a
charset that is no superset of ASCII, or nested deeper than any mail program makes it is not found.
"""

import re
from binascii import Error, a2b_base64, a2b_qp
from collections.abc import Iterator
from email.message import Message
from email.parser import BytesHeaderParser
from typing import NamedTuple

MAX_DEPTH = 6
MAX_PARTS = 50
MAX_HEADER = 64 * 1024
_CHARSETS = re.compile(
    r"(?:us-)?ascii|utf-?8|iso-8859-\d{1,2}|latin-?1|windows-125\d|cp125\d", re.I
)
_CLOSED = frozenset({"multipart/signed", "multipart/encrypted", "multipart/report"})
_ENCODING = re.compile(
    rb"(?im)^(?:content-transfer-encoding|content-length|content-md5)[ \t]*:[^\n]*\n(?:[ \t][^\n]*\n)*"
)
_QUOTED = b"Content-Transfer-Encoding: quoted-printable\r\n"


class HtmlPart(NamedTuple):
    """Where the part stands, and its text; `text` has a character for each octet (Latin-1)."""

    head: int
    body: int
    end: int
    text: str
    charset: str


def find_html(content: bytes) -> HtmlPart | None:
    """The first HTML part that is no attachment."""
    return next(_walk(content, 0, len(content), 0), None)


def replaced(content: bytes, part: HtmlPart, body: bytes) -> bytes:
    """The message with another body of that part, which is quoted-printable."""
    head = _ENCODING.sub(b"", content[part.head : part.body - 2])
    return b"".join((content[: part.head], head, _QUOTED, b"\r\n", body, content[part.end :]))


def _walk(content: bytes, start: int, end: int, depth: int) -> Iterator[HtmlPart]:
    body = _body(content, start, end)
    if body < 0 or body - start > MAX_HEADER or depth > MAX_DEPTH:
        return
    head = BytesHeaderParser().parsebytes(content[start:body])
    kind = head.get_content_type()
    if kind.startswith("multipart/") and kind not in _CLOSED:
        boundary = head.get_boundary()
        if boundary and boundary.isascii():
            for first, last in _parts(content, body, end, b"--" + boundary.encode()):
                yield from _walk(content, first, last, depth + 1)
    elif kind == "text/html" and head.get_content_disposition() != "attachment":
        part = _html(content, start, body, end, head)
        if part is not None:
            yield part


def _body(content: bytes, start: int, end: int) -> int:
    """Where the body begins; -1: there is none."""
    if content.startswith(b"\r\n", start, end):
        return start + 2
    found = content.find(b"\r\n\r\n", start, end)
    return found + 4 if found >= 0 else -1


def _parts(content: bytes, start: int, end: int, mark: bytes) -> Iterator[tuple[int, int]]:
    """Where the parts between the delimiters begin and end."""
    begin = -1
    at = start - 2  # the line end before a delimiter may be that of the header
    for _ in range(MAX_PARTS):
        at = content.find(b"\r\n" + mark, at, end)
        if at < 0:
            return
        line_end = content.find(b"\r\n", at + 2, end)
        rest = content[at + 2 + len(mark) : line_end] if line_end >= 0 else b"?"
        if rest.strip() not in (b"", b"--"):  # another boundary that begins like this one
            at += 2
            continue
        if begin >= 0:
            yield begin, at
        if rest.startswith(b"--"):
            return
        begin, at = line_end + 2, line_end


def _html(
    content: bytes, start: int, body: int, end: int, head: "Message[str, str]"
) -> HtmlPart | None:
    charset = str(head.get_content_charset() or "utf-8")
    if _CHARSETS.fullmatch(charset) is None:
        return None
    encoding = str(head.get("content-transfer-encoding", "7bit")).strip().lower()
    data = content[body:end]
    if encoding == "quoted-printable":
        data = a2b_qp(data)
    elif encoding == "base64":
        try:
            data = a2b_base64(data)
        except Error:
            return None
    elif encoding not in ("7bit", "8bit", "binary"):
        return None
    return HtmlPart(start, body, end, data.decode("latin-1"), charset)
