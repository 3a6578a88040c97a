"""`/api/v1/documents`: hand-overs and evidence of sends: ask for one, list them, take its files (T-v)."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field

from console.accounts.values import Scope
from console.api.acting import ActorOf, carried_out, number_of
from console.api.messages.request import Schema
from console.api.messages.schemas import Id, Time
from console.api.moment import Day
from console.api.pagination import Paged, Query, page, place_of
from console.api.refusals import Violation, invalid
from console.api.routes import Answer, Call, Route
from console.reports.filed.book import LAST, Filed, FiledBook, FiledFile, FiledKind, FiledState
from console.reports.workbooks import XLSX
from mta.events.record import rfc3339

_PATH = "/api/v1/documents"
_PIECE = 256 * 1024
_HANDOVER = (
    "A hand-over takes the scopes `user.manage` and `credential.view` too, for it lists people and "
    "keys."
)


class DocumentLanguage(StrEnum):
    """Of the words in it."""

    SPANISH = "es"
    ENGLISH = "en"


class DocumentFormat(StrEnum):
    """Of a file."""

    PDF = "pdf"
    XLSX = "xlsx"


_TYPES = {DocumentFormat.PDF: "application/pdf", DocumentFormat.XLSX: XLSX}


class DocumentRequest(Schema):
    """Evidence of sends of some days, both included, or a hand-over as it is now."""

    kind: FiledKind = FiledKind.EVIDENCE
    first: Annotated[
        Day | None,
        Field(alias="from", description="The first day, in the account's time zone."),
    ] = None
    last: Annotated[Day | None, Field(alias="to", description="The last day.")] = None
    language: DocumentLanguage = DocumentLanguage.SPANISH


class DocumentFile(BaseModel):
    """A file of a document."""

    format: DocumentFormat
    size: int = Field(description="Octets.")
    sha256: str


class DocumentAnswer(BaseModel):
    """Evidence of sends of the account and all below it, or a hand-over; files come with `done`."""

    id: Id
    number: int = Field(description="Within account and kind, without gaps.")
    account: Id
    kind: FiledKind
    from_: str | None = Field(alias="from", examples=["2026-11-01"])
    to: str | None
    language: DocumentLanguage
    state: FiledState
    error: str | None = Field(description="Why it could not be made.")
    asked_by: str
    created: Time
    done: Time | None
    sends: int = Field(description="Rows in it.")
    sha256: str | None = Field(description="Of the rows, the same in both files.")
    files: list[DocumentFile]


class DocumentPage(BaseModel):
    """Some documents, the newest first."""

    items: list[DocumentAnswer]
    next: str | None


class DocumentFilter(Paged):
    """Which documents."""

    kind: FiledKind = FiledKind.EVIDENCE


class FileFilter(Query):
    """Which file."""

    format: DocumentFormat = DocumentFormat.PDF


class DocumentEndpoints:
    """Handlers; `routes` declares them. A hand-over lists people and keys: it takes their scopes."""

    def __init__(self, book: FiledBook, actor_of: ActorOf, wake: Callable[[], None]) -> None:
        """`wake` the one that makes documents."""
        self._book = book
        self._actor_of = actor_of
        self._wake = wake

    def routes(self) -> Sequence[Route]:
        """The table."""
        one, gone = f"{_PATH}/{{id}}", ("not_found",)
        may = (Scope.EXPORT,)
        return (
            Route(
                "POST", _PATH, "askDocument", "Ask for evidence of sends or a hand-over",
                self.ask, may, DocumentAnswer, DocumentRequest, status=202, tag="reports",
                description="Made in the background: ask for it until its state is `done` or "
                f"`failed`. {_HANDOVER}",
            ),
            Route(
                "GET", _PATH, "listDocuments", "List evidence of sends or hand-overs", self.list,
                may, DocumentPage, filters=DocumentFilter, tag="reports", description=_HANDOVER,
            ),
            Route(
                "GET", one, "getDocument", "Show evidence or a hand-over", self.get, may,
                DocumentAnswer, tag="reports", errors=gone,
            ),
            Route(
                "GET", f"{one}/file", "getDocumentFile", "Download a document", self.file,
                may, filters=FileFilter, tag="reports", errors=gone,
                also_gives=tuple(_TYPES.values()),
            ),
        )  # fmt: skip

    async def ask(self, call: Call) -> Answer:
        """`POST /documents`."""
        asked = call.content(DocumentRequest)
        asking = self._book.ask(
            self._actor_of(call), call.identity.account_id, asked.kind, *_days(asked),
            asked.language.value,
        )  # fmt: skip
        report = await carried_out(asking, "document")
        self._wake()
        return Answer(_shown(report, ()), 202)

    async def list(self, call: Call) -> Answer:
        """`GET /documents`."""
        wanted, actor = call.filters(DocumentFilter), self._actor_of(call)
        place = place_of(wanted.cursor, (int,))
        found = await carried_out(
            self._book.list(
                actor, call.identity.account_id, wanted.kind,
                before=int(place[0]) if place else LAST, count=wanted.limit + 1,
            )
        )  # fmt: skip
        shown = found[: wanted.limit]
        files = await carried_out(self._book.files(actor, shown))
        following = (shown[-1].id,) if len(found) > wanted.limit else None
        return Answer(page([_shown(one, files[one.id]) for one in shown], following))

    async def get(self, call: Call) -> Answer:
        """`GET /documents/{id}`."""
        actor = self._actor_of(call)
        report = await carried_out(self._book.get(actor, number_of(call)))
        files = await carried_out(self._book.files(actor, [report]))
        return Answer(_shown(report, files[report.id]))

    async def file(self, call: Call) -> Answer:
        """`GET /documents/{id}/file`."""
        kind, number = call.filters(FileFilter).format, number_of(call)
        actor = self._actor_of(call)
        report = await carried_out(self._book.get(actor, number))
        path = await carried_out(self._book.take(actor, number, kind.value))
        name = f'attachment; filename="{report.kind}-{number}.{kind}"'
        headers = {"Content-Disposition": name}
        return Answer(pieces=_pieces(path), headers=headers, content_type=_TYPES[kind])


def _days(asked: DocumentRequest) -> tuple[str, str]:
    """Of evidence; a hand-over has none. Raises `ApiRefusal`."""
    given = {"from": asked.first, "to": asked.last}
    if asked.kind is FiledKind.EVIDENCE:
        if missing := [Violation(name, "required") for name, day in given.items() if day is None]:
            raise invalid(*missing)
        return str(asked.first), str(asked.last)
    if extra := [name for name, day in given.items() if day is not None]:
        detail = {"detail": "a hand-over is of today: leave it out"}
        raise invalid(*(Violation(name, "unusable_text", detail) for name in extra))
    return "", ""


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, _PIECE):
            yield piece


def _shown(report: Filed, files: Sequence[FiledFile]) -> dict[str, Any]:
    return {
        "id": str(report.id),
        "number": report.number,
        "account": str(report.account),
        "kind": report.kind.value,
        "from": report.first or None,
        "to": report.last or None,
        "language": report.language,
        "state": report.state.value,
        "error": report.error or None,
        "asked_by": report.asked_by,
        "created": rfc3339(report.created_ms),
        "done": rfc3339(report.done_ms) if report.done_ms else None,
        "sends": report.lines,
        "sha256": report.digest or None,
        "files": [{"format": one.format, "size": one.size, "sha256": one.sha256} for one in files],
    }
