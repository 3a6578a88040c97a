"""Reads the body of a request within bounds: of size before and after inflating, and of time.

A size that the client tells is believed only to refuse it. Nothing is inflated beyond the bound,
and what all requests together hold in memory is bounded too.
"""

import asyncio
import zlib

from aiohttp import web

from console.api.refusals import ApiRefusal, Told

READ_DEADLINE_S = 60.0  # at any speed; a larger body has longer while it comes at:
LEAST_RATE = 128 * 1024.0  # octets a second: 1 Mbit/s
MAX_HELD = 256 * 1024 * 1024  # octets of all bodies that are being read or worked on
_GZIP = 16 + zlib.MAX_WBITS


class BodyReader:
    """Reads bodies; one for a server."""

    def __init__(
        self, max_bytes: int, *, deadline_s: float = READ_DEADLINE_S, max_held: int = MAX_HELD
    ) -> None:
        """`max_bytes`: of one body, inflated."""
        self.max_bytes = max_bytes
        self._deadline_s = deadline_s
        self._max_held = max_held
        self._held = 0

    async def read(self, request: web.Request) -> bytes:
        """The whole body, inflated. Raises `ApiRefusal`."""
        encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in ("identity", "gzip", "x-gzip"):
            raise ApiRefusal(415, "unsupported_media_type")
        told = request.content_length or 0
        if told > self.max_bytes:
            raise self._too_large()
        inflate = None if encoding == "identity" else zlib.decompressobj(_GZIP)
        try:
            async with asyncio.timeout(self._deadline_s) as limit:
                return await self._collect(request, inflate, limit)
        except TimeoutError:
            raise ApiRefusal(408, "request_timeout") from None
        except zlib.error:
            raise ApiRefusal(400, "malformed_json", Told("no_gzip")) from None

    async def _collect(
        self, request: web.Request, inflate: "zlib._Decompress | None", limit: asyncio.Timeout
    ) -> bytes:
        end = limit.when() or 0.0
        body = bytearray()
        held = came = 0
        try:
            while chunk := await request.content.readany():
                came += len(chunk)
                limit.reschedule(end + came / LEAST_RATE)
                if inflate is not None:
                    room = self.max_bytes - len(body) + 1
                    chunk = inflate.decompress(chunk, room)
                    if inflate.unused_data:  # zlib would copy all of it with each further chunk
                        raise ApiRefusal(400, "malformed_json", Told("gzip_goes_on"))
                body += chunk
                if len(body) > self.max_bytes or came > self.max_bytes:
                    raise self._too_large()
                self._held += len(body) - held
                held = len(body)
                if self._held > self._max_held:
                    raise ApiRefusal(503, "unavailable", headers={"Retry-After": "1"})
            if inflate is not None and not inflate.eof:
                raise ApiRefusal(400, "malformed_json", Told("gzip_cut_off"))
            return bytes(body)
        finally:
            self._held -= held

    def _too_large(self) -> ApiRefusal:
        return ApiRefusal(413, "too_large", Told("too_many_octets", {"limit": str(self.max_bytes)}))
