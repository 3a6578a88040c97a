"""Incidents as the register has them: what they are judged to be, who was told, until when."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from console.accounts.incidents.values import Category, Incident

_INCIDENT = 15  # columns of an incident at the beginning of a row of `register_page`


class Kind(StrEnum):
    """What an incident is for the law and the contract."""

    SECURITY = "security"  # of personal data or the system: the authority may have to be told
    SERVICE = "service"  # something does not work
    REQUEST = "request"  # somebody asks for something


class Severity(StrEnum):
    """How bad it is."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Whom(StrEnum):
    """Who is told of an incident."""

    AUTHORITY = "authority"  # for the protection of personal data
    OFFICER = "officer"  # for data protection, of the organisation
    CONTROLLER = "controller"  # whose data they are: the buyer
    PEOPLE = "people"  # those whom the data are about
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What somebody judged an incident to be; a later one takes its place."""

    kind: Kind
    severity: Severity
    began_ms: int  # 0: unknown
    known_ms: int
    needs_notice: bool
    happened: str
    data: str
    people: int | None  # None: unknown
    measures: str
    author: str = ""
    at_ms: int = 0

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> Self:
        """From columns `kind` to `at_ms`."""
        kind, severity, began_ms, known_ms, needs_notice, *rest = row
        return cls(Kind(kind), Severity(severity), began_ms, known_ms, bool(needs_notice), *rest)

    @classmethod
    def first(cls, incident: Incident) -> Self:
        """What holds before anybody judged: a report about security is taken as one."""
        kind = _KINDS.get(incident.category, Kind.REQUEST)
        is_security = kind is Kind.SECURITY
        return cls(
            kind, Severity.MEDIUM, 0, incident.created_ms, is_security, incident.text, "", None, ""
        )


_KINDS = {
    Category.SECURITY: Kind.SECURITY,
    Category.FAILED_SENDS: Kind.SERVICE,
    Category.DELIVERY: Kind.SERVICE,
}


@dataclass(frozen=True, slots=True)
class Notice:
    """That somebody was told."""

    id: int
    whom: Whom
    name: str
    way: str
    told_ms: int
    text: str
    author: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class LinkedRefund:
    """A refund that an incident led to."""

    id: int
    deliveries: int
    state: str
    reason: str
    author: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class RefundChoice:
    """A refund that an incident may have led to."""

    id: int
    account: int
    deliveries: int
    state: str
    reason: str
    created_ms: int


@dataclass(frozen=True, slots=True)
class Cause:
    """An incident that led to a refund."""

    number: int
    subject: str
    account: int
    state: str


class ClockState(StrEnum):
    """How a deadline stands."""

    NONE = "none"  # nobody has to be told
    RUNNING = "running"
    OVERDUE = "overdue"
    MET = "met"
    LATE = "late"  # told, after the deadline


@dataclass(frozen=True, slots=True)
class Countdown:
    """The deadline for telling the authority."""

    state: ClockState
    began_ms: int
    deadline_ms: int
    left_ms: int  # below 0: overdue by as much
    told_ms: int  # 0: not yet


@dataclass(frozen=True, slots=True)
class Registered:
    """An incident with the judgement that holds."""

    incident: Incident
    judgement: Judgement
    is_judged: bool
    told_ms: int  # when the authority was told; 0: not

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> Self:
        """From a row of `register_page`."""
        incident = Incident.of(row[:_INCIDENT])
        is_judged = row[_INCIDENT] is not None
        judgement = Judgement.of(row[_INCIDENT:-1]) if is_judged else Judgement.first(incident)
        return cls(incident, judgement, is_judged, row[-1] or 0)

    def countdown(self, now_ms: int, notice_s: float) -> Countdown:
        """How the deadline stands at a moment, `notice_s` after it became known."""
        began_ms = self.judgement.known_ms
        deadline_ms = began_ms + round(notice_s * 1000)
        if self.judgement.kind is not Kind.SECURITY or not self.judgement.needs_notice:
            return Countdown(ClockState.NONE, began_ms, deadline_ms, 0, self.told_ms)
        if self.told_ms:
            state = ClockState.MET if self.told_ms <= deadline_ms else ClockState.LATE
            left_ms = deadline_ms - self.told_ms
            return Countdown(state, began_ms, deadline_ms, left_ms, self.told_ms)
        left_ms = deadline_ms - now_ms
        state = ClockState.RUNNING if left_ms > 0 else ClockState.OVERDUE
        return Countdown(state, began_ms, deadline_ms, left_ms, 0)
