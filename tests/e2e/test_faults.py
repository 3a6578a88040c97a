"""The whole server in a hostile world: idle crowds, no descriptors, a log nobody reads, a moved clock."""

import os
import re
import resource
import signal
import smtplib
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from tests.e2e import clients
from tests.e2e.conftest import SANDBOX_DOMAIN
from tests.e2e.ground import DEADLINE_S, until
from tests.e2e.server import SENDER, RelevoServer

PER_ADDRESS = 50  # the default of [submission] max_connections_per_address
KIB_EACH = 60  # most memory of the server for a client that is only connected
TICKS = os.sysconf("SC_CLK_TCK")
DOWN = "faults-down.test"


@pytest.fixture(scope="module")
def installed(ground, sandbox) -> Iterator[RelevoServer]:
    """An installation that each test starts and stops in its own way."""
    with RelevoServer(ground, name="faults") as server:
        yield server


@contextmanager
def running(server: RelevoServer, *wrapper: str, **settings: str) -> Iterator[RelevoServer]:
    """Run it under a command and with settings, until the end of the test."""
    before, server._environ = server._environ, settings
    server.spawn(wrapper)
    try:
        server.wait_ready()
        yield server
        server.stop()
    finally:
        server._environ = before
        if server.is_spawned:
            server.kill()


def served(server: RelevoServer, sandbox, name: str, count: int = 1) -> None:
    """A client that logs in hands mail in, and it arrives."""
    names = [f"{name}{n}@{SANDBOX_DOMAIN}" for n in range(count)]
    with clients.connect(server) as client:
        for recipient in names:
            clients.hand_in(client, clients.message("served", recipient), recipient)
    for recipient in names:
        sandbox.wait(recipient)


# Very many clients


def resident_kib(pid: int) -> int:
    """Memory of a process."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+) kB", text)[0])


def cpu_s(pid: int) -> float:
    """Processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


@contextmanager
def descriptors(count: int) -> Iterator[None]:
    """So many for us and for whom we start."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if count > hard != resource.RLIM_INFINITY:
        pytest.skip(f"needs {count} descriptors, the hard limit is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def connected(server: RelevoServer, number: int) -> socket.socket:
    """Client `number` of many, from an address that it shares with as many as may be."""
    source = f"127.1.{number // PER_ADDRESS // 200}.{number // PER_ADDRESS % 200 + 1}"
    address = (server.host, server.port)
    return socket.create_connection(address, DEADLINE_S, source_address=(source, 0))


@contextmanager
def idle_clients(server: RelevoServer, count: int) -> Iterator[list[socket.socket]]:
    """So many clients that were greeted; every second one has said EHLO."""
    with ExitStack() as stack:
        made = []
        for number in range(count):
            client = stack.enter_context(connected(server, number))
            assert client.recv(4096).startswith(b"220 ")
            if number % 2:
                client.sendall(b"EHLO idle\r\n")
                assert client.recv(4096).startswith(b"250")
            made.append(client)
        yield made


def is_culled(client: socket.socket) -> bool:
    """Whether the client was told 421 and that was all; waits for it."""
    text = b""
    while octets := client.recv(4096):
        text += octets
    return text.startswith(b"421 4.4.2 ")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("count", [1_000, pytest.param(10_000, marks=pytest.mark.soak)])
def test_idle_clients_cost_little_hold_nobody_up_and_are_culled(installed, sandbox, count) -> None:
    settings = {
        "SUBMISSION__IDLE_TIMEOUT": "10s" if count <= 1_000 else "50s",
        "SUBMISSION__MAX_CONNECTIONS": str(count + 100),
    }
    enough = (count + 400) * 4 // 3  # the server keeps a quarter, and some, for itself
    with descriptors(enough), running(installed, **settings) as server:
        served(server, sandbox, f"before-{count}-")  # what the first client makes it load
        before = resident_kib(server.pid)
        with idle_clients(server, count) as idle:
            each = (resident_kib(server.pid) - before) / count
            print(f"{count} idle clients: {each:.1f} KiB of the server's memory each")
            assert each < KIB_EACH
            served(server, sandbox, f"active-{count}-", 20)
            assert all(is_culled(client) for client in idle)
    assert server.errors() == []


def test_a_server_with_few_descriptors_serves_whom_it_can_and_never_spins(
    installed, sandbox
) -> None:
    with running(installed, "prlimit", "--nofile=330:330") as server:
        with ExitStack() as stack:
            crowd = [stack.enter_context(connected(server, n)) for n in range(400)]
            words = [client.recv(4096)[:4] for client in crowd]
            assert set(words) == {b"220 ", b"421 "}
            assert words.count(b"220 ") >= 16
            assert "connections_limited" in server.log_path.read_text()
            began_s, cpu = time.monotonic(), cpu_s(server.pid)
            until(lambda: time.monotonic() > began_s + 2, "two idle seconds")
            assert cpu_s(server.pid) - cpu < 1.0, "it waits, and does not try again and again"
        until(lambda: is_greeted(server), "there is room again")
        served(server, sandbox, "after-the-crowd-")


def is_greeted(server: RelevoServer) -> bool:
    """Whether a client gets in."""
    with suppress(OSError, smtplib.SMTPException), clients.connect(server):
        return True
    return False


# The log


def test_a_log_that_nobody_reads_holds_no_mail_up_and_what_was_lost_is_told(
    installed, sandbox, tmp_path
) -> None:
    pipe = tmp_path / "log"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDWR)  # open, and nobody reads
    blocked = ("sh", "-c", f'exec "$0" "$@" 2>{pipe}')
    try:
        with running(installed, *blocked) as server:
            served(server, sandbox, "unlogged-", 50)
            with clients.connect(server) as client:
                floods = [flood(client, number) for number in range(16)]
            for message in floods:
                until(lambda m=message: {*server.states(m)} == {"bounced"}, "bounced")
            served(server, sandbox, "still-unlogged-", 50)
            page = server.http("/metrics")[1]
            (dropped,) = re.findall(r"^relevo_log_lines_dropped_total (\S+)", page, re.MULTILINE)
            assert float(dropped) > 0
    finally:
        os.close(reader)


def flood(client: smtplib.SMTP, number: int) -> str:
    """A thousand deliveries that bounce at once, each a line of the log; the message's id."""
    rcpts = b"".join(
        b"RCPT TO:<%s-%d-%d@nowhere.invalid> NOTIFY=NEVER\r\n" % (b"x" * 40, number, n)
        for n in range(1000)  # others each time: who bounced once is suppressed
    )
    assert client.mail(SENDER)[0] == 250
    client.send(rcpts)
    assert all(client.getreply()[0] == 250 for _ in range(1000))
    assert client.docmd("DATA")[0] == 354
    client.send(clients.message(f"flood {number}", "x@nowhere.invalid") + b".\r\n")
    return clients.queued_id(client.getreply()[1])


