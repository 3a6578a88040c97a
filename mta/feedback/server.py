"""The feedback listener as a whole: sockets, start and stop around `FeedbackProtocol`."""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from mta.feedback.addresses import FeedbackAddresses
from mta.feedback.desk import FeedbackDesk, FeedbackMetrics
from mta.feedback.effects import FeedbackEffects
from mta.feedback.letters import Letters
from mta.feedback.session import Crowd, FeedbackHandler, FeedbackLimits, FeedbackProtocol
from mta.model.errors import ConfigurationError
from mta.settings.values import HostPort

BACKLOG = 1024


class FeedbackServer:
    """Listens on `[inbound] listen`; `start()`, then `close()`."""

    def __init__(
        self,
        listen: Sequence[HostPort],
        *,
        hostname: str,
        addresses: FeedbackAddresses,
        effects: FeedbackEffects,
        letters: Letters,
        metrics: FeedbackMetrics,
        tls: Callable[[], ssl.SSLContext | None] = lambda: None,
        limits: FeedbackLimits | None = None,
    ) -> None:
        """Nothing is opened yet; `tls` gives the context for a new connection."""
        self._listen = tuple(listen)
        self._hostname = hostname
        self._tls = tls
        self._limits = limits or FeedbackLimits()
        self._crowd = Crowd()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="feedback")
        self.desk = FeedbackDesk(addresses, effects, letters, self._executor, metrics)
        self._handler = FeedbackHandler(self.desk, self._limits, self._crowd)
        self._servers: list[asyncio.Server] = []

    async def start(self, sockets: Sequence[socket.socket] | None = None) -> None:
        """Listen; given sockets (socket activation) replace the addresses of the settings.

        Raises `ConfigurationError` when an address cannot be listened on.
        """
        # aiosmtpd's own log has a line for each thing that a stranger does wrong.
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)
        for sock in sockets or ():
            server = await asyncio.get_running_loop().create_server(
                self._connect, sock=sock, backlog=BACKLOG
            )
            self._servers.append(server)
        for address in () if sockets is not None else self._listen:
            try:
                server = await asyncio.get_running_loop().create_server(
                    self._connect, address.host, address.port, backlog=BACKLOG
                )
            except OSError as error:
                self.stop_accepting()
                raise ConfigurationError(
                    f'[inbound] listen = "{address}": {error.strerror or error}; is another server '
                    "running there? Ports below 1024 need socket activation or CAP_NET_BIND_SERVICE"
                ) from error
            self._servers.append(server)

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Where it listens."""
        return [sock.getsockname()[:2] for server in self._servers for sock in server.sockets]

    def stop_accepting(self) -> None:
        """Take no new connections; those that are open go on."""
        for server in self._servers:
            server.close()
        self._servers.clear()

    async def close(self, deadline_s: float = 5.0) -> None:
        """Stop; what is being written is finished within the deadline, other sessions are cut off.

        Who did not hear 250 sends its notice again; it then changes nothing twice.
        """
        self.stop_accepting()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(deadline_s):
                await self._crowd.idle.wait()
        await asyncio.gather(*(protocol.stop() for protocol in list(self._crowd.live)))
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _connect(self) -> FeedbackProtocol:
        return FeedbackProtocol(
            self._handler,
            loop=asyncio.get_running_loop(),
            hostname=self._hostname,
            limits=self._limits,
            tls_context=self._tls(),
            crowd=self._crowd,
        )
