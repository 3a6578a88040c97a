"""What people do with suppression lists, each for an actor who may, with an entry in the audit trail.

Every change is durable when its call returns, and holds for the next mail. An account of
`EVERYWHERE` stands for entries that hold for everybody: operators only.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from console.accounts.actor import Actor, NotPermitted
from console.accounts.audit import AuditTrail
from console.accounts.csv_text import csv_text
from console.accounts.permissions import Permission
from console.suppressions.files import HEADER, FileRow, cells_of, read_day, scope_in
from console.suppressions.masking import masked, pseudonym
from mta.model.address import parse_address
from mta.model.clock import Clock
from mta.model.errors import AddressSyntaxError, PermanentError
from mta.store.base import Store
from mta.store.work import Rows
from mta.suppression.digest import key_of
from mta.suppression.entries import MAX_NOTE, Place, delete, put
from mta.suppression.lists import SuppressionLists
from mta.suppression.values import EVERYWHERE, Entry, NewEntry, Reason, Scope

PAGE = 100
MAX_PAGE = 1_000
MAX_ADDED = 1_000  # addresses in one call
JOB = 500
_FOREVER = (1 << 63) - 1
_LAST = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class RowError:
    """A line of a file that could not be taken."""

    line: int
    text: str
    why: str


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of some lines of a file."""

    added: int
    errors: Sequence[RowError]


@dataclass(frozen=True, slots=True)
class Held:
    """An address that a site in a storm refused."""

    id: int
    account: int
    digest: int
    address: str
    site: int
    message: int
    delivery: int
    reply: str
    at_ms: int


