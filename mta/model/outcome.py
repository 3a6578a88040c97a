"""What became of one attempt for one recipient, as told by the remote server or by ourselves."""

from dataclasses import dataclass
from enum import StrEnum

from mta.model.reply import Reply


class OutcomeKind(StrEnum):
    """What the queue has to do with the delivery."""

    DELIVERED = "delivered"
    DEFERRED = "deferred"  # transient: try again by the retry schedule
    BOUNCED = "bounced"  # permanent for this recipient
    UNCERTAIN = "uncertain"  # the connection was lost after the final dot: the peer may have it
    RETURNED = (
        "returned"  # never really tried (idle connection closed, 452 4.5.3): no attempt is counted
    )


class Phase(StrEnum):
    """Where in the dialogue the outcome was decided."""

    DNS = "dns"
    CONNECT = "connect"
    GREETING = "greeting"
    EHLO = "ehlo"
    TLS = "tls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    DOT = "dot"
    LOCAL = "local"  # decided before any connection: expired, suppressed, content unfit


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one attempt for one recipient.

    `reply` is the remote's reply or, when there was none, one of ours in the same shape.
    `host_fault` says that the host, not the recipient, is to blame (connect failures, 421):
    the dead-host memory and the lane's back-off count it.
    """

    kind: OutcomeKind
    reply: Reply
    phase: Phase
    host: str = ""  # MX name and address, "mx1.example.org[192.0.2.1]"
    tls: str = ""  # protocol version, empty in clear
    host_fault: bool = False
    takes_dsn: bool = False  # delivered, and the peer answers for NOTIFY now (RFC 3461 §5.2.2)


def local_outcome(kind: OutcomeKind, code: int, enhanced: str, text: str, phase: Phase) -> Outcome:
    """An outcome that we decided ourselves, its reason in the shape of a reply."""
    return Outcome(kind, Reply.of(code, enhanced, text), phase)
