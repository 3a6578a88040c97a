"""Relaxed canonicalisation of RFC 6376 §3.4, in time linear in the message whatever it holds.

Only operations of `bytes` that run in C are used, and none of them rescans: runs of white space are
halved until none is left, which costs twice their length in all.
"""

from typing import NamedTuple


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
    if b"\t" in body:
        body = body.replace(b"\t", b" ")
    while b"  " in body:
        body = body.replace(b"  ", b" ")
    body = body.replace(b" \r\n", b"\r\n")
    stripped = body.rstrip(b"\r\n")
    if len(body) - len(stripped) == 2:
        return body if stripped else b""
    tail = body[len(stripped) :]
    if tail.count(b"\r\n") * 2 != len(tail):  # lone CR or LF: they are content, not line ends
        lines = tail.split(b"\r\n")
        while lines and not lines[-1]:
            lines.pop()
        return b"\r\n".join([stripped + lines[0], *lines[1:]]) + b"\r\n"
    return stripped + b"\r\n" if stripped else b""
