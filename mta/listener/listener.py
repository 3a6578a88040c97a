"""The submission listener: sockets, certificate, deadlines and shutdown around `Connection`."""

import asyncio
import resource
import secrets
import socket
import ssl
from collections.abc import Sequence
from functools import partial

import structlog

from mta.listener.accepting import bound
from mta.listener.auth_guard import AuthGuard
from mta.listener.authenticator import Authenticator
from mta.listener.clients import ClientRegistry
from mta.listener.connection import Connection
from mta.listener.deadlines import DeadlineWheel
from mta.listener.implicit_tls import ImplicitTlsServer
from mta.listener.limits import ListenerLimits
from mta.listener.login import LoginDesk
from mta.listener.ports import IntakePort, ListenerMetrics, NoMetrics, NoUsage, UsagePort
from mta.listener.shared import Shared
from mta.listener.tls import ServerTls
from mta.model.clock import Clock
from mta.model.errors import ConfigurationError
from mta.settings.schema import Server, Submission
from mta.settings.values import HostPort
from mta.smtp.server_options import ServerOptions

_TICK_S = 1.0
_RESERVED_FILES = (
    256  # descriptors for the store, DNS, logs, a console; besides a quarter for delivery
)


class Listener:
    """Takes mail on all addresses of `[submission]`."""

    def __init__(
        self,
        submission: Submission,
        server: Server,
        intake: IntakePort,
        authenticator: Authenticator,
        clock: Clock,
        metrics: ListenerMetrics | None = None,
        *,
        usage: UsagePort | None = None,
        limits: ListenerLimits | None = None,
        decoy_secret: bytes = b"",
    ) -> None:
        """`limits` replaces what the settings say (tests).

        `decoy_secret` makes the SCRAM salts of names that do not exist: the same after a restart,
        as those of real ones are, or a restart would tell them apart. Empty: one for this process.

        Raises `ConfigurationError` when certificate and key do not fit.
        """
        self._submission = submission
        self._intake = intake
        self._authenticator = authenticator
        self._clock = clock
        self._metrics = metrics or NoMetrics()
        self._usage = usage or NoUsage()
        self._limits = limits or ListenerLimits.of(submission)
        self._tls: ServerTls | None = None
        if submission.tls_certificate is not None and submission.tls_key is not None:
            self._tls = ServerTls(submission.tls_certificate, submission.tls_key)
        self._options = ServerOptions(
            hostname=server.hostname,
            decoy_secret=decoy_secret or secrets.token_bytes(32),
            max_message_bytes=submission.max_message_bytes,
            max_recipients=submission.max_recipients,
            normalize_line_endings=submission.line_endings == "normalize",
            offer_tls=self._tls is not None,
            allow_plaintext_auth=submission.allow_plaintext_auth,
            max_errors_soft=submission.max_errors_soft,
            max_errors_hard=submission.max_errors_hard,
        )
        self._servers: list[asyncio.Server] = []
        self._tls_servers: list[ImplicitTlsServer] = []
        self._shared: Shared | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_empty = asyncio.Event()

    async def start(
        self,
        sockets: Sequence[socket.socket] | None = None,
        implicit_tls_sockets: Sequence[socket.socket] | None = None,
    ) -> None:
        """Accept connections; given sockets (socket activation) replace the addresses of the settings.

        Raises `ConfigurationError` when an address cannot be listened on.
        """
        loop = asyncio.get_running_loop()
        shared = self._shared = self._share(loop)
        factory = partial(Connection, shared)
        is_given = sockets is not None or implicit_tls_sockets is not None
        try:
            if not is_given:
                sockets = await self._bind("listen", self._submission.listen)
                implicit_tls_sockets = await self._bind(
                    "implicit_tls_listen", self._submission.implicit_tls_listen
                )
            for sock in sockets or ():
                server = await loop.create_server(factory, sock=sock, backlog=self._limits.backlog)
                self._servers.append(server)
            for sock in implicit_tls_sockets or ():
                self._tls_servers.append(ImplicitTlsServer(shared, sock))
        except BaseException:
            self.stop_accepting()
            raise
        self._timer = loop.call_later(_TICK_S, self._tick)

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Where it listens, in the order of the settings: clear first, implicit TLS last."""
        clear = [sock.getsockname()[:2] for server in self._servers for sock in server.sockets]
        return clear + [server.address for server in self._tls_servers]

    @property
    def connections(self) -> int:
        """Clients connected now, those in a first handshake included."""
        return self._shared.clients.total if self._shared is not None else 0

    @property
    def tls_context(self) -> ssl.SSLContext | None:
        """The certificate in use, for other listeners of the same host; None without one."""
        return self._tls.context if self._tls is not None else None

    def reload_certificates(self) -> None:
        """Use the certificate files as they are now for new handshakes (SIGHUP).

        Raises `ConfigurationError` and keeps the old certificate when they do not fit or have expired.
        """
        if self._tls is not None:
            self._tls.reload(self._clock.now_ms())

    def check_deadlines(self) -> None:
        """Close connections whose time is over; the listener does it once a second by itself."""
        if self._shared is not None:
            self._shared.wheel.check(self._clock.monotonic_s())

    def stop_accepting(self) -> None:
        """Take no new connections; those that are open hear 421 after the message they are at."""
        if self._shared is not None:
            self._shared.is_stopping = True
        for server in self._servers:
            server.close()
        for tls_server in self._tls_servers:
            tls_server.close()
        self._servers.clear()

    async def close(self, deadline_s: float, hurry: asyncio.Event | None = None) -> None:
        """Stop: idle clients hear 421 4.3.2 at once, others once their message is answered.

        Whoever is not done within `deadline_s` seconds, or when `hurry` is set, is cut off; what
        was not answered with 250 was not taken over, or the client will send it again.
        """
        self.stop_accepting()
        shared = self._shared
        if shared is None:
            return
        shared.is_stopping = True
        for connection in list(shared.connections):
            connection.shut_down()
        self._note_empty()
        events = [self._is_empty, *([hurry] if hurry is not None else ())]
        waiters = [asyncio.ensure_future(event.wait()) for event in events]
        await asyncio.wait(waiters, timeout=deadline_s, return_when=asyncio.FIRST_COMPLETED)
        for waiter in waiters:
            waiter.cancel()
        for connection in list(shared.connections):
            connection.abort()
        for task in list(shared.handshakes):
            task.cancel()
        await asyncio.gather(*shared.handshakes, return_exceptions=True)
        for tls_server in self._tls_servers:
            await tls_server.wait_closed()
        self._tls_servers.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _share(self, loop: asyncio.AbstractEventLoop) -> Shared:
        submission, limits = self._submission, self._limits
        trusts = bool(submission.trusted_account)
        log = structlog.get_logger("relevo.listener")
        most = min(limits.max_connections, _affordable_connections())
        if most < limits.max_connections:
            log.warning("connections_limited", max_connections=most, remedy="raise LimitNOFILE")
        guard = AuthGuard(
            limits.max_auth_failures,
            limits.auth_window_s,
            limits.auth_delay_s,
            limits.max_auth_delay_s,
        )
        return Shared(
            options=self._options,
            limits=limits,
            clock=self._clock,
            loop=loop,
            intake=self._intake,
            authenticator=self._authenticator,
            metrics=self._metrics,
            usage=self._usage,
            clients=ClientRegistry(
                most,
                limits.max_per_address,
                submission.trusted_networks if trusts else (),
            ),
            logins=LoginDesk(self._authenticator, guard, limits, self._metrics, self._clock, log),
            wheel=DeadlineWheel(self._clock.monotonic_s(), _TICK_S),
            log=log,
            tls=self._tls,
            trust_all=trusts and not submission.require_auth,
            trusted_account=submission.trusted_account,
            on_closed=self._note_empty,
        )

    async def _bind(self, key: str, listen: Sequence[HostPort]) -> list[socket.socket]:
        sockets: list[socket.socket] = []
        for address in listen:
            try:
                sockets += await bound(address)
            except OSError as error:
                for sock in sockets:
                    sock.close()
                raise ConfigurationError(
                    f'[submission] {key} = "{address}": {error.strerror or error}; is another '
                    "server running there? Ports below 1024 need socket activation or "
                    "CAP_NET_BIND_SERVICE"
                ) from error
        return sockets

    def _note_empty(self) -> None:
        if self._shared is not None and self._shared.is_stopping and not self._shared.connections:
            self._is_empty.set()

    def _tick(self) -> None:
        self.check_deadlines()
        self._timer = asyncio.get_running_loop().call_later(_TICK_S, self._tick)


def _affordable_connections() -> int:
    """How many descriptors clients may take, so that accepting never meets EMFILE."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return 1_000_000
    return max(16, soft - soft // 4 - _RESERVED_FILES)
