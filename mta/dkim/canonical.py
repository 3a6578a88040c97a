"""Relaxed canonicalisation of RFC 6376 §3.4, in time linear in the message whatever it holds.

Only operations of `bytes` that run in C are used, and none of them rescans: runs of white space are
halved until none is left, which costs twice their length in all.
"""

from collections.abc import Iterator
from typing import NamedTuple

# Each step on so much holds the GIL for about a millisecond; on 25 MB of spaces it is half a second.
PIECE_OCTETS = 1 << 18


class Parts(NamedTuple):
    """A message taken apart."""

    lines: list[bytes]  # header fields, unfolded, runs of white space made one space
    body: bytes


def split(content: bytes) -> Parts:
    """Header fields and body of a message with CRLF lines; without an empty line all is header."""
    end = content.find(b"\r\n\r\n")
    if content.startswith(b"\r\n"):
        return Parts([], content[2:])
    if end < 0:
        return Parts(_unfold(content).split(b"\r\n"), b"")
    return Parts(_unfold(content[:end]).split(b"\r\n"), content[end + 4 :])


def _unfold(block: bytes) -> bytes:
    if b"\t" in block:
        block = block.replace(b"\t", b" ")
    block = block.replace(b"\r\n ", b" ")
    while b"  " in block:
        block = block.replace(b"  ", b" ")
    return block


def relaxed_body(body: bytes) -> bytes:
    """RFC 6376 §3.4.4; a body that does not end in CRLF is taken as if it did, as it will on the wire."""
    if not body.endswith(b"\r\n"):
        if not body:
            return b""
        body += b"\r\n"
    body = _relaxed_lines(body)
    kept = _without_line_ends(body)
    if len(body) - len(kept) == 2:
        return body if kept else b""
    return kept + b"\r\n" if kept else b""


def relaxed_pieces(body: bytes, octets: int = PIECE_OCTETS) -> Iterator[bytes]:
    """`relaxed_body` in pieces of about `octets`, so that another thread can run in between.

    Cut behind line ends, where no rule looks across; empty lines wait for one that is not.
    """
    if not body.endswith(b"\r\n"):
        body += b"\r\n"
    waiting: list[bytes] = []
    is_empty = True
    start = 0
    while start < len(body):
        end = body.find(b"\r\n", start + octets) + 2
        if end < 2:
            end = len(body)
        piece = _relaxed_lines(body[start:end])
        start = end
        kept = _without_line_ends(piece)
        if kept:
            yield from waiting
            yield kept
            waiting.clear()
            is_empty = False
        waiting.append(piece[len(kept) :])
    if not is_empty:
        yield b"\r\n"


def _relaxed_lines(lines: bytes) -> bytes:
    if b"\t" in lines:
        lines = lines.replace(b"\t", b" ")
    while b"  " in lines:
        lines = lines.replace(b"  ", b" ")
    return lines.replace(b" \r\n", b"\r\n")


def _without_line_ends(lines: bytes) -> bytes:
    """All but the CRLFs at the end; lone CR and LF are content and stay."""
    stripped = lines.rstrip(b"\r\n")
    tail = lines[len(stripped) :]
    if tail.count(b"\r\n") * 2 == len(tail):
        return stripped
    words = tail.split(b"\r\n")
    while not words[-1]:
        words.pop()
    return stripped + b"\r\n".join(words)
