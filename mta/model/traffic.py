"""What kinds of mail there are and what can become of a delivery: the queue's vocabulary."""

from enum import IntEnum, StrEnum


class TrafficClass(IntEnum):
    """Classes in falling order of urgency; the numbers are stored."""

    URGENT = 0
    TRANSACTIONAL = 1
    AUTOMATED = 2
    CAMPAIGN = 3

    @property
    def label(self) -> str:
        """The name users write: `urgent`, `transactional`, `automated`, `campaign`."""
        return self.name.lower()


class Gate(IntEnum):
    """What a flow lets through; the numbers are stored."""

    OPEN = 0
    HELD = 1
    CANCELLED = 2


class DeliveryState(IntEnum):
    """The life of a delivery; the numbers are stored, those from 10 on are final."""

    SCHEDULED = 0
    READY = 1
    CLAIMED = 2
    DELIVERED = 10
    BOUNCED = 11
    EXPIRED = 12
    SUPPRESSED = 13
    CANCELLED = 14

    @property
    def is_final(self) -> bool:
        """True when nothing will happen to the delivery any more."""
        return self >= DeliveryState.DELIVERED

    @property
    def label(self) -> str:
        """The name users see."""
        return self.name.lower()


class EventType(StrEnum):
    """Names of event records (`INTERFACE`: event types)."""

    ACCEPTED = "message.accepted"
    DELIVERED = "message.delivered"
    DEFERRED = "message.deferred"
    BOUNCED = "message.bounced"
    EXPIRED = "message.expired"
    SUPPRESSED = "message.suppressed"
    CANCELLED = "message.cancelled"
    OPENED = "message.opened"
    CLICKED = "message.clicked"
    COMPLAINED = "message.complained"
    UNSUBSCRIBED = "message.unsubscribed"
    RESUBSCRIBED = "message.resubscribed"
    SHAPING_CHANGED = "shaping.changed"
    QUOTA_LOW = "quota.low"
    QUOTA_EXHAUSTED = "quota.exhausted"
    QUOTA_REFUNDED = "quota.refunded"
    SUPPRESSION_HELD = "suppression.held"
    DNS_CHANGED = "domain.dns_changed"
    CAMPAIGN_STARTED = "campaign.started"
    CAMPAIGN_PAUSED = "campaign.paused"
    CAMPAIGN_RESUMED = "campaign.resumed"
    CAMPAIGN_FINISHED = "campaign.finished"
    CAMPAIGN_CANCELLED = "campaign.cancelled"
    CAMPAIGN_FAILED = "campaign.failed"
    IMPORT_FINISHED = "import.finished"


class Expiry(StrEnum):
    """Keys of `[queue] expire.*`: how long mail of that kind is tried."""

    URGENT = "urgent"
    TRANSACTIONAL = "transactional"
    AUTOMATED = "automated"
    CAMPAIGN = "campaign"
    RELAY = "relay"
