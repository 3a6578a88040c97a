"""The listener for monitors: what it answers, and how many and how slow they may be."""

import asyncio
from contextlib import asynccontextmanager

from prometheus_client import CollectorRegistry

from console.web.limits import HttpLimits
from console.web.metrics_site import MetricsSite
from mta.engine.health import Health
from mta.events.metrics import Metrics
from mta.model.clock import ManualClock
from mta.settings.values import HostPort


@asynccontextmanager
async def monitored():
    registry, clock = CollectorRegistry(), ManualClock()
    limits = HttpLimits(max_connections=3, max_per_address=2, headers_s=15.0)
    site = MetricsSite(
        HostPort("127.0.0.1", 0), registry, Health(),
        limits=limits, metrics=Metrics(registry), clock=clock,
    )  # fmt: skip
    await site.start()
    writers = []

    async def connect(sent: bytes) -> asyncio.StreamReader:
        reader, writer = await asyncio.open_connection(*site.addresses[0])
        writers.append(writer)
        writer.write(sent)
        return reader

    try:
        async with asyncio.timeout(20):
            yield site, clock, connect
    finally:
        for writer in writers:
            writer.transport.abort()
        await site.close()


async def head(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n")


def request(path: bytes) -> bytes:
    return b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % path


async def test_monitors_read_figures_and_health():
    async with monitored() as (_, _, connect):
        reader = await connect(request(b"/metrics"))
        assert b" 200 " in await head(reader)
        await reader.readuntil(b'relevo_http_connections_open{listener="metrics"} 1.0')
        assert b" 200 " in await head(await connect(request(b"/readyz")))


async def test_a_monitor_has_only_so_many_connections():
    async with monitored() as (_, _, connect):
        for _ in range(2):
            assert b" 200 " in await head(await connect(request(b"/healthz")))
        refused = await connect(b"")
        assert b" 503 " in await head(refused)
        assert b"Too many connections" in await refused.read()


async def test_a_header_that_never_ends_ends_the_connection():
    async with monitored() as (site, clock, connect):
        reader = await connect(b"GET /metrics HTTP/1.1\r\nX-Slow: ")
        ended = asyncio.ensure_future(asyncio.wait({asyncio.ensure_future(reader.read())}))
        while not ended.done():
            clock.advance(16)
            site.gate.check()
            await asyncio.sleep(0)
        assert site.gate.total == 0
