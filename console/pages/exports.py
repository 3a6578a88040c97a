"""`/exports`: long tables that are made in the background, how far they are, and their files."""

from typing import Any

from aiohttp import web

from console.accounts.signin.sessions import Session
from console.pages.account_switch import current_account
from console.pages.forms import id_of
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from console.reports.exports.desk import ExportDesk, ExportState

_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class ExportPages:
    """For those who may export; the desk checks again."""

    def __init__(self, renderer: Renderer, desk: ExportDesk) -> None:
        self._renderer = renderer
        self._desk = desk

    def add_routes(self, app: web.Application) -> None:
        """All of them."""
        app.router.add_get("/exports", self.list)
        app.router.add_get("/exports/{id}/file", self.file)
        app.router.add_post("/exports/{id}/remove", self.remove)

    async def list(self, request: web.Request) -> web.Response:
        """The account's tables; the page looks again by itself while one is being made."""
        session = session_of(request)
        exports = await self._desk.list(session.actor, _account(session))
        values: dict[str, Any] = {
            "exports": exports,
            "is_working": any(one.state is ExportState.WORKING for one in exports),
        }
        return self._renderer.page(request, "exports.html", values)

    async def file(self, request: web.Request) -> web.StreamResponse:
        """The file of a finished one."""
        actor, number = session_of(request).actor, id_of(request.match_info["id"])
        export, path = await self._desk.get(actor, number), await self._desk.file(actor, number)
        name = f"{export.name}.{export.kind}"
        return web.FileResponse(
            path,
            headers={
                "Content-Type": _TYPES[export.kind],
                "Content-Disposition": f'attachment; filename="{name}"',
            },
        )

    async def remove(self, request: web.Request) -> web.StreamResponse:
        """Take it away, or stop making it."""
        session, texts = session_of(request), self._renderer.texts(request)
        await self._desk.remove(session.actor, id_of(request.match_info["id"]))
        session.tell(texts("exports.removed"))
        raise web.HTTPSeeOther("/exports")


def _account(session: Session) -> int:
    account = current_account(session)
    if account is None:
        raise web.HTTPForbidden
    return account.id
