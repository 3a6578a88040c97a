"""Rows of the ledger, and what those who write them share: one lock, one look at the meter after."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

from console.accounts.actor import Actor, NotPermitted
from console.accounts.quota.meter import Meter
from console.accounts.quota.values import Balance, EntryKind
from mta.model.clock import Clock
from mta.model.errors import PermanentError
from mta.model.ids import IdGenerator
from mta.model.reply import Reply
from mta.store.base import Store
from mta.store.work import Rows, Scalar

MAX_AMOUNT = 10**12
MAX_REASON = 500


class QuotaRefused(PermanentError):
    """The bag does not hold what is asked for; `reply` says why, as clients of the doors hear it."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.text)
        self.reply = reply


class Audit(Protocol):
    """Makes rows of the audit trail for the job of a change; `AuditTrail` fits."""

    def entry(
        self,
        actor: Actor,
        action: str,
        account: int,
        object: str | int,
        before: Mapping[str, object] | None = None,
        after: Mapping[str, object] | None = None,
    ) -> Rows:
        """The row of one change."""
        ...


class Books:
    """What every part of the quota service works with."""

    def __init__(self, store: Store, ids: IdGenerator, clock: Clock, meter: Meter) -> None:
        self.store = store
        self.ids = ids
        self.clock = clock
        self.meter = meter
        self._audit: Audit | None = None
        self.lock = asyncio.Lock()  # changes by people, one after the other

    def audited_by(self, audit: Audit) -> None:
        """Changes are told there from now on."""
        self._audit = audit

    async def commit(self, work: Sequence[Rows]) -> None:
        """Make it durable and look at the balances anew. Raises `JobRefused`, `StoreError`."""
        try:
            await self.store.submit(work)
        finally:
            await self.meter.refresh()

    def audit(
        self,
        actor: Actor,
        action: str,
        account: int,
        object: str | int,
        before: Mapping[str, object] | None = None,
        after: Mapping[str, object] | None = None,
    ) -> tuple[Rows, ...]:
        """Rows that tell of a change, for its job."""
        if self._audit is None:
            return ()
        return (self._audit.entry(actor, action, account, object, before, after),)

    def entry(
        self,
        actor: Actor,
        balance: Balance,
        kind: EntryKind,
        available: int,
        *,
        account: int = 0,
        reserved: int = 0,
        flow: int = 0,
        reference: str = "",
        reason: str = "",
    ) -> tuple[Scalar, ...]:
        """A row of `quota_entry_insert`; `account` 0: the balance's own."""
        return (
            self.clock.now_ms(), balance.id, account or balance.account, kind.value, available,
            reserved, 0, flow, reference, checked_reason(reason), actor.kind.value, actor.id,
            actor.name,
        )  # fmt: skip


def checked_amount(value: int) -> int:
    """A number of mails. Raises `PermanentError`."""
    if not 0 < value <= MAX_AMOUNT:
        raise PermanentError(f"{value}: expected a number of mails from 1 to {MAX_AMOUNT}")
    return value


def checked_reason(text: str) -> str:
    """A reason that people can read. Raises `PermanentError`."""
    text = " ".join(text.split())
    if len(text) > MAX_REASON or not text.isprintable():
        raise PermanentError(f"expected a reason of up to {MAX_REASON} printable characters")
    return text


def require_operator(actor: Actor, what: str) -> None:
    """Contracts are between the operator and the customer: nobody grants himself anything."""
    if not actor.is_operator:
        raise NotPermitted(f"{what} is for the operator of the installation")
