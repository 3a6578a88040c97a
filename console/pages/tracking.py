"""`/tracking`: how much an account learns of opens and clicks, and the domain of its links."""

from typing import Any

from aiohttp import web

from console.accounts.actor import NotPermitted, NotVisible
from console.accounts.permissions import Permission
from console.pages.account_switch import current_account
from console.pages.forms import text_of
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from console.tracking.accounts import TrackingMode
from console.tracking.service import TrackingService, TrackingStatus
from mta.model.errors import PermanentError, TransientError

HERE = "/tracking"


class TrackingSettingsPages:
    """For those who see domains; who manages them chooses. The service checks again."""

    def __init__(self, renderer: Renderer, service: TrackingService) -> None:
        self._renderer = renderer
        self._service = service

    def add_routes(self, app: web.Application) -> None:
        """All of them."""
        app.router.add_get(HERE, self.show)
        app.router.add_post(f"{HERE}/mode", self.set_mode)
        app.router.add_post(f"{HERE}/domain", self.set_domain)
        app.router.add_post(f"{HERE}/check", self.check)

    async def show(self, request: web.Request) -> web.Response:
        """What is chosen, and what to publish."""
        status = await self._done(self._service.get(session_of(request).actor, _account(request)))
        return self._page(request, status)

    async def set_mode(self, request: web.Request) -> web.StreamResponse:
        """For mail that is prepared from now on."""
        session, form = session_of(request), await request.post()
        try:
            mode = TrackingMode(text_of(form, "mode"))
        except ValueError:
            raise web.HTTPUnprocessableEntity from None
        await self._done(self._service.set_mode(session.actor, _account(request), mode))
        session.tell(self._renderer.texts(request)("tracking.kept"))
        raise web.HTTPSeeOther(HERE)

    async def set_domain(self, request: web.Request) -> web.StreamResponse:
        """What to publish comes next."""
        session, form = session_of(request), await request.post()
        account, texts = _account(request), self._renderer.texts(request)
        domain = "" if form.get("remove") else text_of(form, "domain", 255)
        try:
            status = await self._service.set_domain(session.actor, account, domain)
        except (NotPermitted, NotVisible):
            raise web.HTTPForbidden from None
        except PermanentError as error:
            status = await self._done(self._service.get(session.actor, account))
            return self._page(request, status, domain=domain, problem=str(error))
        if status.chosen.is_verified:
            session.tell(texts("tracking.works"))
        raise web.HTTPSeeOther(HERE)

    async def check(self, request: web.Request) -> web.StreamResponse:
        """Ask the DNS now."""
        session, texts = session_of(request), self._renderer.texts(request)
        try:
            status = await self._done(self._service.check(session.actor, _account(request)))
        except TransientError:
            session.tell(texts("tracking.no_answer"), tone="bad")
        else:
            is_good = status.chosen.is_verified
            session.tell(
                texts("tracking.works" if is_good else "tracking.not_yet"),
                tone="good" if is_good else "warn",
            )
        raise web.HTTPSeeOther(HERE)

    async def _done(self, work: Any) -> TrackingStatus:
        try:
            status: TrackingStatus = await work
        except (NotPermitted, NotVisible):
            raise web.HTTPForbidden from None
        return status

    def _page(
        self, request: web.Request, status: TrackingStatus, *, domain: str = "", problem: str = ""
    ) -> web.Response:
        actor, account = session_of(request).actor, _account(request)
        values = {
            "status": status,
            "chosen": status.chosen,
            "modes": [one.value for one in TrackingMode],
            "domain": domain or status.chosen.domain,
            "problem": problem,
            "may_manage": actor.may(Permission.DOMAIN_MANAGE, account),
        }
        return self._renderer.page(request, "tracking.html", values, status=422 if problem else 200)


def _account(request: web.Request) -> int:
    account = current_account(session_of(request))
    if account is None:
        raise web.HTTPForbidden
    return account.id
