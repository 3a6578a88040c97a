"""Bodies are read within bounds: of size before and after inflating, of time, of memory in all."""

import asyncio
import gzip
import zlib
from types import SimpleNamespace
from typing import Any

import pytest

from console.api.reading import BodyReader
from console.api.refusals import ApiRefusal

MOST = 100_000


class Content:
    """The body of a request as it comes in; `end` closes it."""

    def __init__(self, chunks: tuple[bytes, ...]) -> None:
        self._chunks = list(chunks)
        self._ended = asyncio.Event()

    def end(self) -> None:
        self._ended.set()

    async def readany(self) -> bytes:
        if self._chunks:
            return self._chunks.pop(0)
        await self._ended.wait()
        return b""


def request(*chunks: bytes, encoding: str = "", told: int | None = None, ends: bool = True) -> Any:
    """What the reader sees of a request."""
    content = Content(chunks)
    if ends:
        content.end()
    headers = {"Content-Encoding": encoding} if encoding else {}
    return SimpleNamespace(headers=headers, content_length=told, content=content)


async def refused(reader: BodyReader, asked: Any) -> tuple[int, str]:
    with pytest.raises(ApiRefusal) as caught:
        await reader.read(asked)
    return caught.value.status, caught.value.code


async def test_a_body_comes_as_it_was_sent_in_whatever_pieces():
    body = b"x" * MOST
    reader = BodyReader(MOST)
    assert await reader.read(request(body)) == body
    assert await reader.read(request(*(body[n : n + 7] for n in range(0, MOST, 7)))) == body
    packed = gzip.compress(body)
    pieces = [packed[n : n + 1] for n in range(len(packed))]
    assert await reader.read(request(*pieces, encoding="gzip")) == body


async def test_what_follows_the_gzip_data_is_refused_at_once_and_not_collected():
    reader = BodyReader(MOST)
    asked = request(gzip.compress(b"{}"), *[b"x"] * 50, encoding="gzip", ends=False)
    assert await refused(reader, asked) == (400, "malformed_json")
    assert await asked.content.readany() == b"x"  # the rest was never asked for
    whole = request(gzip.compress(b"{}") + b"x", encoding="gzip")
    assert await refused(reader, whole) == (400, "malformed_json")


async def test_one_octet_too_many_is_too_many_told_or_not():
    reader = BodyReader(MOST)
    assert await refused(reader, request(told=MOST + 1)) == (413, "too_large")
    assert await refused(reader, request(b"x" * (MOST + 1))) == (413, "too_large")
    packed = gzip.compress(b"x" * (MOST + 1))
    assert await refused(reader, request(packed, encoding="gzip")) == (413, "too_large")


async def test_a_bomb_is_never_inflated_beyond_the_bound(monkeypatch):
    made: list[int] = []
    real = zlib.decompressobj

    class Watched:
        def __init__(self, bits: int) -> None:
            self._real = real(bits)
            self.unused_data = b""

        def decompress(self, data: bytes, room: int) -> bytes:
            assert 0 < room <= MOST + 1
            out = self._real.decompress(data, room)
            made.append(len(out))
            return out

    monkeypatch.setattr(zlib, "decompressobj", Watched)
    bomb = gzip.compress(b"\0" * 50_000_000)
    assert await refused(BodyReader(MOST), request(bomb, encoding="gzip")) == (413, "too_large")
    assert sum(made) <= MOST + 1


@pytest.mark.parametrize(
    "body", [b"no gzip", gzip.compress(b"x" * 999)[:-9], b""], ids=["other", "cut off", "nothing"]
)  # the second one holds the time: it would have another name in each process
async def test_what_is_no_whole_gzip_is_refused(body):
    asked = request(body, encoding="gzip") if body else request(encoding="gzip")
    assert (await refused(BodyReader(MOST), asked))[0] == 400


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "zstd", "x"])
async def test_other_encodings_are_not_taken(encoding):
    asked = request(b"{}", encoding=encoding)
    assert await refused(BodyReader(MOST), asked) == (415, "unsupported_media_type")


async def test_who_sends_too_slowly_is_not_waited_for():
    reader = BodyReader(MOST, deadline_s=0.01)
    assert await refused(reader, request(b"{", ends=False)) == (408, "request_timeout")


async def test_a_large_body_has_longer_while_it_comes_fast_enough(monkeypatch):
    monkeypatch.setattr("console.api.reading.LEAST_RATE", 0.001)  # an octet: a thousand seconds
    reader = BodyReader(MOST, deadline_s=0.01)
    asked = request(b"x", ends=False)
    asyncio.get_running_loop().call_later(0.05, asked.content.end)
    assert await reader.read(asked) == b"x"


async def test_all_bodies_together_are_bounded_and_let_go_of():
    reader = BodyReader(MOST, max_held=150_000)
    waiting = request(b"x" * 90_000, ends=False)
    first = asyncio.create_task(reader.read(waiting))
    await asyncio.sleep(0)
    assert await refused(reader, request(b"x" * 90_000)) == (503, "unavailable")
    waiting.content.end()
    assert len(await first) == 90_000
    assert len(await reader.read(request(b"x" * 90_000))) == 90_000
