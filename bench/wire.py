"""CPU of the wire: our protocol core beside aiosmtpd (receiving) and aiosmtplib (sending).

    python -m bench.wire [--messages N] [--rounds R]

Messages of 2 KiB over 4 kept connections in clear, on uvloop. What is measured runs in a process of
its own and counts its own CPU (user and system); the other end is a second process that does as
little as it can. Nothing is stored. aiosmtpd does not offer PIPELINING and aiosmtplib does not use
it, so our side is measured step by step as well. Prints microseconds per message, minimum, median
and maximum of the rounds, which take turns.
"""

import argparse
import asyncio
import multiprocessing
import platform
import resource
import socket
import statistics
from collections.abc import Callable
from multiprocessing.connection import Connection

import aiosmtplib
import uvloop
from aiosmtpd.smtp import SMTP

from bench.client import LINE, Sink
from mta.delivery.connection import ConnectionConfig, MxConnection
from mta.delivery.target import Target, Timeouts, TlsMode
from mta.delivery.tls import TlsContexts
from mta.delivery.tls_memory import TlsMemory
from mta.delivery.transaction import OutgoingRecipient, Transaction
from mta.intake.ports import Receipt
from mta.listener.listener import Listener
from mta.model.address import Address
from mta.model.clock import SystemClock
from mta.model.envelope import Identity, Recipient, Submission
from mta.model.outcome import Outcome, OutcomeKind
from mta.model.reply import Reply
from mta.settings.schema import Server
from mta.settings.schema import Submission as SubmissionSettings
from mta.settings.values import HostPort
from mta.smtp.scram import ScramKeys

CONNECTIONS = 4
HEAD = b"From: a@example.org\r\nTo: b@example.net\r\nSubject: bench\r\n\r\n"
MESSAGE = (HEAD + LINE * 28)[:2046].rsplit(b"\r\n", 1)[0] + b"\r\n"
TAKEN = Reply.of(250, "2.0.0", "1800000000000000001 queued")


def cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


# -- receiving: a server that is measured, and a driver in lockstep ------------------------------


class Discard:
    """aiosmtpd's handler: takes everything."""

    async def handle_DATA(self, *_: object) -> str:  # noqa: N802 - aiosmtpd's name
        return "250 2.0.0 queued"


class DiscardIntake:
    """Our door: takes everything."""

    def check_capacity(self) -> Reply | None:
        return None

    def check_sender(self, identity: Identity, sender: Address | None) -> Reply | None:  # noqa: ARG002
        return None

    def check_recipient(self, identity: Identity, recipient: Recipient, count: int) -> Reply | None:  # noqa: ARG002
        return None

    def submit(self, submission: Submission) -> asyncio.Future[Receipt]:  # noqa: ARG002
        future: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        future.set_result(Receipt(TAKEN, 1))
        return future


class Everybody:
    """Our accounts: whoever connects is trusted."""

    def check_password(self, username: str, password: str, peer: str) -> Identity | None:  # noqa: ARG002
        return None

    def scram_keys(self, username: str) -> ScramKeys | None:  # noqa: ARG002
        return None

    def identity(self, username: str, peer: str) -> Identity | None:  # noqa: ARG002
        return None

    def trusted_identity(self, account: str) -> Identity | None:
        return Identity(1, 1, account, any_sender=True)


