"""Reports of consumption."""

from datetime import date

from console.accounts.permissions import Permission
from console.reports.usage.book import Order, ReportState
from console.reports.usage.gather import Asked
from console.reports.usage.schedule import Schedule
from tests.accounts_world import OPERATOR
from tests.matrix.stand import Row, Stand

_READS = "part of a report, whose reader is asked"
_MAKES = "for the one that makes reports"
WITHOUT_ACTOR = {
    "BagReader.balance": _READS,
    "BagReader.contract": _READS,
    "BagReader.moves": _READS,
    "ReportBook.next": _MAKES,
    "ReportBook.observe_ids": "once at start",
    "ReportBook.read": _MAKES,
    "ReportBook.state": _MAKES,
    "ReportBook.unmailed": _MAKES,
    "ReportMaker.make": _MAKES,
    "ReportMaker.run": _MAKES,
    "Scheduler.look": "by itself",
    "Scheduler.next_of": "days of a contract, for pages that were asked",
    "Scheduler.past_of": "days of a contract, for pages that were asked",
    "Scheduler.run": "by itself",
    "UsageReporter.zone_of": "a time zone",
    "UsageReporter.is_training": "whether its files carry a mark",
}
INSIDE = {
    "BagReader.refunds": _READS,
    "BagReader.shares": _READS,
    "ReportBook.keep": _MAKES,
    "ReportBook.mailed": _MAKES,
    "ReportBook.put": _MAKES,
}
DAY = date(2026, 11, 22)


def _book(stand: Stand):
    return stand.services.reports.book


async def _report(stand: Stand, account: int) -> int:
    async def make() -> int:
        return await _book(stand).put(OPERATOR, Order(account, account, DAY, DAY))

    return await stand.once(f"report {account}", make)


async def _made(stand: Stand, account: int) -> int:
    async def make() -> int:
        number = await _book(stand).put(OPERATOR, Order(account, account, DAY, DAY))
        report = await _book(stand).get(OPERATOR, number)
        await _book(stand).keep(
            OPERATOR, report, "x", {"pdf": f"%PDF- {number}".encode(), "xlsx": b"PK"}
        )
        return number

    return await stand.once(f"made report {account}", make)


async def _failed(stand: Stand, account: int) -> int:
    number = await _book(stand).put(OPERATOR, Order(account, account, DAY, DAY))
    report = await _book(stand).get(OPERATOR, number)
    await _book(stand).state(report, ReportState.FAILED, error="x")
    return number


async def _hashed(stand: Stand, account: int) -> str:
    return (await _book(stand).files(OPERATOR, await _made(stand, account)))["pdf"].sha256


async def _found(stand: Stand, actor, _account: int, sha256: str):
    return await _book(stand).find(actor, sha256)


ROWS = (
    Row(
        "ReportBook.add", Permission.EXPORT,
        lambda s, a, n, _: _book(s).add(a, Order(n, n, DAY, DAY), DAY),
    ),
    Row("ReportBook.list", Permission.REPORT_VIEW, lambda s, a, n, _: _book(s).list(a, [n])),
    Row(
        "ReportBook.get", Permission.REPORT_VIEW, lambda s, a, _n, r: _book(s).get(a, r),
        make=_report,
    ),
    Row(
        "ReportBook.files", Permission.REPORT_VIEW, lambda s, a, _n, r: _book(s).files(a, r),
        make=_made,
    ),
    Row("ReportBook.find", Permission.REPORT_VIEW, _found, make=_hashed, lists=True),
    Row(
        "ReportBook.content", Permission.EXPORT,
        lambda s, a, _n, r: _book(s).content(a, r, "pdf"), make=_made,
    ),
    Row(
        "ReportBook.again", Permission.EXPORT, lambda s, a, _n, r: _book(s).again(a, r),
        make=_failed,
    ),
    Row(
        "ReportMaker.mail", Permission.EXPORT,
        lambda s, a, _n, r: s.services.reports.maker.mail(a, r, ("ana@example.org",)), make=_made,
    ),
    Row(
        "UsageReporter.gather", Permission.REPORT_VIEW,
        lambda s, a, n, _: s.services.reports.reporter.gather(a, Asked(n, DAY, DAY)),
    ),
    Row(
        "Scheduler.get", Permission.REPORT_VIEW,
        lambda s, a, n, _: s.services.reports.scheduler.get(a, n),
    ),
    Row(
        "Scheduler.change", Permission.SETTINGS_MANAGE,
        lambda s, a, n, _: s.services.reports.scheduler.change(a, Schedule(n)),
    ),
)  # fmt: skip
