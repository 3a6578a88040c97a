"""The sandbox: what the receiving simulator got, live, and each mail in full."""

import asyncio
from typing import Any
from urllib.parse import quote

from aiohttp import web

from console.accounts.signin.sessions import Sessions
from console.maillog.simulated import SimulatedMail
from console.pages.live import LiveFeed, LiveStreams
from console.pages.mail_content import Attachment, MailContent, embed_images, read_content
from console.pages.rendering import Renderer
from console.pages.sessions import SESSION
from mta.engine.health import Health
from mta.model.clock import Clock
from mta.sandbox.content import decode_words
from mta.sandbox.inbox import ReceivedMessage

PAGE_SIZE = 50
FRAGMENT_HEADER = "X-Fragment"  # our script asks for the list alone
MAX_SHOWN_SOURCE = 512 * 1024
_MAX_FILTER = 320  # the longest address
_VIEWS = ("html", "text", "headers", "source")
# The mail's own page: no scripts, no forms, nothing fetched; links open in a new tab.
_FRAME = "sandbox allow-popups allow-popups-to-escape-sandbox"


class SandboxPages:
    """`/sandbox…`; every route needs a session, whose person sees what he may see."""

    def __init__(
        self,
        renderer: Renderer,
        sessions: Sessions,
        mail: SimulatedMail,
        health: Health,
        *,
        clock: Clock,
        first_mail: str,
    ) -> None:
        """`first_mail` is the command that sends one, ready to paste."""
        self._renderer = renderer
        self._mail = mail
        self._health = health
        self._feed = LiveFeed(mail.inbox, health, clock)
        self._streams = LiveStreams(self._feed, sessions)
        self.first_mail = first_mail

    def add_routes(self, app: web.Application) -> None:
        """The pages, and the watcher that makes them live."""
        app.cleanup_ctx.append(self._feed.watch)
        app.router.add_get("/sandbox", self.show_list)
        app.router.add_get("/sandbox/live", self._streams.stream)
        app.router.add_post("/sandbox/clear", self.clear)
        mail = r"/sandbox/messages/{id:\d{1,19}}"
        app.router.add_get(mail, self.show_mail)
        app.router.add_get(f"{mail}/html", self.show_html)
        app.router.add_get(f"{mail}/source", self.download_source)
        app.router.add_get(mail + r"/parts/{number:\d{1,3}}", self.download_part)

    async def show_list(self, request: web.Request) -> web.Response:
        """The newest mails that fit the filter, a page of them."""
        filters = {
            name: request.query.get(name, "").strip()[:_MAX_FILTER]
            for name in ("text", "sender", "recipient")
        }
        before = _number(request.query.get("before", ""))
        version_seen = self._feed.version
        actor = request[SESSION].actor
        found = await self._mail.list(actor, limit=PAGE_SIZE + 1, before=before, **filters)
        shown = found[:PAGE_SIZE]
        older = None
        if len(found) > PAGE_SIZE:
            older = str(request.rel_url.update_query(before=str(shown[-1].id)))
        values: dict[str, Any] = {
            "version_seen": version_seen,
            "messages": shown,
            "filters": filters,
            "is_filtered": any(filters.values()),
            "before": before,
            "older": older,
            "kept": await self._mail.kept(actor),
            "problems": self._health.why_not_ready(),
            "first_mail": self.first_mail,
            "cleared": _number(request.query.get("cleared", ""))
            if "cleared" in request.query
            else None,
        }
        is_fragment = FRAGMENT_HEADER in request.headers
        template = "sandbox_list.html" if is_fragment else "sandbox.html"
        return self._renderer.page(request, template, values)

    async def clear(self, request: web.Request) -> web.Response:
        """Forget all mails that the person may see."""
        count = await self._mail.clear(request[SESSION].actor)
        raise web.HTTPSeeOther(f"/sandbox?cleared={count}")

    async def show_mail(self, request: web.Request) -> web.Response:
        """One mail; `?view=` chooses HTML, text, headers or source."""
        message = await self._message(request)
        content = await asyncio.to_thread(read_content, message.raw)
        view = request.query.get("view", "")
        if view not in _VIEWS or (view in ("html", "text") and not _has(content, view)):
            view = next((name for name in ("html", "text") if _has(content, name)), "source")
        values = {
            "message": message,
            "content": content,
            "view": view,
            "views": [
                name for name in _VIEWS if name in ("headers", "source") or _has(content, name)
            ],
            "headers": [(name, decode_words(value)) for name, value in message.headers],
            "to_header": decode_words(message.header("To")),
            "date_header": message.header("Date"),
            "has_images": "images" in request.query,
            "source": message.raw[:MAX_SHOWN_SOURCE].decode("utf-8", "replace"),
            "is_source_cut": len(message.raw) > MAX_SHOWN_SOURCE,
        }
        return self._renderer.page(request, "mail.html", values)

    async def show_html(self, request: web.Request) -> web.Response:
        """The HTML part alone, for the frame; its own policy also holds when it is opened directly.

        A frame with `srcdoc` would inherit the console's policy, under which mails, which carry
        their styles inline, look like nothing.
        """
        message = await self._message(request)
        content = await asyncio.to_thread(read_content, message.raw)
        if content.html is None:
            raise web.HTTPNotFound
        html = await asyncio.to_thread(embed_images, content.html, content.attachments)
        images = "data: https: http:" if "images" in request.query else "data:"
        policy = (
            f"{_FRAME}; default-src 'none'; style-src 'unsafe-inline'; img-src {images}; "
            "form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
        )
        return web.Response(
            text=f'<!doctype html><base target="_blank">{html}',
            content_type="text/html",
            headers={"Content-Security-Policy": policy, "X-Frame-Options": "SAMEORIGIN"},
        )

    async def download_source(self, request: web.Request) -> web.Response:
        """The mail as it arrived."""
        message = await self._message(request)
        return _download(message.raw, f"{message.id}.eml", "message/rfc822")

    async def download_part(self, request: web.Request) -> web.Response:
        """An attachment, never shown in the browser."""
        message = await self._message(request)
        content = await asyncio.to_thread(read_content, message.raw)
        number = int(request.match_info["number"])
        for part in content.attachments:
            if part.number == number:
                return _download(part.data, _file_name(part), "application/octet-stream")
        raise web.HTTPNotFound

    async def _message(self, request: web.Request) -> ReceivedMessage:
        number = _number(request.match_info["id"])
        message = await self._mail.get(request[SESSION].actor, number)
        if message is None:
            raise web.HTTPNotFound
        return message


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0


def _has(content: MailContent, view: str) -> bool:
    return (content.html if view == "html" else content.text) is not None


def _file_name(part: Attachment) -> str:
    name = part.name.replace("\\", "/").rpartition("/")[2]
    return "".join(c for c in name if c.isprintable()) or f"part-{part.number}"


def _download(data: bytes, name: str, content_type: str) -> web.Response:
    return web.Response(
        body=data,
        headers={
            "Content-Type": content_type,
            "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",  # RFC 6266
            "Content-Security-Policy": "sandbox; default-src 'none'",
        },
    )
