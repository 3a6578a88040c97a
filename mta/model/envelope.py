"""What an application hands in: who it is, from whom, to whom, and the bytes."""

from dataclasses import dataclass, field
from enum import IntFlag

from mta.model.address import Address
from mta.model.traffic import TrafficClass

# Where mail of test keys goes instead of its recipients' domains (RFC 2606: nobody's name): to the
# receiving simulator, whatever `[delivery] mode` says.
SIMULATOR_DOMAIN = "simulator.invalid"


class Notify(IntFlag):
    """RFC 3461 §4.1 NOTIFY; 0 means that the client did not ask (failure, and delay by our choice)."""

    UNSET = 0
    NEVER = 1
    SUCCESS = 2
    FAILURE = 4
    DELAY = 8


@dataclass(frozen=True, slots=True)
class Identity:
    """Who submits: the result of authentication, all that taking mail has to know of an account."""

    account_id: int
    credential_id: int
    name: str
    sender_domains: frozenset[str] = frozenset()  # domains (A-labels) it may send from
    sender_addresses: frozenset[str] = (
        frozenset()
    )  # single addresses (Address.key) it may send from
    any_sender: bool = False  # an operator's own credential: no sender check
    default_class: TrafficClass = TrafficClass.TRANSACTIONAL
    may_send_urgent: bool = False
    may_use_null_sender: bool = False
    rate_per_minute: int = 0  # recipients a minute; 0: no limit of its own
    per_hour: int = 0  # recipients; 0: no cap of its own
    per_day: int = 0
    is_training: bool = False
    is_test: bool = False  # a test key: its mail goes to the simulator, and costs nothing
    is_free: bool = False  # Relevo itself: its mail costs nothing

    def may_send_as(self, sender: Address) -> bool:
        """Whether the account owns that sender address (RFC 6409 §6.1)."""
        return (
            self.any_sender
            or sender.domain in self.sender_domains
            or sender.key in self.sender_addresses
        )


@dataclass(frozen=True, slots=True)
class Recipient:
    """One RCPT with its RFC 3461 parameters."""

    address: Address
    notify: Notify = Notify.UNSET
    original: str = ""  # ORCPT as given, decoded from xtext: "rfc822;user@example.org"


@dataclass(frozen=True, slots=True)
class Envelope:
    """One MAIL transaction, without its content."""

    sender: Address | None  # None: the null reverse-path
    recipients: tuple[Recipient, ...]
    ret: str = ""  # "FULL", "HDRS" or ""
    envelope_id: str = ""  # ENVID, decoded
    eight_bit: bool = False  # BODY=8BITMIME was said
    smtputf8: bool = False  # SMTPUTF8 was asked for (whether it is needed is found in the content)
    release_at_ms: int = 0  # RFC 4865; 0: now


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a submission came from, for the trace header and the records."""

    protocol: str  # "ESMTPSA", "HTTP", … (RFC 3848 names for SMTP)
    peer: str = ""  # client address, without port
    helo: str = ""
    tls: str = ""  # "TLSv1.3 TLS_AES_256_GCM_SHA384"
    via: str = ""  # the door, where the protocol does not say it: "api", "sendgrid", "postmark"

    @property
    def is_smtp(self) -> bool:
        """Whether it came over SMTP: then its sender gets delivery notices."""
        return "SMTP" in self.protocol

    @property
    def door(self) -> str:
        """The short name in records and metrics: `smtp`, `api`, or the dialect of the API."""
        return self.via or ("smtp" if self.is_smtp else "api")


@dataclass(slots=True)
class Submission:
    """What any door hands to `mta.intake`: SMTP, API and campaigns alike."""

    identity: Identity
    envelope: Envelope
    content: bytes = field(repr=False)  # RFC 5322 message, CRLF line ends, dots not stuffed
    origin: Origin
    idempotency_key: str = ""
    tags: tuple[str, ...] = ()
    metadata: str = ""  # JSON text
    # What an API says outright, where SMTP has steering fields in the header.
    klass: TrafficClass | None = None
    campaign: str = ""
    track: frozenset[str] | None = None
    unsubscribe: bool | None = None  # None: campaigns get unsubscribe fields, others do not
