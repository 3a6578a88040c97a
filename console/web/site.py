"""One HTTP listener: an application, an address, and a certificate that changes while it runs."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path

from aiohttp import web

from console.web.gate import Gate
from console.web.guarded import GuardedConnection
from console.web.tls_door import TlsDoor
from mta.listener.accepting import bound
from mta.listener.clients import Client
from mta.listener.tls import profile_context
from mta.model.errors import ConfigurationError
from mta.settings.values import HostPort

BACKLOG = 1024
SHUTDOWN_S = 1.0  # for requests that run when the server stops; live pages are told to end
CLOSE_TIMEOUT_S = 5.0


class Site:
    """`start()`, then `close()`."""

    def __init__(
        self,
        section: str,
        listen: HostPort,
        certificate: Path | None,
        key: Path | None,
        gate: Gate,
    ) -> None:
        """`section` of the settings is named in errors; without a certificate it is plain HTTP.

        `gate` decides who may connect and how slow they may be. Bodies are not decompressed: the
        API inflates within its own bounds, pages never.
        """
        self._section = section
        self._listen = listen
        self._certificate = certificate
        self._key = key
        self._gate = gate
        self._runner: web.AppRunner | None = None
        self._tls: ssl.SSLContext | None = None
        self._servers: list[asyncio.Server] = []
        self._doors: list[TlsDoor] = []
        self._addresses: list[tuple[str, int]] = []

    async def start(
        self, app: web.Application, sockets: Sequence[socket.socket] | None = None
    ) -> None:
        """Listen; given sockets (socket activation) replace the address.

        Raises `ConfigurationError` when the address is taken or the certificate is bad.
        """
        if self._certificate is not None:
            self._tls = profile_context()
            self._load_certificate(self._tls)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S)
        await self._runner.setup()
        listen = self._listen
        try:
            if sockets is None:
                sockets = await bound(listen)
            for sock in sockets:
                await self._open(sock)
        except OSError as error:
            await self.close()
            raise ConfigurationError(
                f"[{self._section}] listen = {listen}: cannot listen there: {error.strerror}"
            ) from error
        self._gate.start()

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Where it listens."""
        return list(self._addresses)

    async def close(self) -> None:
        """Stop listening and end what runs."""
        self._gate.stop()
        for server in self._servers:
            server.close()
        for door in self._doors:
            await door.close()
        self._servers.clear()
        self._doors.clear()
        self._addresses.clear()
        if self._runner is not None:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._runner.cleanup()
            self._runner = None

    async def _open(self, sock: socket.socket) -> None:
        self._addresses.append(sock.getsockname()[:2])
        if self._tls is not None:
            self._doors.append(TlsDoor(sock, self._gate, self._tls, self._connect, BACKLOG))
            return
        self._servers.append(
            await asyncio.get_running_loop().create_server(
                self._connect, sock=sock, backlog=BACKLOG
            )
        )

    def _connect(self, client: Client | None = None) -> GuardedConnection:
        assert self._runner is not None
        assert self._runner.server is not None
        return GuardedConnection(
            self._runner.server, self._gate, client,
            access_log=None, auto_decompress=False, logger=_quiet(),
        )  # fmt: skip

    def reload(self) -> None:
        """Use the certificate's files as they are now for new connections.

        Raises `ConfigurationError` and keeps the old certificate when they do not fit.
        """
        if self._tls is not None:
            self._load_certificate(profile_context())  # a try, so that a failure changes nothing
            self._load_certificate(self._tls)

    def _load_certificate(self, context: ssl.SSLContext) -> None:
        if self._certificate is None:
            return
        try:
            # An empty password: an encrypted key is an error and never a question at the terminal.
            context.load_cert_chain(self._certificate, self._key, password="")
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise ConfigurationError(
                f'[{self._section}] tls_certificate = "{self._certificate}", '
                f'tls_key = "{self._key}": {error}; '
                "expected a PEM chain, leaf first, and its private key without a password"
            ) from error


def _quiet() -> logging.Logger:
    """For aiohttp's own log: what is no HTTP is a client's fault and no error of ours.

    What goes wrong in a handler is logged by `Failures` and the API.
    """
    logger = logging.getLogger("relevo.http")
    logger.setLevel(logging.CRITICAL)
    return logger
