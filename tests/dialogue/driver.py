"""Drives a `ServerSession` without sockets, with rules that a dialogue can rely on.

Senders of example.org are allowed; recipients at refused.example get 550 5.1.1 and those at
quota.example 552 5.2.2. The one account is `app@example.org`, password `secreto`. Messages whose
subject is `lost` get 451 4.3.0, all others are taken.
"""

from dataclasses import dataclass, field

from mta.model.clock import ManualClock
from mta.model.envelope import Envelope
from mta.model.reply import Reply
from mta.smtp import server_replies as replies
from mta.smtp.sasl import PasswordOffered, ScramFinished, ScramStarted
from mta.smtp.scram import derive_keys
from mta.smtp.server import ServerSession
from mta.smtp.server_events import (
    Closing,
    Event,
    MessageReceived,
    RecipientGiven,
    SenderGiven,
    SlowedDown,
    TlsRequested,
)
from mta.smtp.server_options import ServerOptions

USER, PASSWORD = "app@example.org", "secreto"
KEYS = derive_keys(PASSWORD, b"0123456789abcdef")
QUEUED = Reply.of(250, "2.0.0", "1 queued")
LOST = Reply.of(451, "4.3.0", "Message was not stored, try again later")
NOT_YOURS = Reply.of(550, "5.7.1", "Sender does not belong to this account")
REFUSED = {
    "refused.example": Reply.of(550, "5.1.1", "No such user"),
    "quota.example": Reply.of(552, "5.2.2", "Quota exhausted"),
}


def options(**changes: object) -> ServerOptions:
    values: dict[str, object] = {"hostname": "mail.example.org", "decoy_secret": b"s" * 32}
    return ServerOptions(**(values | changes))


@dataclass
class Driver:
    """Feeds a session and keeps what came out of it."""

    session: ServerSession
    messages: list[tuple[Envelope, bytes]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    output: bytes = b""
    writes: int = 0
    wants_tls: bool = False
    closed: str = ""

    @classmethod
    def new(cls, *, secure: bool = False, trusted: bool = True, **changes: object) -> "Driver":
        """A session that has not been greeted yet."""
        session = ServerSession(
            options(**changes),
            ManualClock(),
            is_secure=secure,
            is_trusted=trusted,
            nonce=lambda: "server-nonce-0123456789",
        )
        return cls(session)

    def feed(self, data: bytes) -> bytes:
        """Hand over octets; return what the server writes for them."""
        self.session.receive(data)
        return self.work()

    def feed_in_pieces(self, data: bytes, size: int = 1) -> bytes:
        """The same in pieces of `size` octets."""
        return b"".join(self.feed(data[i : i + size]) for i in range(0, len(data), size))

    def start_tls(self) -> bytes:
        """The handshake that STARTTLS asked for is done."""
        assert self.wants_tls
        self.wants_tls = False
        self.session.tls_started()
        return self.work()

    def work(self) -> bytes:
        while (event := self.session.next_event()) is not None:
            self.events.append(event)
            self._decide(event)
        written = self.session.take_output()
        self.writes += bool(written)
        self.output += written
        return written

    def _decide(self, event: Event) -> None:
        session = self.session
        if isinstance(event, SenderGiven):
            allowed = event.sender is None or event.sender.domain == "example.org"
            session.accept() if allowed else session.answer(NOT_YOURS)
        elif isinstance(event, RecipientGiven):
            refusal = REFUSED.get(event.recipient.address.domain)
            session.accept() if refusal is None else session.answer(refusal)
        elif isinstance(event, MessageReceived):
            lost = b"Subject: lost\r\n" in event.content
            if not lost:
                self.messages.append((event.envelope, event.content))
            session.answer(LOST if lost else QUEUED)
        elif isinstance(event, PasswordOffered):
            good = (event.username, event.password) == (USER, PASSWORD)
            session.answer(replies.AUTH_OK if good else replies.AUTH_FAILED)
        elif isinstance(event, ScramStarted):
            session.use_keys(KEYS if event.username == USER else None)
        elif isinstance(event, ScramFinished):
            session.answer(replies.AUTH_OK if event.is_proved else replies.AUTH_FAILED)
        elif isinstance(event, TlsRequested):
            self.wants_tls = True
        elif isinstance(event, SlowedDown):
            session.resume()
        elif isinstance(event, Closing):
            self.closed = event.reason
