"""The content of one message while it arrives: bounded, checked and with CRLF as only line end.

Faults do not stop the reading, they stop the keeping: the rest is counted and dropped, and the
client hears of it once the message has ended. Which fault is told does not depend on how the
stream was cut.
"""

from mta.model.reply import Reply
from mta.smtp import server_replies as replies

MAX_LINE_OCTETS = 998  # RFC 5321 §4.5.3.1.6, RFC 5322 §2.1.1: without CRLF


class ContentBuffer:
    """Collects the octets of one message, unstuffed, in memory."""

    __slots__ = (
        "_has_lone_ends",
        "_has_nul",
        "_held",
        "_kept",
        "_limit",
        "_normalize",
        "size_bytes",
    )

    def __init__(self, max_bytes: int, *, normalize: bool) -> None:
        """Keep up to `max_bytes`; make a lone CR or LF CRLF if `normalize`, else refuse it."""
        self._limit = max_bytes
        self._normalize = normalize
        self._kept: bytes | bytearray = b""
        self._held = b""
        self._has_nul = False
        self._has_lone_ends = False
        self.size_bytes = 0

    @property
    def is_too_big(self) -> bool:
        """True when more came than may be kept."""
        return self.size_bytes > self._limit

    def add(self, segment: bytes) -> None:
        """Take octets that do not end between a CR and its LF."""
        pairs = segment.count(b"\r\n")
        lone = segment.count(b"\r") + segment.count(b"\n") - 2 * pairs
        self.size_bytes += len(segment) + lone
        if b"\0" in segment:
            self._has_nul = True
        if lone:
            self._has_lone_ends = True
        if self._is_lost():
            self._kept = b""
            return
        if lone:
            segment = _normalized(segment)
        if not self._kept:
            self._kept = segment
            return
        if isinstance(self._kept, bytes):
            self._kept = bytearray(self._kept)
        self._kept += segment

    def add_raw(self, octets: bytes) -> None:
        """Take octets cut anywhere (BDAT)."""
        octets = self._held + octets
        self._held = b""
        if octets.endswith(b"\r"):
            self._held = b"\r"
            octets = octets[:-1]
        if octets:
            self.add(octets)

    def finish(self) -> bytes | Reply:
        """The whole content, its last line ended, or the reply that refuses it."""
        if self._held:
            self._held = b""
            self.add(b"\r")
        if self.is_too_big:
            return replies.TOO_BIG
        if self._has_nul:
            return replies.NUL_IN_DATA
        if self._has_lone_ends and not self._normalize:
            return replies.LONE_LINE_END
        content = bytes(self._kept)  # no copy when it came in one piece
        if content and not content.endswith(b"\r\n"):
            content += b"\r\n"  # only BDAT can leave the last line open
        if has_long_line(content):
            return replies.LONG_LINE
        return content

    def _is_lost(self) -> bool:
        return (
            self.size_bytes > self._limit
            or self._has_nul
            or (self._has_lone_ends and not self._normalize)
        )


def _normalized(segment: bytes) -> bytes:
    """Each CRLF, lone CR and lone LF as CRLF.

    Three passes in C: a regular expression would cost 0.1 µs for each line end, and a message of
    nothing but LF would hold the event loop for more than a second.
    """
    return segment.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")


def has_long_line(content: bytes) -> bool:
    """Whether a line has more than 998 octets; lines must end with CRLF.

    Looks from each line end at most 1000 octets ahead for the last one in reach, so it costs one
    step per KiB.
    """
    reach = MAX_LINE_OCTETS + 2
    position = 0
    total = len(content)
    while total - position > reach:
        position = content.rfind(b"\n", position, position + reach) + 1
        if not position:
            return True
    return False
