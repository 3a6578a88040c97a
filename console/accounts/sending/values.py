"""Sending domains and their DNS records as values."""

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from console.accounts.values import SendingDomain

_AND = "; "  # between problems of one record


class RecordKind(StrEnum):
    """What a record is for."""

    OWNERSHIP = "ownership"
    DKIM = "dkim"
    SPF = "spf"
    DMARC = "dmarc"
    MX = "mx"
    RETURN_PATH = "return_path"


class RecordState(StrEnum):
    """Whether it is there."""

    PENDING = "pending"  # not seen yet
    VERIFIED = "verified"
    FAILING = "failing"  # was there, and is not any more


@dataclass(frozen=True, slots=True)
class WantedRecord:
    """What to publish."""

    kind: RecordKind
    name: str
    type: str
    value: str
    is_needed: bool  # without it receivers refuse or distrust the mail


@dataclass(frozen=True, slots=True)
class DomainRecord:
    """What to publish, and what was found there."""

    kind: RecordKind
    name: str
    type: str
    value: str
    is_needed: bool
    state: RecordState = RecordState.PENDING
    found: tuple[str, ...] = ()
    problem: str = ""

    @property
    def problems(self) -> list[str]:
        """Each thing that is wrong with it, in English."""
        return self.problem.split(_AND) if self.problem else []

    @classmethod
    def of(cls, raw: dict[str, Any]) -> "DomainRecord":
        """From the JSON in the row."""
        return cls(
            RecordKind(raw["kind"]), raw["name"], raw["type"], raw["value"], raw["is_needed"],
            RecordState(raw["state"]), tuple(raw["found"]), raw["problem"],
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class DomainStatus:
    """A sending domain with what the DNS said of it."""

    domain: SendingDomain
    selector: str
    checked_ms: int
    verified_ms: int
    failing_since_ms: int
    told_ms: int
    records: tuple[DomainRecord, ...]

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> "DomainStatus":
        """From a row of `sending_domain_all`."""
        records = tuple(DomainRecord.of(raw) for raw in json.loads(row[10]))
        selector, checked_ms, verified_ms, failing_since_ms, told_ms = row[5:10]
        domain = SendingDomain.of(row[:5])
        return cls(domain, selector, checked_ms, verified_ms, failing_since_ms, told_ms, records)

    @property
    def name(self) -> str:
        """The domain itself."""
        return self.domain.domain

    def row(self) -> tuple[str | int, ...]:
        """For `domain_status_put`."""
        records = json.dumps([asdict(record) for record in self.records])
        return (
            self.name, self.selector, self.checked_ms, self.verified_ms, self.failing_since_ms,
            self.told_ms, records,
        )  # fmt: skip
