"""How many small jobs a second the store makes durable, and what a job costs the event loop.

    python -m bench.store [--seconds 5] [--runs 3] [--data-dir DIR] [--switch-interval 0.00002]

A job is what accepting a message writes: three inserts of about 200 bytes (message, delivery,
event) and, in the second table, 2 KiB of content; 40 submitters each wait for their job before
they submit the next. "loop" is CPU time of the loop's thread for each job, the submitter's own
work included; "beside a busy loop" keeps that thread at work all the time with callbacks of
0.1 ms from ready sockets, as a server at its limit does, and counts those too.
"""

import argparse
import asyncio
import os
import platform
import socket
import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path

import uvloop

from mta.store.sqlite import SqliteStore
from mta.store.statements import SqlFile, StatementPackage
from mta.store.work import Rows

CALLBACK_S = 0.0001
SUBMITTERS = 40
CONTENT = bytes(range(256)) * 8

MIGRATION = """
CREATE TABLE message (id INTEGER PRIMARY KEY, flow INTEGER, sender TEXT, segment INTEGER,
    place INTEGER, length INTEGER, checksum INTEGER, subject TEXT);
CREATE TABLE delivery (id INTEGER PRIMARY KEY, message INTEGER, site INTEGER, state INTEGER,
    due_ms INTEGER, address TEXT, reply TEXT);
CREATE INDEX delivery_ready ON delivery (site, id) WHERE state = 1;
CREATE TABLE event (id INTEGER PRIMARY KEY, type TEXT, at_ms INTEGER, message INTEGER, data TEXT);
"""
STATEMENTS = """
-- name: message_insert
-- order: 10
INSERT INTO message (id, flow, sender, segment, place, length, checksum, subject)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6, value->>7
FROM json_each(:rows);
-- name: delivery_insert
-- order: 11
INSERT INTO delivery (id, message, site, state, due_ms, address, reply)
SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5, value->>6
FROM json_each(:rows);
-- name: event_insert
-- order: 12
INSERT INTO event (type, at_ms, message, data)
SELECT value->>0, value->>1, value->>2, value->>3 FROM json_each(:rows);
"""
PACKAGE = StatementPackage(
    "bench", (SqlFile("write", "", STATEMENTS),), (SqlFile("0001_tables", "", MIGRATION),)
)
TEXT = "x" * 60


class Load:
    """Submitters that run until told to stop."""

    def __init__(self, store: SqliteStore, *, with_content: bool) -> None:
        self._store = store
        self._with_content = with_content
        self._next = 1
        self.done = 0
        self.callbacks = 0
        self.is_over = False

    async def submitter(self) -> None:
        """One job after the other."""
        store = self._store
        while not self.is_over:
            key = self._next
            self._next += 1
            contents = (store.reserve(CONTENT, 0),) if self._with_content else ()
            place = contents[0].ref if contents else (0, 0, 0, 0)
            work = [
                Rows("message_insert", [(key, 7, "bounce@example.org", *place, TEXT)]),
                Rows("delivery_insert", [(key, key, 3, 1, 0, "someone@example.net", TEXT)]),
                Rows("event_insert", [("message.accepted", 1_800_000_000_000, key, TEXT)]),
            ]
            await store.submit(work, contents)
            self.done += 1

    async def busy(self) -> None:
        """Keep the loop's thread at work: callbacks of 0.1 ms from sockets that are always ready."""
        loop = asyncio.get_running_loop()
        transports: list[asyncio.Transport] = []
        for _ in range(10):
            for end in socket.socketpair():
                end.setblocking(False)
                transport, _ = await loop.create_connection(lambda: Echo(self), sock=end)
                transports.append(transport)
            transports[-1].write(b"x" * 500)
        while not self.is_over:
            await asyncio.sleep(0.05)
        for transport in transports:
            transport.close()


class Echo(asyncio.Protocol):
    """Works for 0.1 ms on what it gets and sends it back."""

    def __init__(self, load: Load) -> None:
        self._load = load

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        end = time.perf_counter() + CALLBACK_S
        while time.perf_counter() < end:
            pass
        self._load.callbacks += 1
        if not self._load.is_over:
            self._transport.write(data)


async def measure(data_dir: Path, seconds: float, *, content: bool, busy: bool) -> dict[str, float]:
    """Jobs a second, CPU of the loop's thread for each, jobs in a commit."""
    store = await SqliteStore.open(data_dir, [PACKAGE])
    load = Load(store, with_content=content)
    began, cpu = time.perf_counter(), time.thread_time()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(SUBMITTERS):
            tasks.create_task(load.submitter())
        if busy:
            tasks.create_task(load.busy())
        await asyncio.sleep(seconds)
        load.is_over = True
    took, cpu = time.perf_counter() - began, time.thread_time() - cpu
    stats = store.stats()
    await store.close()
    return {
        "jobs_s": load.done / took,
        "loop_us": 0 if busy else cpu / load.done * 1e6,
        "callbacks_s": load.callbacks / took,
        "batch": stats.jobs / stats.commits,
    }


def spread(values: list[float]) -> str:
    """min / median / max"""
    return f"{min(values):,.0f} / {statistics.median(values):,.0f} / {max(values):,.0f}"


def main() -> None:
    """Print one line for each load."""
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--seconds", type=float, default=5.0)
    arguments.add_argument("--runs", type=int, default=3)
    arguments.add_argument(
        "--data-dir", type=Path, default=None, help="a directory on the disk to measure"
    )
    arguments.add_argument("--switch-interval", type=float, default=0.00002, help="seconds")
    given = arguments.parse_args()
    sys.setswitchinterval(given.switch_interval)
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}, "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, "
        f"load average {os.getloadavg()[0]:.1f}, switch interval {given.switch_interval * 1e6:g} µs; min / median / max of {given.runs} runs"
    )
    for content in (False, True):
        for busy in (False, True):
            found: list[dict[str, float]] = []
            for _ in range(given.runs):
                with tempfile.TemporaryDirectory(dir=given.data_dir) as directory:
                    run = measure(Path(directory), given.seconds, content=content, busy=busy)
                    found.append(uvloop.run(run))
            what = "3 rows + 2 KiB" if content else "3 rows"
            where = ", beside a busy loop" if busy else ""
            columns = [
                ("jobs/s", "jobs_s"),
                ("jobs/commit", "batch"),
                ("callbacks/s", "callbacks_s") if busy else ("loop µs/job", "loop_us"),
            ]
            cells = [f"{title} {spread([f[key] for f in found])}" for title, key in columns]
            print(what + where, *cells, sep=" | ")


if __name__ == "__main__":
    main()
