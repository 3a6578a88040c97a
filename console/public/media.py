"""Images and files of mails: whoever has the token gets them, and nothing of them runs.

An image was drawn anew when it came, so its kind is what it says; a file is only ever downloaded.
What a token stands for never changes, so both can be kept for ever.
"""

from urllib.parse import quote

from aiohttp import web

from console.templates.media import MediaService
from console.templates.values import Media

_FOREVER = "public, max-age=31536000, immutable"
_HEADERS = {
    "Cache-Control": _FOREVER,
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "cross-origin",  # mail in a browser is of another origin
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
}


class MediaPages:
    """`/i/TOKEN` and `/f/TOKEN`."""

    def __init__(self, media: MediaService) -> None:
        self._media = media

    def add_routes(self, app: web.Application) -> None:
        """Add the routes; they need no login."""
        app.router.add_get("/i/{token}", self.image)
        app.router.add_get("/f/{token}", self.file)

    async def image(self, request: web.Request) -> web.StreamResponse:
        """An image."""
        return await self._serve(request, "image", {})

    async def file(self, request: web.Request) -> web.StreamResponse:
        """A file, as a download."""
        return await self._serve(request, "file", {})

    async def _serve(
        self, request: web.Request, kind: str, headers: dict[str, str]
    ) -> web.StreamResponse:
        media = await self._media.of_token(request.match_info["token"][:64], kind)
        if media is None:
            raise web.HTTPNotFound
        tag = f'"{media.token}"'
        headers = {**_HEADERS, "ETag": tag, **headers}
        if kind == "file":
            headers["Content-Disposition"] = _attachment(media)
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers=headers)
        response = web.StreamResponse(headers={**headers, "Content-Type": media.media_type})
        response.content_length = media.size
        await response.prepare(request)
        if request.method != "HEAD":
            async for part in self._media.parts(media):
                await response.write(part)
        await response.write_eof()
        return response


def _attachment(media: Media) -> str:
    return f"attachment; filename*=UTF-8''{quote(media.name, safe='')}"  # RFC 6266
