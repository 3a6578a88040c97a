"""`/api/v1/reports`: the bimonthly reports: ask for one, list them, look at one, take its files (T-r)."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Protocol

from pydantic import BaseModel, Field

from console.accounts.values import Scope
from console.api.acting import ActorOf, carried_out, number_of
from console.api.messages.request import Schema
from console.api.messages.schemas import Id, Time
from console.api.moment import Day
from console.api.pagination import Paged, Query, page, place_of
from console.api.routes import Answer, Call, Route
from console.reports.usage.book import (
    LAST,
    MAX_ADDRESSEES,
    Order,
    Report,
    ReportBook,
    ReportFile,
    ReportState,
)
from console.reports.workbooks import XLSX
from mta.events.record import rfc3339

_PATH = "/api/v1/reports"
_TYPES = {"pdf": "application/pdf", "xlsx": XLSX, "json": "application/json"}


class Calendar(Protocol):
    """Days and numbers of accounts."""

    async def today(self, account: int) -> date:
        """The day it is for an account."""
        ...

    async def series_of(self, account: int, last: date) -> int:
        """Where a report of an account is numbered."""
        ...


class ReportLanguage(StrEnum):
    """Of the files and the mail."""

    SPANISH = "es"
    ENGLISH = "en"


class ReportFormat(StrEnum):
    """Of a file; `json` is the data that the hash of the report is of."""

    PDF = "pdf"
    XLSX = "xlsx"
    JSON = "json"


class ReportRequest(Schema):
    """Days of the account's time zone, both included, and to whom the report is mailed."""

    first: Annotated[Day, Field(alias="from", description="The first day.")]
    last: Annotated[Day, Field(alias="to", description="The last day; it has begun.")]
    language: ReportLanguage = ReportLanguage.SPANISH
    mail_to: Annotated[
        list[Annotated[str, Field(max_length=320)]],
        Field(max_length=MAX_ADDRESSEES, description="Each gets PDF and XLSX, free of charge."),
    ] = Field(default_factory=list)


class ReportFileAnswer(BaseModel):
    """A file of a report."""

    format: ReportFormat
    size: int = Field(description="Octets.")
    sha256: str


class ReportAnswer(BaseModel):
    """A report of the key's account with all below it; its files are there once it is `done`."""

    id: Id
    number: int = Field(description="Within the contract, without gaps.")
    account: Id
    from_: str = Field(alias="from", examples=["2026-09-01"])
    to: str
    language: ReportLanguage
    state: ReportState
    is_scheduled: bool
    error: str | None = Field(description="Why the last attempt did not make it.")
    asked_by: str
    created: Time | None
    done: Time | None
    sha256: str | None = Field(description="Of the report's data, as both files tell it.")
    mail_to: list[str]
    mailed: Time | None
    files: list[ReportFileAnswer]


class ReportPage(BaseModel):
    """Some reports, the newest first; without their files."""

    items: list[ReportAnswer]
    next: str | None


class FileFilter(Query):
    """Which file."""

    format: ReportFormat = ReportFormat.PDF


class ReportEndpoints:
    """Handlers; `routes` declares them."""

    def __init__(
        self, book: ReportBook, calendar: Calendar, actor_of: ActorOf, wake: Callable[[], None]
    ) -> None:
        """`wake` the one that makes reports."""
        self._book = book
        self._calendar = calendar
        self._actor_of = actor_of
        self._wake = wake

    def routes(self) -> Sequence[Route]:
        """The table."""
        one, gone = f"{_PATH}/{{id}}", ("not_found",)
        see = (Scope.REPORT_VIEW, Scope.EXPORT)
        return (
            Route(
                "POST", _PATH, "askReport", "Ask for a report of consumption", self.ask,
                (Scope.EXPORT,), ReportAnswer, ReportRequest, status=202, tag="reports",
                description="It has its number at once and is made in the background: ask for it "
                "until its state is `done` or `failed`.",
            ),
            Route(
                "GET", _PATH, "listReports", "List reports of consumption", self.list, see,
                ReportPage, filters=Paged, tag="reports",
            ),
            Route(
                "GET", one, "getReport", "Show a report", self.get, see, ReportAnswer,
                tag="reports", errors=gone,
            ),
            Route(
                "GET", f"{one}/file", "getReportFile", "Download a file of a report", self.file,
                (Scope.EXPORT,), filters=FileFilter, tag="reports", errors=gone,
                also_gives=tuple(_TYPES.values()),
            ),
        )  # fmt: skip

    async def ask(self, call: Call) -> Answer:
        """`POST /reports`."""
        asked, account = call.content(ReportRequest), call.identity.account_id
        order = Order(
            account, await self._calendar.series_of(account, asked.last), asked.first, asked.last,
            asked.language.value, tuple(dict.fromkeys(asked.mail_to)),
        )  # fmt: skip
        today = await self._calendar.today(account)
        report = await carried_out(self._book.add(self._actor_of(call), order, today), "report")
        self._wake()
        return Answer(_shown(report, {}), 202)

    async def list(self, call: Call) -> Answer:
        """`GET /reports`."""
        wanted = call.filters(Paged)
        place = place_of(wanted.cursor, (int,))
        found = await carried_out(
            self._book.list(
                self._actor_of(call), [call.identity.account_id],
                before=int(place[0]) if place else LAST, count=wanted.limit + 1,
            )
        )  # fmt: skip
        shown = found[: wanted.limit]
        following = (shown[-1].id,) if len(found) > wanted.limit else None
        return Answer(page([_shown(one, {}) for one in shown], following))

    async def get(self, call: Call) -> Answer:
        """`GET /reports/{id}`."""
        actor, number = self._actor_of(call), number_of(call)
        report = await carried_out(self._book.get(actor, number))
        return Answer(_shown(report, await carried_out(self._book.files(actor, number))))

    async def file(self, call: Call) -> Answer:
        """`GET /reports/{id}/file`."""
        kind = call.filters(FileFilter).format
        reading: Awaitable[bytes] = self._book.content(
            self._actor_of(call), number_of(call), kind.value
        )
        name = f'attachment; filename="report-{number_of(call)}.{kind}"'
        headers = {"Content-Disposition": name}
        return Answer(
            body=await carried_out(reading), headers=headers, content_type=_TYPES[kind.value]
        )


def _shown(report: Report, files: Mapping[str, ReportFile]) -> dict[str, Any]:
    return {
        "id": str(report.id),
        "number": report.number,
        "account": str(report.account),
        "from": str(report.first),
        "to": str(report.last),
        "language": report.language,
        "state": report.state.value,
        "is_scheduled": report.is_scheduled,
        "error": report.error or None,
        "asked_by": report.asked_by,
        "created": rfc3339(report.created_ms),
        "done": rfc3339(report.done_ms) if report.done_ms else None,
        "sha256": report.digest or None,
        "mail_to": list(report.addressees),
        "mailed": rfc3339(report.mailed_ms) if report.mailed_ms else None,
        "files": [
            {"format": one.format, "size": one.size, "sha256": one.sha256} for one in files.values()
        ],
    }
