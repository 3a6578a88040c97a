"""`/refunds`: sends that failed are put back; one person proposes, a second one decides (T-q)."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from aiohttp import web

from console.accounts.actor import NotPermitted, NotVisible
from console.accounts.approvals.service import ApprovalService
from console.accounts.approvals.values import ApprovalKind
from console.accounts.audit import AuditTrail
from console.accounts.csv_text import Cell
from console.accounts.incidents.register import IncidentRegister
from console.accounts.permissions import Permission
from console.accounts.quota.refund_values import ALWAYS_MS, Refund, RefundItem, RefundState
from console.accounts.quota.service import QuotaService
from console.accounts.signin.sessions import Session
from console.pages.downloads import send_csv, send_xlsx
from console.pages.forms import id_of, refusal, text_of
from console.pages.refund_form import FIELDS, By, RefundForm, read_form
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from mta.model.errors import PermanentError
from mta.model.traffic import DeliveryState

PAGE = 50
_ONE = r"/refunds/{id:[0-9]{1,19}}"
_LAST = 2**63 - 1
_SHOWN = (
    RefundState.CONFIRMED, RefundState.DONE, RefundState.REJECTED, RefundState.LAPSED,
)  # fmt: skip
FILTERS = (RefundState.PROPOSED, *_SHOWN)
COLUMNS = ("delivery", "message", "recipient", "state", "account")


class RefundPages:
    """The list, the form with its count, one refund and its decision."""

    def __init__(
        self,
        renderer: Renderer,
        quota: QuotaService,
        approvals: ApprovalService,
        trail: AuditTrail,
        register: IncidentRegister,
    ) -> None:
        self._renderer = renderer
        self._quota = quota
        self._approvals = approvals
        self._trail = trail
        self._register = register

    def add_routes(self, app: web.Application) -> None:
        """All of them."""
        app.router.add_get("/refunds", self.list)
        app.router.add_get("/refunds/new", self.new)
        app.router.add_post("/refunds/new", self.propose)
        app.router.add_get(_ONE, self.show)
        app.router.add_get(_ONE + "/deliveries.csv", self.export)
        app.router.add_get(_ONE + "/deliveries.xlsx", self.export)
        app.router.add_post(_ONE + "/decide", self.decide)
        app.router.add_post(_ONE + "/again", self.again)

    async def list(self, request: web.Request) -> web.Response:
        """What waits for a decision first, then the rest, the newest first."""
        session = session_of(request)
        session.actor.require(Permission.QUOTA_VIEW, session.account)
        refunds, account = self._quota.refunds, session.account
        state = request.query.get("state", "")
        wanted = [RefundState(state)] if state in FILTERS else []
        before = min(id_of(request.query.get("before", "")) or _LAST, _LAST)
        waiting: Sequence[Refund] = ()
        if not wanted and before == _LAST:
            waiting = await refunds.list(
                session.actor, PAGE + 1, account=account, states=[RefundState.PROPOSED]
            )
        found = await refunds.list(
            session.actor, PAGE + 1, before=before, account=account, states=wanted or _SHOWN
        )
        shown = [*waiting[:PAGE], *found[:PAGE]]
        older = None
        if len(found) > PAGE:
            older = str(request.rel_url.update_query(before=str(found[PAGE - 1].id)))
        values = {
            "refunds": shown,
            "names": await self._quota.refund_log.names(session.actor, shown),
            "accounts": {a.id: a.name for a in session.accounts.values()},
            "state": state if wanted else "",
            "filters": FILTERS,
            "older": older,
            "more_waiting": len(waiting) > PAGE,
            "always_ms": ALWAYS_MS,
            "may_propose": session.actor.may(Permission.REFUND_PROPOSE, account),
        }
        return self._renderer.page(request, "refunds.html", values)

    # -- proposing -----------------------------------------------------------------------------

    async def new(self, request: web.Request) -> web.Response:
        """The form, filled in from the query: other pages link to it."""
        form = read_form(request.query, self._renderer.zone_of(request))
        return await self._form(request, form, {})

    async def propose(self, request: web.Request) -> web.StreamResponse:
        """`action`: count (the form is shown with what it would put back), edit, or propose."""
        session, given = session_of(request), await request.post()
        form = read_form(given, self._renderer.zone_of(request))
        session.actor.require(Permission.REFUND_PROPOSE, session.account)
        action = text_of(given, "action")
        if action == "edit":
            return await self._form(request, form, {})
        if form.errors:
            return await self._form(request, form, form.errors, status=422)
        if action == "propose":
            try:
                made = await self._quota.refunds.propose(
                    session.actor, session.account, form.subject, form.reason,
                    scope=form.scope, resend=form.resend, evidence=form.evidence,
                )  # fmt: skip
            except (NotPermitted, NotVisible):
                raise
            except PermanentError as error:
                return await self._form(request, form, {}, problem=str(error), status=422)
            session.tell(self._renderer.texts(request).count("refunds.proposed", made.n))
            raise web.HTTPSeeOther(f"/refunds/{made.id}")
        return await self._count(request, form)

    async def _count(self, request: web.Request, form: RefundForm) -> web.Response:
        session, log = session_of(request), self._quota.refund_log
        states = await log.preview(session.actor, session.account, form.subject, form.scope)
        if not states:
            return await self._form(request, form, {form.by.value: "refunds.nothing"}, status=422)
        flows = await log.flows(session.actor, session.account)
        values = {
            "form": form,
            "states": states,
            "n": sum(states.values()),
            "flow_name": next((f.name for f in flows if f.id == form.subject.flow), ""),
            "always_ms": ALWAYS_MS,
        }
        return self._renderer.page(request, "refund_count.html", values)

    async def _form(
        self,
        request: web.Request,
        form: RefundForm,
        errors: Mapping[str, str],
        *,
        problem: str = "",
        status: int = 200,
    ) -> web.Response:
        session = session_of(request)
        texts = self._renderer.texts(request)
        values = {
            "form": form,
            "ways": list(By),
            "flows": await self._quota.refund_log.flows(session.actor, session.account),
            "errors": {
                name: texts(errors[name]) if name in errors else "" for name in (*FIELDS, By.TIME)
            },
            "problem": problem,
        }
        return self._renderer.page(request, "refund_new.html", values, status=status)

    # -- one refund ----------------------------------------------------------------------------

    async def show(self, request: web.Request) -> web.Response:
        """One refund: who, why, what, and the decision if this person can make it."""
        return await self._one(request)

    async def decide(self, request: web.Request) -> web.StreamResponse:
        """Confirm or reject as the second person, or take one's own back."""
        session, form = session_of(request), await request.post()
        number, confirm = _number(request), text_of(form, "decision") == "confirm"
        why = text_of(form, "why", 1_000)
        work = self._quota.refunds.decide(
            session.actor, number, confirm=confirm, reason=why, is_waiting=False
        )
        if problem := await refusal(work):
            return await self._one(request, problem=problem, status=422)
        texts = self._renderer.texts(request)
        session.tell(texts("refunds.was_confirmed" if confirm else "refunds.was_rejected"))
        raise web.HTTPSeeOther(f"/refunds/{number}")

    async def again(self, request: web.Request) -> web.StreamResponse:
        """Propose what has lapsed once more, with the same list."""
        session, number = session_of(request), _number(request)
        if problem := await refusal(self._quota.refunds.propose_again(session.actor, number)):
            return await self._one(request, problem=problem, status=422)
        session.tell(self._renderer.texts(request)("refunds.was_proposed_again"))
        raise web.HTTPSeeOther(f"/refunds/{number}")

    async def export(self, request: web.Request) -> web.StreamResponse:
        """The whole list in pieces, as CSV or XLSX by the path."""
        session, number = session_of(request), _number(request)
        names = {a.id: a.name for a in session.accounts.values()}

        async def pieces() -> AsyncIterator[Sequence[Sequence[Cell]]]:
            log = self._quota.refund_log
            async for items in log.export(session.actor, number, self._trail):
                yield [_cells(item, names) for item in items]

        send = send_xlsx if request.path.endswith(".xlsx") else send_csv
        return await send(request, f"refund-{number}", COLUMNS, pieces())

    async def _one(
        self, request: web.Request, *, problem: str = "", status: int = 200
    ) -> web.Response:
        session, number = session_of(request), _number(request)
        refund = await self._quota.refunds.get(session.actor, number)
        after = min(id_of(request.query.get("after", "")), _LAST)
        items = await self._quota.refunds.items(session.actor, number, after, PAGE + 1)
        log = self._quota.refund_log
        older = None
        if len(items) > PAGE:
            older = f"/refunds/{number}?after={items[PAGE - 1].delivery}#deliveries"
        values = {
            "refund": refund,
            "causes": await self._register.causes(session.actor, number),
            "flow_name": (await log.names(session.actor, [refund])).get(refund.subject.flow, ""),
            "states": await log.states(session.actor, number),
            "items": items[:PAGE],
            "label": _label,
            "is_first": after == 0,
            "older": older,
            "accounts": {a.id: a.name for a in session.accounts.values()},
            "always_ms": ALWAYS_MS,
            "may_export": session.actor.may(Permission.EXPORT, refund.account),
            "may_propose": session.actor.may(Permission.REFUND_PROPOSE, refund.account),
            "problem": problem,
            **await self._decision(session, refund),
        }
        return self._renderer.page(request, "refund.html", values, status=status)

    async def _decision(self, session: Session, refund: Refund) -> dict[str, Any]:
        """What this person can do about it."""
        asked = await self._approvals.pending_of(
            session.actor, ApprovalKind.REFUND, refund.account, str(refund.id)
        )
        is_open = refund.state is RefundState.PROPOSED
        is_mine = asked is not None and asked.was_asked_by(session.actor)
        may = session.actor.may(Permission.REFUND_CONFIRM, refund.account) and session.actor.may(
            Permission.APPROVE, refund.account
        )
        return {
            "may_decide": is_open and may and not is_mine,
            "may_take_back": is_open and is_mine,
        }


def _number(request: web.Request) -> int:
    return min(int(request.match_info["id"]), _LAST)


def _label(item: RefundItem) -> str:
    return DeliveryState(item.state).label


def _cells(item: RefundItem, names: Mapping[int, str]) -> Sequence[Cell]:
    account = names.get(item.account, str(item.account))
    return (str(item.delivery), str(item.message), item.address, _label(item), account)