# Time


class WallClock:
    """The wall clock of a process that is run under `wrapper`."""

    def __init__(self, folder: Path) -> None:
        self._library, self._file = folder / "wallclock.so", folder / "seconds"
        source = Path(__file__).with_name("wallclock.c")
        command = ["gcc", "-O2", "-shared", "-fPIC", "-o", self._library, source]
        subprocess.run(command, check=True)
        self._file.write_bytes(struct.pack("q", 0))

    @property
    def wrapper(self) -> tuple[str, ...]:
        """The command to run a program with."""
        return ("env", f"LD_PRELOAD={self._library}", f"WALLCLOCK={self._file}")

    def jump(self, seconds: int) -> None:
        """Set the clock; it stands so far off the true one from now on."""
        with self._file.open("r+b") as file:
            file.write(struct.pack("q", seconds))


def test_a_process_whose_clock_is_set_delivers_what_was_queued_once(
    installed, ground, tmp_path
) -> None:
    mx = ground.simulator(41, is_up=False)
    ground.domain(DOWN, mx.host)
    clock = WallClock(tmp_path)
    names = [f"moved{n}@{DOWN}" for n in range(5)]
    with running(installed, *clock.wrapper) as server:
        ids = [clients.submit(server, clients.message(name, name), name) for name in names]
        for message in ids:
            until(lambda m=message: server.states(m) == ["scheduled"], "it was tried")
        for count, hours in enumerate((3, -2, 365 * 24), 1):
            clock.jump(hours * 3600)
            until(lambda n=count: len(jumps(server)) == n, "the jump is told")
        assert jumps(server) == [3 * 3600, -5 * 3600, (365 * 24 + 2) * 3600]
        mx.start()
        try:
            server.cli("queue", "retry", "--site", mx.host)
            for name, message in zip(names, ids, strict=True):
                mx.wait(name)
                until(lambda m=message: server.states(m) == ["delivered"], "delivered")
            assert len(mx.messages()) == len(names)
        finally:
            mx.stop()
    # In that year the certificate has expired, and that is told.
    names = [error["name"] for error in server.errors() if error["event"] == "alert"]
    assert names == ["certificate-submission"] * len(server.errors())


def jumps(server: RelevoServer) -> list[int]:
    """Seconds by which the clock was set, as this run's log tells."""
    run = server.log_path.read_text().rpartition("taking mail")[2]
    return [int(by) for by in re.findall(r"clock was set.*?\"by_s\":\s?(-?\d+)", run)]


# Reload


def test_a_reload_with_files_that_are_wrong_changes_nothing_and_says_so(installed, sandbox) -> None:
    folder = installed.directory
    with running(installed) as server:
        shaping = server.config.with_name("shaping.toml")
        key = folder / "dkim_keys" / "sender.test" / "broken.pem"
        expired = server.ground.authority.issue(server.host, expired=True)
        wrong = {
            shaping: b"[default]\nconnections_max = 'many'\n",
            key: b"no key\n",
            folder / "certificate.pem": expired.certificate.read_bytes(),
            folder / "key.pem": expired.key.read_bytes(),
        }
        before = {path: path.read_bytes() for path in wrong if path.exists()}
        key.parent.mkdir(parents=True, exist_ok=True)
        try:
            for path, content in wrong.items():
                path.write_bytes(content)
                path.chmod(0o600)
            server.signal(signal.SIGHUP)
            for what in ("certificate", "dkim keys", "shaping rules"):
                until(lambda w=what: failed(server, w), f"{what}: the failure is told")
            (told,) = failed(server, "certificate")
            assert "expired on" in str(told["error"])
            served(server, sandbox, "reloaded-")
        finally:
            key.unlink(missing_ok=True)
            for path, content in before.items():
                path.write_bytes(content)
        server.signal(signal.SIGHUP)
        until(lambda: any(e["event"].startswith("reloaded") for e in server.log()), "all is well")


def failed(server: RelevoServer, what: str) -> list[dict[str, object]]:
    """What the log tells of a reload that failed."""
    return [e for e in server.log() if "reload failed" in e["event"] and e["what"] == what]
