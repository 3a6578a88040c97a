"""Connections of the HTTP listeners: how many there may be, and how slow."""

import asyncio
import contextlib
import socket
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from pathlib import Path

import pytest
import structlog
from aiohttp import web

from console.web.crowd import crowd_middleware
from console.web.forwarded import forwarded_middleware
from console.web.gate import Gate
from console.web.limits import HttpLimits
from console.web.site import Site
from mta.model.clock import ManualClock
from mta.settings.values import HostPort
from tests.integration.listener_stand import on_both_loops, write_certificate
from tests.web_world import open_web

LIMITS = HttpLimits(max_connections=6, max_per_address=3)
LOOPBACK = (ip_network("127.0.0.0/8"),)
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
FILE = bytes(range(256)) * 4096 * 16  # 16 MiB: more than the buffers on the way hold


@dataclass
class Counts:
    """`GateMetrics` that can be looked at."""

    refused: Counter[str] = field(default_factory=Counter)
    open: int = 0

    def set_http_connections(self, listener: str, count: int) -> None:
        self.open = count

    def http_refused(self, listener: str, reason: str) -> None:
        self.refused[reason] += 1


@dataclass
class Stand:
    gate: Gate
    clock: ManualClock
    counts: Counts
    port: int
    go_on: asyncio.Event
    uploaded: list[int]
    talks: "list[Talk]" = field(default_factory=list)

    async def connect(self, data: bytes = b"") -> "Talk":
        talk = Talk(*await asyncio.open_connection("127.0.0.1", self.port))
        self.talks.append(talk)
        if data:
            talk.writer.write(data)
        return talk

    async def ask(self, data: bytes = GET) -> "Talk":
        """A connection whose first request was answered, and is kept."""
        talk = await self.connect(data)
        assert (await talk.head()).startswith(b"HTTP/1.1 200")
        return talk

    async def seconds_until_end(self, talk: "Talk", most: int = 1000) -> tuple[int, bytes]:
        """Lets the clock run; when the server ended it, and what it said last."""
        rest = asyncio.ensure_future(talk.reader.read())
        for second in range(most):
            for _ in range(20):
                await asyncio.sleep(0)
            if rest.done():
                return second, rest.result()
            self.pass_second()
        rest.cancel()
        return most, b""

    def pass_second(self, seconds: float = 1.0) -> None:
        self.clock.advance(seconds)
        self.gate.check()

    async def settle(self, count: int) -> None:
        """Until so many connections are counted."""
        async with asyncio.timeout(10):
            while self.counts.open != count:
                await asyncio.sleep(0)


@dataclass
class Talk:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def head(self) -> bytes:
        async with asyncio.timeout(10):
            head = await self.reader.readuntil(b"\r\n\r\n")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]
        if length and int(length) < 100_000:
            await self.reader.readexactly(int(length))
        return head

    def close(self) -> None:
        self.writer.close()


@asynccontextmanager
async def stand(
    limits: HttpLimits = LIMITS,
    *,
    trusted: bool = False,
    certificate: tuple[Path, Path] | None = None,
) -> AsyncIterator[Stand]:
    clock, counts, go_on, uploaded = ManualClock(), Counts(), asyncio.Event(), []
    trusts = LOOPBACK if trusted else ()
    gate = Gate("console", limits, trusted=trusts, metrics=counts, clock=clock)

    async def answer(_: web.Request) -> web.Response:
        return web.Response(text="yes")

    async def upload(request: web.Request) -> web.Response:
        uploaded.append(0)
        async for piece in request.content.iter_any():
            uploaded[-1] += len(piece)
        return web.Response(text="done")

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await go_on.wait()
        await response.write(b"data: news\n\n")
        return response

    async def download(_: web.Request) -> web.Response:
        return web.Response(body=FILE)

    async def later(request: web.Request) -> web.Response:
        await go_on.wait()
        return web.Response(text=str(len(await request.read())))

    app = web.Application(
        middlewares=[forwarded_middleware(trusts), crowd_middleware(gate, trusts)],
        client_max_size=1 << 30,
    )
    app.router.add_get("/", answer)
    app.router.add_post("/upload", upload)
    app.router.add_post("/later", later)
    app.router.add_get("/stream", stream)
    app.router.add_get("/download", download)
    site = Site("console", HostPort("127.0.0.1", 0), *(certificate or (None, None)), gate)
    await site.start(app)
    made = Stand(gate, clock, counts, site.addresses[0][1], go_on, uploaded)
    try:
        yield made
    finally:
        go_on.set()
        for talk in made.talks:
            talk.writer.transport.abort()
        await site.close()


