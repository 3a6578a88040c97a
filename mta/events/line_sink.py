"""Writes log lines without ever making the caller wait.

Standard error may be a pipe that nobody reads, or a terminal stopped by Ctrl-S. Making it
non-blocking would change it for every process that shares it, so a thread does the writing and the
caller only appends to a bounded buffer. When the buffer is full, lines are dropped and counted; as
soon as there is room again, one line tells how many were lost.
"""

import os
import select
import threading
import time
from collections.abc import Callable, Sequence

MAX_BUFFER_BYTES = 4 * 1024 * 1024
CLOSE_TIMEOUT_S = 1.0  # a reader that is stuck does not hold up the end of the process
MAX_LINE_CHARS = 16 * 1024
GATHER_S = 0.02  # between two writes: under load waking the thread costs more than writing


def _no_report(_count: int) -> None:
    pass


class LineSink:
    """A bounded buffer in front of a file descriptor; may be used from any thread."""

    def __init__(
        self,
        fd: int,
        *,
        max_bytes: int = MAX_BUFFER_BYTES,
        on_dropped: Callable[[int], None] = _no_report,
        dropped_notice: Callable[[int], str] = "{} log lines dropped".format,
    ) -> None:
        """Start the thread.

        `on_dropped` is told how many lines were lost (with the lock held, from any thread: it only
        counts); `dropped_notice` words the line that tells of them.
        """
        self._fd = fd
        self._max_bytes = max_bytes
        self._on_dropped = on_dropped
        self._dropped_notice = dropped_notice
        self._lines: list[bytes] = []
        self._pending_bytes = 0  # in the buffer and in the thread's hands
        self._dropped = 0  # not yet told in a line
        self._is_closing = False
        self._wake = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="relevo-log", daemon=True)
        self._thread.start()

    def write(self, line: str) -> None:
        """Append one line, without its line end."""
        self.write_many((line,))

    def write_many(self, lines: Sequence[str]) -> None:
        """Append lines; those that do not fit any more are dropped and counted."""
        dropped = 0
        with self._wake:
            for line in lines:
                data = line[:MAX_LINE_CHARS].encode("utf-8", "backslashreplace") + b"\n"
                if self._pending_bytes + len(data) > self._max_bytes or self._is_closing:
                    dropped += 1
                else:
                    self._lines.append(data)
                    self._pending_bytes += len(data)
            self._dropped += dropped
            if dropped:
                self._on_dropped(dropped)
            self._wake.notify()

    def close(self, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        """Write what is buffered, for at most `timeout_s`."""
        with self._wake:
            self._is_closing = True
            self._wake.notify()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._lines and not self._dropped and not self._is_closing:
                    self._wake.wait()
                lines, self._lines = self._lines, []
                dropped, self._dropped = self._dropped, 0
                if not lines and not dropped:
                    return
            size = sum(map(len, lines))
            if dropped:
                lines.insert(0, self._dropped_notice(dropped).encode() + b"\n")
            written = self._write_all(b"".join(lines))
            with self._wake:
                self._pending_bytes -= size
                if not written:
                    self._on_dropped(len(lines))
                is_closing = self._is_closing
            if not is_closing:
                time.sleep(GATHER_S)

    def _write_all(self, data: bytes) -> bool:
        """False when the descriptor does not take anything any more (closed pipe, full disk)."""
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._fd, view) :]
            except BlockingIOError:  # somebody else made it non-blocking
                poll = select.poll()
                poll.register(self._fd, select.POLLOUT)
                poll.poll()
            except OSError:
                return False
        return True
