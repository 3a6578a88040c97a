"""Signing in, with a second factor where there is one, and out."""

import math
from urllib.parse import quote

import structlog
from aiohttp import web

from console.accounts.signin.service import SignIn, Step, Verdict
from console.pages.forms import local_path
from console.pages.open_forms import client_of, form_token, is_own_form, keep_token
from console.pages.rendering import Renderer
from console.pages.sessions import cookie_name, delete_cookie, session_of, set_cookie

_STATUS = {
    Verdict.WRONG: 401,
    Verdict.WRONG_CODE: 401,
    Verdict.BLOCKED: 429,
    Verdict.BUSY: 503,
}
_TICKET_S = 300


class SignInPages:
    """`/login`, `/login/code` and `/logout`."""

    def __init__(self, renderer: Renderer, sign_in: SignIn) -> None:
        self._renderer = renderer
        self._sign_in = sign_in
        self._log = structlog.get_logger("relevo.console")

    def add_routes(self, app: web.Application) -> None:
        """`/login…` is open to all, `/logout` needs a session like every other page."""
        app.router.add_get("/login", self.show)
        app.router.add_post("/login", self.submit)
        app.router.add_get("/login/code", self.show_code)
        app.router.add_post("/login/code", self.submit_code)
        app.router.add_post("/logout", self.leave)

    async def show(self, request: web.Request) -> web.Response:
        """The form; who is signed in already goes on."""
        identifier = request.cookies.get(cookie_name(request), "")
        if await self._sign_in.sessions.find(identifier) is not None:
            raise web.HTTPSeeOther(local_path(request.query.get("next", "/")))
        return self._form(request, "login.html")

    async def submit(self, request: web.Request) -> web.StreamResponse:
        """Check and open a session under a new id, ask for a code, or show the form again."""
        form = await request.post()
        email, next_path = str(form.get("email", "")).strip(), local_path(str(form.get("next", "")))
        if not is_own_form(request, form):
            return self._form(request, "login.html", "login.stale", email=email, status=403)
        step = await self._sign_in.password(
            email, str(form.get("password", "")), client_of(request)
        )
        if step.verdict is Verdict.NEEDS_CODE:
            response = web.HTTPSeeOther(f"/login/code?next={quote(next_path, safe='/')}")
            _set_ticket(request, response, step.secret)
            raise response
        if step.verdict is Verdict.SIGNED_IN:
            await self._enter(request, step, next_path)
        self._log.warning(
            "sign_in_refused", email=email[:320], peer=request.remote, why=step.verdict
        )
        return self._refused(request, "login.html", step, email=email)

    async def show_code(self, request: web.Request) -> web.Response:
        """The form for the code."""
        if not request.cookies.get(_ticket_name(request)):
            raise web.HTTPSeeOther("/login")
        return self._form(request, "login_code.html")

    async def submit_code(self, request: web.Request) -> web.StreamResponse:
        """Open the session, or show the form again."""
        form = await request.post()
        if not is_own_form(request, form):
            return self._form(request, "login_code.html", "login.stale", status=403)
        ticket = request.cookies.get(_ticket_name(request), "")
        step = await self._sign_in.code(ticket, str(form.get("code", "")), client_of(request))
        if step.verdict is Verdict.SIGNED_IN:
            await self._enter(request, step, local_path(str(form.get("next", ""))))
        self._log.warning("sign_in_refused", peer=request.remote, why=step.verdict)
        if step.verdict is Verdict.WRONG:  # the ticket is too old
            raise web.HTTPSeeOther("/login?late=1")
        return self._refused(request, "login_code.html", step)

    async def leave(self, request: web.Request) -> web.StreamResponse:
        """End the session."""
        await self._sign_in.leave(session_of(request))
        response = web.HTTPSeeOther("/login?out=1")
        delete_cookie(request, response)
        raise response

    async def _enter(self, request: web.Request, step: Step, next_path: str) -> None:
        sessions = self._sign_in.sessions
        before = await sessions.find(request.cookies.get(cookie_name(request), ""), is_use=False)
        if before is not None:
            await sessions.close(before)
        self._log.info("signed_in", peer=request.remote)
        response = web.HTTPSeeOther(next_path)
        set_cookie(request, response, step.secret)
        if _ticket_name(request) in request.cookies:
            response.del_cookie(_ticket_name(request), path="/", secure=request.secure)
        raise response

    def _refused(
        self, request: web.Request, template: str, step: Step, *, email: str = ""
    ) -> web.Response:
        response = self._form(
            request,
            template,
            f"login.{step.verdict}",
            email=email,
            status=_STATUS[step.verdict],
            wait_s=math.ceil(step.wait_s),
        )
        if step.wait_s:
            response.headers["Retry-After"] = str(math.ceil(step.wait_s))
        return response

    def _form(
        self,
        request: web.Request,
        template: str,
        problem: str = "",
        *,
        email: str = "",
        status: int = 200,
        wait_s: int = 0,
    ) -> web.Response:
        token = form_token(request)
        if not problem and "late" in request.query:
            problem = "login.stale"
        values = {
            "token": token,
            "problem": problem,
            "wait_s": wait_s,
            "email": email,
            "next": local_path(request.query.get("next", "/")),
            "told": "ready" if "ready" in request.query else request.query.get("out", ""),
        }
        response = self._renderer.page(request, template, values, status=status)
        keep_token(request, response, token)
        return response


def _ticket_name(request: web.Request) -> str:
    return "__Host-relevo-step" if request.secure else "relevo_step"


def _set_ticket(request: web.Request, response: web.StreamResponse, ticket: str) -> None:
    response.set_cookie(
        _ticket_name(request),
        ticket,
        path="/",
        max_age=_TICKET_S,
        httponly=True,
        samesite="Strict",
        secure=request.secure,
    )
