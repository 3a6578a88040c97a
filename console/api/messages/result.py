"""What became of a request, recipient by recipient."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class ItemStatus(StrEnum):
    """What became of one recipient when the request was taken."""

    QUEUED = "queued"
    SCHEDULED = "scheduled"
    SUPPRESSED = "suppressed"  # on a suppression list: not sent, never charged
    REJECTED = "rejected"  # cannot be written to; `code` says why

    @property
    def is_accepted(self) -> bool:
        """Whether there is a delivery; a suppressed one is final from the beginning."""
        return self is not ItemStatus.REJECTED


@dataclass(frozen=True, slots=True)
class SendItem:
    """One recipient; `id` is that of the delivery, 0 when there is none."""

    recipient: str
    status: ItemStatus
    id: int = 0
    code: str = ""


@dataclass(frozen=True, slots=True)
class SendResult:
    """What a request made; `id` is that of the message."""

    id: int
    items: Sequence[SendItem] = field(default_factory=list)
    remaining: int | None = None  # of the account's bag, about; None: not known or not counted
    is_repeated: bool = False  # the idempotency key gave an earlier message

    @property
    def accepted(self) -> int:
        """Recipients that have a delivery."""
        return sum(item.status.is_accepted for item in self.items)

    @property
    def rejected(self) -> int:
        """Recipients that have none."""
        return len(self.items) - self.accepted
