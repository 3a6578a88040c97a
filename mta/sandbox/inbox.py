"""What the simulator received: the last messages, in memory, with a bound on number and bytes."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mta.events.record import rfc3339

MAX_MESSAGES = 1000
MAX_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """One message as it arrived, one entry for all recipients that took it."""

    id: int
    at_ms: int
    mail_from: str  # empty: the null reverse-path
    rcpt_to: tuple[str, ...]
    subject: str  # decoded
    from_header: str  # decoded
    headers: tuple[tuple[str, str], ...]  # unfolded, in order, not decoded
    size_bytes: int
    raw: bytes
    peer: str = ""
    helo: str = ""
    tls: str = ""  # "TLSv1.3 TLS_AES_256_GCM_SHA384", empty in clear
    dkim: str = ""  # "pass", "fail", "none"; empty: not checked
    dkim_signatures: tuple[str, ...] = ()  # "pass d=example.org s=relevo a=rsa-sha256"

    def header(self, name: str) -> str:
        """The first header field of that name, empty when there is none."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), "")

    def summary(self) -> dict[str, object]:
        """JSON-able, without the content: a line of a list."""
        return {
            "id": str(self.id),
            "at": rfc3339(self.at_ms),
            "mail_from": self.mail_from,
            "rcpt_to": list(self.rcpt_to),
            "from": self.from_header,
            "subject": self.subject,
            "size": self.size_bytes,
            "tls": self.tls,
            "dkim": self.dkim,
        }

    def details(self) -> dict[str, object]:
        """JSON-able, with headers and content; octets that are not UTF-8 are replaced."""
        return {
            **self.summary(),
            "peer": self.peer,
            "helo": self.helo,
            "dkim_signatures": list(self.dkim_signatures),
            "headers": [list(pair) for pair in self.headers],
            "raw": self.raw.decode("utf-8", "replace"),
        }


def _anything(_: ReceivedMessage) -> bool:
    return True


class Inbox:
    """The last messages; the oldest give way. Used from the event loop only."""

    def __init__(self, max_messages: int = MAX_MESSAGES, max_bytes: int = MAX_BYTES) -> None:
        self._messages: OrderedDict[int, ReceivedMessage] = OrderedDict()
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._bytes = 0
        self._last_id = 0
        self._arrival: asyncio.Event | None = None  # exists only while somebody waits
        self.total = 0  # ever received, cleared ones included

    def __len__(self) -> int:
        return len(self._messages)

    def add(self, message: ReceivedMessage) -> None:
        """Keep a message, forget the oldest if there are too many, wake who waits."""
        self._messages[message.id] = message
        self._bytes += message.size_bytes
        while len(self._messages) > self._max_messages or (
            self._bytes > self._max_bytes and len(self._messages) > 1
        ):
            _, oldest = self._messages.popitem(last=False)
            self._bytes -= oldest.size_bytes
        self.total += 1
        self._last_id = message.id
        if self._arrival is not None:
            self._arrival.set()
            self._arrival = None

    def replace(self, message: ReceivedMessage) -> None:
        """Put a message with more knowledge in the place of the same one, if it is still kept."""
        if message.id in self._messages:
            self._messages[message.id] = message

    def get(self, identifier: int) -> ReceivedMessage | None:
        """A message, if it is still kept."""
        return self._messages.get(identifier)

    def list(
        self,
        *,
        limit: int = 100,
        before: int = 0,
        sender: str = "",
        recipient: str = "",
        text: str = "",
        may_see: Callable[[ReceivedMessage], bool] = _anything,
    ) -> Sequence[ReceivedMessage]:
        """Messages that fit and that `may_see` lets through, newest first.

        `before` is the id of the last one of the page before; `sender` and `recipient` are parts of
        envelope addresses, `text` occurs in the addresses, the From field or the subject. Case
        does not matter.
        """
        sender, recipient, text = sender.lower(), recipient.lower(), text.lower()
        found: list[ReceivedMessage] = []
        for message in reversed(self._messages.values()):
            if len(found) >= limit:
                break
            if (
                (not before or message.id < before)
                and sender in message.mail_from.lower()
                and (not recipient or any(recipient in to.lower() for to in message.rcpt_to))
                and (not text or text in _searched(message))
                and may_see(message)
            ):
                found.append(message)
        return found

    def clear(self, may_see: Callable[[ReceivedMessage], bool] = _anything) -> int:
        """Forget the messages that `may_see` lets through; returns how many."""
        gone = [message for message in self._messages.values() if may_see(message)]
        for message in gone:
            del self._messages[message.id]
            self._bytes -= message.size_bytes
        return len(gone)

    async def wait_newer(self, after: int) -> None:
        """Return once a message with an id above `after` has arrived (at once if it has).

        The caller sets the deadline.
        """
        while self._last_id <= after:
            if self._arrival is None:
                self._arrival = asyncio.Event()
            await self._arrival.wait()


def _searched(message: ReceivedMessage) -> str:
    parts = (message.mail_from, *message.rcpt_to, message.from_header, message.subject)
    return "\n".join(parts).lower()
