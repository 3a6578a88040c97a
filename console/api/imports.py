"""The endpoints about files of people: sent, looked at, read, and what was left out of them."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from console.accounts.actor import Actor
from console.accounts.arguments import time_of
from console.accounts.csv_text import Cell, csv_text
from console.accounts.permissions import Permission
from console.accounts.values import Scope
from console.api.import_schemas import (
    ImportFilter,
    ImportPage,
    ImportShown,
    ImportStart,
    NewImport,
    PreviewFilter,
    PreviewShown,
    RejectPage,
)
from console.api.pagination import Paged, page, place_of
from console.api.refusals import Violation, invalid
from console.api.routes import Answer, Call, Route
from console.contacts.lists import LAST
from console.contacts.removal import UploadRemoval
from console.contacts.uploads import (
    MAX_BYTES,
    Reject,
    UnusableUpload,
    UploadService,
    headers_of,
)
from console.contacts.values import ColumnMapping, Upload

_T = TypeVar("_T")
_PATH = "/api/v1/imports"
REJECTED_HEADINGS = ("row", "column", "value", "reason", "hint")


class ImportEndpoints:
    """Handlers; `routes` declares them."""

    def __init__(
        self,
        uploads: UploadService,
        removal: UploadRemoval,
        actor_of: Callable[[Call], Actor],
    ) -> None:
        """`actor_of`: who acts, of a request that was let in."""
        self._uploads = uploads
        self._removal = removal
        self._actor_of = actor_of

    def routes(self) -> Sequence[Route]:
        """The table."""
        see, change = (Scope.CONTACT_VIEW,), (Scope.CONTACT_EDIT,)
        gone = ("not_found",)
        return (
            Route(
                "POST", _PATH, "sendImport", "Send a file with recipients", self.receive, change,
                ImportShown, filters=NewImport, status=201, tag="imports", max_file=MAX_BYTES,
                description="XLSX or CSV, as the body or as the part `file` of a form.",
            ),
            Route(
                "GET", _PATH, "listImports", "List files with recipients", self.list, see,
                ImportPage, filters=ImportFilter, tag="imports",
            ),
            Route(
                "GET", f"{_PATH}/{{id}}", "showImport", "Show how far a file is", self.show, see,
                ImportShown, tag="imports", errors=gone,
            ),
            Route(
                "GET", f"{_PATH}/{{id}}/preview", "previewImport",
                "Look at the beginning of a file", self.preview, see, PreviewShown,
                filters=PreviewFilter, tag="imports", errors=gone,
                description="Sheets, guessed columns and the first rows.",
            ),
            Route(
                "POST", f"{_PATH}/{{id}}/start", "startImport", "Read a file", self.start, change,
                ImportShown, ImportStart, tag="imports", errors=gone,
                description="In the background: ask for it again until its `state` is `ready` or "
                "`failed`. Its `audience` is what a campaign is sent to.",
            ),
            Route(
                "GET", f"{_PATH}/{{id}}/rejected", "listRejectedRows",
                "List the rows that were left out", self.rejects, see, RejectPage, filters=Paged,
                tag="imports", errors=gone,
            ),
            Route(
                "GET", f"{_PATH}/{{id}}/rejected.csv", "downloadRejectedRows",
                "The rows that were left out, with all their cells", self.rejected, change,
                tag="imports", errors=gone, also_gives=("text/csv",),
                description="To be corrected and sent again. Cells that a spreadsheet would take "
                "for a formula begin with an apostrophe.",
            ),
            Route(
                "DELETE", f"{_PATH}/{{id}}", "removeImport", "Remove a file and its rows",
                self.remove, change, status=204, tag="imports", errors=gone,
                description="Not while it is read, nor while a campaign that is not over needs it.",
            ),
        )  # fmt: skip

    async def receive(self, call: Call) -> Answer:
        """`POST /imports`."""
        assert call.file is not None
        made = await _answered(
            self._uploads.receive(
                self._actor_of(call), call.identity.account_id, call.file.name, call.file.chunks
            )
        )
        return Answer(_import(made), 201)

    async def list(self, call: Call) -> Answer:
        """`GET /imports`."""
        wanted = call.filters(ImportFilter)
        place = place_of(wanted.cursor, (int,))
        found = await self._uploads.list(
            self._actor_of(call), call.identity.account_id,
            before=int(place[0]) if place else LAST, count=wanted.limit + 1,
        )  # fmt: skip
        items = [_import(one) for one in found[: wanted.limit]]
        more = (found[wanted.limit - 1].id,) if len(found) > wanted.limit else None
        return Answer(page(items, more))

    async def show(self, call: Call) -> Answer:
        """`GET /imports/{id}`."""
        return Answer(_import(await self._of(call)))

    async def preview(self, call: Call) -> Answer:
        """`GET /imports/{id}/preview`."""
        wanted, found = call.filters(PreviewFilter), await self._of(call)
        seen = await _answered(
            self._uploads.preview(
                self._actor_of(call), found.id, sheet=wanted.sheet, header=wanted.header
            )
        )
        return Answer(
            {
                "sheets": [{"name": one.name, "hidden": one.is_hidden} for one in seen.sheets],
                "sheet": seen.sheet,
                "header": seen.has_header,
                "columns": [
                    {
                        "place": c.place,
                        "header": c.header,
                        "field": c.field,
                        "email": c.is_email,
                        "hidden": c.place in seen.hidden_columns,
                    }
                    for c in seen.columns
                ],
                "hidden_rows": seen.hidden_rows,
                "rows": [list(row) for row in seen.rows],
            }
        )

    async def start(self, call: Call) -> Answer:
        """`POST /imports/{id}/start`: what is not said is as it was guessed."""
        wanted, actor, found = call.content(ImportStart), self._actor_of(call), await self._of(call)
        email, fields, header, sheet = wanted.email, wanted.fields, wanted.header, wanted.sheet
        if email is None or fields is None or header is None:
            seen = await _answered(
                self._uploads.preview(actor, found.id, sheet=sheet, header=header)
            )
            header, sheet = seen.has_header, seen.sheet
            if email is None:
                email = next((c.place for c in seen.columns if c.is_email), -1)
            if fields is None:
                fields = {c.field: c.place for c in seen.columns if c.place != email}
        mapping = ColumnMapping(
            email, fields, has_header=header, sheet=sheet, keep=wanted.keep,
            skip_roles=wanted.skip_roles, skip_typos=wanted.skip_typos,
            skip_hidden=wanted.skip_hidden,
            save_as_list=int(wanted.list or 0), continues=int(wanted.corrects or 0),
        )  # fmt: skip
        return Answer(_import(await _answered(self._uploads.start(actor, found.id, mapping))))

    async def rejects(self, call: Call) -> Answer:
        """`GET /imports/{id}/rejected`."""
        wanted, found = call.filters(Paged), await self._of(call)
        place = place_of(wanted.cursor, (int,))
        rows = await self._uploads.rejects(
            self._actor_of(call), found.id, after=int(place[0]) if place else 0,
            count=wanted.limit + 1,
        )  # fmt: skip
        items = [_reject(one) for one in rows[: wanted.limit]]
        more = (rows[wanted.limit - 1].row,) if len(rows) > wanted.limit else None
        return Answer(page(items, more))

    async def rejected(self, call: Call) -> Answer:
        """`GET /imports/{id}/rejected.csv`."""
        actor, found = self._actor_of(call), await self._of(call)
        actor.require(Permission.CONTACT_EDIT, found.account)
        return Answer(
            pieces=self._csv(actor, found), content_type="text/csv",
            headers={"Content-Disposition": f'attachment; filename="rejected-{found.id}.csv"'},
        )  # fmt: skip

    async def _csv(self, actor: Actor, upload: Upload) -> AsyncIterator[bytes]:
        names = headers_of(upload)
        yield b"\xef\xbb\xbf" + csv_text([[*names, *REJECTED_HEADINGS]]).encode()
        width = len(names)
        async for piece in self._uploads.rejected(actor, upload.id):
            lines: list[list[Cell]] = [
                [*row.shown(width), one.row, one.column, one.value, one.reason, one.hint]
                for row in piece
                for one in (row.reject,)
            ]  # fmt: skip
            yield csv_text(lines).encode()

    async def remove(self, call: Call) -> Answer:
        """`DELETE /imports/{id}`."""
        found = await self._of(call)
        await _answered(self._removal.remove(self._actor_of(call), found.id))
        return Answer(status=204)

    async def _of(self, call: Call) -> Upload:
        text = call.path["id"]
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0
        return await self._uploads.get(self._actor_of(call), min(number, LAST))


async def _answered(work: Awaitable[_T]) -> _T:
    try:
        return await work
    except UnusableUpload as error:
        raise invalid(Violation("", f"file_{error.reason}")) from None


def _import(upload: Upload) -> Mapping[str, object]:
    return {
        "id": str(upload.id), "name": upload.name, "size": upload.size, "sha256": upload.sha256,
        "state": upload.state.value, "problem": upload.problem, "stored": upload.stored,
        "counts": dict(upload.counts),
        "columns": [{"name": c.name, "filled": c.filled, "sample": c.sample} for c in upload.columns],
        "audience": str(upload.audience) if upload.is_over and upload.audience else None,
        "created": time_of(upload.created_ms), "changed": time_of(upload.changed_ms),
    }  # fmt: skip


def _reject(one: Reject) -> Mapping[str, object]:
    return {
        "row": one.row, "column": one.column, "value": one.value, "reason": one.reason,
        "hint": one.hint,
    }  # fmt: skip
