"""A report of consumption as values: what was gathered, before anybody puts it into words.

Everything is a number, a text or a tuple of them, so that the report has one canonical JSON form and
that form one SHA-256: the hash which both files carry. Moments are milliseconds since 1970 UTC, days
ISO dates of the account's zone; shares are counted from the numbers and never stored.
"""

import hashlib
from dataclasses import dataclass, field

import orjson

FORMAT = 1  # of the canonical form; a change of its fields is a new one
DAYS, HOURS = 7, 24
Heat = tuple[tuple[int, ...], ...]  # opens by day of the week (0: Monday) and hour


@dataclass(frozen=True, slots=True)
class Cover:
    """What the report is about."""

    number: int  # within the contract, without gaps
    account: int
    account_name: str
    contract: int  # 0: none
    contract_name: str
    zone: str
    first: str  # day
    last: str
    made_ms: int
    made_by: str


@dataclass(frozen=True, slots=True)
class Balance:
    """The bag at the end of the last day, and what moved in the period.

    `granted` is what the account was given: the contract's size, or its allocation.
    """

    state: str  # ContractState, "" without a contract
    begins: str  # day
    ends: str
    granted: int = 0
    allocated: int = 0  # of it, to sub-accounts: what they have or had, returns taken off
    consumed: int = 0
    put_back: int = 0
    expired: int = 0
    reserved: int = 0
    available: int = 0
    period_consumed: int = 0
    period_put_back: int = 0
    per_day: float = 0.0  # mails of a day, at the pace of the last two weeks
    exhausted_on: str = ""  # day, "": not within the term
    training: int = 0  # mails of training, in no other number of this report


@dataclass(frozen=True, slots=True)
class Sums:
    """What became of mail: each number is defined in the report's own section of definitions."""

    attempted: int = 0
    delivered: int = 0
    bounced: int = 0
    expired: int = 0
    opened: int = 0  # recipients
    inferred: int = 0  # of them, known by a click alone
    opens: int = 0  # all of them
    reopened: int = 0  # recipients who opened more than once
    not_opened: int = 0
    clicked: int = 0  # recipients
    clicks: int = 0
    unsubscribed: int = 0
    complained: int = 0


@dataclass(frozen=True, slots=True)
class CampaignLine:
    """A campaign that sent in the period."""

    id: int
    name: str
    account_name: str
    state: str
    subject: str
    sender: str
    began_ms: int
    ended_ms: int  # 0: still sending
    audience: int
    suppressed: int
    sums: Sums
    heat: Heat


@dataclass(frozen=True, slots=True)
class ProviderLine:
    """One of the groups of mailbox providers."""

    provider: str  # google, microsoft, yahoo, gob_pe, other
    sums: Sums


@dataclass(frozen=True, slots=True)
class AccountLine:
    """An account or sub-account, its own mail only. `depth` 0 is the account of the report."""

    id: int
    name: str
    depth: int
    kind: str  # ShareKind
    granted: int | None
    available: int | None
    sums: Sums


@dataclass(frozen=True, slots=True)
class DoorLine:
    """What a credential asked at a door on a day; p95 is the bound of a power of two, None: none."""

    day: str
    account_name: str
    credential: str
    door: str
    requests: int
    accepted: int
    rejected: int
    errors: int
    recipients: int
    p95_ms: int | None


@dataclass(frozen=True, slots=True)
class DoorSum:
    """The same over the whole period."""

    account_name: str
    credential: str
    door: str
    requests: int
    accepted: int
    rejected: int
    errors: int
    recipients: int
    p95_ms: int | None


@dataclass(frozen=True, slots=True)
class Move:
    """An allocation or a return of quota."""

    at_ms: int
    kind: str  # EntryKind
    account_name: str
    amount: int
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class PutBack:
    """A refund that was decided or asked for in the period."""

    id: int
    at_ms: int
    account_name: str
    state: str  # RefundState
    reason: str
    evidence: str
    deliveries: int
    put_back: int
    proposed_by: str
    decided_by: str


@dataclass(frozen=True, slots=True)
class DayLine:
    """A day of the account with all below it."""

    day: str
    sums: Sums


@dataclass(frozen=True, slots=True)
class Gap:
    """A time in which the service did not run. `is_planned`: it was stopped in order."""

    from_ms: int
    until_ms: int
    is_planned: bool


@dataclass(frozen=True, slots=True)
class Availability:
    """Measured by the service's own record of its runs.

    `measured_ms` is the part of the period the record covers; 0: it did not exist yet.
    """

    since_ms: int = 0
    measured_ms: int = 0
    running_ms: int = 0
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True, slots=True)
class IncidentLine:
    """An incident that was opened in the period."""

    number: int
    opened_ms: int
    category: str
    subject: str
    state: str
    reference: str
    closed_ms: int  # 0: open


@dataclass(frozen=True, slots=True)
class UsageReport:
    """All of it."""

    cover: Cover
    balance: Balance
    totals: Sums
    campaigns: tuple[CampaignLine, ...] = ()
    providers: tuple[ProviderLine, ...] = ()
    accounts: tuple[AccountLine, ...] = ()
    days: tuple[DayLine, ...] = ()
    heat: Heat = ()
    doors: tuple[DoorSum, ...] = ()
    door_days: tuple[DoorLine, ...] = ()
    moves: tuple[Move, ...] = ()
    refunds: tuple[PutBack, ...] = ()
    incidents: tuple[IncidentLine, ...] = ()
    availability: Availability = field(default_factory=Availability)

    def canonical(self) -> bytes:
        """The one JSON form: keys in order, nothing between them."""
        return orjson.dumps({"format": FORMAT, "report": self}, option=orjson.OPT_SORT_KEYS)

    def digest(self) -> str:
        """SHA-256 of the canonical form, as hexadecimal digits."""
        return hashlib.sha256(self.canonical()).hexdigest()


def peaks(heat: Heat, count: int = 3) -> tuple[tuple[int, int], ...]:
    """The hours of the day with the most, (hour, number), the earlier one of equals first."""
    sums = [sum(day[hour] for day in heat) for hour in range(HOURS)] if heat else []
    best = sorted(range(len(sums)), key=lambda hour: (-sums[hour], hour))[:count]
    return tuple((hour, sums[hour]) for hour in best if sums[hour])
