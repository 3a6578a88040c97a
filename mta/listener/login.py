"""Decides logins: the authenticator's word, failures slowed down and cut off (RFC 4954 §4, §6)."""

from typing import Any, NamedTuple

from mta.listener.auth_guard import AuthGuard
from mta.listener.authenticator import Authenticator
from mta.listener.clients import Client
from mta.listener.limits import ListenerLimits
from mta.listener.ports import ListenerMetrics
from mta.listener.refusals import TOO_MANY_LOGINS
from mta.model.clock import Clock
from mta.model.envelope import Identity
from mta.model.errors import TransientError
from mta.model.reply import Reply
from mta.smtp import server_replies as replies
from mta.smtp.sasl import PasswordOffered, ScramFinished, ScramStarted
from mta.smtp.scram import ScramKeys


class Verdict(NamedTuple):
    """The reply to a login, how long to hold it back, and whose the session is then."""

    reply: Reply
    delay_s: float = 0.0
    identity: Identity | None = None


class LoginDesk:
    """One for all connections of a listener."""

    def __init__(
        self,
        authenticator: Authenticator,
        guard: AuthGuard,
        limits: ListenerLimits,
        metrics: ListenerMetrics,
        clock: Clock,
        log: Any,  # a structlog logger, whose methods take any field
    ) -> None:
        self._authenticator = authenticator
        self._guard = guard
        self._max_failures = limits.max_auth_failures
        self._metrics = metrics
        self._clock = clock
        self._log = log

    def password(self, offered: PasswordOffered, client: Client, failures: int) -> Verdict:
        """Check a name and password; `failures`: those of the connection before this one."""
        if self._is_blocked(client, offered.username):
            return self._cut_off()
        try:
            identity = self._authenticator.check_password(
                offered.username, offered.password, client.address
            )
        except TransientError:
            return Verdict(replies.AUTH_UNAVAILABLE)
        return self._judge(offered.mechanism, offered.username, client, identity, failures)

    def keys(self, started: ScramStarted, client: Client) -> ScramKeys | Verdict | None:
        """The keys of a name, None when it has none, or an early end."""
        if self._is_blocked(client, started.username):
            return self._cut_off()
        try:
            return self._authenticator.scram_keys(started.username)
        except TransientError:
            return Verdict(replies.AUTH_UNAVAILABLE)

    def proof(self, finished: ScramFinished, client: Client, failures: int) -> Verdict:
        """The end of a SCRAM exchange."""
        identity = None
        if finished.is_proved:
            try:
                identity = self._authenticator.identity(finished.username, client.address)
            except TransientError:
                return Verdict(replies.AUTH_UNAVAILABLE)
        return self._judge(finished.mechanism, finished.username, client, identity, failures)

    def _judge(
        self,
        mechanism: str,
        username: str,
        client: Client,
        identity: Identity | None,
        failures: int,
    ) -> Verdict:
        if identity is not None:
            self._guard.succeeded(client.network, username, self._clock.monotonic_s())
            return Verdict(replies.AUTH_OK, 0.0, identity)
        self._metrics.auth_failed(mechanism)
        self._log.warning(
            "auth_failed", mechanism=mechanism, username=username, peer=client.address
        )
        delay_s = self._guard.failed(client.network, username, self._clock.monotonic_s())
        is_last = failures + 1 >= self._max_failures
        return Verdict(TOO_MANY_LOGINS if is_last else replies.AUTH_FAILED, delay_s)

    def _is_blocked(self, client: Client, username: str) -> bool:
        """A trusted network is never blocked: behind it there may be many applications."""
        return not client.is_trusted and self._guard.is_blocked(
            client.network, username, self._clock.monotonic_s()
        )

    def _cut_off(self) -> Verdict:
        """Too many failures came from there: hold back, then end, the password unseen."""
        self._metrics.connection_refused("auth")
        return Verdict(TOO_MANY_LOGINS, self._guard.delay_s(self._max_failures))
