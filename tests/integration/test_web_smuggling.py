"""Nothing that a proxy in front may read otherwise is read at all: no request hides in another."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.web_world import WebWorld, open_web

HIDDEN = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /login HTTP/1.1\r\nHost: x\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(HIDDEN)
GET = b"GET /login HTTP/1.1\r\nHost: x\r\n"

TWO_WAYS = [
    POST + CHUNKED + LENGTH + b"\r\n0\r\n\r\n" + HIDDEN,
    POST + LENGTH + CHUNKED + b"\r\n0\r\n\r\n" + HIDDEN,
    POST + CHUNKED + b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n" + HIDDEN,
    POST + b"Transfer-Encoding: xchunked\r\n\r\n" + HIDDEN,
    POST + b"Transfer-Encoding : chunked\r\nContent-Length: 0\r\n\r\n" + HIDDEN,
    POST + b"Transfer-Encoding:\x0bchunked\r\nContent-Length: 0\r\n\r\n" + HIDDEN,
    POST + b"X: a\rTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n" + HIDDEN,
    POST + b"Content-Length: 0\r\n" + LENGTH + b"\r\n" + HIDDEN,
    POST + b"Content-Length: 0, 0\r\n\r\n" + HIDDEN,
    POST + b"Content-Length: +0\r\n\r\n" + HIDDEN,
    POST + b"Content-Length: -1\r\n\r\n" + HIDDEN,
    POST + b"Content-Length: 0_0\r\n\r\n" + HIDDEN,
    POST + CHUNKED + b"\r\n0x0\r\n\r\n" + HIDDEN,
    POST + CHUNKED + b"\r\n-1\r\n\r\n" + HIDDEN,
    POST + CHUNKED + b"\r\n0\n\n" + HIDDEN,
    POST + CHUNKED + b"\r\n0;a=\nb\r\n\r\n" + HIDDEN,
    GET + b"X: a\r\n b\r\n\r\n" + HIDDEN,
    GET + b"X: a\x00b\r\n\r\n" + HIDDEN,
    GET + b"X : a\r\n\r\n" + HIDDEN,
    GET + b"Host: y\r\n\r\n" + HIDDEN,
    b"GET /login HTTP/1.1\nHost: x\n\n" + HIDDEN,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + HIDDEN,
]


@pytest.fixture
async def web(tmp_path: Path) -> AsyncIterator[WebWorld]:
    async with open_web(tmp_path) as opened:
        yield opened


async def said(web: WebWorld, request: bytes) -> bytes:
    """Everything that comes back until the server hangs up."""
    reader, writer = await asyncio.open_connection(*web.console.addresses[0])
    writer.write(request)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_what_can_be_read_in_two_ways_is_refused_and_ends_the_connection(web: WebWorld):
    for request in TWO_WAYS:
        answer = await said(web, request)
        assert answer.startswith((b"HTTP/1.0 400", b"HTTP/1.1 400")), (request, answer)
        assert answer.count(b"HTTP/1.") == 1, (request, answer)


async def test_a_refused_request_learns_neither_versions_nor_hears_itself(web: WebWorld):
    answer = await said(web, POST + b"X: <script>\x00\r\n\r\n")
    assert answer.startswith(b"HTTP/1.0 400")
    assert b"\r\nServer: Relevo\r\n" in answer
    assert b"nosniff" in answer
    for word in (b"Python", b"aiohttp", b"script>"):
        assert word not in answer


async def test_a_request_that_is_well_said_is_answered_and_so_is_the_next(web: WebWorld):
    last = HIDDEN.replace(b"Host: x", b"Host: x\r\nConnection: close")
    answer = await said(web, GET + b"\r\n" + last)
    assert answer.count(b"HTTP/1.1 200") == 2
