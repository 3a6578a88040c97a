"""Messages and deliveries as they are held in memory while they are worked on."""

from collections.abc import Sequence
from enum import IntEnum, IntFlag
from typing import Any

from mta.model.rendering import Template
from mta.model.traffic import DeliveryState, Expiry
from mta.store.work import ContentRef


class MessageFlag(IntFlag):
    """Properties of a message that delivery needs; stored."""

    EIGHT_BIT = 1  # octets over 127 in the content
    NEEDS_UTF8 = 2  # an address or a header is really not ASCII (RFC 6531)
    NOTICE = 4  # a delivery status notification of our own
    RELAY = 8  # came over SMTP: its sender gets delivery notices
    TRACK_OPENS = 16  # X-Relevo-Track: opens
    TRACK_CLICKS = 32  # X-Relevo-Track: clicks
    TEMPLATE = 64  # the content is a compiled template: each recipient's mail is rendered from it
    TEST = 128  # of a test key: it goes to the simulator
    TRAINING = 256  # of a training account: marked, and outside of all figures
    MARKED = 1024  # the content holds places for each recipient's own tracked links
    UNSUBSCRIBE = 512  # each recipient gets unsubscribe fields of their own when it is sent


class DeliveryFlag(IntFlag):
    """Marks in a delivery's history; stored."""

    UNCERTAIN = 1  # was claimed at a crash, or its final dot went unanswered: the peer may have it
    DELAY_TOLD = 2  # the sender got a delay notice
    HELD = 4  # an operator keeps it: due time and deadline are `HOLD_MS` off (mta.spool.holding)
    COMPLAINED = 16  # the recipient called it spam; set by mta.feedback, kept by every settlement
    UNSUBSCRIBED = 32  # the recipient wants no more of it; likewise


class ExpiryKind(IntEnum):
    """Which of the settings `[queue] expire.*` holds; stored."""

    URGENT = 0
    TRANSACTIONAL = 1
    AUTOMATED = 2
    CAMPAIGN = 3
    RELAY = 4

    @property
    def setting(self) -> Expiry:
        """The key of the settings."""
        return Expiry(self.name.lower())


class QueuedMessage:
    """A message some of whose deliveries are in memory; shared by them."""

    __slots__ = (
        "__weakref__",
        "account",
        "content",
        "envelope_id",
        "flags",
        "header_id",
        "id",
        "ref",
        "ret",
        "sender",
        "signed",
        "template",
        "waiting",
    )

    def __init__(
        self,
        id: int,
        account: int,
        sender: str,
        ref: ContentRef,
        flags: int,
        ret: str,
        envelope_id: str,
        header_id: str,
        content: bytes | None = None,
    ) -> None:
        """`content` is set while the bytes are in memory, `signed` once they are signed too."""
        self.id = id
        self.account = account
        self.sender = sender
        self.ref = ref
        self.flags = flags
        self.ret = ret
        self.envelope_id = envelope_id
        self.header_id = header_id
        self.content = content
        self.signed: bytes | None = None
        self.template: Template | None = None  # the content, once it has been parsed
        self.waiting = 0  # deliveries in memory that have not had their attempt


class QueuedDelivery:
    """One recipient of a message, as in its row."""

    __slots__ = (
        "address",
        "attempts",
        "domain",
        "expires_ms",
        "first_attempt_ms",
        "flags",
        "flow",
        "id",
        "kind",
        "klass",
        "merge",
        "message",
        "n",
        "notify",
        "original",
        "returns",
        "site",
        "source",
        "state",
    )

    def __init__(
        self,
        id: int,
        message: QueuedMessage,
        n: int,
        flow: int,
        klass: int,
        kind: int,
        site: int,
        domain: str,
        address: str,
        attempts: int = 0,
        first_attempt_ms: int = 0,
        expires_ms: int = 0,
        flags: int = 0,
        notify: int = 0,
        original: str = "",
        source: str = "",
        state: int = DeliveryState.READY,
    ) -> None:
        self.id = id
        self.message = message
        self.n = n
        self.flow = flow
        self.klass = klass
        self.kind = kind
        self.site = site
        self.domain = domain
        self.address = address
        self.attempts = attempts
        self.first_attempt_ms = first_attempt_ms
        self.expires_ms = expires_ms
        self.flags = flags
        self.notify = notify
        self.original = original
        self.source = source
        self.state = state
        self.merge = ""  # of a template message: this recipient's values, a JSON object
        self.returns = 0  # times it came back from a connection without having been tried


def attempts_made(delivery: QueuedDelivery) -> int:
    """How often the delivery was tried; one that a crash left uncertain may have been."""
    return delivery.attempts or int(bool(delivery.flags & DeliveryFlag.UNCERTAIN))


def message_from_row(row: Sequence[Any]) -> QueuedMessage:
    """The message part of a row of the `window` family of reads (columns from 16 on)."""
    return QueuedMessage(
        id=row[1],
        account=row[16],
        sender=row[17],
        ref=ContentRef(row[18], row[19], row[20], row[21]),
        flags=row[22],
        ret=row[23],
        envelope_id=row[24],
        header_id=row[25],
    )


def delivery_from_row(
    row: Sequence[Any], message: QueuedMessage, state: int = DeliveryState.READY
) -> QueuedDelivery:
    """The delivery part of such a row; a 27th column is the state."""
    delivery = QueuedDelivery(row[0], message, *row[2:16])
    delivery.state = row[26] if len(row) > 26 else state
    return delivery
