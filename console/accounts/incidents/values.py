"""Incidents as values."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self


class Category(StrEnum):
    """What it is about."""

    FAILED_SENDS = "failed_sends"  # may lead to sends put back into the bag
    DELIVERY = "delivery"
    ACCESS = "access"
    QUOTA = "quota"
    SECURITY = "security"
    OTHER = "other"


class IncidentState(StrEnum):
    """How far it is."""

    OPEN = "open"
    WORKING = "working"
    RESOLVED = "resolved"
    CLOSED = "closed"


# From where to where: a closed incident stays closed, whoever has more opens another.
STEPS = {
    IncidentState.OPEN: (IncidentState.WORKING, IncidentState.RESOLVED, IncidentState.CLOSED),
    IncidentState.WORKING: (IncidentState.RESOLVED, IncidentState.CLOSED),
    IncidentState.RESOLVED: (IncidentState.WORKING, IncidentState.CLOSED),
    IncidentState.CLOSED: (),
}


@dataclass(frozen=True, slots=True)
class Incident:
    """One of them, without its notes."""

    id: int
    number: int
    account: int
    category: Category
    subject: str
    text: str
    contact: str
    state: IncidentState
    reference: str
    opened_by_kind: str
    opened_by: int
    opened_by_name: str
    created_ms: int
    changed_ms: int
    closed_ms: int

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> Self:
        """From a row of `incident_by_number`."""
        identifier, number, account, category, subject, text, contact, state, *rest = row
        kind, reached = Category(category), IncidentState(state)
        return cls(identifier, number, account, kind, subject, text, contact, reached, *rest)


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody said or did."""

    id: int
    author_kind: str
    author_name: str
    text: str
    state: str  # that it put the incident in; empty: none
    at_ms: int
