"""What a person sets for himself: name, language, time zone, password, second factor, sessions."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from console.accounts.signin.profiles import Profile
from console.accounts.signin.service import SignIn, checked_pair
from console.pages import language
from console.pages.agents import readable_agent
from console.pages.rendering import Renderer
from console.pages.sessions import delete_cookie, session_of
from mta.model.errors import PermanentError


class ProfilePages:
    """`/profile…`; every signed-in person has them."""

    def __init__(self, renderer: Renderer, sign_in: SignIn) -> None:
        self._renderer = renderer
        self._sign_in = sign_in

    def add_routes(self, app: web.Application) -> None:
        """All of them."""
        router = app.router
        router.add_get("/profile", self.show)
        router.add_post("/profile", self.save)
        router.add_get("/profile/password", self.show_password)
        router.add_post("/profile/password", self.change_password)
        router.add_get("/profile/second-factor", self.show_factor)
        router.add_post("/profile/second-factor", self.confirm_factor)
        router.add_post("/profile/second-factor/codes", self.renew_codes)
        router.add_post("/profile/second-factor/disable", self.disable_factor)
        router.add_get("/profile/sessions", self.show_sessions)
        router.add_post("/profile/sessions", self.revoke)

    async def show(self, request: web.Request) -> web.Response:
        """Name, language, time zone."""
        profile = await self._sign_in.profiles.get(session_of(request).user_id)
        return self._page(request, "profile", {"profile": profile, "error": ""})

    async def save(self, request: web.Request) -> web.StreamResponse:
        """Keep them."""
        session, form = session_of(request), await request.post()
        name, chosen, zone = (str(form.get(k, "")) for k in ("name", "language", "timezone"))
        profile = Profile(name, chosen, zone)
        try:
            await self._sign_in.save_profile(session, profile)
        except PermanentError as error:
            values = {"profile": profile, "error": str(error)}
            return self._page(request, "profile", values, status=422)
        response = web.HTTPSeeOther("/profile")
        language.choose(request, response, profile.language)
        session.tell(self._renderer.texts(request, profile.language)("profile.saved"))
        raise response

    async def show_password(self, request: web.Request) -> web.Response:
        """The form for a new password."""
        return self._page(request, "profile_password", {"problem": ""})

    async def change_password(self, request: web.Request) -> web.StreamResponse:
        """Change it; the person's other sessions end."""
        session, form = session_of(request), await request.post()
        problem = "profile.password_wrong"
        try:
            new = checked_pair(str(form.get("new", "")), str(form.get("again", "")))
            if await self._sign_in.change_password(session, str(form.get("old", "")), new):
                session.tell(self._renderer.texts(request)("profile.password_changed"))
                raise web.HTTPSeeOther("/profile/password")
        except PermanentError:
            problem = "profile.password_unfit"
        return self._page(request, "profile_password", {"problem": problem}, status=422)

    async def show_factor(self, request: web.Request) -> web.Response:
        """What there is, or how to set it up."""
        return await self._factor(request)

    async def confirm_factor(self, request: web.Request) -> web.Response:
        """The first code; shows the recovery codes once."""
        form = await request.post()
        codes = await self._sign_in.confirm(session_of(request), _code(form))
        return await self._codes(request, codes)

    async def renew_codes(self, request: web.Request) -> web.Response:
        """New recovery codes, for a code."""
        form = await request.post()
        codes = await self._sign_in.new_codes(session_of(request), _code(form))
        return await self._codes(request, codes)

    async def disable_factor(self, request: web.Request) -> web.StreamResponse:
        """Give it up, for a code."""
        session, form = session_of(request), await request.post()
        if await self._sign_in.disable_factor(session, _code(form)):
            session.tell(self._renderer.texts(request)("profile.factor_disabled"))
            raise web.HTTPSeeOther("/profile/second-factor")
        return await self._factor(request, problem="profile.code_wrong", status=422)

    async def show_sessions(self, request: web.Request) -> web.Response:
        """Where the person is signed in."""
        mine = session_of(request)
        found = await self._sign_in.sessions.of_user(mine.user_id)
        return self._page(
            request,
            "profile_sessions",
            {"sessions": found, "mine": mine.digest, "agent_name": readable_agent},
        )

    async def revoke(self, request: web.Request) -> web.StreamResponse:
        """End one of them, or all others."""
        session, form = session_of(request), await request.post()
        digest = str(form.get("digest", ""))
        if digest == session.digest:
            await self._sign_in.leave(session)
            response = web.HTTPSeeOther("/login?out=1")
            delete_cookie(request, response)
            raise response
        if digest:
            await self._sign_in.revoke(session, digest)
        else:
            await self._sign_in.revoke_others(session)
        session.tell(self._renderer.texts(request)("profile.sessions_ended"))
        raise web.HTTPSeeOther("/profile/sessions")

    async def _factor(
        self, request: web.Request, *, problem: str = "", status: int = 200
    ) -> web.Response:
        session = session_of(request)
        state = await self._sign_in.factors.state(session.user_id)
        enrolment = None if state.is_active else await self._sign_in.enrol(session)
        values = {
            "state": state,
            "enrolment": enrolment,
            "problem": problem,
            "must_enrol": session.must_enrol,
        }
        return self._page(request, "profile_factor", values, status=status)

    async def _codes(self, request: web.Request, codes: list[str]) -> web.Response:
        if not codes:
            return await self._factor(request, problem="profile.code_wrong", status=422)
        return self._page(request, "profile_codes", {"codes": codes})

    def _page(
        self, request: web.Request, name: str, values: Mapping[str, Any], *, status: int = 200
    ) -> web.Response:
        return self._renderer.page(
            request,
            f"{name}.html",
            {"zones": self._renderer.zones, "tab": name, **values},
            status=status,
        )


def _code(form: Mapping[str, object]) -> str:
    return str(form.get("code", ""))[:64]
