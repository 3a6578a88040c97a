"""What the client is asked to send: one MAIL…dot for recipients of one domain."""

from dataclasses import dataclass

from mta.model.envelope import Notify


@dataclass(frozen=True, slots=True)
class OutgoingRecipient:
    """One RCPT; `address` is in wire form, `original` is ORCPT decoded from xtext."""

    address: str
    notify: Notify = Notify.UNSET
    original: str = ""


@dataclass(slots=True, eq=False)
class Transaction:
    """One mail for recipients of one domain; two transactions are never equal but by identity.

    `content` is the complete message (trace and DKIM headers included), lines ended by CRLF, dots
    not stuffed. `needs_utf8` says that an address or a header is really not ASCII; `is_eight_bit`
    that the body is not.
    """

    sender: str  # "" for the null reverse-path
    recipients: tuple[OutgoingRecipient, ...]
    content: bytes
    needs_utf8: bool = False
    is_eight_bit: bool = False
    ret: str = ""  # RFC 3461 RET: "FULL", "HDRS" or ""
    envelope_id: str = ""  # RFC 3461 ENVID, decoded
    tag: object = None  # the dispatcher's own reference, never looked at
