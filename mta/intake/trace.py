"""What a relay adds at the top of a message: the Received field, a missing Date and Message-ID."""

import re
from email.utils import formatdate

from mta.model.envelope import Origin

_UNSAFE = re.compile(r"[^!-'*-\[\]-~]")  # no parentheses, backslash, space or control in a comment


class TraceWriter:
    """Writes trace fields for one server; formats the date once a second."""

    def __init__(self, hostname: str) -> None:
        self.hostname = hostname
        self._second = 0
        self._date = ""

    def date(self, now_ms: int) -> str:
        """An RFC 5322 date in UTC."""
        second = now_ms // 1000
        if second != self._second:
            self._second, self._date = second, formatdate(second)
        return self._date

    def received(self, origin: Origin, message_id: int, recipient: str, now_ms: int) -> str:
        """The Received field (RFC 5321 §4.4), `for` only when there is one recipient (§7.6)."""
        helo = _UNSAFE.sub("?", origin.helo)[:255] or "unknown"
        peer = f" ([{origin.peer}])" if origin.peer else ""
        tls = f"\r\n\t(using {origin.tls})" if origin.tls else ""
        target = f"\r\n\tfor <{recipient}>" if recipient and recipient.isascii() else ""
        return (
            f"Received: from {helo}{peer}{tls}\r\n"
            f"\tby {self.hostname} (Relevo) with {origin.protocol} id {message_id}{target};\r\n"
            f"\t{self.date(now_ms)}\r\n"
        )

    def message_id(self, message_id: int) -> str:
        """A Message-ID with its brackets."""
        return f"<{message_id:x}.relevo@{self.hostname}>"
