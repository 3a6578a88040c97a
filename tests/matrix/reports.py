"""Figures."""

from datetime import date

from console.accounts.permissions import Permission
from console.reports.exports.desk import Order
from console.reports.people import Choice
from console.reports.period import PeriodQuery
from mta.model.traffic import EventType
from mta.store.work import Rows
from tests.accounts_world import OPERATOR
from tests.matrix.stand import Row, Stand

WITHOUT_ACTOR: dict[str, str] = {
    "ExportDesk.start": "at the start of the server, gives nothing away",
    "ExportDesk.close": "at the end of the server, gives nothing away",
    "ExportDesk.tidy": "removes what is old, gives nothing away",
    "ExportDesk.drop": "of an erasure, whose actor was asked",
    "ExportDesk.settle": "waits, gives nothing away",
}
INSIDE = {
    "OwnAverage.beside": "figures of a page, which the services give",
    "CampaignLines.of": "rows of a page, which the services give",
    "CampaignLines.recent": "rows of a page, which the services give",
}
DAY = date(2026, 11, 22)


async def _pieces(stand: Stand, actor, flow: int):
    people = stand.services.areas.reports.recipients
    return [rows async for rows in people.export(actor, Choice(flow, (1,)))]


def _figures(stand: Stand):
    return stand.services.areas.reports.figures


async def _flow(stand: Stand, account: int) -> int:
    """A campaign of the account."""

    async def make() -> int:
        base = stand.services.foundation
        flow = base.ids.new()
        row = (flow, account, f"c{flow}", "campaign", 4, base.clock.now_ms())
        await base.store.submit([Rows("flow_insert", [row])])
        return flow

    return await stand.once(f"campaign flow {account}", make)


def _period(method: str) -> Row:
    return Row(
        f"PeriodReader.{method}", Permission.REPORT_VIEW,
        lambda s, a, n, _: getattr(s.services.areas.reports.period, method)(
            a, PeriodQuery(n, DAY, DAY)
        ),
    )  # fmt: skip


_PERIOD = ("totals", "campaigns", "others", "providers", "accounts", "days", "hours", "links")


def _desk(stand: Stand):
    return stand.services.areas.reports.exports


async def _nothing():
    yield [["x"]]


async def _made_export(stand: Stand, account: int) -> int:
    """A table of the account that is ready."""
    made = await _desk(stand).begin(OPERATOR, account, Order("t", "t", "csv", ["a"]), _nothing())
    await _desk(stand).settle()
    return made.id


async def _export(stand: Stand, account: int) -> int:
    return await stand.once(f"export {account}", lambda: _made_export(stand, account))


ROWS = (
    *(_period(method) for method in ("days_of", "overview", *_PERIOD)),
    Row(
        "FigureService.of_flow", Permission.REPORT_VIEW,
        lambda s, a, _n, flow: _figures(s).of_flow(a, flow), make=_flow,
    ),
    Row(
        "FigureService.states", Permission.CAMPAIGN_VIEW,
        lambda s, a, n, flow: _figures(s).states(a, n, [flow]), make=_flow,
    ),
    Row(
        "FigureService.hours", Permission.REPORT_VIEW,
        lambda s, a, _n, flow: _figures(s).hours(a, flow, EventType.DELIVERED), make=_flow,
    ),
    Row(
        "FigureService.of_account", Permission.REPORT_VIEW,
        lambda s, a, n, _: _figures(s).of_account(a, [n], DAY, DAY),
    ),
    Row(
        "FigureService.days", Permission.REPORT_VIEW,
        lambda s, a, n, _: _figures(s).days(a, [n], DAY, DAY),
    ),
    Row(
        "ClientReader.of_flow", Permission.REPORT_VIEW,
        lambda s, a, _n, flow: s.services.areas.reports.clients.of_flow(a, flow), make=_flow,
    ),
    Row(
        "CauseService.top", Permission.REPORT_VIEW,
        lambda s, a, _n, flow: s.services.areas.reports.causes.top(a, flow), make=_flow,
    ),
    Row(
        "ExportDesk.begin", Permission.EXPORT,
        lambda s, a, n, _: _desk(s).begin(a, n, Order("t", "t", "csv", ["a"]), _nothing()),
    ),
    Row(
        "ExportDesk.list", Permission.EXPORT, lambda s, a, n, _: _desk(s).list(a, n),
    ),
    Row(
        "ExportDesk.get", Permission.EXPORT,
        lambda s, a, _n, job: _desk(s).get(a, job), make=_export,
    ),
    Row(
        "ExportDesk.file", Permission.EXPORT,
        lambda s, a, _n, job: _desk(s).file(a, job), make=_export,
    ),
    Row(
        "ExportDesk.remove", Permission.EXPORT,
        lambda s, a, _n, job: _desk(s).remove(a, job), make=_made_export,
    ),
    Row(
        "ComplianceService.gather", Permission.AUDIT_VIEW,
        lambda s, a, n, _: s.services.compliance.gather(a, n),
    ),
    Row(
        "LaneService.warming", Permission.REPORT_VIEW,
        lambda s, a, n, _: s.services.lanes.warming(a, n, ()),
    ),
    Row(
        "LaneService.of_account", Permission.REPORT_VIEW,
        lambda s, a, n, _: s.services.lanes.of_account(a, n),
    ),
    Row(
        "SuppressionService.growth", Permission.SUPPRESSION_VIEW,
        lambda s, a, n, _: s.services.areas.suppressions.service.growth(a, n, 0),
    ),
    Row(
        "RecipientService.page", Permission.CAMPAIGN_VIEW,
        lambda s, a, _n, flow: s.services.areas.reports.recipients.page(a, Choice(flow, (1,))),
        make=_flow,
    ),
    Row(
        "RecipientService.export", Permission.EXPORT,
        lambda s, a, _n, flow: _pieces(s, a, flow), make=_flow,
    ),
)  # fmt: skip
