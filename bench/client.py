"""CPU of the sending side: pipelined mail over kept connections to a tiny sink.

    python -m bench.client [--messages N] [--connections N] [--size OCTETS] [--no-pipelining] [--tls]

The sink is another process, so the CPU counted (user and system) is the client's alone. It answers
at once and stores nothing. Prints microseconds per message: minimum, median and maximum of the
rounds, and the machine's facts.
"""

import argparse
import asyncio
import multiprocessing
import os
import platform
import resource
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import uvloop

from mta.delivery.connection import ConnectionConfig, MxConnection
from mta.delivery.target import Target, Timeouts, TlsMode
from mta.delivery.tls import TlsContexts
from mta.delivery.tls_memory import TlsMemory
from mta.delivery.transaction import OutgoingRecipient, Transaction
from mta.model.clock import SystemClock
from mta.model.outcome import Outcome, OutcomeKind

LINE = b"Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod.\r\n"


class Sink(asyncio.Protocol):
    """Takes everything; knows just enough SMTP for the client."""

    def __init__(self, *, pipelining: bool, tls: object) -> None:
        self._offer = b"250-PIPELINING\r\n" if pipelining else b""
        self._tls = tls
        self._buffer = b""
        self._in_data = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        transport.write(b"220 sink\r\n")  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data
        replies = []
        while buffer:
            if self._in_data:
                end = buffer.find(b"\r\n.\r\n")
                if end < 0:
                    break
                buffer = buffer[end + 5 :]
                self._in_data = False
                replies.append(b"250 2.0.0 Ok: queued as 4F2E1A0\r\n")
                continue
            end = buffer.find(b"\n")
            if end < 0:
                break
            verb, buffer = buffer[:4], buffer[end + 1 :]
            if verb == b"DATA":
                self._in_data = True
                replies.append(b"354 Go ahead\r\n")
            elif verb == b"EHLO":
                offer = self._offer + (b"250-STARTTLS\r\n" if self._tls else b"")
                replies.append(b"250-sink\r\n" + offer + b"250-SIZE\r\n250 8BITMIME\r\n")
            elif verb == b"STAR":
                self._transport.write(b"220 go\r\n")
                self._upgrade = asyncio.get_running_loop().create_task(self._secure())
            else:
                replies.append(b"250 2.1.0 Ok\r\n")
        self._buffer = buffer
        if replies:
            self._transport.write(b"".join(replies))

    async def _secure(self) -> None:
        loop = asyncio.get_running_loop()
        self._transport = await loop.start_tls(self._transport, self, self._tls, server_side=True)


def run_sink(ports: multiprocessing.SimpleQueue, folder: str, pipelining: bool, tls: bool) -> None:
    async def serve() -> None:
        context = None
        if tls:
            from tests.evil.certificates import Authority

            context = Authority(Path(folder)).issue("localhost").server_context()
        server = await asyncio.get_running_loop().create_server(
            lambda: Sink(pipelining=pipelining, tls=context), "127.0.0.1", 0, backlog=1024
        )
        ports.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    uvloop.run(serve())


class Load:
    """Keeps every connection's slots full until so many messages are delivered."""

    def __init__(self, messages: int, content: bytes) -> None:
        self._open = messages
        self._waiting = [
            Transaction(
                "bounce@example.com", (OutgoingRecipient(f"user{number}@example.org"),), content
            )
            for number in range(messages)
        ]
        self.delivered = 0
        self.done = asyncio.get_running_loop().create_future()

    def on_slot(self, connection: MxConnection) -> None:
        while self._waiting and connection.slots_free:
            connection.send(self._waiting.pop())

    def on_done(self, _: MxConnection, __: Transaction, outcomes: list[Outcome]) -> None:
        self.delivered += outcomes[0].kind is OutcomeKind.DELIVERED
        self._open -= 1
        if not self._open:
            self.done.set_result(None)

    def on_closed(self, _: MxConnection, unsent: list[Transaction]) -> None:
        assert not unsent


async def kept(port: int, messages: int, connections: int, content: bytes, mode: TlsMode) -> float:
    """Seconds of CPU for the messages, over connections opened before."""
    config = ConnectionConfig(Timeouts(), TlsContexts(), TlsMemory(SystemClock()))
    target = Target("localhost", "127.0.0.1", port, tls_mode=mode)
    load = Load(messages, content)
    opened = [
        await MxConnection.open(
            target, config, on_done=load.on_done, on_slot=load.on_slot, on_closed=load.on_closed
        )
        for _ in range(connections)
    ]
    before = cpu_s()
    for connection in opened:
        assert isinstance(connection, MxConnection), connection
        load.on_slot(connection)
    await load.done
    used = cpu_s() - before
    assert load.delivered == messages
    for connection in opened:
        connection.quit()
    return used


async def fresh(port: int, messages: int, content: bytes, mode: TlsMode) -> float:
    """Seconds of CPU for the messages, a connection for each, twenty at a time."""
    config = ConnectionConfig(Timeouts(), TlsContexts(), TlsMemory(SystemClock()))
    target = Target("localhost", "127.0.0.1", port, tls_mode=mode)

    async def one_after_another(count: int) -> None:
        for _ in range(count):
            load = Load(1, content)
            connection = await MxConnection.open(
                target, config, on_done=load.on_done, on_slot=load.on_slot, on_closed=load.on_closed
            )
            load.on_slot(connection)
            connection.quit()
            await load.done

    before = cpu_s()
    await asyncio.gather(*(one_after_another(messages // 20) for _ in range(20)))
    return cpu_s() - before


def cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def report(name: str, messages: int, rounds: int, run: Callable[[], float]) -> None:
    costs = sorted(run() / messages * 1e6 for _ in range(rounds))
    middle = statistics.median(costs)
    print(f"{name:<44} {costs[0]:7.1f} {middle:7.1f} {costs[-1]:7.1f}  µs CPU per message")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--connections", type=int, default=10)
    parser.add_argument("--size", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-pipelining", action="store_true")
    parser.add_argument("--tls", action="store_true")
    options = parser.parse_args()
    content = (b"Subject: benchmark\r\n\r\n" + LINE * (options.size // len(LINE) + 1))[
        : options.size - 2
    ] + b"\r\n"
    mode = TlsMode.ENCRYPT if options.tls else TlsMode.OFF
    ports: multiprocessing.SimpleQueue = multiprocessing.SimpleQueue()
    with tempfile.TemporaryDirectory() as folder:
        arguments = (ports, folder, not options.no_pipelining, options.tls)
        sink = multiprocessing.Process(target=run_sink, args=arguments, daemon=True)
        sink.start()
        port = ports.get()
        print(f"{platform.platform()}, Python {platform.python_version()}, {os.cpu_count()} CPUs")
        print(f"{len(content)} octets, {options.connections} connections; min, median, max")
        report(
            f"kept connection{', TLS' if options.tls else ''}",
            options.messages,
            options.rounds,
            lambda: uvloop.run(kept(port, options.messages, options.connections, content, mode)),
        )
        report(
            f"new connection per message{', TLS' if options.tls else ''}",
            options.messages // 20,
            options.rounds,
            lambda: uvloop.run(fresh(port, options.messages // 20, content, mode)),
        )
        sink.terminate()
        sink.join()


if __name__ == "__main__":
    main()
