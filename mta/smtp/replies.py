"""Reads a peer's SMTP replies: tolerant of what real servers send, bounded against hostile ones.

Feed bytes as they come, take reply codes until 0 says that no further reply is complete. The text
of a reply is only decoded when it is asked for, because most replies of a transaction are a code
and nothing else. Accepted beside RFC 5321 §4.2: LF for CRLF, replies without text, any text
length up to the bounds, bytes that are not UTF-8, and odd lines within a multi-line reply.
"""

from mta.model.errors import PeerError
from mta.model.reply import ENHANCED_STATUS, Reply

MAX_REPLY_OCTETS = 65_536  # one whole reply; the longest EHLO replies seen have some 500
MAX_REPLY_LINES = 512
MAX_LINE_CHARACTERS = 1_000  # of text kept for the records; RFC 5321 §4.5.3.1.5 allows 512 octets

_NEWLINE = b"\n"
_HYPHEN = 0x2D


class ReplyError(PeerError):
    """What the peer sent is no reply: the connection has to end, the mail is deferred."""


class ReplyParser:
    """Turns a byte stream into replies; holds one incomplete reply at most."""

    __slots__ = ("_buffer", "_lines", "_reply_end", "_reply_start", "_scanned", "_start", "_unread")

    def __init__(self) -> None:
        self._buffer = b""
        self._start = 0  # first octet of the reply being read
        self._unread = 0  # first octet of its first line not yet judged
        self._scanned = 0  # no line end lies between _unread and here
        self._lines = 0  # complete lines of the reply being read
        self._reply_start = 0
        self._reply_end = 0

    @property
    def has_pending(self) -> bool:
        """True when octets follow the last reply taken."""
        return self._start < len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Append what the peer sent; forgets the text of the last reply taken."""
        start = self._start
        if start == len(self._buffer):
            self._buffer = data
            self._unread = self._scanned = 0
        else:
            self._buffer = self._buffer[start:] + data
            self._unread -= start
            self._scanned -= start
        self._start = 0

    def next_code(self) -> int:
        """The code of the next complete reply (200 to 599), or 0 when none is complete.

        Raises `ReplyError`.
        """
        buffer = self._buffer
        while True:
            end = buffer.find(_NEWLINE, self._scanned)
            if end < 0:
                self._scanned = len(buffer)
                if len(buffer) - self._start > MAX_REPLY_OCTETS:
                    raise ReplyError(f"reply longer than {MAX_REPLY_OCTETS} octets")
                return 0
            line = self._unread
            self._unread = self._scanned = end + 1
            self._lines += 1
            if end - self._start > MAX_REPLY_OCTETS or self._lines > MAX_REPLY_LINES:
                raise ReplyError(
                    f"reply longer than {MAX_REPLY_OCTETS} octets or {MAX_REPLY_LINES} lines"
                )
            code = buffer[line : line + 3]
            if not code.isdigit() or buffer[line + 3 : line + 4].isdigit():
                if self._lines == 1:
                    raise ReplyError(f"not an SMTP reply: {_printable(buffer[line : line + 80])}")
            elif buffer[line + 3] != _HYPHEN:
                return self._complete(int(code), end + 1)

    def _complete(self, code: int, end: int) -> int:
        if not 200 <= code < 600:
            raise ReplyError(f"reply code {code} is none of SMTP's")
        self._reply_start = self._start
        self._reply_end = self._start = end
        self._lines = 0
        return code

    def reply(self) -> Reply:
        """The reply whose code was taken last; valid until the next `feed`.

        Each line keeps at most `MAX_LINE_CHARACTERS`, control characters become `?`, and the
        enhanced status is taken off every line that repeats it.
        """
        raw = self._buffer[self._reply_start : self._reply_end]
        rows = raw.split(_NEWLINE)
        rows.pop()
        code = int(rows[-1][:3])
        lines = [_text(row) for row in rows]
        match = ENHANCED_STATUS.match(lines[0]) if code < 300 or code >= 400 else None
        if match is None:
            return Reply(code, "", tuple(lines))
        enhanced = match[1]
        return Reply(code, enhanced, tuple([_without(line, enhanced) for line in lines]))


def _text(row: bytes) -> str:
    has_code = row[:3].isdigit() and not row[3:4].isdigit()
    return _printable(row[4:] if has_code else row)


def _printable(octets: bytes) -> str:
    text = octets[: 4 * MAX_LINE_CHARACTERS].decode("utf-8", "replace").strip()
    if len(text) > MAX_LINE_CHARACTERS:
        text = text[:MAX_LINE_CHARACTERS]
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c == "\t" else "?" for c in text)


def _without(line: str, enhanced: str) -> str:
    if line.startswith(enhanced):
        rest = line[len(enhanced) :]
        if not rest or rest[0] in " \t":
            return rest.lstrip()
    return line
