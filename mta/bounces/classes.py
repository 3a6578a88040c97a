"""The bounce classes and what follows from each.

Only `bad-mailbox`, `bad-domain` and `inactive` say something final about an address. Everything
else is about us, our message, the moment or the peer, and must never suppress a recipient.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class BounceClass(StrEnum):
    """Why a delivery was refused; the values are stored and shown."""

    BAD_MAILBOX = "bad-mailbox"
    BAD_DOMAIN = "bad-domain"
    INACTIVE = "inactive"
    QUOTA = "quota"
    SPAM_CONTENT = "spam-content"
    SPAM_REPUTATION = "spam-reputation"
    POLICY = "policy"
    AUTH_FAILURE = "auth-failure"
    GREYLIST = "greylist"
    RATE_LIMIT = "rate-limit"
    ROUTING = "routing"
    PROTOCOL = "protocol"
    TLS = "tls"
    MESSAGE_TOO_BIG = "message-too-big"
    TRANSIENT_OTHER = "transient-other"
    EXPIRED = "expired"
    SUPPRESSED = "suppressed"

    @property
    def is_hard(self) -> bool:
        """The address is dead: suppress it."""
        return self in _HARD

    @property
    def is_host_level(self) -> bool:
        """The peer objects to us, not to a recipient: slow the lane down."""
        return self in _HOST_LEVEL

    @property
    def is_greylist(self) -> bool:
        """Come back in some minutes, from the same address."""
        return self is BounceClass.GREYLIST


_HARD = frozenset((BounceClass.BAD_MAILBOX, BounceClass.BAD_DOMAIN, BounceClass.INACTIVE))
_HOST_LEVEL = frozenset((BounceClass.RATE_LIMIT, BounceClass.SPAM_REPUTATION))


@dataclass(frozen=True, slots=True)
class Meaning:
    """What people are told about a class."""

    what: str
    action: str


MEANINGS: Mapping[BounceClass, Meaning] = {
    BounceClass.BAD_MAILBOX: Meaning("No such mailbox.", "Address suppressed at once."),
    BounceClass.BAD_DOMAIN: Meaning(
        "The domain does not exist or takes no mail (null MX).", "Address suppressed at once."
    ),
    BounceClass.INACTIVE: Meaning(
        "The mailbox exists but is closed or abandoned.", "Address suppressed at once."
    ),
    BounceClass.QUOTA: Meaning(
        "The mailbox or the peer's disk is full.",
        "Retried until expiry; suppressed only after it stayed so for weeks.",
    ),
    BounceClass.SPAM_CONTENT: Meaning(
        "The content, a link or an attachment was taken for spam or malware.",
        "Check the content; the recipient is not to blame.",
    ),
    BounceClass.SPAM_REPUTATION: Meaning(
        "Our address or domain is blocked or has a poor reputation there.",
        "The lane is slowed down or rested and an operator is told; never the recipient's fault.",
    ),
    BounceClass.POLICY: Meaning(
        "Refused by a rule of the peer: restricted recipient, sender refused, or no reason told.",
        "Not suppressed; look at the reply.",
    ),
    BounceClass.AUTH_FAILURE: Meaning(
        "SPF, DKIM or DMARC failed, or the peer demands them.",
        "Fix the sending domain's DNS; never the recipient's fault.",
    ),
    BounceClass.GREYLIST: Meaning(
        "The peer wants to see us come back.", "Retried after six minutes from the same source."
    ),
    BounceClass.RATE_LIMIT: Meaning(
        "Too many messages, recipients or connections in too short a time.",
        "The lane is slowed down; other recipients wait without losing an attempt.",
    ),
    BounceClass.ROUTING: Meaning(
        "The peer does not serve that domain, or mail runs in a loop.",
        "Not suppressed; usually a wrong MX record of the recipient's domain.",
    ),
    BounceClass.PROTOCOL: Meaning(
        "The peer did not understand a command or the message's form.",
        "Not suppressed; report it, it may be our fault.",
    ),
    BounceClass.TLS: Meaning("TLS failed or is demanded.", "Retried; see the lane's TLS policy."),
    BounceClass.MESSAGE_TOO_BIG: Meaning(
        "The message is larger than the peer takes.", "Send less; the address is good."
    ),
    BounceClass.TRANSIENT_OTHER: Meaning(
        "A fault of the peer, of DNS or of the network that should pass.", "Retried until expiry."
    ),
    BounceClass.EXPIRED: Meaning("It could not be delivered in time.", "Given up."),
    BounceClass.SUPPRESSED: Meaning(
        "The address is on a suppression list, ours or the peer's.", "Not sent."
    ),
}
