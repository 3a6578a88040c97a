"""`/domains`: the sending domains of the account, what to publish for them, and the button to check."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from console.accounts.actor import NotPermitted, NotVisible
from console.accounts.permissions import Permission
from console.accounts.sending.service import SendingDomains
from console.accounts.sending.values import DomainStatus, RecordState
from console.pages.account_switch import current_account
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from mta.model.errors import PermanentError

_DOMAIN = r"{domain:[a-z0-9.\-]{1,255}}"


class DomainPages:
    """For those who may see domains; the service checks each step again."""

    def __init__(self, renderer: Renderer, service: SendingDomains) -> None:
        self._renderer = renderer
        self._service = service

    def add_routes(self, app: web.Application) -> None:
        """All of them."""
        app.router.add_get("/domains", self.show)
        app.router.add_post("/domains", self.add)
        app.router.add_get(f"/domains/{_DOMAIN}", self.show_one)
        app.router.add_post(f"/domains/{_DOMAIN}/check", self.check)
        app.router.add_post(f"/domains/{_DOMAIN}/remove", self.remove)

    async def show(self, request: web.Request) -> web.Response:
        """The list, and a form for a new one."""
        return await self._list(request, {"domain": "", "shared": True})

    async def add(self, request: web.Request) -> web.StreamResponse:
        """A new one; what to publish comes next."""
        session, form = session_of(request), await request.post()
        account = current_account(session)
        if account is None:
            raise web.HTTPForbidden
        values = {"domain": str(form.get("domain", "")).strip(), "shared": "shared" in form}
        try:
            status = await self._service.add(
                session.actor, str(values["domain"]), account.id, shared=bool(values["shared"])
            )
        except (NotPermitted, NotVisible):
            raise web.HTTPForbidden from None
        except PermanentError:
            return await self._list(request, values, problem="domains.taken", status=422)
        raise web.HTTPSeeOther(f"/domains/{status.name}")

    async def show_one(self, request: web.Request) -> web.Response:
        """One, with its records."""
        session = session_of(request)
        status = await self._get(request)
        context = {
            "status": status,
            "may_manage": session.actor.may(Permission.DOMAIN_MANAGE, status.domain.account),
        }
        return self._renderer.page(request, "domain.html", context)

    async def check(self, request: web.Request) -> web.StreamResponse:
        """Ask the DNS now."""
        session, status = session_of(request), await self._get(request)
        status = await self._service.check(session.actor, status.name)
        is_good = all(r.state is RecordState.VERIFIED for r in status.records if r.is_needed)
        text = self._renderer.texts(request)("domains.all_good" if is_good else "domains.not_yet")
        session.tell(text, tone="good" if is_good else "warn")
        raise web.HTTPSeeOther(f"/domains/{status.name}")

    async def remove(self, request: web.Request) -> web.StreamResponse:
        """Send from it no more."""
        session, status = session_of(request), await self._get(request)
        try:
            await self._service.remove(session.actor, status.name)
        except NotPermitted:
            raise web.HTTPForbidden from None
        session.tell(self._renderer.texts(request)("domains.removed"))
        raise web.HTTPSeeOther("/domains")

    async def _get(self, request: web.Request) -> DomainStatus:
        try:
            return await self._service.get(session_of(request).actor, request.match_info["domain"])
        except PermanentError:
            raise web.HTTPNotFound from None

    async def _list(
        self,
        request: web.Request,
        values: Mapping[str, Any],
        *,
        problem: str = "",
        status: int = 200,
    ) -> web.Response:
        session = session_of(request)
        account = current_account(session)
        if account is None or not session.actor.may(Permission.DOMAIN_VIEW, account.id):
            raise web.HTTPForbidden
        context = {
            "domains": await self._service.all(session.actor, account.id),
            "may_manage": session.actor.may(Permission.DOMAIN_MANAGE, account.id),
            "form": values,
            "problem": problem,
        }
        return self._renderer.page(request, "domains.html", context, status=status)
