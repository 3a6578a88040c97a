"""aiohttp's connection with deadlines: for its header, its body, its silence and its reading."""

import asyncio
from enum import Enum
from http import HTTPStatus
from typing import Any, cast

from aiohttp import web

from console.web.gate import REFUSAL, Gate
from console.web.headers import ALWAYS
from mta.listener.clients import Client

_TOO_SLOW = (
    b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n"
    b"Content-Type: text/plain\r\nContent-Length: 0\r\n\r\n"
)


class _Phase(Enum):
    """What a connection is at; the value is the reason when it takes too long."""

    IDLE = "idle"
    HEADERS = "headers"
    BODY = "body"
    BUSY = ""  # ours to do
    WRITING = "stalled"
    CLOSING = "closing"


class GuardedConnection(web.RequestHandler):
    """One connection of a `Gate`."""

    __slots__ = (
        "_client", "_gate", "_has_entered", "_is_begun", "_is_partial", "_octets", "_resumed", "_seen",
        "_since", "_start", "_wire",
    )  # fmt: skip

    def __init__(
        self, server: web.Server, gate: Gate, client: Client | None = None, **options: Any
    ) -> None:
        """`client`: it was counted before its TLS handshake; otherwise it is when it connects."""
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            keepalive_timeout=gate.limits.idle_s,
            **options,
        )
        self._gate = gate
        self._client = client
        self._has_entered = False
        self._is_begun = False
        self._is_partial = False  # octets of a header came, and not yet its end
        self._octets = 0
        self._resumed = 0
        self._wire: asyncio.Transport | None = None
        self._seen: tuple[object, ...] = ()
        self._since = 0.0
        self._start = 0  # octets when this phase began

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """As `RequestHandler.handle_error`, without what was sent and which versions these are.

        No middleware sees a request that cannot be read.
        """
        response = super().handle_error(request, status, exc, message and HTTPStatus(status).phrase)
        for name, value in ALWAYS.items():
            response.headers[name] = value
        response.headers["Server"] = "Relevo"
        return response

    @property
    def is_begun(self) -> bool:
        """True once it is the connection's own matter to leave the gate."""
        return self._is_begun

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let the client in, or tell it that there are too many."""
        wire = cast(asyncio.Transport, transport)  # uvloop's are none by inheritance
        if self._client is None:
            client = self._gate.identify(transport.get_extra_info("peername"))
            if not self._gate.enter(client):
                wire.write(REFUSAL)
                wire.close()
                return
            self._client = client
        self._has_entered = self._is_begun = True
        self._wire = wire
        self._gate.add(self)
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Leave the gate."""
        if not self._has_entered:
            return
        self._has_entered = False
        assert self._client is not None
        self._gate.discard(self)
        self._gate.leave(self._client)
        self._wire = None
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """As aiohttp does; notes that a header has begun."""
        if self._wire is None:
            return
        before = self._request_count
        self._octets += len(data)
        super().data_received(data)
        if self._request_count != before:
            self._is_partial = False
        elif data and self._is_waiting():
            self._is_partial = True

    def resume_writing(self) -> None:
        """The client has taken what was sent to it."""
        self._resumed += 1
        super().resume_writing()

    def look(self, now: float, idle_s: float) -> str:
        """End it when its time is over; the reason, "" while it may go on."""
        phase = self._phase()
        # A client that takes something has its time again.
        seen = (phase, self._request_count, self._resumed, self._unsent())
        if seen != self._seen:
            self._seen, self._since, self._start = seen, now, self._octets
            return ""
        if not self._is_late(phase, now - self._since, idle_s):
            return ""
        self._end(phase)
        return phase.value

    def _is_waiting(self) -> bool:
        return self._waiter is not None and not self._waiter.done() and not self._messages

    def _unsent(self) -> int:
        return self._wire.get_write_buffer_size() if self._wire is not None else 0

    def _phase(self) -> _Phase:
        if self._force_close or self._wire is None or self._wire.is_closing():
            return _Phase.CLOSING
        if self._unsent() or self.writing_paused:
            return _Phase.WRITING
        if self._is_waiting():
            begun = self._is_partial or not self._request_count
            return _Phase.HEADERS if begun else _Phase.IDLE
        request = self._current_request
        # While reading is paused the client waits for us.
        if request is not None and not request.content.is_eof() and not self._reading_paused:
            return _Phase.BODY
        return _Phase.BUSY

    def _is_late(self, phase: _Phase, elapsed: float, idle_s: float) -> bool:
        limits = self._gate.limits
        match phase:
            case _Phase.IDLE:
                return elapsed > idle_s
            case _Phase.HEADERS:
                return elapsed > limits.headers_s
            case _Phase.BODY:
                over = elapsed - limits.body_s
                return over > 0 and self._octets - self._start < over * limits.least_rate
            case _Phase.WRITING:
                return elapsed > limits.stalled_s
            case _Phase.CLOSING:
                return elapsed > (limits.stalled_s if self._unsent() else limits.farewell_s)
            case _Phase.BUSY:
                return False

    def _end(self, phase: _Phase) -> None:
        wire = self._wire
        if wire is None:
            return
        if phase in (_Phase.WRITING, _Phase.CLOSING):  # what is unsent would keep it open
            wire.abort()
            return
        if self._may_tell(phase):
            wire.write(_TOO_SLOW)
        self.force_close()

    def _may_tell(self, phase: _Phase) -> bool:
        if phase is _Phase.HEADERS:
            return self._is_partial
        request = self._current_request  # whose answer may have begun
        return phase is _Phase.BODY and request is not None and not request.writer.output_size
