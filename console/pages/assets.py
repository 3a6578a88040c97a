"""Files that browsers load, under names that carry a hash of their content.

So they can be kept for ever, and a new version is a new name. All of them are read and compressed
once, at start.
"""

import gzip
import hashlib
from dataclasses import dataclass
from importlib.resources import files

from aiohttp import web

_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_FOREVER = "public, max-age=31536000, immutable"
_LEVEL = 6  # 15 ms for the largest; 9 takes three times as long for 1 % less


@dataclass(frozen=True, slots=True)
class Asset:
    """One file."""

    body: bytes
    compressed: bytes
    content_type: str


class Assets:
    """What lies in `static/`."""

    def __init__(self) -> None:
        self._by_name: dict[str, Asset] = {}
        self._hashed: dict[str, str] = {}
        for item in sorted((files("console.pages") / "static").iterdir(), key=lambda f: f.name):
            stem, _, extension = item.name.rpartition(".")
            if extension in _TYPES:
                body = item.read_bytes()
                name = f"{stem}.{hashlib.sha256(body).hexdigest()[:12]}.{extension}"
                self._by_name[name] = Asset(
                    body, gzip.compress(body, _LEVEL, mtime=0), _TYPES[extension]
                )
                self._hashed[item.name] = name

    def url(self, name: str) -> str:
        """Where `relevo.css` is. Raises `KeyError` for a file that does not exist."""
        return f"/static/{self._hashed[name]}"

    def add_routes(self, app: web.Application) -> None:
        """`/static/…`."""
        app.router.add_get("/static/{name}", self._serve)

    async def _serve(self, request: web.Request) -> web.Response:
        found = self._by_name.get(request.match_info["name"])
        if found is None:
            raise web.HTTPNotFound
        headers = {"Cache-Control": _FOREVER, "Vary": "Accept-Encoding"}
        body = found.body
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            headers["Content-Encoding"] = "gzip"
            body = found.compressed
        return web.Response(
            body=body, content_type=found.content_type, charset="utf-8", headers=headers
        )
