"""`/suppressions`: who gets no mail from the account; adding, importing, exporting, removing, undo."""

import asyncio
import io
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import IO, Any
from zoneinfo import ZoneInfo

from aiohttp import web

from console.accounts.actor import NotPermitted, NotVisible
from console.accounts.csv_text import Cell
from console.accounts.permissions import Permission
from console.pages.account_switch import current_account
from console.pages.downloads import marked
from console.pages.forms import refusal
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from console.pages.texts import Texts
from console.reports.exports.desk import ExportDesk, Order
from console.suppressions.files import FileRow, decoded, read_rows
from console.suppressions.service import RowError, SuppressionService
from mta.model.errors import AddressSyntaxError, PermanentError
from mta.suppression.values import Entry, Reason, Scope

IMPORT = "/suppressions/import"
MAX_FILE = 4 * 1024 * 1024
MAX_ROWS = 200_000  # 4 MB of single letters would be ten times as many
PAGE_SIZE = 50
SHOWN_ERRORS = 20
MAX_SEARCH = 320
_COLUMNS = ("address", "reason", "scope", "since", "until", "note")
_WIDTHS = (34, 24, 26, 20, 20, 40)


class SuppressionPages:
    """For those who may see the lists; the service checks each step again."""

    def __init__(self, renderer: Renderer, service: SuppressionService, desk: ExportDesk) -> None:
        """`desk`: where long tables are made."""
        self._desk = desk
        self._renderer = renderer
        self._service = service

    def add_routes(self, app: web.Application) -> None:
        """All of them."""
        app.router.add_get("/suppressions", self.show)
        app.router.add_post("/suppressions", self.add)
        app.router.add_post("/suppressions/remove", self.remove)
        app.router.add_post("/suppressions/undo", self.undo)
        app.router.add_post(IMPORT, self.import_file)
        app.router.add_get("/suppressions/export", self.export)
        app.router.add_post(r"/suppressions/export.{kind:csv|xlsx}", self.prepare)
        app.router.add_post("/suppressions/held", self.decide)

    async def show(self, request: web.Request) -> web.Response:
        """The list, narrowed by the query."""
        return await self._page(request)

    async def add(self, request: web.Request) -> web.StreamResponse:
        """Addresses that were typed in, one a line."""
        session, form = session_of(request), await request.post()
        values = {name: str(form.get(name, "")) for name in ("addresses", "scope", "note")}
        addresses = values["addresses"].replace(",", " ").replace(";", " ").split()
        try:
            await self._service.add(
                session.actor, _account(request), addresses,
                scope=_choice(Scope, values["scope"]), note=values["note"],
            )  # fmt: skip
        except (NotPermitted, NotVisible):
            raise web.HTTPForbidden from None
        except AddressSyntaxError as error:
            texts = self._renderer.texts(request)
            problem = texts("suppressions.no_address", detail=texts.said(str(error)))
            return await self._page(request, {"form": values, "problem": problem}, status=422)
        except PermanentError:
            problem = self._renderer.texts(request)("suppressions.unfit")
            return await self._page(request, {"form": values, "problem": problem}, status=422)
        session.tell(self._renderer.texts(request).count("suppressions.added", len(addresses)))
        raise web.HTTPSeeOther("/suppressions")

    async def remove(self, request: web.Request) -> web.StreamResponse:
        """Take one address off, for a reason; the page that follows can undo it."""
        session, form = session_of(request), await request.post()
        try:
            removed = await self._service.remove(
                session.actor,
                _account(request),
                str(form.get("address", "")),
                str(form.get("why", "")),
                reason=_choice(Reason, str(form.get("reason", ""))),
            )
        except (NotPermitted, NotVisible):
            raise web.HTTPForbidden from None
        except PermanentError:
            problem = self._renderer.texts(request)("suppressions.not_removed")
            return await self._page(request, {"problem": problem}, status=422)
        return await self._page(request, {"removed": removed})

    async def undo(self, request: web.Request) -> web.StreamResponse:
        """Put back what was just removed."""
        session, form = session_of(request), await request.post()
        expires = str(form.get("expires_ms", "0"))
        entry = Entry(
            0, _account(request), str(form.get("address", "")),
            _choice(Reason, str(form.get("reason", ""))) or Reason.MANUAL,
            _choice(Scope, str(form.get("scope", ""))) or Scope.ALL,
            str(form.get("note", "")), 0, 0, "", 0,
            int(expires) if expires.isascii() and expires.isdigit() and len(expires) < 16 else 0,
        )  # fmt: skip
        try:
            await self._service.put_back(session.actor, _account(request), [entry])
        except (NotPermitted, NotVisible):
            raise web.HTTPForbidden from None
        except PermanentError:
            raise web.HTTPUnprocessableEntity from None
        session.tell(self._renderer.texts(request)("suppressions.undone"))
        raise web.HTTPSeeOther("/suppressions")

    async def import_file(self, request: web.Request) -> web.StreamResponse:
        """Addresses of a CSV file of up to `MAX_FILE` octets."""
        session, form = session_of(request), await request.post()
        field = form.get("file")
        if not isinstance(field, web.FileField) or not field.filename:
            raise web.HTTPSeeOther("/suppressions")
        rows = await asyncio.to_thread(_rows, field.file)
        if len(rows) > MAX_ROWS:
            texts = self._renderer.texts(request)
            problem = texts("suppressions.too_many", n=texts.number(MAX_ROWS))
            return await self._page(request, {"problem": problem}, status=422)
        try:
            done = await self._service.import_rows(
                session.actor, _account(request), rows, name=field.filename
            )
        except (NotPermitted, NotVisible):
            raise web.HTTPForbidden from None
        told: Sequence[RowError] = done.errors
        values = {
            "imported": done.added,
            "row_errors": told[:SHOWN_ERRORS],
            "more_errors": max(0, len(told) - SHOWN_ERRORS),
        }
        return await self._page(request, values, status=422 if told else 200)

    async def export(self, request: web.Request) -> web.StreamResponse:
        """Everything as CSV, in pieces."""
        session = session_of(request)
        reason = _choice(Reason, request.query.get("reason", ""))
        parts = self._service.export(session.actor, _account(request), reason=reason)
        try:
            first = await anext(parts)
        except (NotPermitted, NotVisible):
            raise web.HTTPForbidden from None
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/csv; charset=utf-8",
                "Content-Disposition": 'attachment; filename="suppressions.csv"',
            }
        )
        await response.prepare(request)
        await response.write(b"\xef\xbb\xbf" + first.encode())  # Excel takes it for UTF-8 by that
        async for part in parts:
            await response.write(part.encode())
        await response.write_eof()
        return response

    async def prepare(self, request: web.Request) -> web.StreamResponse:
        """The same in the background, as CSV or XLSX; where it is made is shown next."""
        session, texts = session_of(request), self._renderer.texts(request)
        account, reason = _account(request), _choice(Reason, request.query.get("reason", ""))
        name = marked(request, texts("suppressions.file_name"))
        order = Order(
            texts("suppressions.title"), name, request.match_info["kind"],
            [texts(f"suppressions.{key}") for key in _COLUMNS], _WIDTHS,
        )  # fmt: skip
        found = self._service.export_entries(session.actor, account, reason=reason)
        pieces = _pieces(found, texts, self._renderer.zone_of(request))
        problem = await refusal(self._desk.begin(session.actor, account, order, pieces))
        session.tell(problem or texts("exports.begun"), **({"tone": "bad"} if problem else {}))
        raise web.HTTPSeeOther("/exports")

    async def decide(self, request: web.Request) -> web.StreamResponse:
        """Suppress what is held, or forget it."""
        session, form = session_of(request), await request.post()
        suppress = form.get("decision") == "apply"
        try:
            count = await self._service.decide_held(
                session.actor, _account(request), suppress=suppress
            )
        except (NotPermitted, NotVisible):
            raise web.HTTPForbidden from None
        key = "suppressions.held_applied" if suppress else "suppressions.held_dropped"
        session.tell(self._renderer.texts(request).count(key, count))
        raise web.HTTPSeeOther("/suppressions")

    async def _page(
        self, request: web.Request, more: Mapping[str, Any] | None = None, *, status: int = 200
    ) -> web.Response:
        session, account = session_of(request), _account(request)
        search = request.query.get("q", "").strip()[:MAX_SEARCH]
        reason = _choice(Reason, request.query.get("reason", ""))
        before = request.query.get("before", "")
        place = int(before) if before.isascii() and before.isdigit() and len(before) < 19 else 0
        try:
            found = await self._service.entries(
                session.actor, account, search=search, reason=reason, before=place,
                limit=PAGE_SIZE + 1,
            )  # fmt: skip
            held = await self._service.held(session.actor, account, limit=PAGE_SIZE)
        except (NotPermitted, NotVisible):
            raise web.HTTPForbidden from None
        shown = found[:PAGE_SIZE]
        older = None
        if len(found) > PAGE_SIZE:
            query = {"q": search, "reason": reason or "", "before": str(shown[-1].id)}
            older = str(request.rel_url.with_path("/suppressions").with_query(query))
        values = {
            "entries": shown,
            "search": search,
            "reason": reason or "",
            "reasons": list(Reason),
            "older": older,
            "held": held,
            "may_manage": session.actor.may(Permission.SUPPRESSION_MANAGE, account),
            "may_export": session.actor.may(Permission.EXPORT, account),
            "form": {"addresses": "", "scope": "all", "note": ""},
            "problem": "",
            "removed": (),
            "imported": None,
            "row_errors": (),
            "more_errors": 0,
            **(more or {}),
        }
        return self._renderer.page(request, "suppressions.html", values, status=status)


