"""Reads forms with a large file piece by piece; nothing of the file stays in memory.

The form's token has to come before the file (`ui.csrf()` first): a file that some other page sends
is refused before anything of it is read.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from aiohttp import BodyPartReader, web

from console.pages.forms import has_token
from console.pages.sessions import session_of

_CHUNK = 256 * 1024
MAX_FIELD = 4_096
MAX_FIELDS = 20


@dataclass(frozen=True, slots=True)
class FileForm:
    """A file that is about to be read."""

    name: str  # as the browser says, not to be trusted
    chunks: AsyncIterator[bytes]


async def file_of(request: web.Request, field: str) -> FileForm | None:
    """The file of that field; None when none was chosen. Raises `HTTPForbidden` without the token."""
    if not request.content_type.startswith("multipart/"):
        raise web.HTTPBadRequest
    reader = await request.multipart()
    fields: dict[str, str] = {}
    for _ in range(MAX_FIELDS):
        part = await reader.next()
        if part is None:
            break
        if not isinstance(part, BodyPartReader):
            raise web.HTTPBadRequest
        if part.name != field:
            fields[part.name or ""] = await _text(part)
            continue
        _check(request, fields)
        return FileForm(part.filename, _chunks(part)) if part.filename else None
    _check(request, fields)
    return None


def _check(request: web.Request, fields: dict[str, str]) -> None:
    if not has_token(request, fields, session_of(request).csrf_token):
        raise web.HTTPForbidden


async def _text(part: BodyPartReader) -> str:
    data = b""
    while chunk := await part.read_chunk(_CHUNK):
        data += chunk
        if len(data) > MAX_FIELD:
            raise web.HTTPBadRequest
    return data.decode("utf-8", "replace")


async def _chunks(part: BodyPartReader) -> AsyncIterator[bytes]:
    while chunk := await part.read_chunk(_CHUNK):
        yield chunk
