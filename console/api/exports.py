"""`/api/v1/exports`: everything of an account as one ZIP: ask for it, look how far it is, download it (T-t)."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field

from console.accounts.values import Scope
from console.api.acting import ActorOf, carried_out, number_of
from console.api.messages.request import Schema
from console.api.messages.schemas import Id, Time
from console.api.routes import Answer, Call, Route
from console.privacy.closing.exports import AccountExports
from console.privacy.closing.values import AccountExport, ExportState
from mta.events.record import rfc3339

_PATH = "/api/v1/exports"
_ZIP = "application/zip"
_CHUNK = 256 * 1024
_LAST = 2**63


class ExportRequest(Schema):
    """Which account; with those below it."""

    account: Annotated[
        str | None, Field(pattern=r"^[0-9]{1,19}$", description="Else the key's.")
    ] = None


class ExportAnswer(BaseModel):
    """An export and how far it is."""

    id: Id
    account: Id
    state: ExportState
    asked_by: str
    created: Time
    ended: Time | None
    tables_done: int | None = Field(description="While it is made.")
    tables: int | None
    rows: int
    size: int = Field(description="Octets of the ZIP.")
    sha256: str | None = Field(
        description="Of the ZIP; manifest.json in it has those of its files."
    )
    error: str | None


class ExportList(BaseModel):
    """The latest exports, the newest first."""

    items: list[ExportAnswer]


class ExportEndpoints:
    """Handlers; `routes` declares them."""

    def __init__(self, exports: AccountExports, actor_of: ActorOf) -> None:
        self._exports = exports
        self._actor_of = actor_of

    def routes(self) -> Sequence[Route]:
        """The table."""
        one, gone, scopes = f"{_PATH}/{{id}}", ("not_found",), (Scope.PRIVACY_MANAGE,)
        return (
            Route(
                "POST", _PATH, "askExport", "Export a whole account", self.ask, scopes,
                ExportAnswer, ExportRequest, status=202, tag="exports", errors=gone,
                description="It is made in the background: ask for it until its state is `done` or "
                "`failed`. It holds everything but secrets and contents of mail.",
            ),
            Route(
                "GET", _PATH, "listExports", "List exports of accounts", self.list, scopes,
                ExportList, tag="exports",
            ),
            Route(
                "GET", one, "getExport", "Show an export", self.get, scopes, ExportAnswer,
                tag="exports", errors=gone,
            ),
            Route(
                "GET", f"{one}/file", "getExportFile", "Download an export", self.file, scopes,
                tag="exports", errors=gone, also_gives=(_ZIP,),
            ),
        )  # fmt: skip

    async def ask(self, call: Call) -> Answer:
        """`POST /exports`."""
        named = call.content(ExportRequest).account
        account = min(int(named), _LAST - 1) if named else call.identity.account_id
        made = await carried_out(self._exports.ask(self._actor_of(call), account), "account")
        return Answer(self._shown(made), 202)

    async def list(self, call: Call) -> Answer:
        """`GET /exports`."""
        found = await carried_out(self._exports.all(self._actor_of(call)))
        return Answer({"items": [self._shown(one) for one in found]})

    async def get(self, call: Call) -> Answer:
        """`GET /exports/{id}`."""
        found = await carried_out(self._exports.get(self._actor_of(call), number_of(call)))
        return Answer(self._shown(found))

    async def file(self, call: Call) -> Answer:
        """`GET /exports/{id}/file`."""
        number = number_of(call)
        path = await carried_out(self._exports.file(self._actor_of(call), number))
        name = f'attachment; filename="relevo-export-{number}.zip"'
        headers = {"Content-Disposition": name, "Content-Length": str(path.stat().st_size)}
        return Answer(pieces=_read(path), headers=headers, content_type=_ZIP)

    def _shown(self, one: AccountExport) -> dict[str, Any]:
        progress = self._exports.progress(one.id)
        return {
            "id": str(one.id),
            "account": str(one.account),
            "state": one.state.value,
            "asked_by": one.asked_by,
            "created": rfc3339(one.created_ms),
            "ended": rfc3339(one.ended_ms) if one.ended_ms else None,
            "tables_done": progress.done if progress else None,
            "tables": progress.of if progress else None,
            "rows": one.rows,
            "size": one.bytes,
            "sha256": one.sha256 or None,
            "error": one.problem or None,
        }


async def _read(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk
