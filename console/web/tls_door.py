"""The HTTPS side of a listener: a client is counted before its TLS handshake, not after it."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable
from functools import partial

import structlog

from console.web.gate import Gate
from console.web.guarded import GuardedConnection
from mta.listener.accepting import accept_all
from mta.listener.clients import Client

Connect = Callable[[Client], GuardedConnection]


class TlsDoor:
    """One listening socket; `close()` ends it."""

    def __init__(
        self,
        sock: socket.socket,
        gate: Gate,
        context: ssl.SSLContext,
        connect: Connect,
        backlog: int,
    ) -> None:
        """Accept from `sock`, which is bound and closed with the door."""
        self._sock = sock
        self._gate = gate
        self._context = context
        self._connect = connect
        self._handshakes: set[asyncio.Task[None]] = set()
        self._log = structlog.get_logger("relevo.http")
        sock.setblocking(False)
        sock.listen(backlog)
        self._task = asyncio.get_running_loop().create_task(
            accept_all(sock, self._take, self._failed)
        )

    async def close(self) -> None:
        """Accept no more; handshakes that are not finished are cut off."""
        tasks = [self._task, *self._handshakes]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._sock.close()

    def _take(self, sock: socket.socket, peername: object) -> None:
        client = self._gate.identify(peername)
        if not self._gate.enter(client):
            sock.close()
            return
        connection = self._connect(client)
        task = asyncio.get_running_loop().create_task(self._shake_hands(sock, connection))
        self._handshakes.add(task)
        task.add_done_callback(partial(self._shaken, sock, connection, client))

    def _failed(self, error: OSError) -> None:
        self._log.warning("accept_failed", listener=self._gate.listener, error=str(error))

    async def _shake_hands(self, sock: socket.socket, connection: GuardedConnection) -> None:
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: connection,
                sock,
                ssl=self._context,
                ssl_handshake_timeout=self._gate.limits.handshake_s,
                ssl_shutdown_timeout=self._gate.limits.farewell_s,
            )
        except (OSError, ssl.SSLError):  # scanners do this all day long
            self._gate.note("tls")

    def _shaken(
        self,
        sock: socket.socket,
        connection: GuardedConnection,
        client: Client,
        task: asyncio.Task[None],
    ) -> None:
        """The handshake succeeded, failed, or was cancelled, perhaps before it began."""
        self._handshakes.discard(task)
        if connection.is_begun:
            return
        self._gate.leave(client)
        if task.cancelled():
            with contextlib.suppress(OSError):  # uvloop would leave it open
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
