"""Reads a received mail for people: its text, its HTML and what is attached.

Nothing of it is trusted. It is read with the lenient policy of the email package, whatever cannot
be decoded is replaced, and reading never fails. Milliseconds, so call it in a thread.
"""

import base64
import re
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message

from mta.sandbox.content import decode_words

MAX_PARSED_BYTES = 4 * 1024 * 1024
MAX_PARTS = 200
MAX_INLINE_BYTES = 4 * 1024 * 1024  # of images that stand in the mail itself (cid:)
_CID = re.compile(r"""(["'(=])\s*cid:([^"')\s>]{1,998})""", re.IGNORECASE)
_SAFE_IMAGES = frozenset(("image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp"))


@dataclass(frozen=True, slots=True)
class Attachment:
    """A part that is neither the text nor the HTML."""

    number: int  # its place in the mail, for its address
    name: str  # as the sender called it, never to be used as a path; may be empty
    content_type: str
    size_bytes: int
    content_id: str
    data: bytes


@dataclass(frozen=True, slots=True)
class MailContent:
    """What a mail says."""

    text: str | None
    html: str | None
    attachments: tuple[Attachment, ...]
    is_cut: bool  # longer than `MAX_PARSED_BYTES`: the rest was not read


def read_content(raw: bytes) -> MailContent:
    """The first text part, the first HTML part, and everything else as attachments."""
    text: str | None = None
    html: str | None = None
    attachments: list[Attachment] = []
    root: Message = message_from_bytes(raw[:MAX_PARSED_BYTES])
    for number, part in enumerate(_leaves(root)):
        kind = part.get_content_type()
        is_body = part.get_content_disposition() != "attachment" and not part.get_filename()
        if is_body and kind == "text/plain" and text is None:
            text = _text_of(part)
        elif is_body and kind == "text/html" and html is None:
            html = _text_of(part)
        else:
            attachments.append(_attachment(number, kind, part))
    return MailContent(text, html, tuple(attachments), len(raw) > MAX_PARSED_BYTES)


def embed_images(html: str, attachments: tuple[Attachment, ...]) -> str:
    """The HTML with its `cid:` images in it; other kinds of parts are not embedded."""
    images = {
        part.content_id: part
        for part in attachments
        if part.content_id and part.content_type in _SAFE_IMAGES
    }
    left = MAX_INLINE_BYTES

    def replace(match: re.Match[str]) -> str:
        nonlocal left
        part = images.get(match[2])
        if part is None or part.size_bytes > left:
            return match[0]
        left -= part.size_bytes
        return f"{match[1]}data:{part.content_type};base64,{base64.b64encode(part.data).decode()}"

    return _CID.sub(replace, html) if images else html


def _leaves(root: Message) -> list[Message]:
    """The parts that are no containers, in order; an attached mail is one part."""
    found: list[Message] = []
    waiting = [root]
    while waiting and len(found) < MAX_PARTS:
        part = waiting.pop(0)
        payload = part.get_payload()
        if part.get_content_maintype() == "multipart" and isinstance(payload, list):
            waiting[:0] = [child for child in payload if isinstance(child, Message)]
        else:
            found.append(part)
    return found


def _attachment(number: int, kind: str, part: Message) -> Attachment:
    data = _bytes_of(part)
    name = " ".join(decode_words(part.get_filename() or "").split())
    content_id = str(part.get("Content-ID", "")).strip().strip("<>")
    return Attachment(number, name, kind, len(data), content_id, data)


def _bytes_of(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    if isinstance(payload, bytes):
        return payload
    inner = part.get_payload()  # message/rfc822 and the like
    if isinstance(inner, list):
        return b"".join(child.as_bytes() for child in inner if isinstance(child, Message))
    return b""


def _text_of(part: Message) -> str:
    data = _bytes_of(part)
    try:
        return data.decode(part.get_content_charset("utf-8"), "replace")
    except (LookupError, ValueError):  # a charset that nobody knows, or a codec that is none
        return data.decode("utf-8", "replace")