async def _pieces(
    found: AsyncIterator[Sequence[Entry]], texts: Texts, zone: ZoneInfo
) -> AsyncIterator[Sequence[Sequence[Cell]]]:
    def moment(at_ms: int) -> str:
        if not at_ms:
            return ""
        return f"{datetime.fromtimestamp(at_ms / 1000, zone):%Y-%m-%d %H:%M:%S}"

    async for entries in found:
        yield [
            (
                one.address or texts("suppressions.erased"),
                texts(f"suppressions.reasons.{one.reason.value}"),
                texts(f"suppressions.scopes.{one.scope.value}"),
                moment(one.created_ms), moment(one.expires_ms), one.note,
            )
            for one in entries
        ]  # fmt: skip


def _rows(file: IO[bytes]) -> list[FileRow]:
    """The rows, one more than there may be at most. In a thread: a large file takes a second."""
    with file:
        lines = io.StringIO(decoded(file.read()), newline="")
        return list(islice(read_rows(lines), MAX_ROWS + 1))


def _account(request: web.Request) -> int:
    account = current_account(session_of(request))
    if account is None:
        raise web.HTTPForbidden
    return account.id


def _choice(kind: Any, text: str) -> Any:
    """The value of an enumeration with that text, None for any other text."""
    return kind(text) if text in tuple(kind) else None
