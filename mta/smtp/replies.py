"""Reads a peer's SMTP replies: tolerant of what real servers send, bounded against hostile ones.

Feed bytes as they come, take reply codes until 0 says that no further reply is complete. The text
of a reply is only decoded when it is asked for, because most replies of a transaction are a code
and nothing else. Accepted beside RFC 5321 §4.2: LF for CRLF, replies without text, any text
length up to the bounds, bytes that are not UTF-8, and odd lines within a multi-line reply.
"""

import re

from mta.model.errors import PeerError
from mta.model.reply import ENHANCED_STATUS, Reply

MAX_REPLY_OCTETS = 65_536  # one whole reply; the longest EHLO replies seen have some 500
MAX_REPLY_LINES = 512
MAX_LINE_CHARACTERS = 1_000  # of text kept for the records; RFC 5321 §4.5.3.1.5 allows 512 octets

_NEWLINE = b"\n"
_HYPHEN = 0x2D
_THREE = 0x33
# Nearly every reply: one line that is complete.
_ONE_LINE = re.compile(rb"([2-5][0-9][0-9])(?:[ \t][^\n]*|\r?)\n").match


class ReplyError(PeerError):
    """What the peer sent is no reply: the connection has to end, the mail is deferred."""


class ReplyParser:
    """Turns a byte stream into replies; holds one incomplete reply at most."""

    __slots__ = ("_buffer", "_lines", "_reply_start", "_scanned", "_start", "_unread")

    def __init__(self) -> None:
        self._buffer = b""
        self._start = 0  # end of the last reply taken, first octet of the one being read
        self._scanned = 0  # between _start and here no reply ends
        self._lines = 0  # complete lines of the reply being read
        self._unread = 0  # when there are such lines: where the next one begins
        self._reply_start = 0  # of the last reply taken

    @property
    def has_pending(self) -> bool:
        """True when octets follow the last reply taken."""
        return self._start < len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Append what the peer sent; forgets the text of the last reply taken."""
        start = self._start
        if start == len(self._buffer):
            self._buffer = data
            self._scanned = 0
        else:
            self._buffer = self._buffer[start:] + data
            self._unread -= start
            self._scanned -= start
        self._start = 0

    def next_code(self) -> int:
        """The code of the next complete reply (200 to 599), or 0 when none is complete.

        Raises `ReplyError`.
        """
        start = self._start
        if self._scanned == start:
            match = _ONE_LINE(self._buffer, start)
            if match is not None:
                end = match.end()
                if end - start <= MAX_REPLY_OCTETS:
                    self._reply_start = start
                    self._start = self._scanned = end
                    return int(match[1])
            elif start == len(self._buffer):
                return 0
        return self._next_code_of_any()

    def _next_code_of_any(self) -> int:
        """The same for replies of several lines, incomplete ones and bad ones."""
        buffer = self._buffer
        while True:
            end = buffer.find(_NEWLINE, self._scanned)
            size = (len(buffer) if end < 0 else end + 1) - self._start
            if size > MAX_REPLY_OCTETS:
                raise ReplyError(f"reply longer than {MAX_REPLY_OCTETS} octets")
            if end < 0:
                self._scanned = len(buffer)
                return 0
            line = self._unread if self._lines else self._start
            self._unread = self._scanned = end + 1
            self._lines += 1
            if self._lines > MAX_REPLY_LINES:
                raise ReplyError(f"reply longer than {MAX_REPLY_LINES} lines")
            head = buffer[line : line + 4]
            if not _has_code(head):
                if self._lines == 1:
                    raise ReplyError(f"not an SMTP reply: {_printable(buffer[line:end][:80])}")
            elif head[3] != _HYPHEN:
                return self._complete(int(head[:3]))

    def _complete(self, code: int) -> int:
        if not 200 <= code < 600:
            raise ReplyError(f"reply code {code:03} is none of SMTP's")
        self._reply_start = self._start
        self._start = self._scanned
        self._lines = 0
        return code

    def reply(self) -> Reply:
        """The reply whose code was taken last; valid until the next `feed`.

        Each line keeps at most `MAX_LINE_CHARACTERS`, control characters become `?`, and the
        enhanced status is taken off every line that repeats it.
        """
        raw = self._buffer[self._reply_start : self._start]
        if raw.find(_NEWLINE) == len(raw) - 1:
            text = _printable(raw[4:])
            match = ENHANCED_STATUS.match(text)
            if match is None or raw[0] == _THREE:
                return Reply(int(raw[:3]), "", (text,))
            return Reply(int(raw[:3]), match[1], (text[match.end() :].lstrip(),))
        rows = raw.split(_NEWLINE)
        rows.pop()
        code = int(rows[-1][:3])
        lines = [_printable(row[4:] if _has_code(row[:4]) else row) for row in rows]
        match = ENHANCED_STATUS.match(lines[0])
        if match is None or 300 <= code < 400:
            return Reply(code, "", tuple(lines))
        enhanced = match[1]
        return Reply(code, enhanced, tuple([_without(line, enhanced) for line in lines]))


def _has_code(head: bytes) -> bool:
    """Whether the first four octets of a line, its end included, begin a reply line."""
    return head[:3].isdigit() and not head[3:].isdigit()


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
