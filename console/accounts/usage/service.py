"""Reads what credentials did at the doors: sums over days, grouped as asked."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Any

from console.accounts.actor import Actor, ActorKind
from console.accounts.permissions import Permission
from console.accounts.usage.counters import BUCKETS, UsageCounters
from mta.model.errors import PermanentError
from mta.store.base import Store

MAX_DAYS = 400
MAX_ROWS = 5_000
DEFAULT_DAYS = 30


class Group(StrEnum):
    """What rows are told apart by."""

    DAY = "day"
    MONTH = "month"
    ACCOUNT = "account"
    CREDENTIAL = "credential"
    DOOR = "door"


class BadUsageQuery(PermanentError):
    """A question that has no answer, or too long a one."""


@dataclass(frozen=True, slots=True)
class UsageQuery:
    """From `first` to `last`, both included; of one account, or of all that the actor sees."""

    first: date | None = None  # None: `DEFAULT_DAYS` before the last
    last: date | None = None  # None: today
    groups: frozenset[Group] = frozenset({Group.DAY, Group.DOOR})
    account: int | None = None


@dataclass(frozen=True, slots=True)
class UsageRow:
    """Sums of one group; what it is not told apart by is None."""

    day: str | None  # or month
    account: int | None
    account_name: str | None
    credential: int | None
    credential_name: str | None
    door: str | None
    requests: int
    accepted: int
    rejected: int
    errors: int
    recipients: int
    refused: int
    histogram: Sequence[int]  # as the columns of the table

    def latency_ms(self, share: float) -> int | None:
        """In how many milliseconds that share of requests was answered at most.

        A power of two, as requests are counted; the last one stands for everything slower too.
        None: no answer was timed.
        """
        wanted, seen = share * sum(self.histogram), 0
        for bucket, count in enumerate(self.histogram):
            seen += count
            if seen and seen >= wanted:
                return 1 << min(bucket, BUCKETS - 2)
        return None


@dataclass(frozen=True, slots=True)
class UsageReport:
    """The answer, with the days it is about."""

    first: date
    last: date
    rows: Sequence[UsageRow]


class UsageService:
    """Who may see reports of an account sees its use; a key without that sees its own."""

    def __init__(
        self,
        store: Store,
        counters: UsageCounters,
        flush: Callable[[], Awaitable[None]],
    ) -> None:
        """`flush` writes what was counted until now."""
        self._store = store
        self._counters = counters
        self._flush = flush

    async def report(self, actor: Actor, query: UsageQuery) -> UsageReport:
        """The rows, by rising day.

        Raises `BadUsageQuery`, `NotPermitted`, `NotVisible`.
        """
        accounts, credential = _visible(actor, query.account)
        last = query.last or date.fromisoformat(self._counters.today(_whose_day(actor, query)))
        first = query.first or last - timedelta(days=DEFAULT_DAYS - 1)
        if first > last:
            raise BadUsageQuery(f"from {first} is after to {last}")
        if (last - first).days >= MAX_DAYS:
            raise BadUsageQuery(f"more than {MAX_DAYS} days")
        await self._flush()
        rows = await self._store.read(
            "usage_between",
            first=first.isoformat(),
            last=last.isoformat(),
            accounts=accounts,
            credential=credential,
            day_length=_day_length(query.groups),
            by_account=int(Group.ACCOUNT in query.groups),
            by_credential=int(Group.CREDENTIAL in query.groups),
            by_door=int(Group.DOOR in query.groups),
            limit=MAX_ROWS + 1,
        )
        if len(rows) > MAX_ROWS:
            raise BadUsageQuery(f"more than {MAX_ROWS} rows: ask for fewer days or groups")
        return UsageReport(first, last, [_row(row) for row in rows if row[6]])


def _whose_day(actor: Actor, query: UsageQuery) -> int | None:
    """The account whose today it is; None: the server's, for several accounts."""
    if query.account is None and actor.kind is ActorKind.CREDENTIAL and len(actor.grants) == 1:
        return next(iter(actor.grants))
    return query.account


def _visible(actor: Actor, account: int | None) -> tuple[str | None, int | None]:
    """The accounts as JSON (None: all) and the credential (None: all) that the actor may see."""
    if actor.kind is ActorKind.CREDENTIAL:
        mine = frozenset(actor.grants)
        if account is not None and account not in mine:
            actor.require(Permission.REPORT_VIEW, account)
        everything = actor.accounts(Permission.REPORT_VIEW)
        return json.dumps(sorted(mine)), None if everything else actor.id
    if account is not None:
        actor.require(Permission.REPORT_VIEW, account)
        return json.dumps([account]), None
    accounts = actor.accounts(Permission.REPORT_VIEW)
    return None if accounts is None else json.dumps(sorted(accounts)), None


def _day_length(groups: frozenset[Group]) -> int:
    if Group.DAY in groups:
        return len("2026-11-22")
    return len("2026-11") if Group.MONTH in groups else 0


def _row(row: Sequence[Any]) -> UsageRow:
    day, account, credential, door, account_name, credential_name = row[:6]
    requests, accepted, rejected, errors, recipients, refused = row[6:12]
    return UsageRow(
        day or None, account, account_name, credential, credential_name, door,
        requests, accepted, rejected, errors, recipients, refused, row[12:],
    )  # fmt: skip
