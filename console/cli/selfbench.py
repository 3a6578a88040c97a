"""`relevo bench`: how fast this machine is with Relevo, in half a minute and a folder of its own.

A server of its own takes mail on loopback and delivers it to the built-in simulator; sender, server and
simulator share the machine, so the figure is what is left for the server, not what it could do alone.
`make bench` of the sources measures with load programs in C, beside Postfix.
"""

import asyncio
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from console.cli.options import DEFAULT_CONFIG, config_option, json_option, settings_of
from console.cli.output import print_json
from console.cli.sending import SendOptions
from console.cli.sending import send as send_all
from mta.model.address import Address
from mta.model.errors import PermanentError
from mta.settings.values import HostPort

READY_S = 60.0
DRAIN_S = 120.0
STOP_S = 30.0
SYNCS = 200
_SHAPING = "roll_up = false\n[default]\nmessages_per_second = 0\nconnections_per_minute = 0\n"
_DELIVERED = "relevo_deliveries_delivered_total"


class BenchFailed(PermanentError):
    """The server did not start, or mail is missing."""


@click.command("bench")
@click.option("--messages", type=click.IntRange(100, 1_000_000), default=5_000, show_default=True)
@click.option(
    "--connections", metavar="C", type=click.IntRange(1, 200), default=20, show_default=True
)
@click.option(
    "--dir",
    "directory",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The disk to measure.  [default: that of [server] data_dir]",
)
@json_option
@config_option
def bench(
    messages: int, connections: int, directory: Path | None, config: Path, as_json: bool
) -> None:
    """Measure this machine: mails a second, taken durably and delivered.

    Starts a server of its own in a folder that is removed afterwards, hands mail of 2 KiB in over
    SMTP and delivers it to the built-in simulator; no mail leaves the machine, and a running
    Relevo is not touched (it shares processor and disk, though).
    """
    where = directory if directory is not None else _disk(config)
    with tempfile.TemporaryDirectory(prefix="relevo-bench-", dir=where) as name:
        found = measure(Path(name).resolve(), messages, connections)
    if as_json:
        print_json(found)
        return
    click.echo(
        f"taken      {found['accepted_per_s']:>8,} mails/s, each durable before its 250\n"
        f"delivered  {found['delivered_per_s']:>8,} mails/s ({found['delivered_per_s'] * 3600:,} an hour)\n"
        f"processor  {found['cpu_s_per_1000']:>8} s for 1,000 mails, server and simulator\n"
        f"disk sync  {found['sync_ms']:>8} ms (median of {SYNCS})"
    )


def measure(folder: Path, messages: int, connections: int) -> dict[str, Any]:
    """Rates, processor time and the disk's sync. Raises `BenchFailed`."""
    sync_ms = _sync_ms(folder)
    port, monitor = _free_port(), _free_port()
    settings = _write(folder, port, monitor)
    with _server(folder, settings, monitor) as server:
        before_s = _cpu_s(server.pid)
        options = SendOptions(
            server=HostPort("127.0.0.1", port),
            sender=Address("bench", "sender.test"),
            recipients=(Address("ok", "receiver.test"),),
            subject="Benchmark",
            body="Una línea de texto para medir, ni corta ni larga.\n" * 36,
            count=messages,
            connections=connections,
        )
        begun_s = time.monotonic()
        sent = asyncio.run(send_all(options))
        if sent.sent != messages:
            raise BenchFailed(
                f"{sent.failed} of {messages} mails were refused: {sent.failures[:1]}"
            )
        _drain(monitor, messages)
        all_s = time.monotonic() - begun_s
        used_s = _cpu_s(server.pid) - before_s
    return {
        "messages": messages,
        "connections": connections,
        "accepted_per_s": round(messages / sent.seconds),
        "delivered_per_s": round(messages / all_s),
        "cpu_s_per_1000": round(1000 * used_s / messages, 2),
        "sync_ms": round(sync_ms, 2),
        "cores": os.cpu_count(),
    }


def _disk(config: Path) -> Path:
    """Where the mail of this installation lies; without settings the current folder."""
    if config == Path(DEFAULT_CONFIG) and not config.exists():
        return Path()
    folder = Path(settings_of(config).server.data_dir)
    return folder if folder.is_dir() else Path()


def _write(folder: Path, port: int, monitor: int) -> Path:
    for name in ("queue", "dkim"):
        (folder / name).mkdir(mode=0o700)
    (folder / "shaping.toml").write_text(_SHAPING)
    settings = folder / "relevo.toml"
    settings.write_text(
        f"""[server]
hostname = "bench.test"
data_dir = "{folder / "queue"}"
dkim_dir = "{folder / "dkim"}"
[submission]
listen = ["127.0.0.1:{port}"]
trusted_networks = ["127.0.0.1/32"]
trusted_account = "bench"
max_connections_per_address = 1000
[delivery]
mode = "sandbox"
[sandbox]
listen = "127.0.0.1:{_free_port()}"
[console]
listen = "127.0.0.1:{_free_port()}"
[metrics]
listen = "127.0.0.1:{monitor}"
[log]
level = "warning"
"""
    )
    return settings


@contextmanager
def _server(folder: Path, settings: Path, monitor: int) -> Iterator[subprocess.Popen[bytes]]:
    """It runs and is ready; ended afterwards."""
    program = [sys.executable, "-m", "mta"]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RELEVO_")}
    config = ["--config", str(settings)]
    for command in (["account", "add", "bench"], ["domain", "add", "sender.test"]):
        done = subprocess.run(
            [*program, *command, *config], capture_output=True, env=environment, check=False,
            timeout=READY_S,
        )  # fmt: skip
        if done.returncode:
            raise BenchFailed(done.stderr.decode("utf-8", "replace").strip())
    log = (folder / "log").open("wb")
    server = subprocess.Popen(
        [*program, "serve", *config], stdout=log, stderr=log, env=environment, cwd=folder
    )
    try:
        _until_ready(server, folder / "log", monitor)
        yield server
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(STOP_S)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        log.close()


def _until_ready(server: "subprocess.Popen[bytes]", log: Path, monitor: int) -> None:
    end_s = time.monotonic() + READY_S
    while not _get(monitor, "/readyz"):
        if server.poll() is not None or time.monotonic() > end_s:
            raise BenchFailed(f"the server did not start: {log.read_text()[-1000:]}")
        time.sleep(0.05)


def _drain(monitor: int, messages: int) -> None:
    """Until the simulator has everything."""
    end_s = time.monotonic() + DRAIN_S
    while (delivered := _delivered(monitor)) < messages:
        if time.monotonic() > end_s:
            raise BenchFailed(f"only {delivered:,} of {messages:,} mails were delivered")
        time.sleep(0.05)


def _delivered(monitor: int) -> int:
    lines = _get(monitor, "/metrics").splitlines()
    return round(sum(float(one.rpartition(" ")[2]) for one in lines if one.startswith(_DELIVERED)))


def _get(port: int, path: str) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            text: str = answer.read().decode()
            return text
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return ""


def _sync_ms(folder: Path) -> float:
    """Median time of a small durable write."""
    times = []
    with (folder / "sync").open("wb", buffering=0) as file:
        for _ in range(SYNCS):
            begun_s = time.perf_counter()
            file.write(bytes(4096))
            os.fdatasync(file.fileno())
            times.append(1000 * (time.perf_counter() - begun_s))
    return statistics.median(times)


def _cpu_s(pid: int) -> float:
    """User and system time of a process so far; 0 where there is no /proc."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port
