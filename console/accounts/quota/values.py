"""Contracts, balances and entries as values, and the words that are stored for them."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple


class ContractState(StrEnum):
    """Where a contract stands."""

    PENDING = "pending"  # activation and training: nothing is charged and nothing may be sent
    ACTIVE = "active"
    EXHAUSTED = "exhausted"  # in its term, with nothing left
    EXPIRED = "expired"


class EntryKind(StrEnum):
    """Why a balance moved."""

    GRANT = "grant"
    ALLOCATE = "allocate"
    RETURN = "return"
    RESERVE = "reserve"
    RELEASE = "release"
    CONSUME = "consume"
    REFUND = "refund"
    ADJUST = "adjust"
    EXPIRE = "expire"


class ShareKind(StrEnum):
    """How an account comes by what it may send."""

    CONTRACT = "contract"  # the main account: the bag itself
    ALLOCATED = "allocated"  # moved into a balance of its own
    CAP = "cap"  # out of the balance above, up to a limit
    COMMON = "common"  # out of the balance above
    TRAINING = "training"  # costs nothing
    UNMETERED = "unmetered"  # no contract: nothing is counted


@dataclass(frozen=True, slots=True)
class Contract:
    """A bag of a size, to be used within a term."""

    id: int
    account: int  # the main account
    name: str
    size: int
    days: int
    starts_on: str  # ISO date of day 1; '' while it is not decided
    created_ms: int
    ended_ms: int  # when the rest was taken out; 0: not yet

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> "Contract":
        """From a row of `quota_contracts`."""
        return cls(*row)


class Balance(NamedTuple):
    """A row of `quota_bags`: a balance and its books."""

    id: int
    contract: int
    account: int
    granted: int
    available: int
    reserved: int
    consumed: int
    refunded: int
    expired: int
    is_open: int


class Use(NamedTuple):
    """A row of `quota_uses`: what one share took out of a balance."""

    bag: int
    account: int
    cap: int | None
    reserved: int
    consumed: int
    refunded: int

    @property
    def net(self) -> int:
        """What counts against a cap."""
        return self.reserved + self.consumed - self.refunded


class Entry(NamedTuple):
    """An entry of the ledger; the numbers are what it adds to those of its balance."""

    id: int
    at_ms: int
    bag: int
    account: int
    kind: str
    available: int
    reserved: int
    consumed: int
    flow: int
    reference: str
    reason: str
    actor_kind: str
    actor_id: int
    actor_name: str
    seq: int | None
    hash: str | None


class Reservation(NamedTuple):
    """A row of `quota_reservations`: what is kept for a campaign."""

    id: int
    bag: int
    account: int
    reference: str
    flow: int
    size: int
    rest: int
    created_ms: int


@dataclass(frozen=True, slots=True)
class Share:
    """What an account may take, and what it has taken, in one contract."""

    account: int
    name: str
    parent: int | None
    kind: ShareKind
    granted: int | None  # allocated, or the cap; None: no limit of its own
    available: int | None  # what it can still send now; None: without limit
    reserved: int
    consumed: int  # refunds taken off
    refunded: int