@on_both_loops
async def test_an_address_has_only_so_many_connections():
    async with stand() as site:
        talks = [await site.ask() for _ in range(3)]
        refused = await site.connect()
        assert b"503 Service Unavailable" in await refused.head()
        assert await refused.reader.read() == b""
        assert site.counts.refused == {"address_limit": 1}
        talks[0].close()
        await site.settle(2)
        await site.ask()
        assert site.counts.open == 3


@on_both_loops
async def test_a_listener_has_only_so_many_connections_even_from_a_trusted_proxy():
    async with stand(trusted=True) as site:
        for _ in range(6):
            await site.ask()
        assert b"503" in await (await site.connect()).head()
        assert site.counts.refused == {"limit": 1}


@on_both_loops
async def test_a_client_behind_a_proxy_has_only_so_many_requests():
    def request(client: bytes, path: bytes) -> bytes:
        return b"GET %s HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: %s\r\n\r\n" % (path, client)

    async with stand(replace(LIMITS, max_connections=20), trusted=True) as site:
        for _ in range(3):
            await site.ask(request(b"192.0.2.1", b"/stream"))
        talk = await site.connect(request(b"192.0.2.1", b"/"))
        head = await talk.head()
        assert head.startswith(b"HTTP/1.1 429")
        assert b"Retry-After: 5" in head
        await site.ask(request(b"192.0.2.2", b"/"))
        site.go_on.set()
        talk.writer.write(request(b"192.0.2.2", b"/"))
        assert (await talk.head()).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("begun", [b"GET / HT", b"GET / HTTP/1.1\r\nHost: a\r\nX-A: b"])
@on_both_loops
async def test_a_header_that_never_ends_is_cut(begun: bytes):
    async with stand() as site:
        seconds, said = await site.seconds_until_end(await site.connect(begun))
        assert 15 <= seconds <= 20
        assert said.startswith(b"HTTP/1.1 408")
        assert site.counts.refused == {"headers": 1}
        await site.settle(0)


@on_both_loops
async def test_dripping_octets_of_a_header_wins_no_time():
    async with stand() as site:
        talk = await site.ask()
        rest = asyncio.ensure_future(talk.reader.read())
        talk.writer.write(b"GET / HTTP/1.1\r\nX-A: ")
        while not rest.done():
            talk.writer.write(b"a")
            for _ in range(20):
                await asyncio.sleep(0)
            site.pass_second()
        with contextlib.suppress(ConnectionError):  # what was sent behind our end resets it
            await rest
        assert site.counts.refused == {"headers": 1}


@on_both_loops
async def test_a_client_that_says_nothing_is_cut():
    async with stand() as site:
        seconds, said = await site.seconds_until_end(await site.connect())
        assert 15 <= seconds <= 20
        assert said == b""


@on_both_loops
async def test_a_body_that_never_ends_is_cut():
    async with stand() as site:
        begun = b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\nabc"
        seconds, said = await site.seconds_until_end(await site.connect(begun))
        assert 60 <= seconds <= 70
        assert said.startswith(b"HTTP/1.1 408")
        assert site.counts.refused == {"body": 1}
        await site.settle(0)


@on_both_loops
async def test_a_large_upload_over_a_slow_line_is_taken():
    async with stand() as site:
        size, piece = 2_000_000, 50_000
        talk = await site.connect(
            b"POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size
        )
        for sent in range(piece, size + 1, piece):
            talk.writer.write(bytes(piece))
            async with asyncio.timeout(10):
                while not site.uploaded or site.uploaded[0] < sent:
                    await asyncio.sleep(0)
            for _ in range(10):
                site.pass_second()
        assert (await talk.head()).startswith(b"HTTP/1.1 200")


@on_both_loops
async def test_who_waits_for_us_to_read_his_body_is_not_slow():
    async with stand() as site:
        size = 16_000_000
        talk = await site.connect(
            b"POST /later HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size
        )
        talk.writer.write(bytes(size))
        for _ in range(1000):
            await asyncio.sleep(0)
            site.pass_second()
        site.go_on.set()
        assert (await talk.head()).startswith(b"HTTP/1.1 200")


