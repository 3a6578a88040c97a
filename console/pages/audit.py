"""The audit trail: who changed what, when and from where; filters, export, and whether it is whole."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Protocol

from aiohttp import web

from console.accounts.audit.log import AuditFilter, AuditLog
from console.accounts.permissions import Permission
from console.pages.audit_words import names_in, told
from console.pages.forms import day_in, id_of, text_of
from console.pages.rendering import Renderer
from console.pages.sessions import session_of

PAGE = 50


class CheckedChain(Protocol):
    """A chain of entries that was looked over."""

    @property
    def name(self) -> str:
        """`audit`, `quota`."""
        ...

    @property
    def entries(self) -> int:
        """How many."""
        ...

    @property
    def head(self) -> str:
        """The hash of the last one."""
        ...


Verify = Callable[[], Awaitable[tuple[Sequence[CheckedChain], Sequence[str]]]]


class AuditPages:
    """`/audit…`."""

    def __init__(self, renderer: Renderer, log: AuditLog, verify: Verify) -> None:
        """`verify` gives the chains and what is wrong with them."""
        self._renderer = renderer
        self._log = log
        self._verify = verify

    def add_routes(self, app: web.Application) -> None:
        """All of them."""
        app.router.add_get("/audit", self.show)
        app.router.add_get("/audit.csv", self.export)
        app.router.add_post("/audit/verify", self.check)

    async def show(self, request: web.Request) -> web.Response:
        """Entries of the account that the person works in, the newest first."""
        session = session_of(request)
        wanted = self._filter(request)
        cursor = id_of(request.query.get("before", "")) or None
        page = await self._log.page(session.actor, wanted, cursor=cursor, count=PAGE)
        older = None
        if page.cursor is not None:
            older = str(request.rel_url.update_query(before=str(page.cursor)))
        query = {k: v for k, v in request.query.items() if k != "before"}
        texts = self._renderer.texts(request)
        accounts = {number: account.name for number, account in session.accounts.items()}
        names = names_in(page.entries)
        values = {
            "entries": [(entry, told(entry, texts, accounts, names)) for entry in page.entries],
            "older": older,
            "is_first": cursor is None,
            "query": request.query,
            "csv": str(request.rel_url.with_path("/audit.csv").with_query(query)),
            "may_export": session.actor.may(Permission.EXPORT, session.account),
        }
        return self._renderer.page(request, "audit.html", values)

    async def export(self, request: web.Request) -> web.StreamResponse:
        """The same as CSV."""
        session, wanted = session_of(request), self._filter(request)
        session.actor.require(Permission.AUDIT_VIEW, wanted.account)
        session.actor.require(Permission.EXPORT, wanted.account)
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/csv; charset=utf-8",
                "Content-Disposition": 'attachment; filename="audit.csv"',
            }
        )
        await response.prepare(request)
        async for piece in self._log.export(session.actor, wanted):
            await response.write(piece.encode())
        return response

    async def check(self, request: web.Request) -> web.Response:
        """Walk the chains from their beginning."""
        session = session_of(request)
        session.actor.require(Permission.AUDIT_VIEW, session.account)
        chains, problems = await self._verify()
        values = {"chains": chains, "problems": problems}
        return self._renderer.page(request, "audit_verified.html", values)

    def _filter(self, request: web.Request) -> AuditFilter:
        query = request.query
        zone = self._renderer.zone_of(request)
        since, until = (day_in(query.get(name, ""), zone) for name in ("since", "until"))
        wanted = AuditFilter(
            session_of(request).account,
            text_of(query, "actor"),
            text_of(query, "action", 64),
            text_of(query, "object"),
            since_ms=round(since.timestamp() * 1000) if since else 0,
        )
        if until:
            wanted = replace(wanted, until_ms=round((until + timedelta(days=1)).timestamp() * 1000))
        return wanted
