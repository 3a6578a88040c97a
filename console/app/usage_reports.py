"""Puts the reports of consumption together: gathering, writing, keeping, the schedule, the mail."""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from console.accounts.arguments import OPERATOR
from console.accounts.audit import AuditTrail
from console.accounts.incidents.service import IncidentService
from console.accounts.ports import Mailer
from console.accounts.quota.service import QuotaService
from console.accounts.usage.service import UsageService
from console.pages.pdf import make_pdf
from console.pages.report_mail import ReportMails
from console.pages.texts import load_texts
from console.pages.usage_document import document
from console.pages.watermark import watermarked
from console.reports.availability.runs import RunReader, RunRecorder
from console.reports.period import PeriodReader
from console.reports.usage.bag import BagReader
from console.reports.usage.book import BadReport, Order, Report, ReportBook
from console.reports.usage.data import UsageReport
from console.reports.usage.gather import UsageReporter
from console.reports.usage.making import NoPdf, ReportMaker
from console.reports.usage.schedule import Scheduler
from console.reports.usage.sheets import workbook
from mta.engine.foundation import Foundation
from mta.model.errors import StoreError

PDF_DEADLINE_S = 300.0
Operation = Callable[[Mapping[str, Any]], Awaitable[object]]
AccountFinder = Callable[[str | None], Awaitable[int]]


class UsageReportParts:
    """What belongs to reports of consumption in one process."""

    def __init__(
        self,
        foundation: Foundation,
        trail: AuditTrail,
        figures: PeriodReader,
        incidents: IncidentService,
        quota: QuotaService,
        uses: UsageService,
        find_account: AccountFinder,
        count_once: Callable[[], Awaitable[None]],
    ) -> None:
        """`find_account`: an account's id by id or name; `count_once` brings figures up to now."""
        store, clock = foundation.store, foundation.clock
        server = foundation.loaded.settings.server
        zone = ZoneInfo(server.timezone)
        self._foundation = foundation
        self._quota = quota
        self._find_account = find_account
        self._tasks: list[asyncio.Task[None]] = []
        bag = BagReader(store, clock, quota)
        runs = RunReader(store, clock)
        self.recorder = RunRecorder(store, clock)
        self.book = ReportBook(store, foundation.ids, clock, trail)
        self.reporter = UsageReporter(
            store, clock, figures, bag, incidents, uses, runs, zone
        )  # fmt: skip
        self.maker = ReportMaker(self.book, self.reporter, clock, self._write)
        self.maker.caught_up = count_once
        self.scheduler = Scheduler(store, clock, trail, quota, self.book, zone, server.language)
        self.scheduler.on_asked = self.maker.wake

    @property
    def operations(self) -> Mapping[str, Operation]:
        """By name, for commands."""
        return {
            "report.begin": self._begin,
            "report.make": self._make,
            "report.show": self._show,
            "report.read": self._read,
        }

    async def start(self, mailer: Mailer, counted: Callable[[], Awaitable[None]]) -> None:
        """The server runs: record it, make what is due. Raises `StoreError`.

        `counted` returns when everything that happened is in the figures.
        """
        url = str(self._foundation.loaded.settings.server.public_url).rstrip("/")
        self.maker.send = ReportMails(self._foundation.store, mailer, url).send
        self.maker.caught_up = counted
        await self.recorder.begin()
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(one)
            for one in (self.recorder.run(), self.maker.run(), self.scheduler.run())
        ]

    async def close(self) -> None:
        """End what runs; a report under way is made again when the server is back."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._tasks:
            try:
                await self.recorder.finish()
            except StoreError:
                return  # then it was no orderly end
        self._tasks = []

    async def today(self, account: int) -> date:
        """The day it is for an account."""
        zone = await self.reporter.zone_of(account)
        return datetime.fromtimestamp(self._foundation.clock.now_ms() / 1000, zone).date()

    async def series_of(self, account: int, last: date) -> int:
        """Where a report of that account is numbered: its contract, or itself without one.

        A sub-account's reports have numbers of their own, so that its people see no gaps.
        """
        await self._quota.meter.refresh()
        at = datetime.combine(last, datetime.min.time(), await self.reporter.zone_of(account))
        contract = self._quota.meter.contract_of(account, round(at.timestamp() * 1000))
        return contract.id if contract is not None and contract.account == account else account

    async def _write(self, report: UsageReport, language: str) -> Mapping[str, bytes]:
        """As `write_files`, with the mark of training where it belongs."""
        is_training = await self.reporter.is_training(report.cover.account)
        mark = load_texts()[language]("page.training") if is_training else ""
        return await write_files(report, language, mark)

    # -- commands ------------------------------------------------------------------------------

    async def _begin(self, arguments: Mapping[str, Any]) -> object:
        """`account`, `from`, `to`, `language`: ask for a report; gives its id and number."""
        named = arguments.get("account")
        account = await self._find_account(None if named is None else str(named))
        first, last = _day(arguments, "from"), _day(arguments, "to")
        language = str(
            arguments.get("language") or self._foundation.loaded.settings.server.language
        )
        order = Order(account, await self.series_of(account, last), first, last, language)
        report = await self.book.add(OPERATOR, order, await self.today(account))
        self.maker.wake()
        return {**_told(report), "is_served": bool(self._tasks)}

    async def _make(self, arguments: Mapping[str, Any]) -> object:
        """`report`: make it now, where no server runs."""
        report = await self.book.get(OPERATOR, int(arguments["report"]))
        return _told(await self.maker.make(report))

    async def _show(self, arguments: Mapping[str, Any]) -> object:
        """`report`: how far it is."""
        report = await self.book.get(OPERATOR, int(arguments["report"]))
        step = self.maker.step
        is_this = step is not None and step.report == report.id
        percent = step.percent if step is not None and is_this else 0
        return {**_told(report), "percent": percent, "step": step.name if step and is_this else ""}

    async def _read(self, arguments: Mapping[str, Any]) -> object:
        """`report`, `format`: the whole file, as base64."""
        data = await self.book.content(OPERATOR, int(arguments["report"]), str(arguments["format"]))
        return {"base64": base64.b64encode(data).decode()}


async def write_files(report: UsageReport, language: str, mark: str = "") -> Mapping[str, bytes]:
    """PDF and XLSX, `mark` on each page; neither keeps the event loop. Raises `NoPdf`."""
    texts = load_texts()[language]
    html = watermarked(await asyncio.to_thread(document, report, texts), mark)
    pdf = await make_pdf(html, PDF_DEADLINE_S, is_patient=True)
    if pdf is None:
        raise NoPdf("the PDF could not be made: is WeasyPrint with libpango installed?")
    return {"pdf": pdf, "xlsx": await asyncio.to_thread(workbook, report, texts, mark)}


def _day(arguments: Mapping[str, Any], name: str) -> date:
    text = str(arguments.get(name, ""))
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadReport(f"{name} {text!r}: expected a date such as 2026-03-01") from None


def _told(report: Report) -> dict[str, Any]:
    return {
        "id": str(report.id), "number": report.number, "account": str(report.account),
        "from": str(report.first), "to": str(report.last), "state": report.state.value,
        "error": report.error, "sha256": report.digest,
    }  # fmt: skip
