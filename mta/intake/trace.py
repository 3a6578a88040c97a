"""What a relay adds at the top of a message: the Received field, a missing Date and Message-ID."""

import re
from email.utils import formatdate

from mta.model.envelope import Origin

_NAME = re.compile(r"(?:[A-Za-z0-9._-]+|\[[A-Za-z0-9.:-]+\])\Z")  # a domain or an address literal
_FOREIGN = re.compile(r"[^A-Za-z0-9._-]")
_FOREIGN_TO_ADDRESS = re.compile(r"[^A-Za-z0-9.:-]")
MAX_NAME = 255


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
            self._second, self._date = second, formatdate(second)[:-5] + "+0000"
        return self._date

    def received(self, origin: Origin, message_id: int, recipient: str, now_ms: int) -> str:
        """The Received field (RFC 5321 §4.4), `for` only when there is one recipient (§7.6).

        The address of a client that did not come over SMTP is not told: it is a person's.
        """
        helo = origin.helo
        if _NAME.match(helo) is None or len(helo) > MAX_NAME:
            helo = _FOREIGN.sub("?", helo[:MAX_NAME]) or "unknown"
        peer = f" ({_literal(origin.peer)})" if origin.peer and origin.is_smtp else ""
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


def _literal(peer: str) -> str:
    """An address literal (RFC 5321 §4.1.3); a link-local zone means nothing to others."""
    address = _FOREIGN_TO_ADDRESS.sub("?", peer.partition("%")[0])
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"
