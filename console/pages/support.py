"""`/support`: how to reach the support, a form that opens an incident, and how incidents go on."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from console.accounts.actor import NotPermitted, NotVisible
from console.accounts.incidents.service import IncidentService
from console.accounts.incidents.values import STEPS, Category, Incident, IncidentState
from console.accounts.permissions import Permission
from console.accounts.signin.sessions import Session
from console.pages.account_switch import current_account
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from mta.model.clock import Clock
from mta.model.errors import PermanentError
from mta.settings.console_schema import Support
from mta.settings.hours import opening, read_spans

PAGE_SIZE = 25
_LAST = 2**62


class SupportPages:
    """Every signed-in person has them, for the accounts that he sees."""

    def __init__(
        self,
        renderer: Renderer,
        incidents: IncidentService,
        support: Support,
        clock: Clock,
        timezone: str,
    ) -> None:
        """`timezone`: of the support's hours."""
        self._renderer = renderer
        self._clock = clock
        self._zone = ZoneInfo(timezone)
        self._spans = read_spans(support.schedule)
        self._holidays = [date.fromisoformat(day) for day in support.holidays]
        self._incidents = incidents
        self._support = support

    def add_routes(self, app: web.Application) -> None:
        """All of them."""
        app.router.add_get("/support", self.show)
        app.router.add_post("/support", self.open)
        app.router.add_get("/support/{number:[0-9]{1,15}}", self.incident)
        app.router.add_post("/support/{number:[0-9]{1,15}}", self.answer)

    async def show(self, request: web.Request) -> web.Response:
        """Contact, form, incidents."""
        return await self._page(request, {}, "")

    async def open(self, request: web.Request) -> web.StreamResponse:
        """A new incident in the account that the person works in."""
        session, form = session_of(request), await request.post()
        values = {
            name: str(form.get(name, "")) for name in ("category", "subject", "text", "contact")
        }
        account = _account(session)
        if account is None:
            raise web.HTTPForbidden
        try:
            incident = await self._incidents.open(
                session.actor, account, Category(values["category"]), values["subject"],
                values["text"], values["contact"],
            )  # fmt: skip
        except NotPermitted:
            raise web.HTTPForbidden from None
        except (PermanentError, ValueError):
            return await self._page(request, values, "support.unfit", status=422)
        session.tell(self._renderer.texts(request)("support.opened", number=incident.number))
        raise web.HTTPSeeOther(f"/support/{incident.number}")

    async def incident(self, request: web.Request) -> web.Response:
        """One of them with all that was said."""
        return await self._incident(request, "", "")

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Say something, and perhaps put it in another state."""
        session, form = session_of(request), await request.post()
        number, text = int(request.match_info["number"]), str(form.get("text", ""))
        state, reference = str(form.get("state", "")), str(form.get("reference", ""))
        try:
            if state:
                moved = IncidentState(state)
                await self._incidents.move(session.actor, number, moved, text, reference=reference)
            else:
                await self._incidents.add_note(session.actor, number, text)
        except NotVisible:
            raise web.HTTPNotFound from None
        except NotPermitted:
            raise web.HTTPForbidden from None
        except (PermanentError, ValueError):
            return await self._incident(request, text, "support.unfit_note", status=422)
        raise web.HTTPSeeOther(f"/support/{number}")

    async def _page(
        self, request: web.Request, values: Mapping[str, str], problem: str, *, status: int = 200
    ) -> web.Response:
        session = session_of(request)
        before = request.query.get("before", "")
        start = int(before) if before.isascii() and before.isdigit() and len(before) < 16 else _LAST
        found = await self._incidents.list(session.actor, before=start, count=PAGE_SIZE + 1)
        shown = found[:PAGE_SIZE]
        older = f"/support?before={shown[-1].number}" if len(found) > PAGE_SIZE else None
        context: dict[str, Any] = {
            "support": self._support,
            "opening": self._opening(),
            "categories": [category.value for category in Category],
            "incidents": shown,
            "accounts": session.accounts,
            "may_open": _account(session) is not None,
            "older": older,
            "newer": "/support" if start != _LAST else None,
            "form": {"contact": session.email, **values},
            "problem": problem,
        }
        return self._renderer.page(request, "support.html", context, status=status)

    def _opening(self) -> tuple[bool, int] | None:
        """Whether it is open and when that changes (0: nobody knows); None: without a schedule."""
        if not self._spans:
            return None
        now = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)
        found = opening(self._spans, self._holidays, self._zone, now)
        changes = round(found.changes.timestamp() * 1000) if found.changes else 0
        return found.is_open, changes

    async def _incident(
        self, request: web.Request, text: str, problem: str, *, status: int = 200
    ) -> web.Response:
        session, number = session_of(request), int(request.match_info["number"])
        try:
            incident = await self._incidents.get(session.actor, number)
            notes = await self._incidents.notes(session.actor, number)
        except NotVisible:
            raise web.HTTPNotFound from None
        account = session.accounts.get(incident.account)
        context: dict[str, Any] = {
            "incident": incident,
            "account_name": account.name if account is not None else "",
            "notes": notes,
            "steps": self._steps(session, incident),
            "may_see_register": session.actor.may(Permission.AUDIT_VIEW, incident.account),
            "may_manage": session.actor.may(Permission.SETTINGS_MANAGE, incident.account),
            "text": text,
            "problem": problem,
        }
        return self._renderer.page(request, "support_incident.html", context, status=status)

    def _steps(self, session: Session, incident: Incident) -> list[str]:
        return [
            state.value
            for state in STEPS[incident.state]
            if self._incidents.may_move(session.actor, incident, state)
        ]


def _account(session: Session) -> int | None:
    account = current_account(session)
    if account is None or not session.actor.may(Permission.ACCOUNT_VIEW, account.id):
        return None
    return account.id
