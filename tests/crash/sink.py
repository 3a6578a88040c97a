"""A receiving mail server that only counts: who got which message of the load, and how often.

Runs in an event loop in a thread of its own, fast enough never to be what the relay waits for. It
takes everything but mail to `refuse…@`, which it refuses for good; one that defers takes nothing, one
that is silent takes the mail and does not say so.
"""

import asyncio
import re
from collections import Counter

from tests.crash.moments import Moments, Step
from tests.e2e.ground import Ground

LOAD_ID = re.compile(rb"\r\nX-Load-Id: (\S+)\r\n")
ABOUT = re.compile(rb"\r\n(?:In-Reply-To: <([^@]+)@|X-Load-Id: (\S+)\r\n)")  # in a notice
_END = b"\r\n.\r\n"


class Sink:
    """Counts by (load id, recipient)."""

    def __init__(
        self,
        ground: Ground,
        number: int,
        moments: Moments,
        *,
        defers: bool = False,
        is_silent: bool = False,
        load_id: re.Pattern[bytes] = LOAD_ID,
    ) -> None:
        """`load_id` finds what a mail is counted as."""
        self.host = f"mx{number}.test"
        self.received: Counter[tuple[str, str]] = Counter()
        self.notices: Counter[str] = Counter()  # load ids of what came back to its sender
        self.problems: list[str] = []
        self.moments = moments
        self.defers = defers
        self.is_silent = is_silent
        self._load_id = load_id
        self.connections: set[asyncio.Transport] = set()
        self._ground = ground
        self._address = f"127.0.0.{number}"
        self._server: asyncio.Server | None = None
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
        found = (self._load_id if sender else ABOUT).search(content)
        if found is None:
            self.problems.append(f"no load id in a mail of <{sender}> to {recipients}")
        elif sender:
            self.received.update((found[1].decode(), recipient) for recipient in recipients)
        else:
            self.notices[(found[1] or found[2]).decode()] += 1


class _Connection(asyncio.Protocol):
    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._buffer = bytearray()
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
        replies, taken = [], 0
        while True:
            ending = _END if self._is_data else b"\r\n"
            piece, found, rest = self._buffer.partition(ending)
            if not found:
                break
            self._buffer = rest
            if self._is_data:
                taken += 1
                replies.append(self._content(bytes(piece)))
            else:
                replies.append(self._command(bytes(piece)))
        if replies and not self._transport.is_closing():
            self._transport.write(b"".join(replies))
        for _ in range(taken):
            self._sink.moments.note(Step.TAKEN)
        if self._is_data and self._buffer:
            self._sink.moments.note(Step.PART)

    def _content(self, content: bytes) -> bytes:
        self._is_data = False
        self._sink.moments.note(Step.DOT)
        self._sink.take(self._sender, self._recipients, content)
        return b"" if self._sink.is_silent else b"250 2.0.0 counted\r\n"

    def _command(self, line: bytes) -> bytes:
        address = line.partition(b"<")[2].partition(b">")[0].decode()
        match line[:4].upper():
            case b"EHLO":
                return b"250-%b\r\n250-PIPELINING\r\n250 8BITMIME\r\n" % self._sink.host.encode()
            case b"MAIL":
                self._sink.moments.note(Step.ENVELOPE)
                self._sender, self._recipients = address, []
                return b"250 2.1.0 ok\r\n"
            case b"RCPT":
                return self._recipient(address)
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

    def _recipient(self, address: str) -> bytes:
        if self._sink.defers:
            return b"451 4.2.1 not now\r\n"
        if address.startswith("refuse"):
            return b"550 5.1.1 no such user\r\n"
        self._recipients.append(address)
        return b"250 2.1.5 ok\r\n"
