"""The bag: what was granted, shared out and consumed, by whom, and every movement of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from console.accounts.audit import AuditTrail
from console.accounts.csv_text import csv_text
from console.accounts.permissions import Permission
from console.accounts.quota.service import QuotaService
from console.accounts.quota.term import last_day
from console.accounts.quota.values import Entry, EntryKind, Share, ShareKind
from console.accounts.signin.sessions import Session
from console.pages.forms import id_of, number_of, refusal, text_of
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from mta.model.errors import PermanentError

PAGE = 50
CSV_PAGE = 1_000
MAX_CSV_PAGES = 200
_COLUMNS = (
    "time", "account", "kind", "available", "reserved", "consumed", "balance", "reference",
    "reason", "actor", "number", "hash",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """An entry with what was left after it; None where the account has no balance of its own."""

    entry: Entry
    balance: int | None


class QuotaPages:
    """`/quota…`."""

    def __init__(self, renderer: Renderer, quota: QuotaService, trail: AuditTrail) -> None:
        self._renderer = renderer
        self._quota = quota
        self._trail = trail
        renderer.balance_of = self.balance_of

    def add_routes(self, app: web.Application) -> None:
        """All of them."""
        app.router.add_get("/quota", self.show)
        app.router.add_post("/quota/move", self.move)
        app.router.add_get("/quota/ledger", self.ledger)
        app.router.add_get("/quota/ledger.csv", self.export)

    def balance_of(self, session: Session) -> int | None:
        """What is left for the account, as of the last look; None: no limit, or not to be told."""
        if session.account not in self._quota.meter.accounts:
            return None  # made a moment ago
        if not session.actor.may(Permission.QUOTA_VIEW, session.account):
            return None
        return self._quota.shares.share(session.account).available

    async def show(self, request: web.Request) -> web.Response:
        """The contract, and who has and took how much."""
        return await self._show(request, {})

    async def move(self, request: web.Request) -> web.StreamResponse:
        """From one sub-account to another, by the account above both; see `ShareService`."""
        session, form = session_of(request), await request.post()
        given = {
            name: text_of(form, name, 200) for name in ("source", "target", "amount", "reason")
        }
        source, target = id_of(given["source"]), id_of(given["target"])
        amount = number_of(given["amount"])
        if not {source, target} <= session.accounts.keys():
            raise web.HTTPNotFound
        texts = self._renderer.texts(request)
        if not amount or source == target:
            problem = texts("accounts.amount_unfit" if not amount else "quota.same")
            return await self._show(request, given, problem)
        if problem := await refusal(self._move(session, source, target, amount, given["reason"])):
            return await self._show(request, given, problem)
        names = {number: account.name for number, account in session.accounts.items()}
        told = {"source": names.get(source, ""), "target": names.get(target, "")}
        session.tell(texts("quota.moved", n=texts.number(amount), **told))
        raise web.HTTPSeeOther("/quota")

    async def _move(
        self, session: Session, source: int, target: int, amount: int, reason: str
    ) -> None:
        """Raises `PermanentError`; what the second step refuses goes back to where it was."""
        shares, actor, own = self._quota.shares, session.actor, session.account
        if source != own:
            await shares.give_back(actor, source, amount, reason)
        if target == own:
            return
        try:
            await shares.allocate(actor, target, amount, reason)
        except PermanentError:
            if source != own:
                await shares.allocate(actor, source, amount, reason)
            raise

    async def _show(
        self, request: web.Request, given: Mapping[str, str], problem: str = ""
    ) -> web.Response:
        session = session_of(request)
        shares = await self._quota.shares.list(session.actor, session.account)
        contracts = await self._quota.contracts.list(session.actor)
        mine = [c for c in contracts if c.contract.account == session.account]
        forecasts = {
            c.contract.id: await self._quota.ledger.forecast(session.actor, c.contract.id)
            for c in mine
        }
        values = {
            "contracts": mine,
            "last_days": {c.contract.id: last_day(c.contract) for c in mine},
            "forecasts": forecasts,
            "own": next(s for s in shares if s.account == session.account),
            "shares": shares,
            "totals": _totals(shares),
            "may_move": session.actor.may(Permission.QUOTA_MOVE, session.account),
            "given": given,
            "problem": problem,
        }
        return self._renderer.page(request, "quota.html", values, status=422 if problem else 200)

    async def ledger(self, request: web.Request) -> web.Response:
        """Movements, the newest first."""
        session = session_of(request)
        kind = _kind(request.query.get("kind", ""))
        before = id_of(request.query.get("before", "")) or None
        start = request.query.get("left", "")
        start_left = int(start) if start.lstrip("-").isdigit() and len(start) < 17 else None
        lines = await self._lines(session, kind, before, PAGE + 1, start_left)
        older = None
        if len(lines) > PAGE:
            last = lines[PAGE - 1].entry
            query = {"before": str(last.id)}
            left = lines[PAGE].balance
            if left is not None:
                query["left"] = str(left)
            older = str(request.rel_url.update_query(query))
        values = {
            "lines": lines[:PAGE],
            "older": older,
            "is_first": before is None,
            "kinds": list(EntryKind),
            "kind": kind or "",
            "names": {a.id: a.name for a in session.accounts.values()},
            "may_export": session.actor.may(Permission.EXPORT, session.account),
        }
        return self._renderer.page(request, "quota_ledger.html", values)

    async def export(self, request: web.Request) -> web.StreamResponse:
        """The same as CSV, in pieces; noted in the audit trail."""
        session = session_of(request)
        session.actor.require(Permission.EXPORT, session.account)
        kind = _kind(request.query.get("kind", ""))
        await self._trail.note(session.actor, "ledger.exported", session.account, session.account)
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/csv; charset=utf-8",
                "Content-Disposition": 'attachment; filename="ledger.csv"',
            }
        )
        await response.prepare(request)
        await response.write(csv_text([_COLUMNS]).encode())
        before, left = None, None
        for _ in range(MAX_CSV_PAGES):
            lines = await self._lines(session, kind, before, CSV_PAGE, left)
            if not lines:
                break
            await response.write(csv_text([_cells(line, session) for line in lines]).encode())
            last = lines[-1]
            before = last.entry.id
            left = None if last.balance is None else last.balance - last.entry.available
        return response

    async def _lines(
        self,
        session: Session,
        kind: EntryKind | None,
        before: int | None,
        count: int,
        left: int | None,
    ) -> list[Line]:
        """Entries with running balances, backwards from `left`, or from what is there now."""
        bounds = {} if before is None else {"before": before}
        entries = await self._quota.ledger.page(
            session.actor, session.account, count=count, kind=kind, **bounds
        )
        if kind is not None:  # the balance needs the entries between
            return [Line(entry, None) for entry in entries]
        if before is None:
            left = self._left(session.account)
        lines = []
        for entry in entries:
            lines.append(Line(entry, left))
            left = None if left is None else left - entry.available
        return lines

    def _left(self, account: int) -> int | None:
        """Of a main account all balances together, of another its own; None: it has none."""
        share = self._quota.shares.share(account)
        if share.kind is ShareKind.CONTRACT:
            meter = self._quota.meter
            contracts = [c.id for c in meter.contracts.values() if c.account == account]
            return sum(b.available for b in meter.balances_of(contracts).values())
        return share.available if share.kind is ShareKind.ALLOCATED else None


def _totals(shares: Sequence[Share]) -> dict[str, int]:
    """What is shared out below, and what everybody consumed."""
    return {
        "allocated": sum(s.granted or 0 for s in shares if s.kind is ShareKind.ALLOCATED),
        "consumed": sum(s.consumed for s in shares),
        "reserved": sum(s.reserved for s in shares),
    }


def _kind(text: str) -> EntryKind | None:
    return EntryKind(text) if text in set(EntryKind) else None


def _cells(line: Line, session: Session) -> tuple[Any, ...]:
    entry = line.entry
    at = datetime.fromtimestamp(entry.at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    account = session.accounts.get(entry.account)
    return (
        at,
        account.name if account else str(entry.account),
        entry.kind,
        entry.available,
        entry.reserved,
        entry.consumed,
        line.balance,
        entry.reference,
        entry.reason,
        entry.actor_name,
        entry.seq,
        entry.hash,
    )
