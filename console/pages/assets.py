"""Files that browsers load, under names that carry a hash of their content.

So they can be kept for ever, and a new version is a new name. All of them are read once, at start.
"""

import hashlib
from importlib.resources import files

from aiohttp import web

_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_FOREVER = "public, max-age=31536000, immutable"


class Assets:
    """What lies in `static/`."""

    def __init__(self) -> None:
        self._by_name: dict[str, tuple[bytes, str]] = {}
        self._hashed: dict[str, str] = {}
        for item in sorted((files("console.pages") / "static").iterdir(), key=lambda f: f.name):
            stem, _, extension = item.name.rpartition(".")
            if extension in _TYPES:
                body = item.read_bytes()
                name = f"{stem}.{hashlib.sha256(body).hexdigest()[:12]}.{extension}"
                self._by_name[name] = (body, _TYPES[extension])
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
        body, content_type = found
        return web.Response(
            body=body,
            content_type=content_type,
            charset="utf-8",
            headers={"Cache-Control": _FOREVER},
        )
