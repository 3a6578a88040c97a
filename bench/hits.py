"""How many opens and clicks a second are answered and written: the public site over real sockets.

    python -m bench.hits [--hits 60000] [--rounds 3] [--connections 256] [--data-dir DIR]

The site runs as in a server: its middlewares, its routes, the batches and their transactions, on a
real disk. The generator is a process of its own whose requests are made beforehand; every hit is of
another recipient or link, four opens to a click, with the programs of readers of Gmail, Apple and
of browsers. A round ends when the last hit is on the disk; then the figures are counted, and compared
with what was sent. The time of the 250 is a day ago. An answer waits until its hit is on the disk, and
one connection is answered in order: with few connections the disk's latency is measured, not the rate.
Prints hits a second, minimum, median and maximum of the rounds, and the CPU of both sides.
"""

import argparse
import asyncio
import itertools
import json
import multiprocessing
import os
import resource
import selectors
import socket
import statistics
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

import uvloop
from aiohttp import web

from console.public.tracking import TrackingPages
from console.tracking.classifying import Classifier
from console.tracking.ingest import HitIngest
from console.tracking.links import LinkBook
from console.tracking.merging import MergeValues
from console.tracking.reader import EngagementReader
from console.tracking.tokens import Purpose, TrackingTokens
from console.web.forwarded import forwarded_middleware
from console.web.headers import add_headers
from console.web.site import BACKLOG
from mta.model.clock import SystemClock
from mta.model.traffic import DeliveryState
from mta.spool.jobs import JobBuilder
from mta.spool.rows import ExpiryKind, MessageFlag, QueuedDelivery, QueuedMessage
from mta.store.sqlite import SqliteStore
from mta.store.statements import SqlFile, StatementPackage
from mta.store.work import ContentRef, Rows

LINKS = 8
KEPT = """
-- name: bench_hits
SELECT count(*) FROM engagement AS e JOIN hit AS h ON h.delivery = e.delivery
WHERE e.message = :message;
"""
DAY_MS = 86_400_000
DEPTH = 4  # requests under way on each connection
PAGE = 1_000
AGENTS = (
    "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)",
    "Mozilla/5.0",
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    (
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
        " Version/17.5 Mobile/15E148 Safari/604.1"
    ),
)


class Counts:
    """Counts what was written."""

    def __init__(self) -> None:
        self.written = self.lost = 0

    def hits(self, _kind: str, _klass: str, count: int) -> None:
        self.written += count

    def hits_lost(self, count: int) -> None:
        self.lost += count


async def deliver(store: SqliteStore, message: int, count: int) -> list[int]:
    """One message, delivered to so many a day ago; gives the deliveries."""
    then_ms = SystemClock().now_ms() - DAY_MS
    head = QueuedMessage(message, 7, "a@x.test", ContentRef(1, 0, 0, 0), MessageFlag(0), "", "", "")
    job = JobBuilder()
    job.add("flow_insert", (message, 7, f"f{message}", "campaign", 2, then_ms))
    job.insert_message(head, message, 3, "s", "", "", "")
    rows = [(message, n, f"https://example.org/{n}") for n in range(LINKS)]
    await store.submit([*job.work(then_ms), Rows("campaign_link_insert", rows)])
    for start in range(0, count, PAGE):
        job = JobBuilder()
        for n in range(start, min(start + PAGE, count)):
            one = QueuedDelivery(
                message + 1 + n, head, n, message, 2, ExpiryKind.CAMPAIGN, 1, "x.test",
                f"r{n}@x.test", state=DeliveryState.DELIVERED,
            )  # fmt: skip
            job.insert_delivery(one, then_ms, then_ms)
        await store.submit(job.work(then_ms))
    return [message + 1 + n for n in range(count)]