class SuppressionService:
    """Lists, changes and files."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        lists: SuppressionLists,
        trail: AuditTrail,
        zone: ZoneInfo,
    ) -> None:
        """`zone`: in which a date without a time begins."""
        self._store = store
        self._clock = clock
        self._lists = lists
        self._trail = trail
        self._zone = zone

    # -- looking -------------------------------------------------------------------------------

    async def entries(
        self,
        actor: Actor,
        account: int | None = None,
        *,
        search: str = "",
        reason: Reason | None = None,
        before: int = 0,
        limit: int = PAGE,
    ) -> list[Entry]:
        """Entries, newest first, before the id `before` (0: the newest).

        `account` None: of all accounts that the actor may see; `search`: the beginning of an
        address. Raises `NotPermitted`, `NotVisible`, `StoreError`.
        """
        accounts = self._accounts(actor, account, Permission.SUPPRESSION_VIEW)
        return await self._page(accounts, search, reason, before, limit)

    async def _page(
        self, accounts: str, search: str, reason: Reason | None, before: int, limit: int
    ) -> list[Entry]:
        parameters: dict[str, Any] = {
            "accounts": accounts,
            "reason": reason.value if reason else "",
            "before": before or _FOREVER,
            "count": min(limit, MAX_PAGE),
        }
        if search:
            first = search.strip().lower()
            parameters |= {"first": first, "last": first + _LAST}
        rows = await self._store.read(
            "suppression_search" if search else "suppression_page", **parameters
        )
        return [Entry.of(row) for row in rows]

    async def counts(self, actor: Actor, account: int | None = None) -> dict[Reason, int]:
        """How many entries there are for each reason."""
        accounts = self._accounts(actor, account, Permission.SUPPRESSION_VIEW)
        rows = await self._store.read("suppression_counts", accounts=accounts)
        return {Reason(reason): count for reason, count in rows}

    async def growth(
        self, actor: Actor, account: int, since_ms: int
    ) -> list[tuple[int, Reason, int]]:
        """Hours since 1970 UTC in which entries came that still stand, with reason and number."""
        accounts = self._accounts(actor, account, Permission.SUPPRESSION_VIEW)
        rows = await self._store.read("suppression_growth", accounts=accounts, since_ms=since_ms)
        return [(hour, Reason(reason), n) for hour, reason, n in rows]

    def _accounts(self, actor: Actor, account: int | None, permission: Permission) -> str:
        """A JSON array of the accounts to look at; an empty one means all of them."""
        if account is not None:
            _require(actor, permission, account)
            return orjson.dumps([account]).decode()
        seen = actor.accounts(permission)
        if seen is None:
            return "[]"
        return orjson.dumps(sorted(seen) or [-1]).decode()

    # -- adding --------------------------------------------------------------------------------

    async def add(
        self,
        actor: Actor,
        account: int,
        addresses: Sequence[str],
        *,
        reason: Reason = Reason.MANUAL,
        scope: Scope | None = None,
        note: str = "",
        expires_ms: int = 0,
    ) -> list[Entry]:
        """Stop mail to addresses (at most `MAX_ADDED`); gives their entries.

        Raises `PermanentError` for an address that is none; then nothing is added.
        """
        _require(actor, Permission.SUPPRESSION_MANAGE, account)
        if not addresses or len(addresses) > MAX_ADDED:
            raise PermanentError(f"give 1 to {MAX_ADDED} addresses")
        if expires_ms and expires_ms <= self._clock.now_ms():
            raise PermanentError("the entry would have expired already")
        chosen = scope or reason.scope
        entries = [
            NewEntry(account, str(parse_address(a.strip())), reason, chosen, actor.name,
                     _note(note), expires_ms=expires_ms)
            for a in addresses
        ]  # fmt: skip
        audit = [
            self._trail.entry(
                actor, "suppression.added", account, pseudonym(self._lists.digest, e.address),
                after={"address": masked(e.address), "reason": reason, "scope": chosen, "note": note},
            )
            for e in entries[:JOB]
        ]  # fmt: skip
        now_ms = self._clock.now_ms()
        for start in range(0, len(entries), JOB):
            part = entries[start : start + JOB]
            work = [put(self._lists.digest, part, now_ms), *audit[start : start + JOB]]
            await self._store.submit(work)
            self._lists.added(part)
        keys = {key_of(entry.address) for entry in entries}
        found = [entry for key in keys for entry in await self._of(account, key)]
        return sorted((e for e in found if e.reason is reason), key=lambda e: e.id)

    async def import_rows(
        self, actor: Actor, account: int, rows: Sequence[FileRow], *, name: str = ""
    ) -> Imported:
        """Add the lines of a file, some thousand at a time; wrong ones are told, the rest is added."""
        _require(actor, Permission.SUPPRESSION_MANAGE, account)
        entries, errors = [], []
        for n, row in enumerate(rows):
            if n % 100 == 99:  # a large file holds up nobody's mail
                await asyncio.sleep(0)
            try:
                entries.append(self._entry_of(actor, account, row))
            except (AddressSyntaxError, ValueError) as error:
                errors.append(RowError(row.line, row.address[:100], str(error)))
        now_ms = self._clock.now_ms()
        for start in range(0, len(entries), JOB):
            part = entries[start : start + JOB]
            await self._store.submit([put(self._lists.digest, part, now_ms)], bulk=True)
            self._lists.added(part)
        after = {"file": name[:200], "added": len(entries), "errors": len(errors)}
        await self._trail.note(actor, "suppression.imported", account, account, after=after)
        return Imported(len(entries), errors)

    def _entry_of(self, actor: Actor, account: int, row: FileRow) -> NewEntry:
        named = scope_in(row.scope)
        if named and named not in tuple(Scope):
            raise ValueError(f"scope {row.scope[:40]!r}: expected {' or '.join(Scope)}")
        scope = Scope(named) if named else Reason.IMPORT.scope
        expires_ms = read_day(row.expires, self._zone)
        if expires_ms and expires_ms <= self._clock.now_ms():
            raise ValueError("the entry has expired already")
        address = str(parse_address(row.address))
        return NewEntry(
            account, address, Reason.IMPORT, scope, actor.name, _note(row.note),
            expires_ms=expires_ms,
        )  # fmt: skip

    # -- removing ------------------------------------------------------------------------------

    async def remove(
        self, actor: Actor, account: int, address: str, why: str, *, reason: Reason | None = None
    ) -> list[Entry]:
        """Let mail to an address go again; gives what was removed, which `put_back` undoes.

        `why` is kept in the audit trail; `reason`: only that entry. Raises `PermanentError` when
        there is no entry, or no `why`.
        """
        _require(actor, Permission.SUPPRESSION_MANAGE, account)
        if not why.strip():
            raise PermanentError("say why: it stands in the audit trail")
        key = parse_address(address.strip()).key
        entries = [e for e in await self._of(account, key) if reason is None or e.reason is reason]
        if not entries:
            raise PermanentError(f"{address} is not suppressed in account {account}")
        digest = self._lists.digest.of_key(key)
        places: list[Place] = [(account, digest, entry.reason) for entry in entries]
        before = {
            "address": masked(address),
            "reasons": sorted(entry.reason for entry in entries),
        }
        audit = self._trail.entry(
            actor, "suppression.removed", account, pseudonym(self._lists.digest, address),
            before=before, after={"why": why.strip()[:MAX_NOTE]},
        )  # fmt: skip
        await self._store.submit([delete(places), audit])
        await self._lists.refresh([(account, digest)])
        return entries

    async def put_back(self, actor: Actor, account: int, entries: Sequence[Entry]) -> None:
        """Undo `remove`: the same entries, with a new date."""
        for entry in entries:
            await self.add(
                actor, account, [entry.address], reason=entry.reason, scope=entry.scope,
                note=entry.note, expires_ms=entry.expires_ms,
            )  # fmt: skip

    async def _of(self, account: int, key: str) -> list[Entry]:
        rows = await self._store.read(
            "suppression_of_digest", digest=self._lists.digest.of_key(key)
        )
        return [entry for row in rows if (entry := Entry.of(row)).account == account]

    # -- files ---------------------------------------------------------------------------------

    async def export(
        self, actor: Actor, account: int | None = None, *, reason: Reason | None = None
    ) -> AsyncIterator[str]:
        """The entries as CSV, some lines at a time, newest first; what was erased has no address."""
        before: int | None = 0
        while before is not None:
            text, before = await self.export_page(actor, account, reason=reason, before=before)
            yield text

    async def export_entries(
        self, actor: Actor, account: int, *, reason: Reason | None = None
    ) -> AsyncIterator[Sequence[Entry]]:
        """The same as entries, in pieces."""
        accounts = self._accounts(actor, account, Permission.EXPORT)
        await self._trail.note(actor, "suppression.exported", account, account)
        before = 0
        while page := await self._page(accounts, "", reason, before, MAX_PAGE):
            yield page
            before = page[-1].id

    async def export_page(
        self,
        actor: Actor,
        account: int | None = None,
        *,
        reason: Reason | None = None,
        before: int = 0,
    ) -> tuple[str, int | None]:
        """A piece of the export, and where the next begins; the first has the header."""
        accounts = self._accounts(actor, account, Permission.EXPORT)
        text = ""
        if not before:
            await self._trail.note(
                actor, "suppression.exported", account or 0, "all" if account is None else account
            )
            text = csv_text([HEADER])
        page = await self._page(accounts, "", reason, before, MAX_PAGE)
        text += csv_text(map(cells_of, page))
        return text, page[-1].id if len(page) == MAX_PAGE else None

    # -- what is held --------------------------------------------------------------------------

    async def held(
        self, actor: Actor, account: int | None = None, *, after: int = 0, limit: int = MAX_PAGE
    ) -> list[Held]:
        """Addresses that a site in a storm refused, oldest first."""
        accounts = self._accounts(actor, account, Permission.SUPPRESSION_VIEW)
        rows = await self._store.read(
            "suppression_held_page", after=after, accounts=accounts, count=min(limit, MAX_PAGE)
        )
        return [Held(*row) for row in rows]

    async def decide_held(self, actor: Actor, account: int | None, *, suppress: bool) -> int:
        """Suppress what is held, or forget it; gives how many."""
        self._accounts(actor, account, Permission.SUPPRESSION_MANAGE)
        decided = 0
        while page := await self.held(actor, account, limit=JOB):
            if not all(actor.may(Permission.SUPPRESSION_MANAGE, h.account) for h in page):
                raise NotPermitted(
                    f"{actor.name} may not change suppressions of all these accounts"
                )
            work = [Rows("suppression_held_delete", [(h.account, h.digest) for h in page])]
            entries = [
                NewEntry(h.account, h.address, Reason.HARD_BOUNCE, Scope.ALL, actor.name, h.reply,
                         h.message, h.delivery)
                for h in page
            ]  # fmt: skip
            if suppress:
                work.append(put(self._lists.digest, entries, self._clock.now_ms()))
            action = "suppression.held_applied" if suppress else "suppression.held_dropped"
            work.append(
                self._trail.entry(actor, action, account or 0, "held", after={"count": len(page)})
            )
            await self._store.submit(work)
            if suppress:
                self._lists.added(entries)
            decided += len(page)
        return decided


def _require(actor: Actor, permission: Permission, account: int) -> None:
    if account != EVERYWHERE:
        actor.require(permission, account)
    elif not actor.is_operator:
        raise NotPermitted("entries that hold for all accounts belong to the operator")


def _note(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text).strip()[:MAX_NOTE]
