"""A receiving mail server that only counts: who got which message of the load, and how often.

Runs in an event loop in a thread of its own, fast enough never to be what the relay waits for. It
takes everything but mail to `refuse…@`, which it refuses for good.
"""

import asyncio
import re
import threading
from collections import Counter

from tests.e2e.ground import Ground

LOAD_ID = re.compile(rb"\r\nX-Load-Id: (\S+)\r\n")
_END = b"\r\n.\r\n"


class Sink:
    """Counts by (load id, recipient); `progress` is notified of each message."""

    def __init__(self, ground: Ground, number: int, progress: threading.Condition) -> None:
        self.host = f"mx{number}.test"
        self.received: Counter[tuple[str, str]] = Counter()
        self.notices: Counter[str] = Counter()  # load ids of what came back to its sender
        self.total = 0
        self.problems: list[str] = []
        self.progress = progress
        self._ground = ground
        self._address = f"127.0.0.{number}"
        self._server: asyncio.Server | None = None
        self.connections: set[asyncio.Transport] = set()
        ground.dns.set(self.host, A=self._address)

    def start(self) -> None:
        """Listen, for ever."""

        async def start() -> asyncio.Server:
            loop = asyncio.get_running_loop()
            return await loop.create_server(
                lambda: _Connection(self), self._address, self._ground.mx_port, backlog=1024
            )

        self._server = self._ground.loop.run(start())

    def stop(self) -> None:
        """Close everything."""

        async def stop() -> None:
            assert self._server is not None
            self._server.close()
            for transport in list(self.connections):
                transport.abort()
            await self._server.wait_closed()

        self._ground.loop.run(stop())

    def take(self, sender: str, recipients: list[str], content: bytes) -> None:
        """Count one message."""
        found = LOAD_ID.search(content)
        with self.progress:
            self.total += 1
            if found is None:
                self.problems.append(f"no load id in a mail of <{sender}> to {recipients}")
            elif sender:
                self.received.update((found[1].decode(), recipient) for recipient in recipients)
            else:
                self.notices[found[1].decode()] += 1
            self.progress.notify_all()


class _Connection(asyncio.Protocol):
    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._buffer = b""
        self._is_data = False
        self._sender = ""
        self._recipients: list[str] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._sink.connections.add(transport)
        transport.write(f"220 {self._sink.host} ESMTP\r\n".encode())

    def connection_lost(self, exc: Exception | None) -> None:
        self._sink.connections.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        replies = []
        while True:
            ending = _END if self._is_data else b"\r\n"
            piece, found, rest = self._buffer.partition(ending)
            if not found:
                break
            self._buffer = rest
            replies.append(self._content(piece) if self._is_data else self._command(piece))
        if replies:
            self._transport.write(b"".join(replies))

    def _content(self, content: bytes) -> bytes:
        self._is_data = False
        self._sink.take(self._sender, self._recipients, content)
        return b"250 2.0.0 counted\r\n"

    def _command(self, line: bytes) -> bytes:
        address = line.partition(b"<")[2].partition(b">")[0].decode()
        match line[:4].upper():
            case b"EHLO":
                return b"250-%b\r\n250-PIPELINING\r\n250 8BITMIME\r\n" % self._sink.host.encode()
            case b"MAIL":
                self._sender, self._recipients = address, []
                return b"250 2.1.0 ok\r\n"
            case b"RCPT" if address.startswith("refuse"):
                return b"550 5.1.1 no such user\r\n"
            case b"RCPT":
                self._recipients.append(address)
                return b"250 2.1.5 ok\r\n"
            case b"DATA" if self._recipients:
                self._is_data = True
                return b"354 go on\r\n"
            case b"DATA":
                return b"554 5.5.1 no valid recipients\r\n"
            case b"RSET":
                return b"250 2.0.0 ok\r\n"
            case b"QUIT":
                self._transport.write(b"221 2.0.0 bye\r\n")
                self._transport.close()
                return b""
        self._sink.problems.append(f"unknown command {line!r}")
        return b"500 5.5.2 what?\r\n"