def requests_of(tokens: TrackingTokens, message: int, hits: int) -> list[bytes]:
    """Every fifth is a click of a recipient who has opened."""
    made = []
    for n in range(hits):
        delivery = message + 1 + (n - n // 5 if n % 5 else n - 1 - n // 5 if n else 0)
        if n % 5:
            path = b"/o/%b.gif" % tokens.octets(Purpose.OPEN, delivery, message)
        else:
            path = b"/c/%b" % tokens.octets(Purpose.CLICK, delivery, message, n % LINKS)
        agent = AGENTS[n % len(AGENTS)].encode()
        made.append(b"GET %b HTTP/1.1\r\nHost: t\r\nUser-Agent: %b\r\n\r\n" % (path, agent))
    return made


def generate(pipe: Connection, port: int, connections: int) -> None:
    """Send each round's requests as fast as they are answered; tell the time and the CPU it took."""
    while (made := pipe.recv()) is not None:
        began_s, cpu_s = time.perf_counter(), time.process_time()
        answered = send_all(made, "127.0.0.1", port, connections)
        pipe.send((answered, time.perf_counter() - began_s, time.process_time() - cpu_s))


def send_all(made: list[bytes], host: str, port: int, connections: int) -> int:
    """How many of the requests were answered with 200 or 302. Raises `OSError` without a server."""
    chosen = selectors.DefaultSelector()
    left = iter(made)
    good = waiting = 0
    for _ in range(connections):
        one = socket.create_connection((host, port))
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        batch = list(itertools.islice(left, DEPTH))
        one.sendall(b"".join(batch))
        waiting += len(batch)
        chosen.register(one, selectors.EVENT_READ)
    while waiting:
        for key, _ in chosen.select():
            one = key.fileobj
            assert isinstance(one, socket.socket)
            data = one.recv(1 << 16)  # the head of an answer comes in one piece
            if not data:
                raise ConnectionResetError
            answered = data.count(b"HTTP/1.1 ")
            good += data.count(b"HTTP/1.1 200") + data.count(b"HTTP/1.1 302")
            batch = list(itertools.islice(left, answered))
            if batch:
                one.sendall(b"".join(batch))
            waiting += len(batch) - answered
    for key in list(chosen.get_map().values()):
        assert isinstance(key.fileobj, socket.socket)
        key.fileobj.close()
    return good


async def measure(options: argparse.Namespace) -> list[dict[str, float]]:
    """The rounds."""
    with tempfile.TemporaryDirectory(dir=options.data_dir) as folder:
        packages = [StatementPackage.of(name) for name in ("mta.spool", "console.tracking")]
        packages.append(StatementPackage("bench", (SqlFile("hits", "", KEPT),), ()))
        store = await SqliteStore.open(Path(folder), packages)
        tokens, counts, clock = TrackingTokens({1: os.urandom(32)}), Counts(), SystemClock()
        ingest = HitIngest(store, clock, Classifier(), counts)
        await ingest.start()
        app = web.Application(middlewares=[forwarded_middleware(())])
        app.on_response_prepare.append(add_headers)
        TrackingPages(tokens, LinkBook(store), MergeValues(store), ingest.keep, clock).add_routes(
            app
        )
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, backlog=BACKLOG).start()
        port = runner.addresses[0][1]
        pipe, far = multiprocessing.get_context("spawn").Pipe()
        process = multiprocessing.get_context("spawn").Process(
            target=generate, args=(far, port, options.connections), daemon=True
        )
        process.start()
        rounds = [
            await _round(store, tokens, counts, pipe, options.hits, time.time_ns() + n)
            for n in range(options.rounds)
        ]
        pipe.send(None)
        await asyncio.to_thread(process.join)
        await runner.cleanup()
        await ingest.stop()
        await store.close()
        return rounds


async def _round(
    store: SqliteStore, tokens: TrackingTokens, counts: Counts, pipe: Connection, hits: int,
    message: int,
) -> dict[str, float]:  # fmt: skip
    await deliver(store, message, hits)
    made = requests_of(tokens, message, hits)
    goal, cpu = counts.written + hits, _cpu_s()
    began_s = time.perf_counter()
    await asyncio.to_thread(pipe.send, made)
    answered, seconds, generator_s = await asyncio.to_thread(pipe.recv)
    if answered != hits:
        raise SystemExit(f"{hits} sent, {answered} answered")
    while counts.written + counts.lost < goal:
        await asyncio.sleep(0.01)
    written_s = time.perf_counter() - began_s
    ((kept,),) = await store.read("bench_hits", message=message)
    clicks = (await EngagementReader(store).of_flow(message, automatic=True)).total_clicks
    if counts.lost or (kept, clicks) != (hits, (hits + 4) // 5):
        raise SystemExit(f"{hits} sent, {kept} kept, {clicks} clicks, {counts.lost} lost")
    return {
        "answered_per_s": hits / seconds,
        "written_per_s": hits / written_s,
        "server_cpu_ms_per_1000": 1e6 * (_cpu_s() - cpu) / hits,
        "generator_cpu_ms_per_1000": 1e6 * generator_s / hits,
    }


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--hits", type=int, default=60_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=256)
    parser.add_argument("--data-dir", type=Path, default=None)
    options = parser.parse_args()
    rounds = uvloop.run(measure(options))
    for name in rounds[0]:
        values = sorted(one[name] for one in rounds)
        print(
            json.dumps(
                {name: [round(v) for v in (values[0], statistics.median(values), values[-1])]}
            )
        )


if __name__ == "__main__":
    main()
