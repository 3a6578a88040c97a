"""How fast the HTTP API takes mail: case k.

    python -m bench.api [--seconds 10] [--rounds 3] [--spy FILE]

A real server on a real disk; the callers are a process of their own whose requests are made
beforehand. `batch`: 1,000 personalised recipients in a request of 10 KiB HTML. `single`: a mail of
2 KiB to one person. Each is measured with mail for later (only taking counts) and with mail that is
delivered meanwhile to `msink` on the same machine. Prints recipients a second taken durably, minimum,
median and maximum of the rounds, and the server's CPU.
"""

import argparse
import asyncio
import datetime as dt
import itertools
import json
import multiprocessing
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import orjson

from bench import machine
from bench.cases import CASES, SIGNED_FROM, Load, Receivers
from bench.generator import Sink, new_stream
from bench.ground import Ground
from bench.meter import SyncCounter
from bench.programs import program
from bench.subject_relevo import RelevoSubject

BATCH = 1000
DOMAINS = 10
HTML = "<p>Estimada {{ nombre }}, su recibo {{ numero }} vence el {{ fecha }}.</p>\n"
TEXT = "Su recibo vence el lunes y puede pagarlo en linea.\r\n"


@dataclass(frozen=True)
class Mode:
    """One way of asking."""

    name: str
    batch: int  # recipients in a request
    is_later: bool
    connections: int


MODES = (
    Mode("batch, for later", BATCH, True, 4),
    Mode("single, for later", 1, True, 50),
    Mode("batch, delivered meanwhile", BATCH, False, 4),
    Mode("single, delivered meanwhile", 1, False, 50),
)


def body_of(mode: Mode, run: str) -> bytes:
    """The request, with a mark for `msink` in its subject."""
    request: dict[str, object] = {
        "from": {"email": f"avisos@{SIGNED_FROM}", "name": "Avisos"},
        "subject": f"Recibo {run}",
        "class": "campaign" if mode.batch > 1 else "transactional",
    }
    if mode.is_later:
        later = dt.datetime.now(dt.UTC) + dt.timedelta(hours=6)
        request["send_at"] = later.isoformat(timespec="seconds")
    if mode.batch == 1:
        request |= {"to": [{"email": "u@d0001.test"}], "text": TEXT * 40}
        return orjson.dumps(request)
    request["html"] = HTML * 130
    request["recipients"] = [
        {
            "email": f"u{n}@d{n % DOMAINS:04d}.test",
            "merge": {"nombre": f"Persona {n}", "numero": n, "fecha": "14 de marzo"},
        }
        for n in range(mode.batch)
    ]
    return orjson.dumps(request)


async def call(url: str, key: str, body: bytes, connections: int, seconds: float) -> list[float]:
    """Ask as fast as answers come; gives the time of each answer."""
    latencies: list[float] = []
    end_s = time.perf_counter() + seconds
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    connector = aiohttp.TCPConnector(limit=connections)

    async def one(session: aiohttp.ClientSession) -> None:
        while time.perf_counter() < end_s:
            begin_s = time.perf_counter()
            async with session.post(url, data=body, headers=headers) as answer:
                text = await answer.read()
                if answer.status != 202:
                    raise SystemExit(f"{answer.status} {text[:500]!r}")
            latencies.append(time.perf_counter() - begin_s)

    async with aiohttp.ClientSession(connector=connector) as session, asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(one(session))
    return latencies


def _caller(url: str, key: str, body: bytes, mode: Mode, seconds: float, answer: object) -> None:
    answer.send(asyncio.run(call(url, key, body, mode.connections, seconds)))  # type: ignore[attr-defined]


def cpu_s(pid: int) -> float:
    """CPU seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def measure(
    ground: Ground, subject: RelevoSubject, mode: Mode, seconds: float, number: int, spy: str
) -> dict[str, float]:
    """One round on an empty server."""
    case = next(case for case in CASES if case.key == "a")
    directory = ground.directory / f"api-{number}"
    directory.mkdir()
    stream = new_stream(Load(messages=10_000_000), itertools.count(number))
    subject.start(case, directory, SyncCounter(directory / "syncs", program("syncs.so")))
    try:
        with Sink(ground, Receivers(), [stream]):
            url = f"http://{subject.console}/api/v1/messages"
            body = body_of(mode, stream.run)
            ours, theirs = multiprocessing.Pipe()
            arguments = (url, subject.api_key, body, mode, seconds, theirs)
            process = multiprocessing.Process(target=_caller, args=arguments)
            watch = None
            if spy:
                command = ["py-spy", "record", "-p", str(subject.pid), "-d", str(int(seconds)),
                           "-r", "200", "-f", "raw", "-o", f"{spy}.{number}"]  # fmt: skip
                watch = subprocess.Popen(
                    [str(Path(sys.executable).parent / command[0]), *command[1:]]
                )
            before_s = cpu_s(subject.pid)
            process.start()
            theirs.close()  # so that a caller that fails is noticed
            latencies = ours.recv()
            process.join()
            used_s = cpu_s(subject.pid) - before_s
            if watch is not None:
                watch.wait()
    finally:
        problems = subject.stop()
    if problems:
        raise SystemExit("; ".join(problems))
    taken = len(latencies) * mode.batch
    latencies.sort()
    return {
        "recipients_s": taken / seconds,
        "cpu_ms_1000": used_s * 1e6 / taken,
        "p50_ms": 1000 * statistics.median(latencies),
        "p99_ms": 1000 * latencies[int(len(latencies) * 0.99)],
    }


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m bench.api")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--modes", default="0,1,2,3", help="numbers of the modes [%(default)s]")
    parser.add_argument("--spy", default="", help="write stacks of the server there (py-spy)")
    parser.add_argument("--dir", type=Path)
    options = parser.parse_args()
    modes = [MODES[int(n)] for n in options.modes.split(",")]
    numbers = itertools.count(1)
    with Ground(options.dir) as ground:
        print(json.dumps(machine.facts(ground.directory)))
        subject = RelevoSubject(ground)
        found: dict[str, list[dict[str, float]]] = {mode.name: [] for mode in modes}
        for _ in range(options.rounds):
            for mode in modes:
                run = measure(ground, subject, mode, options.seconds, next(numbers), options.spy)
                found[mode.name].append(run)
                print(mode.name, {name: round(value, 1) for name, value in run.items()}, flush=True)
    for name, runs in found.items():
        for figure in runs[0]:
            values = sorted(run[figure] for run in runs)
            shown = " / ".join(
                f"{v:,.1f}" for v in (values[0], statistics.median(values), values[-1])
            )
            print(f"{name:30} {figure:14} {shown}")


if __name__ == "__main__":
    main()
