"""Exports and erasures of whole accounts as values."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

import orjson

# What an erasure counts, in the order of `closing_counts`.
KINDS = (
    "contacts", "lists", "consents", "uploads", "audience_rows", "templates", "media", "campaigns",
    "automations", "webhooks", "credentials", "roles", "domains", "suppressions", "deliveries",
)  # fmt: skip


class ExportState(StrEnum):
    """How far an export is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    REMOVED = "removed"  # its time is over


class ErasureState(StrEnum):
    """How far an erasure is."""

    ASKED = "asked"  # a second person has to confirm
    WAITING = "waiting"  # can still be taken back
    ERASING = "erasing"
    DONE = "done"
    REJECTED = "rejected"
    UNDONE = "undone"


OPEN = (ErasureState.ASKED, ErasureState.WAITING, ErasureState.ERASING)


@dataclass(frozen=True, slots=True)
class ExportProgress:
    """What is being written."""

    table: str
    done: int
    of: int


@dataclass(frozen=True, slots=True)
class AccountExport:
    """An export that somebody asked for."""

    id: int
    account: int
    state: ExportState
    asked_by: str
    created_ms: int
    ended_ms: int
    rows: int
    bytes: int
    sha256: str
    problem: str

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> Self:
        """From a row of `closing_exports`."""
        number, account, state, *rest = row
        return cls(number, account, ExportState(state), *rest)


@dataclass(frozen=True, slots=True)
class AccountErasure:
    """An account that is to be erased, or was."""

    id: int
    number: int
    account: int
    name: str
    state: ErasureState
    why: str
    asked_by: str
    asked_ms: int
    confirmed_by: str
    confirmed_ms: int
    due_ms: int
    ended_by: str
    ended_ms: int
    counts: Mapping[str, int]
    accounts: Sequence[int]
    export: str
    sha256: str

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> Self:
        """From a row of `closing_erasures`."""
        return cls(
            row[0], row[1], row[2], row[3], ErasureState(row[4]), row[5], row[6], row[7], row[8],
            row[9], row[10], row[11], row[12], orjson.loads(row[13]), orjson.loads(row[14]),
            row[15], row[16],
        )  # fmt: skip

    def facts(self, ended_ms: int) -> Mapping[str, Any]:
        """What the certificate says."""
        return {
            "number": self.number,
            "account": str(self.account),
            "name": self.name,
            "accounts": [str(number) for number in self.accounts],
            "asked_by": self.asked_by,
            "asked_ms": self.asked_ms,
            "confirmed_by": self.confirmed_by,
            "confirmed_ms": self.confirmed_ms,
            "ended_ms": ended_ms,
            "why": self.why,
            "erased": dict(self.counts),
            "export_sha256": self.export,
        }

    def digest(self, ended_ms: int) -> str:
        """SHA-256 of the facts as JSON with sorted keys."""
        told = orjson.dumps(self.facts(ended_ms), option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(told).hexdigest()
