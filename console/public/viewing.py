"""`/v/TOKEN`: the mail in the browser, exactly the copy of whom the token was made for.

It runs nothing: the page is in a sandbox of its own origin, without scripts and forms.
"""

import asyncio
import re
from base64 import b64encode
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import escape
from typing import Any

from aiohttp import web

from console.public.rendering import Page, PublicRenderer
from console.tracking.tokens import Purpose, TrackingTokens
from mta.model.errors import ContentDamaged, PermanentError
from mta.model.rendering import ContentRenderer, ContentTracker, Occasion
from mta.spool.rows import MessageFlag
from mta.store.base import Store
from mta.store.work import ContentRef

ROUTE = "/v/{token}"
POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; "
    "img-src http: https: data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
MAX_INLINE = 2 << 20  # octets of images inside of the mail
_HEADERS = (
    ("Content-Security-Policy", POLICY),
    ("Cache-Control", "no-store"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Robots-Tag", "noindex"),
)
_CID = re.compile(r"""cid:([^"'\s<>)]{1,250})""", re.IGNORECASE)
_IMAGE = re.compile(r"image/[a-z0-9.+-]{1,60}\Z")  # nothing else may stand in the page


class ViewPages:
    """The handler."""

    def __init__(
        self,
        pages: PublicRenderer,
        tokens: TrackingTokens,
        store: Store,
        templates: ContentRenderer,
        tracker: ContentTracker,
    ) -> None:
        """`templates` and `tracker` make a recipient's copy, as when it was sent."""
        self._pages = pages
        self._tokens = tokens
        self._store = store
        self._templates = templates
        self._tracker = tracker

    def add_routes(self, app: web.Application) -> None:
        """Add the route; it needs no login."""
        app.router.add_get(ROUTE, self.show)

    async def show(self, request: web.Request) -> web.Response:
        """The mail; 410 when it is not kept any more."""
        target = self._tokens.target(Purpose.VIEW, request.match_info["token"])
        if target is None:
            raise web.HTTPNotFound
        rows = await self._store.read("tracked_view", delivery=target.delivery)
        if not rows or not rows[0][6]:  # its history is gone, or its content was erased
            return self._gone(request)
        try:
            content = await self._store.read_content(ContentRef(*rows[0][4:8]))
            text = await asyncio.to_thread(self._made, content, *rows[0])
        except (ContentDamaged, PermanentError):
            return self._gone(request)
        return web.Response(text=text, content_type="text/html", headers=_HEADERS)

    def _gone(self, request: web.Request) -> web.Response:
        return self._pages.page(request, Page("gone", {}), 410)

    def _made(
        self, content: bytes, delivery: int, address: str, merge: str | None, message: int,
        *about: Any,
    ) -> str:  # fmt: skip
        flags = about[-1]
        if flags & MessageFlag.TEMPLATE:
            occasion = Occasion(
                delivery, address, "<view@relevo.invalid>", "", merge or "", message
            )
            content = self._templates.load(content).render(occasion)
        elif flags & MessageFlag.MARKED:
            content = self._tracker.personal(content, delivery, message)
        return shown(content)


def shown(content: bytes) -> str:
    """The HTML of a mail with its inline images, or its text. Raises nothing for broken mail."""
    mail = message_from_bytes(content, policy=policy.default)
    assert isinstance(mail, EmailMessage)
    part = mail.get_body(("html", "plain"))
    try:
        text = str(part.get_content()) if part is not None else ""
    except (KeyError, LookupError, ValueError):
        text = ""
    if part is None or part.get_content_subtype() != "html":
        return f'<!doctype html><meta charset="utf-8"><pre>{escape(text)}</pre>'
    images, left = _images(mail), MAX_INLINE * 2

    def replace(match: re.Match[str]) -> str:
        """The image, as long as all of them fit: one may be asked for a hundred thousand times."""
        nonlocal left
        image = images.get(match[1], "")
        left -= len(image)
        return image if image and left >= 0 else "data:,"

    return _CID.sub(replace, text)


def _images(mail: EmailMessage) -> dict[str, str]:
    """Inline images as `data:` addresses, by content id."""
    found: dict[str, str] = {}
    left = MAX_INLINE
    for part in mail.walk():
        name = str(part.get("Content-ID", "")).strip().removeprefix("<").removesuffix(">")
        if not name or not _IMAGE.match(part.get_content_type()):
            continue
        data = part.get_payload(decode=True)
        if isinstance(data, bytes) and len(data) <= left:
            left -= len(data)
            found[name] = f"data:{part.get_content_type()};base64,{b64encode(data).decode()}"
    return found
