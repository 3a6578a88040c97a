"""Nothing without a sign-in: every route needs a session or an API key, save the few that are open.

A page that is added later is closed until it is opened here.
"""

from aiohttp import web
from aiohttp.typedefs import Middleware
from yarl import URL

from console.accounts.actor import Actor
from console.accounts.service import AccountService
from console.accounts.values import State
from console.api.bearer import BearerCheck
from console.pages.forms import has_token, is_from_here
from console.pages.sandbox import FRAGMENT_HEADER
from console.pages.sessions import SESSION, Session, Sessions, cookie_name
from console.web.forwarded import Handler
from mta.model.clock import Clock

API = "/api/"
CHECK_PERSON_S = 60.0  # a person who is disabled is out after that time at the latest
_OPEN = frozenset(("/login", "/healthz", "/readyz"))
_STATIC = "/static/"
_SESSIONS = Actor.system("sessions")
_SAFE = frozenset(("GET", "HEAD"))
_BACKGROUND = "/sandbox/live"  # an open page must not keep a session alive for ever


class Access:
    """The middleware that decides."""

    def __init__(
        self, sessions: Sessions, accounts: AccountService, bearer: BearerCheck, clock: Clock
    ) -> None:
        self._sessions = sessions
        self._accounts = accounts
        self._bearer = bearer
        self._clock = clock

    def middleware(self) -> Middleware:
        """For the application."""

        @web.middleware
        async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
            # What counts is the route that was found, however its path was written.
            resource = request.match_info.route.resource
            path = request.path if resource is None else resource.canonical
            if path in _OPEN or path.startswith(_STATIC):
                return await handler(request)
            if path.startswith(API):
                return self._bearer.refusal(request) or await handler(request)
            identifier = request.cookies.get(cookie_name(request), "")
            is_use = path != _BACKGROUND and FRAGMENT_HEADER not in request.headers
            session = self._sessions.find(identifier, is_use=is_use)
            if session is None or not await self._is_still_here(session):
                self._sessions.close(identifier)
                return self._refuse(request, is_use=is_use)
            if request.method not in _SAFE:
                form = await request.post()
                if not is_from_here(request) or not has_token(request, form, session.csrf_token):
                    raise web.HTTPForbidden
            request[SESSION] = session
            return await handler(request)

        return check

    def _refuse(self, request: web.Request, *, is_use: bool) -> web.StreamResponse:
        if not is_use:
            raise web.HTTPUnauthorized
        if request.method not in _SAFE or request.path == "/":
            raise web.HTTPSeeOther("/login")
        raise web.HTTPSeeOther(URL("/login").with_query(next=request.path_qs))

    async def _is_still_here(self, session: Session) -> bool:
        now = self._clock.monotonic_s()
        if now - session.checked_s < CHECK_PERSON_S:
            return True
        users = await self._accounts.users.list(_SESSIONS)
        session.checked_s = now
        return any(user.id == session.user_id and user.state is State.ACTIVE for user in users)
