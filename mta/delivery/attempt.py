"""One attempt: deliveries of one message to one domain, on their way through one connection."""

from mta.delivery.connection import MxConnection
from mta.scheduler.stream import Stream
from mta.spool.rows import QueuedDelivery, QueuedMessage


class Attempt:
    """What is claimed together and handed to a connection as one transaction."""

    __slots__ = (
        "connection",
        "content",
        "deliveries",
        "is_claimed",
        "is_given_up",
        "is_signed",
        "message",
        "started_s",
        "stream",
    )

    def __init__(
        self, message: QueuedMessage, deliveries: list[QueuedDelivery], stream: Stream
    ) -> None:
        self.message = message
        self.deliveries = deliveries
        self.stream = stream
        self.connection: MxConnection | None = None
        self.content: bytes | None = None  # signed, of this recipient only; None: the message's
        self.is_claimed = False
        self.is_signed = False
        self.is_given_up = False  # the claim failed: what comes of the content matters no more
        self.started_s = 0.0
