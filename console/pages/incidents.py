"""`/incidents`: the register, with the time left to tell the authority; one incident, its report (T-t)."""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

from aiohttp import web

from console.accounts.csv_text import Cell
from console.accounts.incidents.entries import Kind, Registered, Severity, Whom
from console.accounts.incidents.register import IncidentRegister
from console.accounts.incidents.service import IncidentService
from console.accounts.permissions import Permission
from console.accounts.signin.sessions import Session
from console.pages.documents_sent import send_document
from console.pages.downloads import Pieces, send_csv, send_xlsx
from console.pages.forms import id_of, refusal
from console.pages.incident_form import (
    judgement_values,
    moment_field,
    read_filter,
    read_judgement,
    read_notice,
)
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from mta.events.record import rfc3339
from mta.model.clock import Clock
from mta.model.errors import PermanentError

PAGE = 50
_LAST = 2**62
_ONE = r"/incidents/{number:[0-9]{1,15}}"
COLUMNS = (
    "number", "account", "opened", "kind", "severity", "state", "subject", "happened", "began",
    "known", "deadline", "authority_told", "clock", "data", "people", "measures", "closed",
)  # fmt: skip
WIDTHS = (9, 22, 21, 11, 11, 11, 40, 60, 21, 21, 21, 21, 11, 40, 10, 60, 21)


