"""What the connections of one listener have in common."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from mta.listener.authenticator import Authenticator
from mta.listener.clients import Client, ClientRegistry
from mta.listener.deadlines import DeadlineWheel
from mta.listener.limits import ListenerLimits
from mta.listener.login import LoginDesk
from mta.listener.ports import IntakePort, ListenerMetrics, UsagePort
from mta.listener.tls import ServerTls
from mta.model.clock import Clock
from mta.model.envelope import Identity
from mta.model.reply import Reply
from mta.smtp.server_options import ServerOptions


class Served(Protocol):
    """An open connection, as the shutdown sees it."""

    def shut_down(self) -> None:
        """End as soon as no message is under way."""
        ...

    def abort(self) -> None:
        """End now."""
        ...


@dataclass(slots=True)
class Shared:
    """What the connections of a listener have in common."""

    options: ServerOptions
    limits: ListenerLimits
    clock: Clock
    loop: asyncio.AbstractEventLoop
    intake: IntakePort
    authenticator: Authenticator
    metrics: ListenerMetrics
    usage: UsagePort
    clients: ClientRegistry
    logins: LoginDesk
    wheel: DeadlineWheel
    log: Any  # a structlog logger, whose methods take any field
    tls: ServerTls | None
    trust_all: bool  # require_auth = false
    trusted_account: str
    on_closed: Callable[[], None]
    connections: set[Served] = field(default_factory=set)
    handshakes: set[asyncio.Task[None]] = field(default_factory=set)
    held_bytes: int = 0
    is_stopping: bool = False

    def answered(
        self, client: Client, identity: Identity, reply: Reply, taken: tuple[float, int]
    ) -> None:
        """Count the answer to a message; `taken`: when its last octet came, how many recipients."""
        since_s, recipients = taken
        self.usage.submitted(identity, reply, recipients, self.clock.monotonic_s() - since_s)
        if not reply.is_positive:
            self._tell(client, identity, "DATA", reply)

    def refused(self, client: Client, identity: Identity | None, at: str, reply: Reply) -> None:
        """Count and tell that a sender or recipient was refused, at which command, and why."""
        if identity is not None:
            self.usage.refused(identity, reply)
        self._tell(client, identity, at, reply)

    def _tell(self, client: Client, identity: Identity | None, at: str, reply: Reply) -> None:
        self.log.info(
            "mail refused",
            client=client.address,
            account=str(identity.account_id) if identity is not None else "",
            credential=identity.name if identity is not None else "",
            at=at,
            reply=str(reply),
        )
