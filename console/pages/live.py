"""Tells open pages that something changed: server-sent events, one watcher for all of them.

An event carries no content: the page asks for its list again, with its own filter and its own
session. A burst of a thousand mails is a few events, because the watcher rests after each.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from functools import partial

from aiohttp import web

from console.accounts.signin.sessions import Sessions
from console.pages.streams import EventStream, EventStreams
from mta.engine.health import Health
from mta.model.clock import Clock
from mta.sandbox.inbox import Inbox

REST_S = 0.4  # between two events; also how soon the check of a signature is looked for
SOON_LOOKS = 10  # for the check of the newest mail's signature, which takes milliseconds
LOOK_S = 5.0  # what does not announce itself (health, a cleared list) is looked at this often
KEEPALIVE_S = 15.0  # below the idle time-outs of proxies


class LiveFeed:
    """The watcher; `watch` is an aiohttp clean-up context."""

    def __init__(self, inbox: Inbox, health: Health, clock: Clock) -> None:
        self._inbox = inbox
        self._health = health
        self._changed = asyncio.Event()
        self._is_closed = False
        # Not from 0: a page that was open before a restart must see that it is out of date.
        self.version = clock.now_ms()

    @property
    def is_closed(self) -> bool:
        """True once the server stops: streams have to end."""
        return self._is_closed

    async def watch(self, app: web.Application) -> AsyncIterator[None]:
        """Run the watcher while the application runs."""
        app.on_shutdown.append(self._close)
        task = asyncio.create_task(self._run(), name="relevo-console-live")
        yield
        task.cancel()
        await asyncio.wait([task])

    async def wait_change(self, version: str) -> str:
        """Return the version once it is another one, or the server stops; the caller has a deadline."""
        while str(self.version) == version and not self._is_closed:
            await self._changed.wait()
        return str(self.version)

    async def _close(self, _: web.Application) -> None:
        self._is_closed = True
        self._pulse()

    def _pulse(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _run(self) -> None:
        seen = self._state()
        last_id, soon = 0, 0
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REST_S if soon else LOOK_S):
                    await self._inbox.wait_newer(last_id)
            newest = next(iter(self._inbox.list(limit=1)), None)
            if newest is not None and newest.id > last_id:
                last_id, soon = newest.id, SOON_LOOKS
            soon = 0 if newest is None or newest.dkim else max(soon - 1, 0)
            state = self._state()
            if state != seen:
                seen = state
                self.version += 1
                self._pulse()
            await asyncio.sleep(REST_S)

    def _state(self) -> tuple[object, ...]:
        newest = next(iter(self._inbox.list(limit=1)), None)
        problems = tuple(sorted(self._health.why_not_ready().items()))
        shown = (newest.id, newest.dkim) if newest else None
        return (self._inbox.total, len(self._inbox), shown, problems)


class LiveStreams:
    """The event streams of the pages that are open."""

    def __init__(self, feed: LiveFeed, sessions: Sessions) -> None:
        self._feed = feed
        self._streams = EventStreams(sessions)

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Say `change` after each change, until the browser, the session or the server ends it."""
        # What the page was made from: when something came since, the first event comes at once.
        version = request.query.get("version", "")
        return await self._streams.serve(request, partial(self._follow, version))

    async def _follow(self, version: str, stream: EventStream) -> None:
        while not self._feed.is_closed:
            changed = ""
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(KEEPALIVE_S):
                    changed = version = await self._feed.wait_change(version)
            if self._feed.is_closed or not await stream.is_signed_in():
                return
            if changed:
                await stream.send("change", changed)
            else:
                await stream.write(b": still here\n\n")