class IncidentPages:
    """For those who see the audit trail; who manages settings writes."""

    def __init__(
        self,
        renderer: Renderer,
        incidents: IncidentService,
        register: IncidentRegister,
        clock: Clock,
    ) -> None:
        self._renderer = renderer
        self._incidents = incidents
        self._register = register
        self._clock = clock

    def add_routes(self, app: web.Application) -> None:
        """All of them."""
        app.router.add_get("/incidents", self.list)
        app.router.add_get("/incidents.csv", self.export)
        app.router.add_get("/incidents.xlsx", self.export)
        app.router.add_get(_ONE, self.show)
        app.router.add_get(_ONE + "/report", self.report)
        app.router.add_post(_ONE + "/judge", self.judge)
        app.router.add_post(_ONE + "/tell", self.tell)
        app.router.add_post(_ONE + "/link", self.link)

    async def list(self, request: web.Request) -> web.Response:
        """The register, the newest first."""
        session = session_of(request)
        session.actor.require(Permission.AUDIT_VIEW, session.account)
        wanted = read_filter(request.query, self._renderer.zone_of(request))
        before = id_of(request.query.get("before", "")) or _LAST
        found = await self._register.page(session.actor, wanted, before=before, count=PAGE + 1)
        shown, older = found[:PAGE], None
        if len(found) > PAGE:
            last = str(shown[-1].incident.number)
            older = str(request.rel_url.update_query(before=last))
        query = {k: v for k, v in request.query.items() if k != "before"}
        clocks = [(one, self._register.countdown(one)) for one in shown]
        values = {
            "entries": clocks,
            "kinds": list(Kind),
            "severities": list(Severity),
            "query": request.query,
            "older": older,
            "newer": str(request.rel_url.with_query(query)) if before != _LAST else None,
            "csv": str(request.rel_url.with_path("/incidents.csv").with_query(query)),
            "xlsx": str(request.rel_url.with_path("/incidents.xlsx").with_query(query)),
            "accounts": session.accounts,
            "notice_s": self._register.notice_s,
            "may_export": session.actor.may(Permission.EXPORT, session.account),
        }
        return self._renderer.page(request, "incidents.html", values)

    async def export(self, request: web.Request) -> web.StreamResponse:
        """The same as CSV or XLSX, by the path; times in UTC."""
        session = session_of(request)
        session.actor.require(Permission.AUDIT_VIEW, session.account)
        session.actor.require(Permission.EXPORT, session.account)
        texts = self._renderer.texts(request)
        headings = [texts(f"incidents.column.{name}") for name in COLUMNS]
        if request.path.endswith(".csv"):
            return await send_csv(request, "incidents", headings, self._pieces(request))
        return await send_xlsx(request, "incidents", headings, self._pieces(request), WIDTHS)

    async def show(self, request: web.Request) -> web.Response:
        """One incident: its clock, what it is, who was told, what happened to it."""
        return await self._one(request)

    async def report(self, request: web.Request) -> web.Response:
        """The same as a document."""
        session, number = session_of(request), _number(request)
        values = await self._facts(session, number)
        values |= {"made_ms": self._clock.now_ms(), "by": session.email}
        return await send_document(
            request, self._renderer, "incident_report.html", values, f"incident-{number}"
        )

    async def judge(self, request: web.Request) -> web.StreamResponse:
        """Say what it is."""
        session, form, number = session_of(request), await request.post(), _number(request)
        zone = self._renderer.zone_of(request)
        before = await self._register.get(session.actor, number)
        try:
            judgement = read_judgement(form, zone, before.judgement)
        except PermanentError as error:
            return await self._one(request, problem=str(error), form=form, status=422)
        if problem := await refusal(self._register.judge(session.actor, number, judgement)):
            return await self._one(request, problem=problem, form=form, status=422)
        session.tell(self._renderer.texts(request)("incidents.judged"))
        raise web.HTTPSeeOther(f"/incidents/{number}")

    async def tell(self, request: web.Request) -> web.StreamResponse:
        """Note that somebody was told."""
        session, form, number = session_of(request), await request.post(), _number(request)
        try:
            told = read_notice(form, self._renderer.zone_of(request), self._clock.now_ms())
        except PermanentError as error:
            return await self._one(request, problem=str(error), status=422)
        if problem := await refusal(self._register.tell(session.actor, number, *told)):
            return await self._one(request, problem=problem, status=422)
        session.tell(self._renderer.texts(request)("incidents.told"))
        raise web.HTTPSeeOther(f"/incidents/{number}")

    async def link(self, request: web.Request) -> web.StreamResponse:
        """Say which refund it led to."""
        session, form, number = session_of(request), await request.post(), _number(request)
        refund = id_of(str(form.get("refund", "")))
        if problem := await refusal(self._register.link(session.actor, number, refund)):
            return await self._one(request, problem=problem, status=422)
        session.tell(self._renderer.texts(request)("incidents.linked"))
        raise web.HTTPSeeOther(f"/incidents/{number}")

    async def _one(
        self,
        request: web.Request,
        *,
        problem: str = "",
        form: Mapping[str, Any] | None = None,
        status: int = 200,
    ) -> web.Response:
        session, number = session_of(request), _number(request)
        values = await self._facts(session, number)
        one, zone = values["one"], self._renderer.zone_of(request)
        may_write = session.actor.may(Permission.SETTINGS_MANAGE, one.incident.account)
        linked = {refund.id for refund in values["refunds"]}
        choices = await self._register.refund_choices(session.actor) if may_write else ()
        values |= {
            "form": {**judgement_values(one, zone), **(form or {})},
            "kinds": list(Kind),
            "severities": list(Severity),
            "whom": list(Whom),
            "now": moment_field(self._clock.now_ms(), zone),
            "choices": [c for c in choices if c.id not in linked and c.state != "collecting"],
            "may_write": may_write,
            "problem": problem,
        }
        return self._renderer.page(request, "incident.html", values, status=status)

    async def _facts(self, session: Session, number: int) -> dict[str, Any]:
        register, actor = self._register, session.actor
        one = await register.get(actor, number)
        notes = await self._incidents.notes(actor, number)
        judgements = await register.judgements(actor, number)
        notices = await register.notices(actor, number)
        refunds = await register.refunds(actor, number)
        line = [
            (one.incident.created_ms, "opened", one.incident.opened_by_name, one.incident),
            *((note.at_ms, "note", note.author_name, note) for note in notes),
            *((j.at_ms, "judgement", j.author, j) for j in judgements),
            *((notice.at_ms, "notice", notice.author, notice) for notice in notices),
            *((refund.at_ms, "refund", refund.author, refund) for refund in refunds),
        ]
        account = session.accounts.get(one.incident.account)
        return {
            "one": one,
            "clock": register.countdown(one),
            "notices": notices,
            "refunds": refunds,
            "line": sorted(line, key=itemgetter(0)),
            "account_name": account.name if account is not None else "–",
        }

    async def _pieces(self, request: web.Request) -> Pieces:
        session, texts = session_of(request), self._renderer.texts(request)
        wanted = read_filter(request.query, self._renderer.zone_of(request))
        names = {number: account.name for number, account in session.accounts.items()}
        async for found in self._register.all(session.actor, wanted):
            yield [self._cells(one, names, texts) for one in found]

    def _cells(self, one: Registered, names: dict[int, str], texts: Any) -> Sequence[Cell]:
        incident, j, clock = one.incident, one.judgement, self._register.countdown(one)
        has_clock = clock.state != "none"
        return (
            incident.number, names.get(incident.account, "–"), _at(incident.created_ms),
            texts(f"incidents.kind.{j.kind}"), texts(f"incidents.severity.{j.severity}"),
            texts(f"support.states.{incident.state}"), incident.subject, j.happened,
            _at(j.began_ms), _at(j.known_ms), _at(clock.deadline_ms if has_clock else 0),
            _at(one.told_ms), texts(f"incidents.clock.{clock.state}"), j.data, j.people, j.measures,
            _at(incident.closed_ms),
        )  # fmt: skip


def _number(request: web.Request) -> int:
    return int(request.match_info["number"])


def _at(at_ms: int) -> str:
    return rfc3339(at_ms) if at_ms else ""
