"""A receiving server that keeps every octet of the wire and ends a mail only at CRLF.CRLF."""

import re
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

END = b"\r\n.\r\n"
VERBS = ("EHLO", "HELO", "MAIL", "RCPT", "DATA", "RSET", "NOOP", "QUIT")
BARE = re.compile(rb"(?<!\r)\n|\r(?!\n)|\0")


class RawSink:
    """Listens on a free port while entered; `mails` are as they came, dots still stuffed."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.mails: list[bytes] = []
        self.faults: list[bytes] = []  # commands that are none, and lines that are bare
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        buffer = bytearray()

        def until(mark: bytes) -> bytes:
            while mark not in buffer:
                data = connection.recv(65_536)
                if not data:
                    raise ConnectionError
                buffer.extend(data)
            found, _, rest = bytes(buffer).partition(mark)
            buffer[:] = rest
            return found

        with connection:
            try:
                self._talk(connection.sendall, until)
            except OSError:
                return

    def _talk(self, say: Callable[[bytes], object], until: Callable[[bytes], bytes]) -> None:
        say(b"220 sink.test ESMTP\r\n")
        while True:
            line = until(b"\r\n")
            verb = line[:4].upper().decode("latin-1")
            if verb not in VERBS or BARE.search(line):
                with self._lock:
                    self.faults.append(line)
            if verb == "DATA":
                say(b"354 go on\r\n")
                mail = until(END) + b"\r\n"
                with self._lock:
                    self.mails.append(mail)
            say(b"250-sink.test\r\n250 8BITMIME\r\n" if verb == "EHLO" else b"250 ok\r\n")
            if verb == "QUIT":
                return
