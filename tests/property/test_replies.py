"""A reply that we write is one reply of the same code and words to a reader, whatever its text holds;
and what a peer sends is read as a naive reader of RFC 5321 §4.2 reads it, with bounded memory.
"""

import re

from hypothesis import example, given
from hypothesis import strategies as st

from mta.model.reply import Reply
from mta.smtp.replies import MAX_REPLY_LINES, MAX_REPLY_OCTETS, ReplyError, ReplyParser
from mta.smtp.server_replies import encode_reply
from tests.property.effort import tries

codes = st.integers(200, 599)
statuses = st.just("") | st.builds(
    "{}.{}.{}".format, st.sampled_from((2, 4, 5)), st.integers(0, 999), st.integers(0, 999)
)
nasty = st.sampled_from(
    [
        "\r\n250 ok",
        "\n",
        "\r",
        "\0",
        "\x85",
        "\u2028",
        "\ud800",
        "550-",
        "5.1.1 ",
        "é",
        " ",
        "-",
        "\t",
    ]
)
words = st.lists(st.text(max_size=12) | nasty, max_size=6).map("".join)
replies = st.builds(Reply, codes, statuses, st.lists(words, max_size=4).map(tuple))


def read(data: bytes, size: int = 1 << 30) -> list[Reply]:
    parser, found = ReplyParser(), []
    for start in range(0, len(data), size):
        parser.feed(data[start : start + size])
        while parser.next_code():
            found.append(parser.reply())
    assert not parser.has_pending
    return found


@tries(300)
@given(replies)
@example(Reply.of(250, "", "x" * 600))
@example(Reply(354, "", ("5.1.1 \u2028", "")))
def test_what_the_server_says_is_one_reply_of_short_ascii_lines(reply: Reply) -> None:
    wire = encode_reply(reply)
    assert wire.isascii()
    assert all(len(line) <= 510 for line in wire.split(b"\r\n"))
    (got,) = read(wire)
    assert got.code == reply.code
    assert len(got.lines) == max(1, len(reply.lines))


plain = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "C", "Z"]), max_size=30)


@tries(300)
@given(codes, statuses, st.lists(plain, min_size=1, max_size=4), st.integers(1, 9))
def test_a_reply_reads_back_as_it_was_written(code, status, lines, size) -> None:
    if 300 <= code < 400 or re.match(r"[245]\.\d+\.\d+\Z", lines[0]):
        status = ""  # a 3yz has none (RFC 2034 §3); words that look like one are taken for one
    (got,) = read(Reply(code, status, tuple(lines)).encode(), size)
    if status:
        lines = [line.removeprefix(status) if line == status else line for line in lines]
    elif not 300 <= code < 400 and re.match(r"[245]\.\d{1,3}\.\d{1,3}\Z", lines[0]):
        status, lines = lines[0], ["" if line == lines[0] else line for line in lines]
    assert got == Reply(code, status, tuple(lines))


# -- against a naive reader ---------------------------------------------------------------------

REPLY = re.compile(rb"(?:[0-9]{3}-[^\n]*\n)*([2-5][0-9]{2})(?:[ \t][^\n]*|\r?)\n")
pieces = st.sampled_from(
    [
        b"250 ok\r\n",
        b"250\n",
        b"250\r\n",
        b"550-a\r\n550 b\r\n",
        b"220-x\n220\t\n",
        b"421 4.7.0 no\r\n",
    ]
)


@tries(300)
@given(st.lists(pieces, max_size=12), st.integers(1, 9))
def test_wellformed_streams_are_read_as_a_naive_reader_does(parts: list[bytes], size: int) -> None:
    data = b"".join(parts)
    assert [r.code for r in read(data, size)] == [int(m[1]) for m in REPLY.finditer(data)]


@tries(200)
@given(
    st.lists(
        st.sampled_from(
            [b"250-", b"250 ", b"x", b"\r\n", b"\n", b"9" * 3000, b"250-\n" * 99, b"\xff"]
        )
        | st.binary(max_size=20),
        max_size=60,
    )
)
def test_no_stream_makes_the_reader_hold_more_than_a_reply(parts: list[bytes]) -> None:
    parser = ReplyParser()
    for part in parts:
        parser.feed(part)
        try:
            while parser.next_code():
                reply = parser.reply()
                assert 200 <= reply.code < 600
                assert all(line.isprintable() and len(line) <= 1000 for line in reply.lines)
        except ReplyError:
            return
        assert len(parser._buffer) - parser._start <= MAX_REPLY_OCTETS
        assert parser._lines <= MAX_REPLY_LINES
