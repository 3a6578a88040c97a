"""`/privacy`: what is kept about one person; export it, forget the person, certify that (T-t).

Addresses come in the body of a form, never in a path, so that no log of requests holds them.
"""

from collections.abc import Sequence

import orjson
from aiohttp import web

from console.accounts.permissions import Permission
from console.accounts.signin.sessions import Session
from console.accounts.tree import by_id, line_of
from console.pages.documents_sent import send_document
from console.pages.forms import id_of, text_of
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from console.privacy.persons import PersonService
from mta.model.address import parse_address
from mta.model.errors import AddressSyntaxError, PermanentError


class PrivacyPages:
    """For those with `privacy.manage`, about the account they work in and those below it."""

    def __init__(self, renderer: Renderer, persons: PersonService) -> None:
        self._renderer = renderer
        self._persons = persons

    def add_routes(self, app: web.Application) -> None:
        """All of them."""
        app.router.add_get("/privacy", self.show)
        app.router.add_post("/privacy", self.look)
        app.router.add_post("/privacy/export", self.export)
        app.router.add_post("/privacy/erase", self.erase)
        app.router.add_post("/privacy/certificate", self.certificate)

    async def show(self, request: web.Request) -> web.Response:
        """The form to search with."""
        session_of(request).actor.require(Permission.PRIVACY_MANAGE, session_of(request).account)
        return self._page(request)

    async def look(self, request: web.Request) -> web.Response:
        """What is kept about the person."""
        session_of(request).actor.require(Permission.PRIVACY_MANAGE, session_of(request).account)
        return await self._person(request, text_of(await request.post(), "address"))

    async def export(self, request: web.Request) -> web.Response:
        """Everything as JSON, to be handed to the person."""
        session = session_of(request)
        address = text_of(await request.post(), "address")
        try:
            found = await self._persons.export(
                session.actor, address, session.account, _below(session)
            )
        except AddressSyntaxError:
            return self._page(request, address=address, problem="privacy.no_address", status=422)
        return web.Response(
            body=orjson.dumps(found, option=orjson.OPT_INDENT_2),
            content_type="application/json",
            headers={"Content-Disposition": 'attachment; filename="person.json"'},
        )

    async def erase(self, request: web.Request) -> web.Response:
        """Forget the person, whose address was typed once more; the certificate follows."""
        session, form = session_of(request), await request.post()
        session.actor.require(Permission.PRIVACY_MANAGE, session.account)
        address, why = text_of(form, "address"), text_of(form, "why", 500)
        if text_of(form, "typed").lower() != address.lower():
            return await self._person(request, address, problem="privacy.not_typed", status=422)
        if not why:
            return await self._person(request, address, problem="privacy.no_why", status=422)
        try:
            await self._persons.erase(session.actor, address, why, session.account, _below(session))
        except AddressSyntaxError:
            return self._page(request, address=address, problem="privacy.no_address", status=422)
        except PermanentError as error:
            return await self._person(request, address, detail=str(error), status=422)
        return await self._person(request, address, is_erased=True)

    async def certificate(self, request: web.Request) -> web.Response:
        """That the person was forgotten, as PDF: from the audit trail, for who knows the address."""
        session, form = session_of(request), await request.post()
        session.actor.require(Permission.PRIVACY_MANAGE, session.account)
        try:
            held = await self._persons.look(
                session.actor, text_of(form, "address"), session.account, _below(session)
            )
        except AddressSyntaxError:
            raise web.HTTPNotFound from None
        number = id_of(text_of(form, "number"))
        erasure = next((e for e in held.erasures if e.number == number), None)
        if erasure is None:
            raise web.HTTPNotFound
        values = {
            "held": held,
            "erasure": erasure,
            "account": session.accounts[session.account].name,
        }
        return await send_document(
            request, self._renderer, "privacy_certificate.html", values, f"certificate-{number}"
        )

    async def _person(
        self,
        request: web.Request,
        address: str,
        *,
        problem: str = "",
        detail: str = "",
        is_erased: bool = False,
        status: int = 200,
    ) -> web.Response:
        session = session_of(request)
        try:
            parse_address(address)
        except AddressSyntaxError:
            return self._page(request, address=address, problem="privacy.no_address", status=422)
        held = await self._persons.look(session.actor, address, session.account, _below(session))
        values = {
            "held": held,
            "address": address,
            "problem": self._text(request, problem),
            "detail": detail,
            "is_erased": is_erased,
        }
        return self._renderer.page(request, "privacy.html", values, status=status)

    def _page(
        self, request: web.Request, *, address: str = "", problem: str = "", status: int = 200
    ) -> web.Response:
        values = {
            "held": None,
            "address": address,
            "problem": self._text(request, problem),
            "detail": "",
            "is_erased": False,
        }
        return self._renderer.page(request, "privacy.html", values, status=status)

    def _text(self, request: web.Request, key: str) -> str:
        return self._renderer.texts(request)(key) if key else ""


def _below(session: Session) -> Sequence[int]:
    """The accounts below the one that the person works in."""
    known = by_id(session.accounts.values())
    return [
        number
        for number, account in known.items()
        if number != session.account
        and any(above.id == session.account for above in line_of(account, known))
        and session.actor.may(Permission.PRIVACY_MANAGE, number)
    ]
