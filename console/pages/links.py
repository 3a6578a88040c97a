"""Pages of one-time links: an invitation or a reset leads here, to choose a password.

Opening shows a form and uses nothing up; only sending it does. Who asks for a reset hears the same
whether there is such a person or not, and the mail is made afterwards, so it takes as long.
"""

import asyncio

import structlog
from aiohttp import web

from console.accounts.signin.service import SignIn, checked_pair
from console.accounts.signin.throttle import Throttle
from console.pages.invitations import Invitations
from console.pages.open_forms import client_of, form_token, is_own_form, keep_token
from console.pages.rendering import Renderer
from mta.model.clock import Clock
from mta.model.errors import PermanentError, RelevoError

MAX_SENDING = 20  # resets that are being mailed at one time


class LinkPages:
    """`/link/{token}` and `/forgot`; open to all."""

    def __init__(
        self, renderer: Renderer, sign_in: SignIn, invitations: Invitations, clock: Clock
    ) -> None:
        self._renderer = renderer
        self._sign_in = sign_in
        self._invitations = invitations
        self._clock = clock
        self._asked = Throttle()
        self._sending: set[asyncio.Task[None]] = set()
        self._log = structlog.get_logger("relevo.console")

    def add_routes(self, app: web.Application) -> None:
        """All of them."""
        app.router.add_get("/link/{token}", self.show)
        app.router.add_post("/link/{token}", self.use)
        app.router.add_get("/forgot", self.show_forgot)
        app.router.add_post("/forgot", self.forgot)
        app.on_cleanup.append(self._finish)

    async def show(self, request: web.Request) -> web.Response:
        """The form for a password, or that the link is worth nothing."""
        return await self._link_page(request)

    async def use(self, request: web.Request) -> web.StreamResponse:
        """Set the password, once; then sign in with it."""
        form = await request.post()
        if not is_own_form(request, form):
            return await self._link_page(request, "login.stale", status=403)
        link = await self._sign_in.links.find(request.match_info["token"])
        if link is None:
            return await self._link_page(request)
        try:
            password = checked_pair(str(form.get("new", "")), str(form.get("again", "")))
            is_done = await self._sign_in.use_link(link, password, client_of(request))
        except PermanentError:
            return await self._link_page(request, "profile.password_unfit", status=422)
        if not is_done:
            return await self._link_page(request)
        raise web.HTTPSeeOther("/login?ready=1")

    async def show_forgot(self, request: web.Request) -> web.Response:
        """The form that asks for the address."""
        return self._page(request, "forgot.html", {"is_sent": False, "problem": ""})

    async def forgot(self, request: web.Request) -> web.Response:
        """Mail a link; the answer is always the same."""
        form = await request.post()
        if not is_own_form(request, form):
            values = {"is_sent": False, "problem": "login.stale"}
            return self._page(request, "forgot.html", values, status=403)
        email, now = str(form.get("email", "")).strip().lower()[:320], self._clock.monotonic_s()
        network = client_of(request).network
        is_too_soon = self._asked.wait_s(email, network, now) > 0
        self._asked.failed(email, network, now)  # each mail counts, so nobody can be flooded
        if not is_too_soon and len(self._sending) < MAX_SENDING:
            task = asyncio.create_task(self._send(email))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)
        return self._page(request, "forgot.html", {"is_sent": True, "problem": ""})

    async def _send(self, email: str) -> None:
        try:
            await self._invitations.forgot(email)
        except RelevoError as error:
            self._log.warning("reset_not_mailed", email=email, error=str(error))

    async def settle(self) -> None:
        """Return when what was asked for until now is mailed."""
        if self._sending:
            await asyncio.wait(self._sending)

    async def _finish(self, _: web.Application) -> None:
        await self.settle()

    async def _link_page(
        self, request: web.Request, problem: str = "", *, status: int = 200
    ) -> web.Response:
        link = await self._sign_in.links.find(request.match_info["token"])
        if link is None:
            status = 410
        return self._page(request, "link.html", {"link": link, "problem": problem}, status=status)

    def _page(
        self, request: web.Request, template: str, values: dict[str, object], *, status: int = 200
    ) -> web.Response:
        token = form_token(request)
        response = self._renderer.page(request, template, {"token": token, **values}, status=status)
        keep_token(request, response, token)
        return response
