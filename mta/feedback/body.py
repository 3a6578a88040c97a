"""Reads the content of a mail from a stream, in large pieces and within a bound (RFC 5321 §4.5.2).

aiosmtpd reads line by line: a megabyte of empty lines would hold the event loop for a second and a
half and take fifty megabytes, and strangers may send that.
"""

import asyncio

PIECE = 64 * 1024
_END = b"\r\n.\r\n"


async def read_content(reader: asyncio.StreamReader, limit: int) -> bytes | None:
    """The content without its end, dots unstuffed; None when it was longer than `limit` octets.

    Only CRLF.CRLF ends it. What follows stays in the reader. Raises `ConnectionResetError` when
    the stream ends before.
    """
    received = bytearray(b"\r\n")  # the line end of DATA: the first line may be the last
    is_too_long = False
    while True:
        piece = await reader.read(PIECE)
        if not piece:
            raise ConnectionResetError("the client left within a mail")
        searched = max(0, len(received) - len(_END) + 1)
        received += piece
        end = received.find(_END, searched)
        if end >= 0:
            _put_back(reader, bytes(received[end + len(_END) :]))
            del received[end + 2 :]
            break
        if len(received) > limit + PIECE:
            is_too_long = True
            del received[: -len(_END)]
    if is_too_long or len(received) - 2 > limit:
        return None
    return bytes(received).replace(b"\r\n.", b"\r\n")[2:]


def _put_back(reader: asyncio.StreamReader, data: bytes) -> None:
    """What was read too far goes to the head of the buffer; asyncio has no call for that."""
    reader._buffer[:0] = data  # type: ignore[attr-defined]  # a bytearray since asyncio began
