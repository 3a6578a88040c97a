"""`/reports/evidence` and the files of documents: what was asked for, how far it is, its hashes (T-v)."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from console.accounts.permissions import Permission
from console.pages.forms import id_of, refusal, text_of
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from console.reports.filed.book import LAST, PAGE, FiledBook, FiledKind
from console.reports.filed.making import FiledMaker
from console.reports.workbooks import XLSX
from mta.model.clock import Clock

_TYPES = {"pdf": "application/pdf", "xlsx": XLSX}
_FILE_NAMES = {FiledKind.EVIDENCE: "evidence.file", FiledKind.HANDOVER: "handover.file"}


class FiledPages:
    """For those who see the audit trail; who may export asks for new ones."""

    def __init__(
        self, renderer: Renderer, book: FiledBook, maker: FiledMaker, clock: Clock
    ) -> None:
        self._renderer = renderer
        self._book = book
        self._maker = maker
        self._clock = clock

    def add_routes(self, app: web.Application) -> None:
        """All of them."""
        app.router.add_get("/reports/evidence", self.evidence)
        app.router.add_post("/reports/evidence", self.ask)
        app.router.add_post("/handover/document", self.ask_handover)
        app.router.add_get(r"/reports/filed/{id:[0-9]{1,19}}.{format:pdf|xlsx}", self.download)

    async def evidence(self, request: web.Request) -> web.Response:
        """What there is, and a form for another one."""
        return await self._page(request, {}, "")

    async def ask(self, request: web.Request) -> web.StreamResponse:
        """Another report of evidence."""
        session, form = session_of(request), await request.post()
        first, last = text_of(form, "first", 10), text_of(form, "last", 10)
        asking = self._book.ask(
            session.actor, session.account, FiledKind.EVIDENCE, first, last,
            text_of(form, "language", 2),
        )  # fmt: skip
        if problem := await refusal(asking):
            return await self._page(request, {"first": first, "last": last}, problem, status=422)
        return self._asked(request, "/reports/evidence")

    async def ask_handover(self, request: web.Request) -> web.StreamResponse:
        """A hand-over as it is now."""
        session, form = session_of(request), await request.post()
        problem = await refusal(
            self._book.ask(
                session.actor, session.account, FiledKind.HANDOVER, "", "",
                text_of(form, "language", 2),
            )
        )  # fmt: skip
        if problem:
            session.tell(problem, tone="bad")
            raise web.HTTPSeeOther("/handover#documents")
        return self._asked(request, "/handover#documents")

    async def download(self, request: web.Request) -> web.StreamResponse:
        """A file of a document."""
        actor, kind = session_of(request).actor, request.match_info["format"]
        report = await self._book.get(actor, int(request.match_info["id"]))
        path = await self._book.take(actor, report.id, kind)
        texts = self._renderer.texts(request)
        days = f"-{report.first}-{report.last}" if report.first else ""
        name = f"{texts(_FILE_NAMES[report.kind])}-{report.number}{days}.{kind}"
        return web.FileResponse(
            path,
            headers={
                "Content-Type": _TYPES[kind],
                "Content-Disposition": f'attachment; filename="{name}"',
            },
        )

    async def listed(
        self, request: web.Request, kind: FiledKind, before: int = LAST
    ) -> Mapping[str, Any]:
        """Documents of a kind, for the part `filed_list.html`."""
        session = session_of(request)
        found = await self._book.list(
            session.actor, session.account, kind, before=before, count=PAGE + 1
        )
        shown = found[:PAGE]
        return {
            "reports": shown,
            "files": await self._book.files(session.actor, shown),
            "step": self._maker.step,
            "older": f"?before={shown[-1].id}" if len(found) > PAGE else None,
            "is_open": any(one.state.value in ("waiting", "working") for one in shown),
            "may_export": session.actor.may(Permission.EXPORT, session.account),
        }

    # -- inside --------------------------------------------------------------------------------

    def _asked(self, request: web.Request, path: str) -> web.StreamResponse:
        self._maker.wake()
        session_of(request).tell(self._renderer.texts(request)("filed.asked"))
        raise web.HTTPSeeOther(path)

    async def _page(
        self, request: web.Request, entered: Mapping[str, str], problem: str, status: int = 200
    ) -> web.Response:
        before = id_of(request.query.get("before", "")) or LAST
        now = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)
        today = now.astimezone(self._renderer.zone_of(request)).date()
        end = today.replace(day=1) - timedelta(days=1)  # the month that ended last
        values = {
            **await self.listed(request, FiledKind.EVIDENCE, before),
            "first": entered.get("first", end.replace(day=1).isoformat()),
            "last": entered.get("last", end.isoformat()),
            "today": today.isoformat(),
            "problem": problem,
        }
        return self._renderer.page(request, "evidence.html", values, status=status)
