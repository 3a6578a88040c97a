"""The MIME structure of a mail: text and HTML as alternatives, inline images, attachments.

    mixed( alternative( text, related( html, inline images ) ), attachments )

with each level only where it is needed (RFC 2046 §5.1, RFC 2387). Texts are quoted-printable and
files base64, neither of which can hold `=_`: so no content can end a part.
"""

import hashlib
import re
from binascii import b2a_base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PureWindowsPath

from console.content import wire
from console.content.conditions import stored
from console.content.errors import TemplateError
from console.content.fields import Choice, Field, Pieces
from console.content.segments import Kind, Segment, static
from console.tracking.instrumenting import Mark, parts
from mta.intake.header_encoding import Unencodable, encode_field

MAX_FILE_NAME = 150  # characters
LINE = 57  # octets of a line of base64: 76 columns (RFC 2045 §6.8)
_MEDIA_TYPE = re.compile(
    r"(?P<kind>[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126})/[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
    r'(?:;[ ]?[A-Za-z0-9!#$&^_.+-]+=(?:[A-Za-z0-9!#$&^_.+:/-]+|"[ !#-\[\]-~]*"))*\Z'
)
_CONTENT_ID = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]+(?:@[A-Za-z0-9.-]+)?\Z")
# Controls, and marks that make a name read in another order (RFC 9839 §2.2, Unicode TR 36).
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)
# A field that follows is a link as a whole, so its value also says the scheme.
_LINK = re.compile(r"(?:href|src|background|action)\s*=\s*[\"']?\s*\Z", re.IGNORECASE)
_LINK_REACH = 40
_FORBIDDEN = re.compile(r'[<>:"/\\|?*]')
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\.|\Z)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class File:
    """An attachment; with a content id it is an image inside of the HTML."""

    name: str
    content_type: str
    data: bytes = field(repr=False)
    content_id: str = ""


def content(texts: Pieces, htmls: Pieces, files: Sequence[File] = ()) -> list[Segment]:
    """The header fields of the content and the body. Raises `TemplateError`."""
    inline = [one for one in files if one.content_id and htmls]
    attached = [one for one in files if not (one.content_id and htmls)]
    if not texts and not htmls and not files:
        raise TemplateError("text: the message has neither text nor HTML nor attachments")
    digest = hashlib.blake2b(repr((texts, htmls)).encode(), digest_size=12).hexdigest()
    html = _text("html", htmls, Kind.HTML) if htmls else []
    if inline:
        html = _multipart('related; type="text/html"', f"{digest}r", [html, *map(_file, inline)])
    body = html
    if texts or not htmls:
        body = _text("plain", texts, Kind.TEXT)
        if htmls:
            body = _multipart("alternative", digest, [body, html])
    if attached:
        body = _multipart("mixed", f"{digest}m", [body, *map(_file, attached)])
    return body


def _multipart(subtype: str, mark: str, parts: Sequence[list[Segment]]) -> list[Segment]:
    boundary = f"=_{mark}"
    segments = [static(f'Content-Type: multipart/{subtype}; boundary="{boundary}"\r\n')]
    for part in parts:
        # The line end before a boundary belongs to it (RFC 2046 §5.1.1).
        segments += [static(f"\r\n--{boundary}\r\n"), *part]
    segments.append(static(f"\r\n--{boundary}--\r\n"))
    return segments


def _text(subtype: str, pieces: Pieces, kind: Kind) -> list[Segment]:
    segments = [
        static(
            f"Content-Type: text/{subtype}; charset=utf-8\r\n"
            "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
        )
    ]
    segments += _body(pieces, kind)
    last = pieces[-1] if pieces else ""
    if not isinstance(last, str) or not last.endswith(("\n", "\r")):
        segments.append(static("\r\n"))
    return segments


def _body(pieces: Pieces, kind: Kind) -> list[Segment]:
    segments: list[Segment] = []
    before = ""
    for piece in pieces:
        if isinstance(piece, Field):
            is_link = kind is Kind.HTML and _LINK.search(before[-_LINK_REACH:])
            segments.append([Kind.URL if is_link else kind, *piece])
            before = ""
        elif isinstance(piece, Choice):
            arms = [
                [None if condition is None else stored(condition), _body(inner, kind)]
                for condition, inner in piece.arms
            ]
            segments.append([Kind.CHOICE, arms])
            before = ""
        else:
            segments += map(_part, parts(piece))
            before = piece
    return segments


def _part(part: str | Mark) -> Segment:
    if isinstance(part, Mark):
        return [Kind.PIXEL] if part.link < 0 else [Kind.CLICK, part.link]
    return static(wire.body(part).decode())


def _file(file: File) -> list[Segment]:
    name = safe_name(file.name)
    disposition = "inline" if file.content_id else "attachment"
    head = _field("Content-Type", f'{_media_type(file)}; name="{name}"')
    head += _field("Content-Disposition", f'{disposition}; filename="{name}"')
    if file.content_id:
        head += f"Content-ID: <{_content_id(file)}>\r\n"
    return [static(f"{head}Content-Transfer-Encoding: base64\r\n\r\n{encoded(file.data)}")]


def encoded(data: bytes) -> str:
    """Base64 in lines of 76 columns."""
    lines = [b2a_base64(data[at : at + LINE], newline=False) for at in range(0, len(data), LINE)]
    lines.append(b"")
    return b"\r\n".join(lines).decode("ascii")


def safe_name(name: str) -> str:
    """The last part of a file name without what could deceive a reader or leave a folder."""
    text = PureWindowsPath(_UNSEEN.sub("", name)).name  # knows both kinds of slashes
    text = _FORBIDDEN.sub("_", text).strip(" .")
    if _DEVICES.match(text):
        text = f"_{text}"
    if len(text) > MAX_FILE_NAME:
        stem, dot, suffix = text.rpartition(".")
        is_suffix = bool(dot) and len(suffix) <= 10
        keep = MAX_FILE_NAME - len(suffix) - 1
        text = f"{stem[:keep]}.{suffix}" if is_suffix else text[:MAX_FILE_NAME]
    return text or "file"


def _media_type(file: File) -> str:
    match = _MEDIA_TYPE.match(file.content_type)
    if match is None or match["kind"].lower() in ("multipart", "message"):
        raise TemplateError(f"content_type: {file.content_type[:80]!r}: no media type of a file")
    return file.content_type


def _content_id(file: File) -> str:
    text = file.content_id.removeprefix("<").removesuffix(">")
    if _CONTENT_ID.match(text) is None:
        raise TemplateError(f"content_id: {file.content_id[:80]!r}: expected letters and digits")
    return text


def _field(name: str, value: str) -> str:
    try:
        return f"{name}:{encode_field(name, value.encode()).decode()}\r\n"
    except Unencodable as error:
        raise TemplateError(f"{name.lower()}: {error}") from None
