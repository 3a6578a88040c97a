"""One HTTP listener: an application, an address, and a certificate that changes while it runs."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path

from aiohttp import web

from mta.listener.tls import CIPHERS
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
        *,
        inflates: bool = True,
    ) -> None:
        """`section` of the settings is named in errors; without a certificate it is plain HTTP.

        `inflates`: request bodies are decompressed before the application sees them.
        """
        self._inflates = inflates
        self._section = section
        self._listen = listen
        self._certificate = certificate
        self._key = key
        self._runner: web.AppRunner | None = None
        self._tls: ssl.SSLContext | None = None

    async def start(
        self, app: web.Application, sockets: Sequence[socket.socket] | None = None
    ) -> None:
        """Listen; given sockets (socket activation) replace the address.

        Raises `ConfigurationError` when the address is taken or the certificate is bad.
        """
        if self._certificate is not None:
            self._tls = _tls_context()
            self._load_certificate(self._tls)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            shutdown_timeout=SHUTDOWN_S,
            auto_decompress=self._inflates,
            logger=_quiet(),
        )
        await self._runner.setup()
        for sock in sockets or ():
            await web.SockSite(self._runner, sock, ssl_context=self._tls, backlog=BACKLOG).start()
        if sockets is not None:
            return
        listen = self._listen
        try:
            await web.TCPSite(
                self._runner, listen.host, listen.port, ssl_context=self._tls, backlog=BACKLOG
            ).start()
        except OSError as error:
            await self._runner.cleanup()
            raise ConfigurationError(
                f"[{self._section}] listen = {listen}: cannot listen there: {error.strerror}"
            ) from error

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Where it listens."""
        return [address[:2] for address in self._runner.addresses] if self._runner else []

    async def close(self) -> None:
        """Stop listening and end what runs."""
        if self._runner is not None:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await self._runner.cleanup()
            self._runner = None

    def reload(self) -> None:
        """Use the certificate's files as they are now for new connections.

        Raises `ConfigurationError` and keeps the old certificate when they do not fit.
        """
        if self._tls is not None:
            self._load_certificate(_tls_context())  # a try, so that a failure changes nothing
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


def _tls_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_ciphers(CIPHERS)
    return context
