"""Reports of consumption over real mail of several accounts, a contract and a clock that tests move."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime
from pathlib import Path

from console.accounts.actor import Actor
from console.accounts.audit.chain import ChainKey
from console.accounts.audit.trail import AuditTrail
from console.accounts.incidents.service import IncidentService
from console.accounts.ports import SystemMail
from console.accounts.quota.service import QuotaService
from console.accounts.usage.counters import UsageCounters
from console.accounts.usage.recorder import UsageRecorder
from console.accounts.usage.service import UsageService
from console.app.services import PACKAGES
from console.pages.report_mail import ReportMails
from console.reports.availability.runs import RunReader, RunRecorder
from console.reports.usage.bag import BagReader
from console.reports.usage.book import Order, Report, ReportBook
from console.reports.usage.data import UsageReport
from console.reports.usage.gather import UsageReporter
from console.reports.usage.making import ReportMaker
from console.reports.usage.schedule import Scheduler
from console.tracking.classifying import Classifier
from mta.model.clock import ManualClock
from mta.model.errors import TransientError
from mta.model.ids import IdGenerator
from mta.store.sqlite import SqliteStore
from mta.store.statements import StatementPackage
from tests.period_world import MAIN, SERVER_ZONE, TESTS, PeriodWorld

OPERATOR = Actor.command()
START = datetime(2026, 3, 1, 12, tzinfo=SERVER_ZONE)
FILES: Mapping[str, bytes] = {"pdf": b"%PDF-" + bytes(400_000), "xlsx": b"PK" + bytes(300_000)}


class Post:
    """A mailer that keeps what it was given."""

    def __init__(self) -> None:
        self.mails: list[SystemMail] = []
        self.is_broken = False

    async def send(self, mail: SystemMail) -> int:
        if self.is_broken:
            raise TransientError("the disk is full")
        self.mails.append(mail)
        return 1


class UsageWorld(PeriodWorld):
    """Mail as in `PeriodWorld`, and all that reports are made with."""

    def __init__(self, store: SqliteStore, clock: ManualClock) -> None:
        super().__init__(store, clock, Classifier())
        ids = IdGenerator(clock_ns=lambda: clock.now_ms() * 1_000_000)
        trail = AuditTrail(store, ids, clock, ChainKey(b"k" * 32))
        self.quota = QuotaService(store, ids, clock, SERVER_ZONE)
        self.quota.books.audited_by(trail)
        self.incidents = IncidentService(store, ids, clock, trail)
        self.counters = UsageCounters(clock, "America/Lima")
        flush = UsageRecorder(store, self.counters).flush
        uses = UsageService(store, self.counters, flush)
        self.runs = RunRecorder(store, clock)
        self.book = ReportBook(store, ids, clock, trail)
        self.reporter = UsageReporter(
            store, clock, self.reader, BagReader(store, clock, self.quota), self.incidents, uses,
            RunReader(store, clock), SERVER_ZONE,
        )  # fmt: skip
        self.failures: list[Exception] = []
        self.maker = ReportMaker(self.book, self.reporter, clock, self._write)
        self.post = Post()
        self.maker.send = ReportMails(store, self.post, "https://relevo.example.org").send
        self.scheduler = Scheduler(
            store, clock, trail, self.quota, self.book, SERVER_ZONE, "es"
        )  # fmt: skip

    async def _write(self, _report: UsageReport, _language: str) -> Mapping[str, bytes]:
        if self.failures:
            raise self.failures.pop()
        return FILES

    async def contract(self, starts: str = "2026-03-01", size: int = 1_000) -> int:
        """A contract of the main account; gives its id."""
        made = await self.quota.contracts.add(OPERATOR, MAIN, "Contrato 41", size, starts_on=starts)
        return made.contract.id

    async def asked(
        self, account: int = MAIN, *people: str, series: int = 0, today: date | None = None
    ) -> Report:
        """A report of yesterday."""
        day = today or datetime.fromtimestamp(self.clock.now_ms() / 1000, SERVER_ZONE).date()
        order = Order(account, series or account, day, day, addressees=people)
        return await self.book.add(OPERATOR, order, day)

    async def made(self, account: int = MAIN, *people: str) -> Report:
        """One that is made."""
        return await self.maker.make(await self.asked(account, *people))

    async def all(self, account: int = MAIN) -> Sequence[Report]:
        """The account's, the oldest first."""
        return (await self.book.list(OPERATOR, [account], count=100))[::-1]


@asynccontextmanager
async def open_usage(folder: Path, clock: ManualClock | None = None) -> AsyncIterator[UsageWorld]:
    """Open the store in `folder`; what was written there before is there again."""
    clock = clock or ManualClock(round(START.timestamp() * 1000))
    names = ("mta.engine", "mta.spool", "mta.feedback", "mta.suppression", *PACKAGES)
    packages = [StatementPackage.of(name) for name in dict.fromkeys(names)]
    store = await SqliteStore.open(folder, [*packages, TESTS])
    try:
        world = UsageWorld(store, clock)
        await world.quota.load()
        await world.book.observe_ids()
        yield world
    finally:
        await store.close()
