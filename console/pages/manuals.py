"""`/manuals`: the manuals to download, and the guide of one's own role."""

import asyncio
import importlib.metadata

from aiohttp import web

from console.manuals.sources import Manual, load_manuals
from console.pages.invitations import Invitations
from console.pages.manual_document import manual_document
from console.pages.press import Press
from console.pages.rendering import Renderer
from console.pages.sessions import session_of


class ManualPages:
    """For everybody who is signed in."""

    def __init__(
        self, renderer: Renderer, press: Press, invitations: Invitations, url: str
    ) -> None:
        self._renderer = renderer
        self._press = press
        self._invitations = invitations
        self._url = url
        self._release = importlib.metadata.version("relevo")
        self._manuals = {manual.name: manual for manual in load_manuals()}

    def add_routes(self, app: web.Application) -> None:
        """All of them."""
        app.router.add_get("/manuals", self.show)
        app.router.add_get("/manuals/guide", self.guide)
        app.router.add_get("/manuals/{name:[a-z]{1,40}[.][a-z]{2}}.pdf", self.download)

    async def show(self, request: web.Request) -> web.Response:
        """Those in the person's language before others."""
        session, language = session_of(request), self._renderer.texts(request).language
        ordered = sorted(self._manuals.values(), key=lambda one: one.language != language)
        values = {"manuals": ordered, "has_guide": session.account in session.accounts}
        return self._renderer.page(request, "manuals.html", values)

    async def download(self, request: web.Request) -> web.Response:
        """As PDF; as HTML where none can be made."""
        manual = self._manuals.get(request.match_info["name"])
        if manual is None:
            raise web.HTTPNotFound
        html = await asyncio.to_thread(self._html, manual)
        pdf = await self._press.pdf(manual.name, html)
        data, kind, ending = (
            (html.encode(), "text/html", "html") if pdf is None else (pdf, "application/pdf", "pdf")
        )
        session = session_of(request)
        what = "api" if manual.name.startswith("api.") else "user"
        if session.account in session.accounts:
            await self._invitations.handed_over(
                session.actor, session.account, what, manual.language, data, session.email
            )
        return _sent(data, kind, f"{manual.name}.{ending}")

    async def guide(self, request: web.Request) -> web.Response:
        """Made for the person: what he may do in the account that he works in."""
        session = session_of(request)
        texts = self._renderer.texts(request)
        made = await self._invitations.guide_of(
            session.actor, session.email, session.account, texts
        )
        await self._invitations.handed_over(
            session.actor, session.account, "guide", texts.language, made.data, session.email
        )
        return _sent(made.data, made.content_type, made.name)

    def _html(self, manual: Manual) -> str:
        texts = self._renderer.texts_in(manual.language)
        return manual_document(manual, texts, self._release, self._url)


def _sent(data: bytes, kind: str, name: str) -> web.Response:
    return web.Response(
        body=data,
        content_type=kind,
        charset="utf-8" if kind == "text/html" else None,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
