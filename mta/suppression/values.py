"""Reasons, scopes and entries of suppression lists."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mta.model.traffic import TrafficClass

EVERYWHERE = 0  # in place of an account: the entry holds for all of them


class Scope(StrEnum):
    """Which mail an entry stops; the values are stored."""

    ALL = "all"
    COMMERCIAL = "commercial"  # classes campaign and automated

    def stops(self, klass: int) -> bool:
        """Whether mail of that class is stopped."""
        return self is Scope.ALL or klass >= TrafficClass.AUTOMATED


class Reason(StrEnum):
    """Why an address gets no mail; the values are stored and shown."""

    HARD_BOUNCE = "hard-bounce"
    COMPLAINT = "complaint"
    UNSUBSCRIBE = "unsubscribe"
    MAILBOX_FULL = "mailbox-full"
    MANUAL = "manual"
    IMPORT = "import"

    @property
    def scope(self) -> Scope:
        """What it stops unless somebody says otherwise."""
        return Scope.COMMERCIAL if self is Reason.UNSUBSCRIBE else Scope.ALL


@dataclass(frozen=True, slots=True)
class Entry:
    """One reason why an address gets no mail from an account and those below it."""

    id: int
    account: int  # EVERYWHERE: from nobody
    address: str  # as it was given; empty once its person was erased
    reason: Reason
    scope: Scope
    note: str
    message: int  # what led to it; 0: none
    delivery: int
    by: str  # who added it: a person, a credential, a command, a part of Relevo
    created_ms: int
    expires_ms: int  # 0: never

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> "Entry":
        """From a row of `suppression_list`."""
        number, account, address, reason, scope, *rest = row
        return cls(number, account, address, Reason(reason), Scope(scope), *rest)


@dataclass(frozen=True, slots=True)
class NewEntry:
    """What is to be added; an address has one entry for each reason and account."""

    account: int
    address: str
    reason: Reason
    scope: Scope
    by: str
    note: str = ""
    message: int = 0
    delivery: int = 0
    expires_ms: int = 0
