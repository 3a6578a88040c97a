"""Makes the reports that were asked for, one after the other, beside everything else.

Gathering reads roll-ups; the files are written in a thread and in a process of their own, each attempt
has a deadline, and one that fails is tried again twice before people are told.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date

import structlog

from console.accounts.actor import Actor
from console.accounts.permissions import Permission
from console.reports.usage.book import (
    BadReport,
    Report,
    ReportBook,
    ReportState,
    check_addressees,
)
from console.reports.usage.data import UsageReport
from console.reports.usage.gather import Asked, UsageReporter
from mta.model.clock import Clock
from mta.model.errors import PermanentError, RelevoError

DEADLINE_S = 600.0
ATTEMPTS = 3
AGAIN_MS = 600_000  # after an attempt that failed
IDLE_S = 60.0
WRITING = 90  # percent: what gathering and writing have done

_ACTOR = Actor.system("reports")
Writer = Callable[[UsageReport, str], Awaitable[Mapping[str, bytes]]]  # language: files by format
Sender = Callable[[Report, str, tuple[str, ...], Mapping[str, bytes]], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Step:
    """How far the report that is being made is."""

    report: int
    name: str
    percent: int


class ReportMaker:
    """`run()` until it is cancelled; `make()` for one, where no server runs."""

    def __init__(
        self, book: ReportBook, reporter: UsageReporter, clock: Clock, write: Writer
    ) -> None:
        self._book = book
        self._reporter = reporter
        self._clock = clock
        self._write = write
        self._wake = asyncio.Event()
        self._log = structlog.get_logger("relevo.reports")
        self.send: Sender | None = None  # None: nobody mails
        self.caught_up: Callable[[], Awaitable[None]] | None = None  # everything is counted
        self.step: Step | None = None

    def wake(self) -> None:
        """Something was asked for."""
        self._wake.set()

    async def run(self) -> None:
        """All that are due, the oldest first."""
        while True:
            self._wake.clear()
            try:
                for one in await self._book.unmailed():
                    await self._mail(_ACTOR, one, one.addressees)
                while (report := await self._book.next()) is not None:
                    await self.make(report)
            except RelevoError as error:
                self._log.warning("reports wait", error=str(error))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(IDLE_S):
                    await self._wake.wait()

    async def make(self, report: Report, told: Callable[[Step], None] = lambda _: None) -> Report:
        """One of them, to its end or to the reason why not. Raises `StoreError`."""
        if report.attempts >= 2 * ATTEMPTS:  # the process ended in each of them
            await self._book.state(report, ReportState.FAILED, error="every attempt was cut off")
            return await self._book.get(_ACTOR, report.id)
        await self._book.state(report, ReportState.WORKING)
        report = replace(report, attempts=report.attempts + 1)
        try:
            async with asyncio.timeout(DEADLINE_S):
                digest, files = await self._made(report, told)
                await self._book.keep(_ACTOR, report, digest, files)
        except TimeoutError:
            await self._failed(report, f"not made within {DEADLINE_S:.0f} s")
        except RelevoError as error:
            await self._failed(report, str(error))
        except Exception:
            self._log.exception("report not made", report=report.id)
            await self._failed(report, "internal error: the server's log has it")
        else:
            await self._mail(_ACTOR, replace(report, digest=digest), report.addressees, files)
        finally:
            self.step = None
        return await self._book.get(_ACTOR, report.id)

    async def mail(self, actor: Actor, report: int, addressees: tuple[str, ...]) -> str:
        """Once more; gives why not, "" when all went out. Raises `BadReport`, `NotPermitted`."""
        found = await self._book.get(actor, report)
        actor.require(Permission.EXPORT, found.account)
        check_addressees(addressees)
        if found.state is not ReportState.DONE or not addressees:
            raise BadReport("what is mailed is a report that is made, to somebody")
        return await self._mail(actor, found, addressees)

    async def _mail(
        self,
        actor: Actor,
        report: Report,
        addressees: tuple[str, ...],
        files: Mapping[str, bytes] | None = None,
    ) -> str:
        if not addressees:
            return ""
        if self.send is None:
            error = "no server runs that could send it"
        else:
            if files is None:
                files = {one: await self._book.read(report.id, one) for one in ("pdf", "xlsx")}
            error = await self.send(report, report.digest, addressees, files)
        await self._book.mailed(actor, report, addressees, error)
        return error

    async def _made(
        self, report: Report, told: Callable[[Step], None]
    ) -> tuple[str, Mapping[str, bytes]]:
        def tell(name: str, done: int, total: int) -> None:
            self.step = Step(report.id, name, WRITING // 2 * done // total)
            told(self.step)

        if self.caught_up is not None:
            await self.caught_up()
        asked = Asked(report.account, report.first, report.last, report.number, report.asked_by)
        data = await self._reporter.gather(_ACTOR, asked, tell)
        tell("writing", 1, 1)
        written = await self._write(data, report.language)
        self.step = Step(report.id, "keeping", WRITING)
        told(self.step)
        return data.digest(), {"json": data.canonical(), **written}

    async def _failed(self, report: Report, error: str) -> None:
        self._log.warning("report not made", report=report.id, error=error)
        if report.attempts < ATTEMPTS:
            due = self._clock.now_ms() + AGAIN_MS
            await self._book.state(report, ReportState.WAITING, due_ms=due, error=error)
        else:
            await self._book.state(report, ReportState.FAILED, error=error)


def file_name(report: Report, word: str, format: str) -> str:
    """`informe-consumo-3-2026-09-01.pdf`."""
    day: date = report.first
    return f"{word}-{report.number}-{day.isoformat()}.{format}"


class NoPdf(PermanentError):
    """The document could not be made into a PDF here, or not in time."""
