"""Turns replies, and their absence, into outcomes: the one place that knows what a reply means."""

import re
from enum import Enum

from mta.model.outcome import Outcome, OutcomeKind, Phase
from mta.model.reply import Reply
from mta.smtp.client_states import STEP_PHASE, Step

# RFC 5321 §4.5.3.1.10 names 452 and allows 552; texts for servers without enhanced status.
_TOO_MANY = re.compile(r"too many recipients|recipient limit|recipients? (?:per|exceeded)", re.I)


def is_too_many_recipients(reply: Reply) -> bool:
    """True for "452 4.5.3 too many recipients" in its various dresses."""
    if reply.code not in {451, 452, 552}:
        return False
    if reply.enhanced:
        return reply.enhanced[1:] == ".5.3"
    return _TOO_MANY.search(reply.text) is not None


def is_end_of_service(reply: Reply) -> bool:
    """True when a 421 ends the connection rather than judging us.

    Idle timeouts, messages-per-connection limits and restarts come as 421 without status, 4.3.2 or
    4.4.x; 4.7.x (RFC 3463: security or policy) is about us and must slow the lane.
    """
    return not reply.enhanced.startswith("4.7.")


class End(Enum):
    """Why a connection ended."""

    LOST = "lost"
    TIMED_OUT = "timed out"
    SERVICE_ENDED = "421"
    VIOLATED = "protocol violated"


class Verdicts:
    """Makes the outcomes of one connection; knows the peer's name and whether TLS is on."""

    __slots__ = ("host", "tls")

    def __init__(self, host: str) -> None:
        """`host` is "mx1.example.org[192.0.2.1]"."""
        self.host = host
        self.tls = ""

    def delivered(self, reply: Reply, *, takes_dsn: bool = False) -> Outcome:
        """The peer took the message; `takes_dsn`: and was told what the sender wants to hear of."""
        return Outcome(
            OutcomeKind.DELIVERED, reply, Phase.DOT, self.host, self.tls, takes_dsn=takes_dsn
        )

    def refused(self, reply: Reply, phase: Phase) -> Outcome:
        """By the first digit: 5yz bounces, all else defers; 421 is the host's fault."""
        code = reply.code
        kind = OutcomeKind.BOUNCED if 500 <= code < 600 else OutcomeKind.DEFERRED
        return Outcome(kind, reply, phase, self.host, self.tls, host_fault=code == 421)

    def unfit(self, reply: Reply) -> Outcome:
        """Our own refusal: the message cannot go to this peer as it is."""
        return Outcome(OutcomeKind.BOUNCED, reply, Phase.LOCAL, self.host, self.tls)

    def host_failed(self, reply: Reply, phase: Phase) -> Outcome:
        """The host, not the recipient, is to blame: another one may do better."""
        return Outcome(OutcomeKind.DEFERRED, reply, phase, self.host, self.tls, host_fault=True)

    def uncertain(self, reply: Reply) -> Outcome:
        """The final dot went out and no answer came: the peer may have the message."""
        return Outcome(
            OutcomeKind.UNCERTAIN, reply, Phase.DOT, self.host, self.tls, host_fault=True
        )

    def returned(self, reply: Reply, phase: Phase) -> Outcome:
        """Not tried: no attempt is counted and no host blamed."""
        return Outcome(OutcomeKind.RETURNED, reply, phase, self.host, self.tls)

    def over_limit(self, limit: int) -> Outcome:
        """RCPT was not said: the peer told beforehand how many it takes (RFC 9422)."""
        reply = Reply.of(452, "4.5.3", f"the server takes {limit} recipients in a transaction")
        return self.returned(reply, Phase.RCPT)

    def at_end(
        self, why: End, reply: Reply, step: Step | None, *, is_first: bool, dot_is_out: bool
    ) -> Outcome:
        """What becomes of the transaction under way when the connection ends at `step`.

        `is_first`: it was the connection's first. `dot_is_out`: its end of data was handed over.
        """
        if step is Step.DOT and why is not End.SERVICE_ENDED:
            return self.uncertain(reply) if dot_is_out else self.host_failed(reply, Phase.DATA)
        is_quiet = why is End.LOST or (why is End.SERVICE_ENDED and is_end_of_service(reply))
        if is_quiet and not is_first and step in {Step.MAIL, Step.RSET}:
            # A kept connection that the peer closed: normal, no attempt (Yahoo does it by count).
            return self.returned(reply, Phase.MAIL)
        return self.host_failed(reply, STEP_PHASE[step] if step is not None else Phase.MAIL)
