"""Counts who is connected to an HTTP listener, and ends the connections whose time is over.

aiohttp has no limit on connections, none on the time of a header beyond its keep-alive time, and
none on the time of a body. One look a second at all connections is cheap and needs no timer each.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

import structlog

from console.web.limits import HttpLimits
from mta.listener.clients import Client, ClientRegistry
from mta.model.clock import Clock, SystemClock
from mta.settings.values import IPNetwork

TICK_S = 1.0
LOG_EVERY_S = 60.0
BUSY_BODY = b"Too many connections, try again later\n"
REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\n"
    b"Content-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s" % (len(BUSY_BODY), BUSY_BODY)
)


class GateMetrics(Protocol):
    """What is counted; `mta.events.Metrics` fits."""

    def set_http_connections(self, listener: str, count: int) -> None:
        """So many are open now."""
        ...

    def http_refused(self, listener: str, reason: str) -> None:
        """One was turned away, or ended for its slowness."""
        ...


class NoGateMetrics:
    """Counts nothing."""

    def set_http_connections(self, listener: str, count: int) -> None:
        """Nothing."""

    def http_refused(self, listener: str, reason: str) -> None:
        """Nothing."""


class Guarded(Protocol):
    """A connection, as the gate sees it."""

    def look(self, now: float, idle_s: float) -> str:
        """End it when its time is over; the reason, "" while it may go on."""
        ...


class Gate:
    """One for a listener; `start()`, then `stop()`."""

    def __init__(
        self,
        listener: str,
        limits: HttpLimits,
        *,
        trusted: Sequence[IPNetwork] = (),
        metrics: GateMetrics | None = None,
        clock: Clock | None = None,
    ) -> None:
        """`trusted` proxies have no limit per address: their clients are counted by request."""
        self.limits = limits
        self.listener = listener
        self.requests = ClientRegistry(limits.max_connections, limits.max_per_address, ())
        self._clients = ClientRegistry(limits.max_connections, limits.max_per_address, trusted)
        self._metrics = metrics or NoGateMetrics()
        self._clock = clock or SystemClock()
        self._open: set[Guarded] = set()
        self._refused: Counter[str] = Counter()
        self._told_s = -LOG_EVERY_S
        self._timer: asyncio.TimerHandle | None = None
        self._log = structlog.get_logger("relevo.http")

    @property
    def total(self) -> int:
        """Connections open now, those in a handshake included."""
        return self._clients.total

    def identify(self, peername: object) -> Client:
        """The client behind a socket's peer name."""
        return self._clients.identify(peername)

    def enter(self, client: Client) -> bool:
        """Count a connection; False when it is one too many, and then it is not counted."""
        reason = self._clients.enter(client)
        if reason:
            self.note(reason)
            return False
        self._metrics.set_http_connections(self.listener, self.total)
        return True

    def leave(self, client: Client) -> None:
        """Undo `enter`."""
        self._clients.leave(client)
        self._metrics.set_http_connections(self.listener, self.total)

    def add(self, connection: Guarded) -> None:
        """Look after its deadlines."""
        self._open.add(connection)

    def discard(self, connection: Guarded) -> None:
        """It is over."""
        self._open.discard(connection)

    def note(self, reason: str) -> None:
        """Count a connection that was turned away or ended; the log says so once a minute."""
        self._metrics.http_refused(self.listener, reason)
        self._refused[reason] += 1

    def now(self) -> float:
        """Seconds of the clock that only grows."""
        return self._clock.monotonic_s()

    def check(self) -> None:
        """End the connections whose time is over; the gate does it once a second by itself."""
        now, limits = self.now(), self.limits
        is_full = self.total * 4 >= limits.max_connections * 3
        idle_s = limits.idle_when_full_s if is_full else limits.idle_s
        for connection in list(self._open):
            reason = connection.look(now, idle_s)
            if reason and reason != "idle":
                self.note(reason)
        if self._refused and now - self._told_s >= LOG_EVERY_S:
            self._told_s = now
            self._log.warning(
                "http_connections_refused", listener=self.listener, **dict(self._refused)
            )
            self._refused.clear()

    def start(self) -> None:
        """Look from now on."""
        self._timer = asyncio.get_running_loop().call_later(TICK_S, self._tick)

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self.check()
        self.start()