@on_both_loops
async def test_event_streams_are_not_cut():
    async with stand() as site:
        talk = await site.connect(b"GET /stream HTTP/1.1\r\nHost: a\r\n\r\n")
        await talk.head()
        for _ in range(10_000):
            site.pass_second()
        site.go_on.set()
        async with asyncio.timeout(10):
            assert b"data: news" in await talk.reader.readuntil(b"news")


async def read_slowly(site: Stand, sock: socket.socket, pause_s: int) -> bytes:
    loop = asyncio.get_running_loop()
    got = bytearray()
    async with asyncio.timeout(30):
        while len(got) < len(FILE):
            piece = await loop.sock_recv(sock, 1 << 20)
            if not piece:
                break
            got += piece
            for _ in range(pause_s):
                await asyncio.sleep(0)
                site.pass_second()
    return bytes(got)


@pytest.mark.parametrize("last", [b"", b"Connection: close\r\n"])
@on_both_loops
async def test_long_downloads_are_not_cut(last: bytes):
    async with stand() as site:
        with socket.create_connection(("127.0.0.1", site.port)) as sock:
            sock.sendall(b"GET /download HTTP/1.1\r\nHost: a\r\n%s\r\n" % last)
            sock.setblocking(False)
            got = await read_slowly(site, sock, 60)
        assert got.endswith(FILE[-100_000:])
        assert not site.counts.refused


@pytest.mark.parametrize("last", [b"", b"Connection: close\r\n"])
@on_both_loops
async def test_who_asks_and_never_reads_is_cut(last: bytes):
    async with stand() as site:
        talk = await site.ask()
        talk.writer.transport.pause_reading()
        talk.writer.write(b"GET /download HTTP/1.1\r\nHost: a\r\n%s\r\n" % last)
        async with asyncio.timeout(20):
            while site.counts.open:
                for _ in range(20):
                    await asyncio.sleep(0)
                site.pass_second()
        assert sum(site.counts.refused.values()) == 1


@on_both_loops
async def test_an_idle_connection_is_kept_for_a_while():
    async with stand() as site:
        talk = await site.ask()
        for _ in range(70):
            site.pass_second()
        talk.writer.write(GET)
        assert (await talk.head()).startswith(b"HTTP/1.1 200")
        seconds, said = await site.seconds_until_end(talk)
        assert 75 <= seconds <= 80
        assert said == b""
        assert not site.counts.refused


@on_both_loops
async def test_idle_connections_make_room_when_places_are_scarce():
    async with stand(replace(LIMITS, max_per_address=6)) as site:
        talks = [await site.ask() for _ in range(5)]
        seconds, _ = await site.seconds_until_end(talks[0])
        assert seconds <= 10


@on_both_loops
async def test_a_handshake_that_never_ends_takes_a_place_and_is_cut(tmp_path: Path):
    certificate = write_certificate(tmp_path)
    async with stand(replace(LIMITS, handshake_s=0.05), certificate=certificate) as site:
        async with asyncio.timeout(20):
            talks = [await site.connect() for _ in range(4)]
            await asyncio.gather(*(talk.reader.read() for talk in talks), return_exceptions=True)
            await site.settle(0)
        assert site.counts.refused == {"address_limit": 1, "tls": 3}
        context = ssl.create_default_context(cafile=str(certificate[0]))
        talk = Talk(
            *await asyncio.open_connection(
                "127.0.0.1", site.port, ssl=context, server_hostname="localhost"
            )
        )
        site.talks.append(talk)
        talk.writer.write(GET)
        assert (await talk.head()).startswith(b"HTTP/1.1 200")
        assert site.counts.open == 1


@on_both_loops
async def test_a_flood_is_a_line_of_the_log_in_a_minute():
    async with stand() as site:
        with structlog.testing.capture_logs() as lines:
            talks = [await site.ask() for _ in range(3)]
            for _ in range(50):
                await (await site.connect()).head()
            for _ in range(60):
                site.pass_second()
        assert [line["address_limit"] for line in lines] == [50]
        for talk in talks:
            talk.close()


async def test_the_console_counts_and_tells_in_its_metrics(tmp_path: Path):
    environ = {"RELEVO_CONSOLE__MAX_CONNECTIONS_PER_ADDRESS": "1"}
    async with open_web(tmp_path, settings=environ) as world, world.signed_in() as browser:
        async with browser.get("/sandbox") as response:
            assert response.status == 200
        reader, writer = await asyncio.open_connection(*world.console.addresses[0])
        assert b" 503 " in await reader.readline()
        writer.close()
        assert world.console.gate.total == 1
