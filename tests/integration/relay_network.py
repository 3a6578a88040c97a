"""What is around a relay under test: DNS, receiving servers on loopback, all on one port, accounts."""

import asyncio
import socket
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from types import TracebackType
from typing import Self

from mta.model.envelope import Identity
from tests.dnsserver import DnsServer
from tests.evil.behaviour import Behaviour
from tests.evil.server import EvilServer, Received

LOOK_AGAIN_S = 0.05  # for conditions that neither a commit nor a message tells of


class Pulse:
    """Wakes whoever waits for anything to happen."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def beat(self) -> None:
        self._event.set()
        self._event = asyncio.Event()

    async def next(self) -> None:
        event = self._event
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_AGAIN_S):
                await event.wait()


class _Noted(list[Received]):
    def __init__(self, pulse: Pulse) -> None:
        super().__init__()
        self._pulse = pulse

    def append(self, message: Received) -> None:
        super().append(message)
        self._pulse.beat()


class Receiver(EvilServer):
    """A receiving server on an address of its own; misbehaves when told so."""

    def __init__(self, number: int, network: "Network", behaviour: Behaviour | None) -> None:
        super().__init__(behaviour)
        self.number = number
        self.host = f"127.0.0.{number}"
        self.name = f"mx{number}.test"
        self.network = network
        self.received = _Noted(network.pulse)  # type: ignore[assignment]

    async def __aenter__(self) -> Self:
        self.port = self.network.port
        self._server = await asyncio.start_server(
            self._accept, self.host, self.port, start_serving=True
        )
        return self

    def drop(self) -> None:
        """Reset all connections."""
        for task in tuple(self._tasks):
            task.cancel()

    @property
    def recipients(self) -> list[str]:
        """Everyone who was written to here, in order."""
        return [
            rcpt.partition("<")[2].partition(">")[0]
            for message in self.received
            for rcpt in message.recipients
        ]


class Network:
    """DNS and receiving servers on loopback, all on one port."""

    def __init__(self) -> None:
        self.dns = DnsServer(ttl=300)
        self.pulse = Pulse()
        self.port = _free_port()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self.dns)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    async def receiver(self, number: int, behaviour: Behaviour | None = None) -> Receiver:
        """A server at 127.0.0.NUMBER, called mxNUMBER.test."""
        receiver = Receiver(number, self, behaviour)
        await self._stack.enter_async_context(receiver)
        self.dns.set(receiver.name, A=receiver.host)
        return receiver

    def dead(self, number: int) -> str:
        """The name of a host where nothing listens."""
        self.dns.set(f"mx{number}.test", A=f"127.0.0.{number}")
        return f"mx{number}.test"

    def domain(self, name: str, *hosts: Receiver | str, preferences: Sequence[int] = ()) -> None:
        """MX records of a domain: all of preference 10 unless said otherwise."""
        wanted = preferences or [10] * len(hosts)
        names = [h if isinstance(h, str) else h.name for h in hosts]
        self.dns.set(name, MX=[f"{p} {n}." for p, n in zip(wanted, names, strict=True)])


APP = Identity(7, 1, "app", any_sender=True, may_send_urgent=True, may_use_null_sender=True)


class MemoryAuthenticator:
    """Everybody is the application `app`; the password is `secret`."""

    def __init__(self, identity: Identity = APP) -> None:
        self._identity = identity

    def check_password(self, username: str, password: str, peer: str) -> Identity | None:
        return self._identity if password == "secret" else None

    def scram_keys(self, username: str) -> None:
        return None

    def identity(self, username: str, peer: str) -> Identity | None:
        return self._identity

    def trusted_identity(self, account: str) -> Identity | None:
        return self._identity


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("0.0.0.0", 0))
        port: int = probe.getsockname()[1]
        return port
