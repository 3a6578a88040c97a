"""Nothing without a sign-in: every route needs a session or an API key, save the few that are open.

A page that is added later is closed until it is opened here. Who has to set up a second factor
first sees nothing but the pages for that.
"""

from types import MappingProxyType

from aiohttp import web
from aiohttp.typedefs import Middleware
from yarl import URL

from console.accounts.signin.sessions import Session, Sessions
from console.api.application import DOCUMENT
from console.api.bearer import BearerCheck
from console.pages.forms import has_token, is_from_here
from console.pages.media import CHOOSE
from console.pages.media import MAX_BODY as MAX_MEDIA
from console.pages.media import UPLOAD as MEDIA
from console.pages.sandbox import FRAGMENT_HEADER
from console.pages.sessions import SESSION, cookie_name, set_cookie
from console.pages.suppressions import IMPORT
from console.pages.suppressions import MAX_FILE as MAX_SUPPRESSIONS
from console.pages.template_parts import MAX_FORM as MAX_CODE
from console.pages.usage_reports import MAX_FILE as MAX_REPORT
from console.pages.usage_reports import VERIFY
from console.web.forwarded import Handler

API = "/api/"
_OPEN = frozenset(
    (
        "/login",
        "/login/code",
        "/forgot",
        "/link/{token}",
        "/certificate/{code}",
        "/healthz",
        "/readyz",
        DOCUMENT,
    )
)
_STATIC = "/static/"
_PUBLIC = (
    "/u/",
    "/subscribe/",
    "/confirm/",
    "/c/",
    "/o/",
    "/v/",
    "/public/",
    "/i/",
    "/f/",
)  # behind the links in mail: their tokens decide
# Larger forms, for who is signed in: uploads, and code.
LARGE_BODIES = MappingProxyType(
    {
        MEDIA: MAX_MEDIA,
        CHOOSE: MAX_MEDIA,
        IMPORT: MAX_SUPPRESSIONS,
        VERIFY: MAX_REPORT,
        "/templates/{id}": MAX_CODE,
        "/templates/{id}/draft": MAX_CODE,
        "/campaigns/{id}/content": MAX_CODE,
        "/campaigns/{id}/slots": MAX_CODE,
        "/automations/new": MAX_CODE,
        "/automations/{id}/edit": MAX_CODE,
    }
)
_SAFE = frozenset(("GET", "HEAD"))
# An open page must not keep a session alive for ever.
_BACKGROUND = frozenset(("/sandbox/live", "/campaigns/{id}/live/events", "/campaigns/running"))
# Large files: the handler reads the form itself, and its token first (`console.pages.streaming`).
_STREAMED = frozenset(("/imports", "/campaigns/upload", "/campaigns/{id}/upload"))
_ENROL = "/profile/second-factor"
_WHILE_ENROLLING = (_ENROL, "/logout")


class Access:
    """The middleware that decides."""

    def __init__(self, sessions: Sessions, bearer: BearerCheck) -> None:
        self._sessions = sessions
        self._bearer = bearer
        self.guarded: frozenset[str] = frozenset()  # resources that check keys themselves

    def middleware(self) -> Middleware:
        """For the application."""

        @web.middleware
        async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
            # What counts is the route that was found, however its path was written.
            resource = request.match_info.route.resource
            path = request.path if resource is None else resource.canonical
            if path in _OPEN or path in self.guarded or path.startswith((_STATIC, *_PUBLIC)):
                return await handler(request)
            if path.startswith(API):
                return self._bearer.refusal(request) or await handler(request)
            return await self._with_session(request, path, handler)

        return check

    async def _with_session(
        self, request: web.Request, path: str, handler: Handler
    ) -> web.StreamResponse:
        is_use = path not in _BACKGROUND and FRAGMENT_HEADER not in request.headers
        identifier = request.cookies.get(cookie_name(request), "")
        session = await self._sessions.find(identifier, is_use=is_use)
        if session is None:
            return self._refuse(request, is_use=is_use)
        if request.method not in _SAFE:
            if path in LARGE_BODIES:
                request = request.clone(client_max_size=LARGE_BODIES[path])
            if not is_from_here(request):
                raise web.HTTPForbidden
            if path not in _STREAMED and not has_token(
                request, await request.post(), session.csrf_token
            ):
                raise web.HTTPForbidden
        if session.must_enrol and not path.startswith(_WHILE_ENROLLING):
            raise web.HTTPSeeOther(_ENROL)
        request[SESSION] = session
        response = await handler(request)
        if session.must_renew and is_use and not response.prepared:
            await self._renew(request, response, session)
        return response

    async def _renew(
        self, request: web.Request, response: web.StreamResponse, session: Session
    ) -> None:
        """What the person may do has changed, and with it the id of the session."""
        session.must_renew = False
        set_cookie(request, response, await self._sessions.renew(session))

    def _refuse(self, request: web.Request, *, is_use: bool) -> web.StreamResponse:
        if not is_use:
            raise web.HTTPUnauthorized
        if request.method not in _SAFE or request.path == "/":
            raise web.HTTPSeeOther("/login")
        raise web.HTTPSeeOther(URL("/login").with_query(next=request.path_qs))
