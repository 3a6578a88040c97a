"""What recipients do with a mail, one by one; the values are stored."""

from enum import IntEnum
from typing import NamedTuple

FIRST_AUTOMATIC = 10


class HitKind(IntEnum):
    """What was done."""

    OPEN = 1
    CLICK = 2


class HitClass(IntEnum):
    """Who did it. Up to `INFERRED` it counts; the rest are machines and are shown on request."""

    HUMAN = 1
    PROXY_GMAIL = 2  # a reader, through Gmail's image proxy
    PROXY_YAHOO = 3
    UNKNOWN = 4
    INFERRED = 5  # an open that a counted click proves; only in figures
    MPP_APPLE = 10  # Apple's Mail Privacy Protection fetches all pictures
    PREFETCH_GMAIL = 11
    SCANNER = 12

    @property
    def is_counted(self) -> bool:
        """Whether it may have been a person."""
        return self < FIRST_AUTOMATIC

    @property
    def shown(self) -> str:
        """The name in events and figures."""
        return self.name.lower()


class Hit(NamedTuple):
    """One open or click of a delivery, as it is stored."""

    id: int  # number within the delivery, from 1
    kind: int  # HitKind
    link: int  # -1: none
    at_ms: int
    klass: int  # HitClass
    due_ms: int = 0  # when its class is settled; 0: it is