async def _serve(kind: str, control: Connection) -> None:
    loop = asyncio.get_running_loop()
    if kind == "aiosmtpd":
        server = await loop.create_server(lambda: SMTP(Discard()), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
    else:
        settings = SubmissionSettings(
            listen=[HostPort("127.0.0.1", 0)], require_auth=False, trusted_account="bench"
        )
        listener = Listener(settings, Server(), DiscardIntake(), Everybody(), SystemClock())
        await listener.start()
        port = listener.addresses[0][1]
    control.send(port)
    for _ in range(2):  # begin and end of the measured part
        await loop.run_in_executor(None, control.recv)
        control.send(cpu_s())


def serve(kind: str, control: Connection) -> None:
    uvloop.run(_serve(kind, control))


def _read_reply(sock: socket.socket, lines: int = 1) -> None:
    data = b""
    while data.count(b"\r\n") < lines or data.rsplit(b"\r\n", 2)[-2][3:4] == b"-":
        data += sock.recv(65536)
    assert data[:1] in b"23", data


def drive(port: int, count: int, *, is_pipelined: bool) -> None:
    """`count` messages over kept connections, each step on all of them before the next."""
    socks = [socket.create_connection(("127.0.0.1", port)) for _ in range(CONNECTIONS)]
    envelope = (b"MAIL FROM:<a@example.org>\r\n", b"RCPT TO:<b@example.net>\r\n", b"DATA\r\n")
    steps = [b"".join(envelope)] if is_pipelined else list(envelope)
    for sock in socks:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        _read_reply(sock)
        sock.sendall(b"EHLO bench.example\r\n")
        _read_reply(sock)
    for _ in range(count // CONNECTIONS):
        for step in (*steps, MESSAGE + b".\r\n"):
            for sock in socks:
                sock.sendall(step)
            for sock in socks:
                _read_reply(sock, step.count(b"\r\n") if step in steps else 1)
    for sock in socks:
        sock.close()


def receive(kind: str, count: int, *, is_pipelined: bool) -> float:
    """Microseconds of the server's CPU per message."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(kind, theirs), daemon=True)
    process.start()
    port = ours.recv()
    drive(port, 400, is_pipelined=is_pipelined)  # warm
    ours.send(None)
    before = ours.recv()
    drive(port, count, is_pipelined=is_pipelined)
    ours.send(None)
    after = ours.recv()
    process.terminate()
    process.join()
    return (after - before) / count * 1e6


# -- sending: a client that is measured, and a sink ----------------------------------------------


async def _sink(control: Connection, *, is_pipelined: bool) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Sink(pipelining=is_pipelined, tls=None), "127.0.0.1", 0
    )
    control.send(server.sockets[0].getsockname()[1])
    await loop.run_in_executor(None, control.recv)


def sink(control: Connection, is_pipelined: bool) -> None:
    uvloop.run(_sink(control, is_pipelined=is_pipelined))


async def _with_aiosmtplib(port: int, count: int, _: ConnectionConfig) -> None:
    async def one() -> None:
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False, use_tls=False)
        await client.connect()
        for _ in range(count // CONNECTIONS):
            await client.sendmail("a@example.org", ["b@example.net"], MESSAGE)
        client.close()

    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))


async def _with_ours(port: int, count: int, config: ConnectionConfig) -> None:
    left = undelivered = count
    done = asyncio.Event()
    target = Target("sink", "127.0.0.1", port, ehlo="bench.example", tls_mode=TlsMode.OFF)
    recipients = (OutgoingRecipient("b@example.net"),)

    def give(connection: MxConnection) -> None:
        nonlocal left
        while left and connection.slots_free:
            left -= 1
            connection.send(Transaction("a@example.org", recipients, MESSAGE))

    def on_done(_: MxConnection, __: Transaction, outcomes: list[Outcome]) -> None:
        nonlocal undelivered
        assert outcomes[0].kind is OutcomeKind.DELIVERED, outcomes
        undelivered -= 1
        if not undelivered:
            done.set()

    for _ in range(CONNECTIONS):
        connection = await MxConnection.open(
            target, config, on_done=on_done, on_slot=give, on_closed=lambda _c, _u: None
        )
        assert isinstance(connection, MxConnection), connection
        give(connection)
    await done.wait()


def send(port: int, kind: str, count: int, answer: Connection) -> None:
    """In a process of its own: send, and answer with the CPU used per message in microseconds."""
    work = _with_aiosmtplib if kind == "aiosmtplib" else _with_ours

    async def run() -> float:
        # TLS contexts are made once in a process.
        config = ConnectionConfig(Timeouts(), TlsContexts(), TlsMemory(SystemClock()))
        await work(port, 400, config)
        before = cpu_s()
        await work(port, count, config)
        return (cpu_s() - before) / count * 1e6

    answer.send(uvloop.run(run()))


def transmit(kind: str, count: int, *, is_pipelined: bool) -> float:
    """Microseconds of the client's CPU per message."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    other = context.Process(target=sink, args=(theirs, is_pipelined), daemon=True)
    other.start()
    port = ours.recv()
    result, answer = context.Pipe(duplex=False)
    client = context.Process(target=send, args=(port, kind, count, answer), daemon=True)
    client.start()
    value: float = result.recv()
    client.join()
    other.terminate()
    other.join()
    return value


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.wire", description=__doc__)
    parser.add_argument("--messages", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    count = options.messages
    cases: dict[str, Callable[[], float]] = {
        "receive  aiosmtpd": lambda: receive("aiosmtpd", count, is_pipelined=False),
        "receive  ours, step by step": lambda: receive("ours", count, is_pipelined=False),
        "receive  ours, pipelined": lambda: receive("ours", count, is_pipelined=True),
        "send     aiosmtplib": lambda: transmit("aiosmtplib", count, is_pipelined=False),
        "send     ours, step by step": lambda: transmit("ours", count, is_pipelined=False),
        "send     ours, pipelined": lambda: transmit("ours", count, is_pipelined=True),
    }
    times: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(options.rounds):
        for name, case in cases.items():
            times[name].append(case())
    print(
        f"{platform.python_implementation()} {platform.python_version()}, uvloop {uvloop.__version__}"
    )
    print(f"{len(MESSAGE)} octets, {CONNECTIONS} kept connections, {count} messages a round")
    print(f"{'µs of CPU per message':30} {'min':>7} {'median':>7} {'max':>7}")
    for name, values in times.items():
        low, middle, high = min(values), statistics.median(values), max(values)
        print(f"{name:30} {low:7.1f} {middle:7.1f} {high:7.1f}")


if __name__ == "__main__":
    main()
