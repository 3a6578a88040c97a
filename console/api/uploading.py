"""Files that come as the body of a request: piece by piece to the disk, nothing kept in memory.

The file is the body itself (`name` in the address says what it is called), or the part `file` of
`multipart/form-data`, as `curl -F file=@lista.xlsx` sends it. What says that it is too large is
refused before anything is read.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from console.api.reading import LEAST_RATE, READ_DEADLINE_S
from console.api.refusals import ApiRefusal, Told, Violation, invalid

PIECE = 256 * 1024
SPARE_BYTES = 64 * 1024  # of a form beside the file in it
MAX_PARTS = 20
MAX_FIELD = 4_096


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file that is about to be read, once."""

    name: str  # as the sender calls it, not to be trusted
    chunks: AsyncIterator[bytes]


async def sent_file(request: web.Request, max_bytes: int) -> SentFile:
    """The file of a request. Raises `ApiRefusal`."""
    if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise ApiRefusal(415, "unsupported_media_type")
    if (request.content_length or 0) > max_bytes + SPARE_BYTES:
        raise ApiRefusal(413, "too_large", Told("too_many_octets", {"limit": str(max_bytes)}))
    if not request.content_type.startswith("multipart/"):
        return SentFile(request.query.get("name", ""), _paced(request.content.iter_chunked(PIECE)))
    try:
        part = await _part(request)
    except (ValueError, HttpProcessingError):  # no boundary, a header that is none
        raise invalid(Violation("file", "required")) from None
    return SentFile(request.query.get("name", "") or part.filename or "", _paced(_pieces(part)))


async def _part(request: web.Request) -> BodyPartReader:
    reader = await request.multipart()
    for _ in range(MAX_PARTS):
        async with asyncio.timeout(READ_DEADLINE_S):
            part = await reader.next()
        if part is None or not isinstance(part, BodyPartReader):
            break
        if part.name == "file":
            return part
        read = 0
        while chunk := await part.read_chunk(MAX_FIELD):
            read += len(chunk)
            if read > MAX_FIELD:
                raise ApiRefusal(413, "too_large")
    raise invalid(Violation("file", "required"))


async def _pieces(part: BodyPartReader) -> AsyncIterator[bytes]:
    while chunk := await part.read_chunk(PIECE):
        yield chunk


async def _paced(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same; whoever sends slower than a slow line is not waited for. Raises `ApiRefusal`."""
    loop = asyncio.get_running_loop()
    end_s = loop.time() + READ_DEADLINE_S
    came = 0
    iterator = aiter(chunks)
    while True:
        try:
            async with asyncio.timeout_at(end_s + came / LEAST_RATE):
                chunk = await anext(iterator, None)
        except TimeoutError:
            raise ApiRefusal(408, "request_timeout") from None
        if chunk is None:
            return
        came += len(chunk)
        yield chunk
