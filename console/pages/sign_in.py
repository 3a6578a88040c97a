"""Signing in and out."""

import secrets

import structlog
from aiohttp import web

from console.accounts.service import AccountService
from console.pages.forms import has_token, is_from_here, local_path
from console.pages.rendering import Renderer
from console.pages.sessions import Sessions, cookie_name, delete_cookie, set_cookie
from mta.listener.auth_guard import AuthGuard
from mta.listener.clients import Client
from mta.model.clock import Clock

MAX_FAILURES = 10  # from one network within the window; then it waits
WINDOW_S = 600.0
MAX_WAITING = 20  # sign-ins at one time: each costs a slow hash


class SignInPages:
    """`/login` and `/logout`."""

    def __init__(
        self, renderer: Renderer, sessions: Sessions, accounts: AccountService, clock: Clock
    ) -> None:
        self._renderer = renderer
        self._sessions = sessions
        self._accounts = accounts
        self._clock = clock
        self._guard = AuthGuard(MAX_FAILURES, WINDOW_S, 0.0, 0.0)
        self._waiting = 0
        self._log = structlog.get_logger("relevo.console")

    def add_routes(self, app: web.Application) -> None:
        """Both; `/login` is open to all, `/logout` needs a session like every other page."""
        app.router.add_get("/login", self.show)
        app.router.add_post("/login", self.submit)
        app.router.add_post("/logout", self.leave)

    async def show(self, request: web.Request) -> web.Response:
        """The form; who is signed in already goes on."""
        if self._sessions.find(request.cookies.get(cookie_name(request), "")) is not None:
            raise web.HTTPSeeOther(local_path(request.query.get("next", "/")))
        return self._form(request)

    async def submit(self, request: web.Request) -> web.StreamResponse:
        """Check and open a session under a new id, or show the form again."""
        form = await request.post()
        token = request.cookies.get(_token_name(request), "")
        if not token or not is_from_here(request) or not has_token(request, form, token):
            return self._form(request, "login.stale", status=403)
        network = Client(request.remote or "", is_trusted=False).network
        if self._guard.is_blocked(network, self._clock.monotonic_s()):
            response = self._form(request, "login.blocked", status=429)
            response.headers["Retry-After"] = str(round(WINDOW_S))
            return response
        if self._waiting >= MAX_WAITING:
            return self._form(request, "login.busy", status=503)
        email, password = str(form.get("email", "")).strip(), str(form.get("password", ""))
        self._waiting += 1
        try:
            user = await self._accounts.users.authenticate(email, password)
        finally:
            self._waiting -= 1
        if user is None:
            self._guard.failed(network, email.lower(), self._clock.monotonic_s())
            self._log.warning("sign_in_refused", email=email[:320], peer=request.remote)
            return self._form(request, "login.wrong", email=email, status=401)
        self._sessions.close(request.cookies.get(cookie_name(request), ""))
        self._log.info("signed_in", email=user.email, peer=request.remote)
        response = web.HTTPSeeOther(local_path(str(form.get("next", "/"))))
        set_cookie(request, response, self._sessions.open(user.id, user.email))
        raise response

    async def leave(self, request: web.Request) -> web.StreamResponse:
        """End the session."""
        self._sessions.close(request.cookies.get(cookie_name(request), ""))
        response = web.HTTPSeeOther("/login?out=1")
        delete_cookie(request, response)
        raise response

    def _form(
        self, request: web.Request, problem: str = "", *, email: str = "", status: int = 200
    ) -> web.Response:
        token = request.cookies.get(_token_name(request), "")
        if len(token) < 40:
            token = secrets.token_urlsafe(32)
        response = self._renderer.page(
            request,
            "login.html",
            {
                "token": token,
                "problem": problem,
                "email": email,
                "next": local_path(request.query.get("next", "/")),
                "is_out": "out" in request.query,
            },
            status=status,
        )
        response.set_cookie(
            _token_name(request),
            token,
            path="/",
            httponly=True,
            samesite="Strict",
            secure=request.secure,
        )
        return response


def _token_name(request: web.Request) -> str:
    return "__Host-relevo-form" if request.secure else "relevo_form"
