"""What the server session asks of whoever drives it.

After `SenderGiven`, `RecipientGiven`, `MessageReceived`, `PasswordOffered`, `ScramStarted`,
`ScramFinished`, `TlsRequested` and `SlowedDown` the session stands still until it is answered (see
`mta.smtp.server`); after `Closing` it is over.
"""

from enum import Enum, auto
from typing import NamedTuple

from mta.model.address import Address
from mta.model.envelope import Envelope, Recipient
from mta.smtp.sasl import PasswordOffered, ScramFinished, ScramStarted


class SenderGiven(NamedTuple):
    """MAIL is well-formed: answer with `accept()` or `answer(reply)`."""

    sender: Address | None
    size_bytes: int  # as SIZE announced it, 0: not told

    @property
    def command(self) -> str:
        """As the client said it, for the log."""
        return f"MAIL FROM:<{self.sender or ''}>"


class RecipientGiven(NamedTuple):
    """RCPT is well-formed and within the limit: answer with `accept()` or `answer(reply)`."""

    recipient: Recipient
    accepted: int  # recipients of the transaction before this one

    @property
    def command(self) -> str:
        """As the client said it, for the log."""
        return f"RCPT TO:<{self.recipient.address}>"


class MessageReceived(NamedTuple):
    """A whole message: answer with `answer(reply)`, when it is safe or refused."""

    envelope: Envelope
    content: bytes


class TlsRequested(NamedTuple):
    """Write the output, then do the handshake, then say `tls_started()`."""

    discarded: int  # octets that came in clear behind STARTTLS and were dropped


class SlowedDown(NamedTuple):
    """Many errors: write the output, wait about a second, then say `resume()`."""

    errors: int


class Closing(NamedTuple):
    """Write the output, then close the connection."""

    reason: str  # "quit", "errors", "http", "shutdown", …


class NeedMore(Enum):
    """Not an event: the parser waits for octets."""

    INPUT = auto()


Event = (
    SenderGiven
    | RecipientGiven
    | MessageReceived
    | PasswordOffered
    | ScramStarted
    | ScramFinished
    | TlsRequested
    | SlowedDown
    | Closing
)
