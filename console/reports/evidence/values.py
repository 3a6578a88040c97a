"""The evidence as values: one send, a campaign or a day of mail, and what holds for all of it."""

import hashlib
import heapq
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from mta.model.traffic import DeliveryState

SAMPLES = 5  # rows of each unit that the document shows
_SPREAD = (
    0x9E3779B97F4A7C15  # Knuth's multiplier: samples are spread evenly, and anyone can draw them
)
_WORD = 0xFFFFFFFFFFFFFFFF
NS = 1_000_000


class SentRow(NamedTuple):
    """One send with the answer of its receiver; texts as they stand in the report."""

    unit: str  # name of the campaign, or of the stream and its day
    account: str
    delivery: str
    recipient: str
    accepted: str  # moments in RFC 3339 with the offset of the zone
    answered: str
    outcome: str  # delivered | bounced | expired
    reply: str
    host: str
    tls: str
    attempts: int
    charged: int  # 1: it cost one mail of the bag
    sender: str
    domain: str  # of the DKIM signature
    message_id: str
    subject: str

    @property
    def line(self) -> bytes:
        """What is digested: the cells, tabs between them, a line feed after them."""
        return "\t".join(map(str, self)).encode("utf-8", "replace") + b"\n"


@dataclass(frozen=True, slots=True)
class Period:
    """Days of a zone, both inclusive: a send belongs to the day its message was taken."""

    first: date
    last: date
    zone: ZoneInfo

    @property
    def first_id(self) -> int:
        """No message of the period has a smaller id."""
        return self._at(self.first) * NS

    @property
    def end_id(self) -> int:
        """The first id after the period."""
        return self._at(self.last + timedelta(days=1)) * NS

    def _at(self, day: date) -> int:
        return round(datetime.combine(day, time(), self.zone).timestamp() * 1000)


class UnitKey(NamedTuple):
    """A campaign (`day` ""), or a day of a stream of API and SMTP mail."""

    account: int
    flow: int
    day: str


@dataclass(slots=True)
class Tally:
    """Counts of a unit while its rows pass by; bounded however many there are."""

    outcomes: Counter[int] = field(default_factory=Counter)
    charged: int = 0
    messages: int = 0
    first_ms: int = 0
    last_ms: int = 0
    senders: dict[str, None] = field(default_factory=dict)
    _last_message: int = 0
    _digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    _samples: list[tuple[int, int, SentRow]] = field(default_factory=list)

    def add(self, row: SentRow, state: int, message: int, delivery: int, at_ms: int) -> None:
        """One more send; `row` is what the report shows of it."""
        self.outcomes[state] += 1
        self.charged += row.charged
        if message != self._last_message:
            self.messages += 1
            self._last_message = message
        self.first_ms = min(self.first_ms or at_ms, at_ms)
        self.last_ms = max(self.last_ms, at_ms)
        if len(self.senders) < 4:
            self.senders[row.sender] = None
        self._digest.update(row.line)
        self._draw(row, state, delivery)

    def _draw(self, row: SentRow, state: int, delivery: int) -> None:
        if state != DeliveryState.DELIVERED:
            return
        place = -((delivery * _SPREAD) & _WORD)
        if len(self._samples) < SAMPLES:
            heapq.heappush(self._samples, (place, delivery, row))
        elif place > self._samples[0][0]:
            heapq.heapreplace(self._samples, (place, delivery, row))

    @property
    def digest(self) -> str:
        """SHA-256 of all lines, in the order of the rows."""
        return self._digest.hexdigest()

    @property
    def samples(self) -> Sequence[SentRow]:
        """Some delivered sends, drawn by their numbers alone, the first that were drawn first."""
        return [row for _, _, row in sorted(self._samples, reverse=True)]


@dataclass(slots=True)
class LedgerTrace:
    """The entries of the ledger about a unit."""

    entries: int = 0
    consumed: int = 0  # net: what was put back is taken off
    reference: str = ""
    first_seq: int = 0  # places in the chain; 0: no place yet
    last_seq: int = 0
    last_hash: str = ""


@dataclass(frozen=True, slots=True)
class Unit:
    """A campaign, or a day of a stream."""

    key: UnitKey
    name: str
    account: str
    campaign: int  # 0: none of the console's
    status: str
    sender: str
    domain: str
    subject: str
    audience: int  # -1: not known for a day
    suppressed: int
    cancelled: int
    waiting: int
    messages: int
    delivered: int
    bounced: int
    expired: int
    charged: int
    first_ms: int
    last_ms: int
    ledger: LedgerTrace
    digest: str
    samples: Sequence[SentRow]
    counted: int = -1  # ended deliveries by the queue's own counter; -1: not comparable

    @property
    def is_campaign(self) -> bool:
        """Else it is a day of API and SMTP mail."""
        return not self.key.day

    @property
    def attempted(self) -> int:
        """Sends that ended."""
        return self.delivered + self.bounced + self.expired

    @property
    def missing(self) -> int:
        """Sends that the counter knows and no row is kept of any more."""
        return max(0, self.counted - self.attempted) if self.counted >= 0 else 0


@dataclass(frozen=True, slots=True)
class Domain:
    """A domain that mail was sent from."""

    name: str
    account: str
    state: str
    selector: str
    verified_ms: int
    checked_ms: int
    records: Mapping[str, str]  # kind to state


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain when the report was made."""

    chain: str
    seq: int
    hash: str
    unsealed: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything but the rows."""

    account: int
    account_name: str
    contract: str
    period: Period
    made_ms: int
    hostname: str
    release: str
    units: Sequence[Unit]
    domains: Sequence[Domain]
    heads: Sequence[Head]
    rows: int
    digest: str  # SHA-256 of the digests of units in their order

    def total(self, name: str) -> int:
        """A number of all units together."""
        return sum(max(0, getattr(unit, name)) for unit in self.units)
