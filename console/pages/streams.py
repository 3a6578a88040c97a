"""Server-sent events: a stream lasts until its browser, its session or the server ends."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

from aiohttp import web

from console.accounts.signin.sessions import Sessions
from console.pages.sessions import cookie_name, session_of

MAX_STREAMS = 100
MAX_OF_ONE = 12  # of one person: windows that are open on the same page
WRITE_TIMEOUT_S = 10.0
_RETRY_MS = 2_000  # after which a browser asks again


class EventStream:
    """One that is open."""

    def __init__(
        self, request: web.Request, response: web.StreamResponse, sessions: Sessions
    ) -> None:
        self._response = response
        self._sessions = sessions
        self._identifier = request.cookies.get(cookie_name(request), "")

    async def is_signed_in(self) -> bool:
        """Whether the session still is; to look on does not make it last longer."""
        return await self._sessions.find(self._identifier, is_use=False) is not None

    async def send(self, name: str, text: str = "") -> None:
        """One event; a line of text is a line of data (WHATWG HTML §9.2.6)."""
        lines = "".join(f"data: {line}\n" for line in text.splitlines() or [""])
        await self.write(f"event: {name}\n{lines}\n".encode())

    async def write(self, data: bytes) -> None:
        """Octets as they are. Raises `TimeoutError`, `ConnectionError`."""
        async with asyncio.timeout(WRITE_TIMEOUT_S):
            await self._response.write(data)


class EventStreams:
    """All streams of one kind; more than `MAX_STREAMS` at once, or `MAX_OF_ONE`, are refused."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self._open: Counter[int] = Counter()  # by person

    async def serve(
        self, request: web.Request, follow: Callable[[EventStream], Awaitable[None]]
    ) -> web.StreamResponse:
        """Open one, let `follow` write to it, and end it when that returns."""
        person = session_of(request).user_id
        if self._open[person] >= MAX_OF_ONE or self._open.total() >= MAX_STREAMS:
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "30"})
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream; charset=utf-8",
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",  # nginx would hold events back
            }
        )
        self._open[person] += 1
        try:
            await response.prepare(request)
            stream = EventStream(request, response, self._sessions)
            await stream.write(f"retry: {_RETRY_MS}\n\n".encode())
            await follow(stream)
        except (ConnectionError, TimeoutError):  # the browser is gone
            pass
        finally:
            self._open[person] -= 1
            self._open += Counter()  # forget those with none
        return response
