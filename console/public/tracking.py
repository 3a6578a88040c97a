"""Links and pixels of mail: `/c/TOKEN` leads on to where the link was written to, `/o/TOKEN.gif` shows.

A token that is not ours is answered with 404, never with a redirect, and a good one leads nowhere
but to the address that was stored with the message.
"""

from collections.abc import Awaitable, Callable
from urllib.parse import quote

from aiohttp import web

from console.content.fields import filled, parse
from console.tracking.hits import HitKind
from console.tracking.ingest import RawHit
from console.tracking.links import LinkBook
from console.tracking.merging import MergeValues
from console.tracking.tokens import Purpose, Target, TrackingTokens
from mta.model.clock import Clock

CLICK_ROUTE = "/c/{token}"
OPEN_ROUTE = "/o/{token}.gif"
MAX_AGENT = 300
# One transparent point: GIF89a of 43 octets.
GIF = bytes.fromhex(
    "47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b"
)
_SAFE = "!#$%&'()*+,/:;=?@[]~"
_HEADERS = (
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Robots-Tag", "noindex"),
)
# Web mail shows pictures in pages of its own.
_ANYWHERE = ("Cross-Origin-Resource-Policy", "cross-origin")


class TrackingPages:
    """The handlers."""

    def __init__(
        self,
        tokens: TrackingTokens,
        links: LinkBook,
        merges: MergeValues,
        keep: Callable[[RawHit], Awaitable[None]],
        clock: Clock,
    ) -> None:
        """`keep` gets each hit; the answer waits for it."""
        self._tokens = tokens
        self._links = links
        self._merges = merges
        self._keep = keep
        self._clock = clock

    def add_routes(self, app: web.Application) -> None:
        """Add the routes; they need no login."""
        app.router.add_get(CLICK_ROUTE, self.click)
        app.router.add_get(OPEN_ROUTE, self.open)

    async def click(self, request: web.Request) -> web.Response:
        """On to the link's target."""
        target = self._target(request, Purpose.CLICK)
        link = self._links.known(target.message, target.link)
        if link is None:
            link = await self._links.find(target.message, target.link)
        if link is None:
            raise web.HTTPNotFound
        if "{{" in link:
            values = await self._merges.of(target.delivery)
            link = filled(parse(link, "link"), values)
        await self._note(request, HitKind.CLICK, target, target.link)
        return web.Response(status=302, headers=(*_HEADERS, ("Location", quote(link, _SAFE))))

    async def open(self, request: web.Request) -> web.Response:
        """The picture."""
        target = self._target(request, Purpose.OPEN)
        await self._note(request, HitKind.OPEN, target, -1)
        return web.Response(body=GIF, content_type="image/gif", headers=(*_HEADERS, _ANYWHERE))

    def _target(self, request: web.Request, purpose: Purpose) -> Target:
        target = self._tokens.target(purpose, request.match_info["token"])
        if target is None:
            raise web.HTTPNotFound
        return target

    async def _note(self, request: web.Request, kind: HitKind, target: Target, link: int) -> None:
        agent = request.headers.get("User-Agent", "")[:MAX_AGENT]
        if not agent.isprintable():
            agent = "".join(c for c in agent if c.isprintable())
        await self._keep(
            RawHit(
                kind, target.delivery, target.message, link, self._clock.now_ms(),
                request.remote or "", agent, request.method == "HEAD",
            )
        )  # fmt: skip
