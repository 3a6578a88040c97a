"""The octets a server has received and not worked on, cut into command lines.

A line is what ends with CRLF. A bare LF or a line that is too long is told at once, and everything
up to the next CRLF is skipped: one line, one refusal, nothing of it executed.
"""

from enum import Enum, auto

from mta.smtp.transparency import DotDecoder

# RFC 5321 §4.5.3.1.4: 512 with CRLF, and what the parameters of SIZE, 8BITMIME, AUTH, DSN, SMTPUTF8
# and FUTURERELEASE may add to MAIL (1099), rounded up.
MAX_COMMAND_OCTETS = 2048
MAX_AUTH_OCTETS = 12_288  # RFC 4954 §4


class LineFault(Enum):
    """Why a line is refused."""

    TOO_LONG = auto()
    BAD_END = auto()  # a bare LF


class InputBuffer:
    """Received octets; linear in what comes, however it is cut."""

    __slots__ = ("_data", "_is_skipping", "_position")

    def __init__(self) -> None:
        self._data = b""
        self._position = 0
        self._is_skipping = False

    def __len__(self) -> int:
        return len(self._data) - self._position

    def append(self, data: bytes) -> None:
        """Take octets from the connection."""
        if self._position < len(self._data):
            data = self._data[self._position :] + data
        self._data = data
        self._position = 0

    def clear(self) -> int:
        """Drop everything; return how many octets that were."""
        dropped = len(self)
        self._data, self._position, self._is_skipping = b"", 0, False
        return dropped

    def next_line(self, *, is_auth: bool) -> bytes | LineFault | None:
        """The next line without its CRLF, a fault, or None when it has not all come."""
        if self._is_skipping and not self._skip():
            return None
        data, start = self._data, self._position
        end = data.find(b"\n", start)
        length = (end if end >= 0 else len(data)) - start
        if length >= MAX_COMMAND_OCTETS:
            is_auth = is_auth or data[start : start + 5].upper() == b"AUTH "
            limit = MAX_AUTH_OCTETS if is_auth else MAX_COMMAND_OCTETS
            if length >= limit:
                self._position = start + limit - 1  # the last one may be the CR of the line's end
                self._is_skipping = True
                return LineFault.TOO_LONG
        if end < 0:
            return None
        self._position = end + 1
        if end == start or data[end - 1] != 13:
            self._is_skipping = True
            return LineFault.BAD_END
        return data[start : end - 1]

    def take(self, most: int) -> bytes:
        """At most `most` octets."""
        start = self._position
        octets = self._data[start : start + most]
        self._position = start + len(octets)
        return octets

    def decode(self, decoder: DotDecoder) -> tuple[bytes, bool]:
        """Hand what is there to `decoder`; return unstuffed octets and whether the message ended."""
        segment, end = decoder.feed(self._data, self._position)
        self._position = end if end >= 0 else len(self._data)
        return segment, end >= 0

    def _skip(self) -> bool:
        end = self._data.find(b"\r\n", self._position)
        if end < 0:
            self._position = len(self._data) - self._data.endswith(b"\r", self._position)
            return False
        self._position = end + 2
        self._is_skipping = False
        return True
