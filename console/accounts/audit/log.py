"""Reads the audit trail: pages, filters, export."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from console.accounts.actor import Actor
from console.accounts.audit.trail import AuditTrail
from console.accounts.csv_text import csv_text
from console.accounts.permissions import Permission
from mta.events.record import rfc3339
from mta.store.base import Store

PAGE = 100
MAX_PAGE = 1_000
_LAST = 2**63 - 1
_COLUMNS = (
    "id",
    "at",
    "actor_kind",
    "actor",
    "address",
    "agent",
    "action",
    "account",
    "object",
    "before",
    "after",
    "result",
    "seq",
    "hash",
)


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """What to look for; empty and 0: whatever."""

    account: int = 0
    actor: str = ""  # the name, exactly
    action: str = ""  # "credential.revoked", or "credential" for all of that noun
    object: str = ""
    since_ms: int = 0
    until_ms: int = _LAST  # exclusive


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the trail."""

    id: int
    at_ms: int
    actor_kind: str
    actor_id: int
    actor_name: str
    address: str
    agent: str
    action: str
    account: int
    object: str
    before: str  # JSON, or empty
    after: str
    result: str
    seq: int | None  # None: about to be sealed
    hash: str | None


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Some entries, the newest first."""

    entries: tuple[AuditEntry, ...]
    cursor: int | None  # where the next page begins; None: that was all


class AuditLog:
    """What auditors see."""

    def __init__(self, store: Store, trail: AuditTrail) -> None:
        self._store = store
        self._trail = trail

    async def page(
        self,
        actor: Actor,
        wanted: AuditFilter | None = None,
        *,
        cursor: int | None = None,
        count: int = PAGE,
    ) -> AuditPage:
        """Entries of the accounts whose trail the actor may see; those of none are the operator's.

        `cursor` is that of the page before. Raises `NotVisible` and `NotPermitted` for an account.
        """
        wanted = wanted or AuditFilter()
        if wanted.account:
            actor.require(Permission.AUDIT_VIEW, wanted.account)
            accounts: frozenset[int] | None = frozenset((wanted.account,))
        else:
            accounts = actor.accounts(Permission.AUDIT_VIEW)
        count = max(1, min(count, MAX_PAGE))
        rows = await self._store.read(
            "audit_page",
            accounts=None if accounts is None else json.dumps(sorted(accounts)),
            actor=wanted.actor,
            action=wanted.action,
            object=wanted.object,
            since_ms=wanted.since_ms,
            until_ms=wanted.until_ms,
            before=_LAST if cursor is None else cursor,
            count=count + 1,
        )
        entries = tuple(AuditEntry(*row) for row in rows[:count])
        return AuditPage(entries, entries[-1].id if len(rows) > count else None)

    async def export_page(
        self, actor: Actor, wanted: AuditFilter | None = None, *, cursor: int | None = None
    ) -> tuple[str, int | None]:
        """The same as CSV, with the cursor of the next piece; the first has a head, and is noted."""
        wanted = wanted or AuditFilter()
        if wanted.account:
            actor.require(Permission.EXPORT, wanted.account)
        page = await self.page(actor, wanted, cursor=cursor, count=MAX_PAGE)
        text = csv_text([_cells(entry) for entry in page.entries])
        if cursor is None:
            told = _told(wanted)
            await self._trail.note(actor, "audit.exported", wanted.account, "audit", after=told)
            text = csv_text([_COLUMNS]) + text
        return text, page.cursor

    async def export(self, actor: Actor, wanted: AuditFilter | None = None) -> AsyncIterator[str]:
        """All pieces."""
        text, cursor = await self.export_page(actor, wanted)
        yield text
        while cursor is not None:
            text, cursor = await self.export_page(actor, wanted, cursor=cursor)
            yield text


def entry_shown(entry: AuditEntry) -> dict[str, Any]:
    """An entry as JSON: identifiers as strings, times RFC 3339 in UTC."""
    return {
        "id": str(entry.id),
        "at": rfc3339(entry.at_ms),
        "actor_kind": entry.actor_kind,
        "actor_id": str(entry.actor_id),
        "actor": entry.actor_name,
        "address": entry.address,
        "agent": entry.agent,
        "action": entry.action,
        "account": str(entry.account) if entry.account else None,
        "object": entry.object,
        "before": json.loads(entry.before) if entry.before else {},
        "after": json.loads(entry.after) if entry.after else {},
        "result": entry.result,
        "seq": entry.seq,
        "hash": entry.hash,
    }


def _cells(entry: AuditEntry) -> tuple[str | int | None, ...]:
    return (
        str(entry.id),
        rfc3339(entry.at_ms),
        entry.actor_kind,
        entry.actor_name,
        entry.address,
        entry.agent,
        entry.action,
        str(entry.account) if entry.account else "",
        entry.object,
        entry.before,
        entry.after,
        entry.result,
        entry.seq,
        entry.hash,
    )


def _told(wanted: AuditFilter) -> dict[str, Any]:
    told = {
        "actor": wanted.actor,
        "action": wanted.action,
        "object": wanted.object,
        "since": rfc3339(wanted.since_ms) if wanted.since_ms else "",
        "until": rfc3339(wanted.until_ms) if wanted.until_ms < _LAST else "",
    }
    return {name: value for name, value in told.items() if value}
