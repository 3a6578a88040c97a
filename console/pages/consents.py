"""`/consents`: evidence of what people agreed to; and how a list asks them."""

from collections.abc import AsyncIterator, Sequence

from aiohttp import web

from console.accounts.csv_text import Cell
from console.accounts.permissions import Permission
from console.contacts.lists import ContactService
from console.contacts.optin.service import LAST, WHATS, OptinService
from console.contacts.optin.values import Consent
from console.pages.account_switch import current_account
from console.pages.forms import id_of, refusal, text_of
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from console.pages.table_files import send_table
from mta.events.record import rfc3339

PAGE_SIZE = 50
PIECE = 500
_COLUMNS = ("email", "list", "what", "text_version", "text", "address", "agent", "at")
_WIDTHS = (34, 22, 14, 16, 60, 18, 40, 22)


class ConsentPages:
    """For those who may see contacts; the service checks each step again."""

    def __init__(self, renderer: Renderer, optin: OptinService, contacts: ContactService) -> None:
        self._renderer = renderer
        self._optin = optin
        self._contacts = contacts

    def add_routes(self, app: web.Application) -> None:
        """All of them."""
        app.router.add_get("/consents", self.list)
        app.router.add_get(r"/consents/export.{kind:csv|xlsx}", self.export)
        app.router.add_post("/lists/{id}/ask", self.ask)

    async def list(self, request: web.Request) -> web.Response:
        """The newest first, narrowed by the query."""
        actor, account = session_of(request).actor, _account(request)
        before = id_of(request.query.get("before", "")) or LAST
        found = await self._found(request, before, PAGE_SIZE + 1)
        shown = found[:PAGE_SIZE]
        older = None
        if len(found) > PAGE_SIZE:
            query = {**request.query, "before": str(shown[-1].id)}
            older = str(request.rel_url.with_query(query))
        values = {
            "consents": shown, "older": older, "whats": WHATS,
            "lists": await self._contacts.lists(actor, account),
            "list": id_of(request.query.get("list", "")), "what": request.query.get("what", ""),
            "search": request.query.get("q", "")[:320], "query": request.rel_url.query_string,
            "may_export": actor.may(Permission.EXPORT, account),
        }  # fmt: skip
        return self._renderer.page(request, "consents.html", values)

    async def export(self, request: web.Request) -> web.StreamResponse:
        """What the query leaves, as CSV or XLSX."""
        session_of(request).actor.require(Permission.EXPORT, _account(request))

        async def pieces() -> AsyncIterator[Sequence[Sequence[Cell]]]:
            before = LAST
            while found := await self._found(request, before, PIECE):
                yield [
                    (
                        c.email, c.list_name, c.what, c.text_version, c.text, c.address, c.agent,
                        rfc3339(c.at_ms),
                    )
                    for c in found
                ]  # fmt: skip
                before = found[-1].id

        texts = self._renderer.texts(request)
        headings = [texts(f"optin.column.{name}") for name in _COLUMNS]
        return await send_table(request, "consents", headings, pieces(), _WIDTHS)

    async def ask(self, request: web.Request) -> web.StreamResponse:
        """Mail one member, or all whom nobody asked yet."""
        session, form, number = session_of(request), await request.post(), _number(request)
        contact = id_of(text_of(form, "contact"))
        told = []

        async def work() -> None:
            chosen = [contact] if contact else []
            told.append(await self._optin.ask(session.actor, number, chosen))

        if problem := await refusal(work()):
            session.tell(problem, tone="bad")
        else:
            session.tell(self._renderer.texts(request).count("optin.asked", told[0]))
        raise web.HTTPSeeOther(f"/lists/{number}")

    async def _found(self, request: web.Request, before: int, count: int) -> Sequence[Consent]:
        return await self._optin.consents(
            session_of(request).actor, _account(request), before=before, count=count,
            list_id=id_of(request.query.get("list", "")), what=request.query.get("what", ""),
            email=request.query.get("q", "")[:320],
        )  # fmt: skip


def _number(request: web.Request) -> int:
    return id_of(request.match_info["id"])


def _account(request: web.Request) -> int:
    account = current_account(session_of(request))
    if account is None:
        raise web.HTTPForbidden
    return account.id
