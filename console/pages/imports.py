"""`/imports`: files with people in them: upload, confirm the columns, watch, see what was left out."""

from collections.abc import AsyncIterator, Mapping, Sequence

from aiohttp import web

from console.accounts.csv_text import Cell
from console.accounts.permissions import Permission
from console.contacts.lists import ContactService
from console.contacts.uploads import LAST, Preview, UnusableUpload, UploadService, headers_of
from console.contacts.values import ColumnMapping, Upload, UploadState
from console.pages.account_switch import current_account
from console.pages.downloads import send_xlsx
from console.pages.forms import id_of, number_of, text_of
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from console.pages.streaming import file_of
from mta.model.errors import PermanentError

PAGE_SIZE = 25
SHOWN_REJECTS = 50
ALONG = ("campaign", "correct")  # in the address of all pages of a file
# In this order on the page: what became of the rows.
OUTCOMES = (
    "duplicated", "invalid", "several", "empty", "suppressed", "unsubscribed", "role", "typo", "no_mx",
    "hidden", "too_long",
)  # fmt: skip


class ImportPages:
    """For those who may see contacts; the services check each step again."""

    def __init__(
        self,
        renderer: Renderer,
        uploads: UploadService,
        contacts: ContactService,
        rows_read: Mapping[int, int],
    ) -> None:
        """`rows_read`: how far the uploads are that are being read, by id."""
        self._renderer = renderer
        self._uploads = uploads
        self._contacts = contacts
        self._rows_read = rows_read

    def add_routes(self, app: web.Application) -> None:
        """All of them."""
        app.router.add_get("/imports", self.list)
        app.router.add_post("/imports", self.receive)
        app.router.add_get("/imports/{id}", self.show)
        app.router.add_post("/imports/{id}", self.start)
        app.router.add_get("/imports/{id}/rejected.xlsx", self.rejected)

    async def list(self, request: web.Request) -> web.Response:
        """Those before, and a form for the next one."""
        return await self._list(request)

    async def receive(self, request: web.Request) -> web.StreamResponse:
        """Keep the file while it comes in; on with its columns."""
        session = session_of(request)
        session.actor.require(Permission.CONTACT_EDIT, _account(request))
        form = await file_of(request, "file")
        if form is None:
            return await self._list(request, problem="no_file")
        try:
            upload = await self._uploads.receive(
                session.actor, _account(request), form.name, form.chunks
            )
        except UnusableUpload as error:
            return await self._list(request, problem=error.reason)
        raise web.HTTPSeeOther(f"/imports/{upload.id}{_for_campaign(request)}")

    async def show(self, request: web.Request) -> web.Response:
        """Its columns, how far it is, or what became of its rows."""
        upload = await self._of(request)
        if upload.state is UploadState.RECEIVED or (
            upload.is_over and request.query.get("again") and _may_edit(request, upload)
        ):
            return await self._columns(request, upload)
        return await self._result(request, upload)

    async def start(self, request: web.Request) -> web.StreamResponse:
        """Read it with these columns."""
        session, form, upload = session_of(request), await request.post(), await self._of(request)
        session.actor.require(Permission.CONTACT_EDIT, upload.account)
        try:
            mapping = await self._mapping(request, upload, form)
            await self._uploads.start(session.actor, upload.id, mapping)
        except UnusableUpload as error:
            return await self._columns(request, upload, problem=error.reason)
        except PermanentError:
            return await self._columns(request, upload, problem="no_list")
        raise web.HTTPSeeOther(f"/imports/{upload.id}{_for_campaign(request)}")

    async def rejected(self, request: web.Request) -> web.StreamResponse:
        """A workbook of the rows that were left out, to be corrected and uploaded again."""
        upload, texts = await self._of(request), self._renderer.texts(request)
        session_of(request).actor.require(Permission.CONTACT_EDIT, upload.account)
        names = headers_of(upload)
        headings = [
            *names, texts("imports.row"), texts("imports.cell"), texts("imports.reason"),
            texts("imports.hint"),
        ]  # fmt: skip
        width = len(names)

        async def pieces() -> AsyncIterator[Sequence[Sequence[Cell]]]:
            async for piece in self._uploads.rejected(session_of(request).actor, upload.id):
                rows: list[Sequence[Cell]] = []
                for one in piece:
                    told = texts(f"imports.outcome.{one.reject.reason}")
                    place = f"{_letters(one.reject.column)}{one.reject.row}"
                    rows.append([*one.shown(width), one.reject.row, place, told, one.reject.hint])
                yield rows

        return await send_xlsx(request, f"rejected-{upload.id}", headings, pieces())

    # -- showing -------------------------------------------------------------------------------

    async def _of(self, request: web.Request) -> Upload:
        return await self._uploads.get(session_of(request).actor, id_of(request.match_info["id"]))

    async def _list(self, request: web.Request, *, problem: str = "") -> web.Response:
        session, account = session_of(request), _account(request)
        before = id_of(request.query.get("before", "")) or LAST
        found = await self._uploads.list(session.actor, account, before=before, count=PAGE_SIZE + 1)
        shown = found[:PAGE_SIZE]
        values = {
            "uploads": shown,
            "older": f"/imports?before={shown[-1].id}" if len(found) > PAGE_SIZE else None,
            "may_edit": session.actor.may(Permission.CONTACT_EDIT, account),
            "problem": problem,
            "query": _for_campaign(request),
        }
        status = 422 if problem else 200
        return self._renderer.page(request, "imports.html", values, status=status)

    async def _columns(
        self, request: web.Request, upload: Upload, *, problem: str = ""
    ) -> web.Response:
        query = request.query
        header = {"yes": True, "no": False}.get(query.get("header", ""))
        preview: Preview | None = None
        try:
            preview = await self._uploads.preview(
                session_of(request).actor, upload.id, sheet=query.get("sheet", ""), header=header
            )
        except UnusableUpload as error:
            problem = problem or error.reason
        values = {
            "upload": upload,
            "preview": preview,
            "problem": problem,
            "query": _for_campaign(request),
            "along": {name: id_of(request.query.get(name, "")) for name in ALONG},
            "may_edit": _may_edit(request, upload),
            "lists": await self._contacts.lists(session_of(request).actor, upload.account),
        }
        status = 422 if problem else 200
        return self._renderer.page(request, "import_columns.html", values, status=status)

    async def _result(self, request: web.Request, upload: Upload) -> web.Response:
        rejects = await self._uploads.rejects(
            session_of(request).actor, upload.id, count=SHOWN_REJECTS
        )
        values = {
            "upload": upload,
            "rows_read": self._rows_read.get(upload.id, 0),
            "outcomes": [(key, upload.counts[key]) for key in OUTCOMES if upload.counts.get(key)],
            "rejects": [(one, f"{_letters(one.column)}{one.row}") for one in rejects],
            "left_out": sum(upload.counts.get(key, 0) for key in OUTCOMES),
            "campaign": (campaign := id_of(request.query.get("campaign", ""))),
            "query": f"?campaign={campaign}" if campaign else "",
            "correcting": f"?correct={upload.id}" + (f"&campaign={campaign}" if campaign else ""),
            "may_edit": _may_edit(request, upload),
        }
        return self._renderer.page(request, "import.html", values)

    async def _mapping(
        self, request: web.Request, upload: Upload, form: Mapping[str, object]
    ) -> ColumnMapping:
        """What was confirmed; a new list is made for it."""
        email = number_of(text_of(form, "email"))
        fields: dict[str, int] = {}
        for key in form:
            place = number_of(key.removeprefix("field-")) if key.startswith("field-") else None
            name = text_of(form, key, 100).strip()
            if place is None or not name or place == email:
                continue
            if name in fields:
                raise UnusableUpload("twice")
            fields[name] = place
        save = id_of(text_of(form, "list"))
        if name := text_of(form, "new_list", 200):
            made = await self._contacts.add_list(session_of(request).actor, upload.account, name)
            save = made.id
        return ColumnMapping(
            -1 if email is None else email,
            fields,
            has_header=text_of(form, "header") != "no",
            sheet=text_of(form, "sheet"),
            keep="last" if text_of(form, "keep") == "last" else "first",
            skip_roles=bool(form.get("skip_roles")),
            skip_typos=bool(form.get("skip_typos")),
            skip_hidden=form.get("hidden") != "1",
            save_as_list=save,
            continues=id_of(request.query.get("correct", "")),
        )


def _letters(column: int) -> str:
    """As spreadsheets call it: 1 is A, 27 is AA."""
    text = ""
    while column > 0:
        column, rest = divmod(column - 1, 26)
        text = chr(ord("A") + rest) + text
    return text


def _may_edit(request: web.Request, upload: Upload) -> bool:
    return session_of(request).actor.may(Permission.CONTACT_EDIT, upload.account)


def _for_campaign(request: web.Request) -> str:
    """The query that goes along: the campaign that the file is meant for, the one it corrects."""
    numbers = {name: id_of(request.query.get(name, "")) for name in ALONG}
    found = "&".join(f"{name}={number}" for name, number in numbers.items() if number)
    return f"?{found}" if found else ""


def _account(request: web.Request) -> int:
    account = current_account(session_of(request))
    if account is None:
        raise web.HTTPForbidden
    return account.id
