"""`/closing`: everything of an account as a file; its erasure by two persons, with a certificate (T-t)."""

from aiohttp import web

from console.accounts.actor import NotPermitted
from console.accounts.approvals.service import ApprovalService
from console.accounts.approvals.values import Approval, ApprovalKind, ApprovalState
from console.accounts.permissions import Permission
from console.accounts.signin.sessions import Session
from console.pages.account_switch import current_account
from console.pages.documents_sent import send_document
from console.pages.forms import id_of, refusal, text_of
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from console.privacy.closing.erasures import AccountErasures
from console.privacy.closing.exports import AccountExports
from console.privacy.closing.values import AccountErasure, ErasureState
from mta.model.clock import Clock
from mta.model.errors import PermanentError

_EXPORT = r"/closing/exports/{id:[0-9]{1,19}}"
_ERASURE = r"/closing/{number:[0-9]{1,15}}"
_DECIDE = r"/closing/decide/{id:[0-9]{1,19}}"


class ClosingPages:
    """For those with `privacy.manage`, about the account they work in and those below it."""

    def __init__(
        self,
        renderer: Renderer,
        exports: AccountExports,
        erasures: AccountErasures,
        approvals: ApprovalService,
        clock: Clock,
    ) -> None:
        self._renderer = renderer
        self._exports = exports
        self._erasures = erasures
        self._approvals = approvals
        self._clock = clock

    def add_routes(self, app: web.Application) -> None:
        """All of them."""
        app.router.add_get("/closing", self.show)
        app.router.add_post("/closing/exports", self.export)
        app.router.add_get(_EXPORT, self.download)
        app.router.add_post("/closing/erase", self.erase)
        app.router.add_get(_DECIDE, self.decision)
        app.router.add_post(_DECIDE, self.decide)
        app.router.add_post(_ERASURE + "/undo", self.undo)
        app.router.add_get(_ERASURE + "/certificate", self.certificate)

    async def show(self, request: web.Request) -> web.Response:
        """Exports with their progress, what an erasure would take away, erasures."""
        return await self._page(request)

    async def export(self, request: web.Request) -> web.StreamResponse:
        """Have everything written to a file."""
        session = _session(request)
        if problem := await refusal(self._exports.ask(session.actor, session.account)):
            return await self._page(request, problem=problem, status=422)
        session.tell(self._renderer.texts(request)("closing.asked"))
        raise web.HTTPSeeOther("/closing")

    async def download(self, request: web.Request) -> web.StreamResponse:
        """The file, from the disk as it goes."""
        session, number = session_of(request), id_of(request.match_info["id"])
        found = await self._exports.get(session.actor, number)
        try:
            path = await self._exports.file(session.actor, number)
        except PermanentError as error:
            return await self._page(request, problem=str(error), status=409)
        name = f"relevo-{found.account}-{number}.zip"
        headers = {
            "Content-Type": "application/zip",
            "Content-Disposition": f'attachment; filename="{name}"',
            "X-Content-SHA256": found.sha256,
        }
        return web.FileResponse(path, headers=headers)

    async def erase(self, request: web.Request) -> web.StreamResponse:
        """Ask for the erasure; the name of the account was typed."""
        session, form = _session(request), await request.post()
        name = session.accounts[session.account].name
        if text_of(form, "typed") != name:
            return await self._page(request, key="closing.not_typed", status=422)
        work = self._erasures.ask(session.actor, session.account, name, text_of(form, "why", 1_000))
        if problem := await refusal(work):
            return await self._page(request, problem=problem, status=422)
        session.tell(self._renderer.texts(request)("closing.erasure_asked"))
        raise web.HTTPSeeOther("/closing")

    async def decision(self, request: web.Request) -> web.Response:
        """What is asked for, for the second person."""
        return await self._decision(request)

    async def decide(self, request: web.Request) -> web.StreamResponse:
        """Confirm or reject."""
        session, form = session_of(request), await request.post()
        asked = await self._asked(request, session)
        confirm, why = text_of(form, "decision") == "confirm", text_of(form, "why", 1_000)
        if confirm:
            work = self._approvals.approve(session.actor, asked.id, why)
        else:
            work = self._approvals.reject(session.actor, asked.id, why)
        try:
            problem = await refusal(work)
        except NotPermitted as error:
            problem = str(error)
        if problem:
            return await self._decision(request, problem=problem, status=422)
        key = "closing.confirmed" if confirm else "closing.rejected"
        session.tell(self._renderer.texts(request)(key))
        raise web.HTTPSeeOther("/closing")

    async def undo(self, request: web.Request) -> web.StreamResponse:
        """Take an erasure back."""
        session, number = session_of(request), int(request.match_info["number"])
        await self._erasures.get(session.actor, number)
        if problem := await refusal(self._erasures.undo(session.actor, number)):
            return await self._page(request, problem=problem, status=422)
        session.tell(self._renderer.texts(request)("closing.undone"))
        raise web.HTTPSeeOther("/closing")

    async def certificate(self, request: web.Request) -> web.Response:
        """That the account was erased, as a document."""
        session, number = session_of(request), int(request.match_info["number"])
        done = await self._erasures.get(session.actor, number)
        if done.state is not ErasureState.DONE:
            raise web.HTTPNotFound
        return await send_document(
            request, self._renderer, "closing_certificate.html", {"done": done},
            f"erasure-{number}",
        )  # fmt: skip

    async def _asked(self, request: web.Request, session: Session) -> Approval:
        asked = await self._approvals.get(session.actor, id_of(request.match_info["id"]))
        if asked.kind is not ApprovalKind.ACCOUNT_ERASURE:
            raise web.HTTPNotFound
        session.actor.require(Permission.PRIVACY_MANAGE, asked.account)
        return asked

    async def _decision(
        self, request: web.Request, *, problem: str = "", status: int = 200
    ) -> web.Response:
        session = session_of(request)
        asked = await self._asked(request, session)
        account = session.accounts.get(asked.account)
        values = {
            "asked": asked,
            "name": account.name if account else "–",
            "counts": await self._erasures.look(session.actor, asked.account),
            "is_open": asked.state is ApprovalState.PENDING,
            "may_decide": self._approvals.may_decide(session.actor, asked),
            "wait_s": self._erasures.wait_s,
            "problem": problem,
        }
        return self._renderer.page(request, "closing_decide.html", values, status=status)

    async def _page(
        self, request: web.Request, *, problem: str = "", key: str = "", status: int = 200
    ) -> web.Response:
        session = _session(request)
        account, exports = session.account, await self._exports.all(session.actor)
        erasures = await self._erasures.all(session.actor)
        own = [one for one in exports if one.account == account]
        running = {one.id: self._exports.progress(one.id) for one in own}
        values = {
            "account": current_account(session),
            "exports": own,
            "running": running,
            "is_running": any(one.state in ("waiting", "running") for one in own),
            "kept_s": self._exports.kept_s,
            "counts": await self._erasures.look(session.actor, account),
            "erasures": [(one, self._may_undo(one)) for one in erasures],
            "is_asked": any(
                one.account == account and one.state in ("asked", "waiting", "erasing")
                for one in erasures
            ),
            "wait_s": self._erasures.wait_s,
            "problem": problem,
            "key": key,
        }
        return self._renderer.page(request, "closing.html", values, status=status)

    def _may_undo(self, one: AccountErasure) -> bool:
        return one.state is ErasureState.WAITING and one.due_ms > self._clock.now_ms()


def _session(request: web.Request) -> Session:
    session = session_of(request)
    session.actor.require(Permission.PRIVACY_MANAGE, session.account)
    return session
