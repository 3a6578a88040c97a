"""Accepts connections where TLS begins at once (RFC 8314 §3.3).

The event loop's own TLS server shows a connection only after its handshake. Here it is counted
before, so that clients that never finish one stay within the limits, and each handshake takes the
certificate of that moment.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable
from functools import partial

from mta.listener.accepting import accept_all
from mta.listener.clients import Client
from mta.listener.connection import Connection
from mta.listener.shared import Shared


class ImplicitTlsServer:
    """One listening socket; its task ends with `close()`."""

    def __init__(
        self,
        shared: Shared,
        sock: socket.socket,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Accept from `sock`, which must be bound; it is closed with the server."""
        self._shared = shared
        self._sock = sock
        sock.setblocking(False)
        sock.listen(shared.limits.backlog)
        self._task = shared.loop.create_task(accept_all(sock, self._take, self._failed, sleep))

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        host, port = self._sock.getsockname()[:2]
        return host, port

    def close(self) -> None:
        """Accept no more."""
        self._task.cancel()
        self._task.add_done_callback(lambda _: self._sock.close())

    async def wait_closed(self) -> None:
        """Until the socket is free."""
        await asyncio.gather(self._task, return_exceptions=True)

    def _take(self, sock: socket.socket, peername: object) -> None:
        shared = self._shared
        client = shared.clients.identify(peername)
        reason = shared.clients.enter(client)
        if reason:
            shared.metrics.connection_refused(reason)
            sock.close()
            return
        connection = Connection(shared, client)
        task = shared.loop.create_task(self._shake_hands(sock, connection, client.address))
        shared.handshakes.add(task)
        task.add_done_callback(partial(self._shaken, sock, connection, client))

    def _failed(self, error: OSError) -> None:
        self._shared.log.warning("accept_failed", error=str(error))

    async def _shake_hands(self, sock: socket.socket, connection: Connection, peer: str) -> None:
        shared = self._shared
        assert shared.tls is not None
        try:
            await shared.loop.connect_accepted_socket(
                lambda: connection,
                sock,
                ssl=shared.tls.context,
                ssl_handshake_timeout=shared.limits.handshake_s,
                ssl_shutdown_timeout=shared.limits.farewell_s,
            )
        except (OSError, ssl.SSLError) as error:
            shared.metrics.tls_failed("in")
            shared.log.info("tls_failed", peer=peer, error=str(error))

    def _shaken(
        self, sock: socket.socket, connection: Connection, client: Client, task: asyncio.Task[None]
    ) -> None:
        """The handshake succeeded, failed, or was cancelled, perhaps before it began."""
        self._shared.handshakes.discard(task)
        if connection.has_begun:
            return
        self._shared.clients.leave(client)
        if task.cancelled():
            with contextlib.suppress(OSError):  # uvloop would leave it open
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
