"""A mail ends at CRLF.CRLF and nowhere else, however it is cut into pieces."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mta.feedback.body import read_content

LIMIT = 200


class Pieces(asyncio.StreamReader):
    """A stream that hands out what it is given, piece by piece."""

    def __init__(self, pieces) -> None:
        self._buffer = bytearray()
        self._pieces = list(pieces)

    async def read(self, n: int = -1) -> bytes:
        if self._buffer:
            data, self._buffer = bytes(self._buffer), bytearray()
            return data
        return self._pieces.pop(0) if self._pieces else b""


def read(*pieces: bytes, limit: int = LIMIT) -> tuple[bytes | None, bytes]:
    """The content, and what stays."""
    reader = Pieces(pieces)
    content = asyncio.run(read_content(reader, limit))
    return content, bytes(reader._buffer) + b"".join(reader._pieces)


@pytest.mark.parametrize(
    ("sent", "content", "rest"),
    [
        (b".\r\n", b"", b""),
        (b".\r\nQUIT\r\n", b"", b"QUIT\r\n"),
        (b"a\r\n.\r\nQUIT\r\n", b"a\r\n", b"QUIT\r\n"),
        (b"..\r\n.a\r\n\r\n.\r\n", b".\r\na\r\n\r\n", b""),
        (b"a\n.\nb\r.\rc\n.\r\n.\r\n", b"a\n.\nb\r.\rc\n.\r\n", b""),
        (b"a\r\n.\nb\r\n.\r\n", b"a\r\n\nb\r\n", b""),
        (b"a\r\n.\r\n.\r\n", b"a\r\n", b".\r\n"),
    ],
)
def test_only_one_sequence_ends_it_in_any_pieces(sent, content, rest):
    assert read(sent) == (content, rest)
    assert read(*(bytes([octet]) for octet in sent)) == (content, rest)
    for cut in range(1, len(sent)):
        assert read(sent[:cut], sent[cut:]) == (content, rest)


@given(st.lists(st.sampled_from([b"\r", b"\n", b".", b"a", b"\r\n", b"\r\n.", b"\r\n.\r\n"])))
def test_the_end_is_where_a_plain_search_finds_it(parts):
    sent = b"".join(parts) + b"\r\n.\r\n"
    end = (b"\r\n" + sent).index(b"\r\n.\r\n")
    content, rest = read(*(bytes([octet]) for octet in sent), limit=1000)
    assert rest == (b"\r\n" + sent)[end + 5 :]
    lines = sent[:end].split(b"\r\n")
    assert content == b"\r\n".join(line.removeprefix(b".") for line in lines)


def test_a_content_over_the_limit_is_read_to_its_end_and_dropped(monkeypatch):
    monkeypatch.setattr("mta.feedback.body.PIECE", 50)
    piece = b"x" * 48 + b"\r\n"
    for count in (5, 6, 7, 100):
        assert read(*[piece] * count, b".\r\nQUIT\r\n") == (None, b"QUIT\r\n")
    assert read(*[piece] * 4, b".\r\nQUIT\r\n") == (piece * 4, b"QUIT\r\n")


def test_a_client_that_leaves_is_told():
    with pytest.raises(ConnectionResetError):
        read(b"half a mail")
