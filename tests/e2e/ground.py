"""What an end-to-end test stands on: a directory, free ports, a DNS, simulators, certificates.

    with Ground() as ground:
        mx = ground.simulator(4)                     # listens on 127.0.0.4, is mx4.test
        ground.domain("example.test", mx.host)       # MX record

The tests are ordinary functions, because the clients they drive block. What has to answer meanwhile
(DNS, simulators) runs in an event loop in a thread of its own; `run` asks it. Nothing waits by
sleeping for a time: `until` looks again until something is so, and fails at its deadline.
"""

import asyncio
import os
import random
import shutil
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from mta.sandbox.inbox import ReceivedMessage
from mta.sandbox.simulator import Simulator
from tests.dnsserver import DnsServer
from tests.evil.certificates import Authority, Leaf

T = TypeVar("T")

DEADLINE_S = 60.0  # of anything a test waits for
LOOK_AGAIN_S = 0.02
# Below Linux' range of ephemeral ports: no client's socket takes one between looking and listening.
PORTS = range(20_000, 32_000)


def until(condition: Callable[[], T], what: str, deadline_s: float = DEADLINE_S) -> T:
    """Give what the condition gives once it is true; fail loudly when it never is."""
    end_s = time.monotonic() + deadline_s
    while not (value := condition()):
        if time.monotonic() > end_s:
            raise AssertionError(f"never, in {deadline_s:g} s: {what}")
        time.sleep(LOOK_AGAIN_S)
    return value


def free_port() -> int:
    """A port that nobody has on any address."""
    for port in random.sample(PORTS, 200):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no port is free")


def accepts(host: str, port: int) -> bool:
    """Whether something listens there."""
    try:
        socket.create_connection((host, port), 1).close()
    except OSError:
        return False
    return True


class LoopThread:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="e2e-loop", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(DEADLINE_S)
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """The coroutine's result; raises what it raises."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(DEADLINE_S)


class Receiver:
    """The built-in simulator on an address of its own, seen from the test's thread."""

    def __init__(self, ground: "Ground", number: int) -> None:
        self.ground = ground
        self.address = f"127.0.0.{number}"
        self.host = f"mx{number}.test"
        self._simulator: Simulator | None = None
        ground.dns.set(self.host, A=self.address)

    def start(self) -> None:
        """Listen."""

        async def start() -> Simulator:
            simulator = Simulator(((self.address, self.ground.mx_port),), hostname=self.host)
            await simulator.start()
            return simulator

        self._simulator = self.ground.loop.run(start())

    def stop(self) -> None:
        """Close the port; may be called twice."""
        simulator, self._simulator = self._simulator, None
        if simulator is not None:
            self.ground.loop.run(simulator.close())

    def messages(self, recipient: str = "") -> list[ReceivedMessage]:
        """What came for a recipient, oldest first."""

        async def look() -> list[ReceivedMessage]:
            assert self._simulator is not None
            return list(self._simulator.inbox.list(limit=1000, recipient=recipient))

        return self.ground.loop.run(look())[::-1]

    def wait(self, recipient: str, count: int = 1) -> list[ReceivedMessage]:
        """The messages for a recipient once there are so many."""

        def look() -> list[ReceivedMessage]:
            found = self.messages(recipient)
            return found if len(found) >= count else []

        found = until(look, f"{count} mails for {recipient} at {self.host}")
        assert len(found) == count, [m.subject for m in found]
        return found


class Ground:
    """The common ground; everything ends with it."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.loop = LoopThread()
        self.dns = DnsServer()
        self.mx_port = free_port()
        self.directory: Path
        self.authority: Authority

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            # Not pytest's directory: that is closed to others, and Postfix' users have to get in.
            self.directory = Path(tempfile.mkdtemp(prefix="relevo-e2e-"))
            stack.callback(shutil.rmtree, self.directory, ignore_errors=True)
            self.directory.chmod(0o755)
            self.authority = Authority(self.directory)
            stack.enter_context(self.loop)
            stack.callback(lambda: self.loop.run(self.dns.stop()))
            self.loop.run(self.dns.start())
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def simulator(self, number: int, *, is_up: bool = True) -> Receiver:
        """A simulator at 127.0.0.NUMBER, called mxNUMBER.test."""
        receiver = Receiver(self, number)
        self._stack.callback(receiver.stop)
        if is_up:
            receiver.start()
        return receiver

    def domain(self, name: str, *hosts: str, **types: Sequence[str]) -> None:
        """MX records of a domain, the first host preferred, and others as `TXT=[…]`."""
        self.dns.set(name, MX=[f"{10 * n} {host}." for n, host in enumerate(hosts, 1)], **types)

    def certificate(self, name: str) -> Leaf:
        """A certificate of our own authority (`authority.ca_file`)."""
        return self.authority.issue(name)


IS_ROOT = os.geteuid() == 0
