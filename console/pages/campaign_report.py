"""`/campaigns/{id}/report`: what became of a campaign, with charts; each number leads to who it is."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from console.accounts.csv_text import Cell
from console.accounts.permissions import Permission
from console.campaigns.service import CampaignService
from console.campaigns.values import Campaign
from console.pages.campaign_average import Comparison, OwnAverage
from console.pages.campaign_charts import clock, funnel_of, hour_charts, peak_hours
from console.pages.campaign_words import TONES, campaign_of
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from console.pages.table_files import in_one, require_export, send_table, share_of
from console.pages.texts import Texts
from console.reports.causes import Cause, CauseService
from console.reports.charts import Chart
from console.reports.clients.counting import ClientOpens, ClientReader
from console.reports.figures import Figures, FigureService
from console.tracking.reader import EngagementFigures, EngagementHour, EngagementReader, LinkFigures
from mta.bounces.explanations import explanation


@dataclass(frozen=True, slots=True)
class Report:
    """All that the report of a campaign shows."""

    figures: Figures
    engagement: EngagementFigures
    hours: Sequence[EngagementHour]
    links: Sequence[LinkFigures]
    causes: Sequence[Cause]
    comparison: Comparison | None
    clients: Sequence[ClientOpens]  # opens by program and device

    def by(self, what: str) -> Sequence[tuple[str, int]]:
        """Opens by `client` or by `device`, the most first."""
        sums: Counter[str] = Counter()
        for one in self.clients:
            sums[str(getattr(one, what))] += one.n
        return sums.most_common()

    @property
    def clicks(self) -> int:
        """On all links together."""
        return sum(link.total for link in self.links)

    @property
    def not_opened(self) -> int:
        """Who has the mail and did not open it."""
        return max(0, self.figures.delivered - self.engagement.unique_opens)


class CampaignReportPages:
    """For those who may see reports; recipients for those who may see campaigns."""

    def __init__(
        self,
        renderer: Renderer,
        campaigns: CampaignService,
        figures: FigureService,
        engagement: EngagementReader,
        causes: CauseService,
        clients: ClientReader,
    ) -> None:
        self._renderer = renderer
        self._campaigns = campaigns
        self._figures = figures
        self._engagement = engagement
        self._causes = causes
        self._clients = clients
        self._average = OwnAverage(campaigns, figures, engagement)

    def add_routes(self, app: web.Application) -> None:
        """All of them."""
        app.router.add_get("/campaigns/{id}/report", self.report)
        app.router.add_get("/campaigns/{id}/report.{kind}", self.export_report)

    async def report(self, request: web.Request) -> web.Response:
        """The figures, with charts."""
        session = session_of(request)
        campaign = await campaign_of(request, self._campaigns)
        session.actor.require(Permission.REPORT_VIEW, campaign.account)
        is_automatic = request.query.get("automatic") == "1"
        report = await self._read(request, campaign, is_automatic=is_automatic)
        texts = self._renderer.texts(request)
        values: dict[str, Any] = {
            "campaign": campaign,
            "tones": TONES,
            "report": report,
            "charts_of": {} if report is None else _charts(texts, campaign, report),
            "peaks": [] if report is None else peak_hours(report.hours),
            "clock": clock,
            "is_automatic": is_automatic,
            "may_export": session.actor.may(Permission.EXPORT, campaign.account),
            "explain": lambda name: explanation(name, texts.language),
        }
        return self._renderer.page(request, "campaign_report.html", values)

    async def export_report(self, request: web.Request) -> web.StreamResponse:
        """The same numbers as a file: what, and how many."""
        texts = self._renderer.texts(request)
        campaign = await campaign_of(request, self._campaigns)
        require_export(request, campaign.account)
        is_automatic = request.query.get("automatic") == "1"
        report = await self._read(request, campaign, is_automatic=is_automatic)
        lines = [] if report is None else _lines(texts, report)
        headings = (texts("report.group"), texts("report.figure"), texts("report.number"))
        name = f"{texts('report.file')}-{campaign.id}"
        return await send_table(request, name, headings, in_one(lines), (26, 50, 14))

    async def _read(
        self, request: web.Request, campaign: Campaign, *, is_automatic: bool
    ) -> Report | None:
        flow = campaign.frozen.flow
        if not flow:
            return None
        zone, actor = self._renderer.zone_of(request), session_of(request).actor
        messages = campaign.frozen.messages
        return Report(
            await self._figures.of_flow(actor, flow),
            await self._engagement.of_flow(flow, automatic=is_automatic),
            await self._engagement.hours(flow, zone, automatic=is_automatic),
            await self._engagement.links_of(messages, automatic=is_automatic),
            await self._causes.top(actor, flow),
            await self._average.beside(actor, campaign, is_automatic=is_automatic),
            await self._clients.of_flow(actor, flow, automatic=is_automatic),
        )


def _charts(texts: Texts, campaign: Campaign, report: Report) -> dict[str, Chart]:
    charts = {"funnel": funnel_of(texts, report.figures, report.engagement)}
    if report.hours:
        made = hour_charts(texts, report.hours, campaign.figures.started_ms)
        charts.update(zip(("hours", "week", "first"), made, strict=True))
    return charts


def _lines(texts: Texts, report: Report) -> Sequence[Sequence[Cell]]:
    figures, engagement = report.figures, report.engagement
    group = texts("report.title")
    lines: list[Sequence[Cell]] = [
        (group, texts("report.audience"), figures.audience),
        *(
            (group, texts(f"activity.states.{state.label}"), number)
            for state, number in figures.states.items()
        ),
        (group, texts("report.attempted"), figures.attempted),
        (group, texts("report.success"), share_of(figures.delivered, figures.attempted)),
        (group, texts("report.opened"), engagement.unique_opens),
        (group, texts("report.opens"), engagement.total_opens),
        (group, texts("report.opened_again"), engagement.opened_again),
        (group, texts("report.not_opened"), report.not_opened),
        (group, texts("report.inferred"), engagement.inferred_opens),
        (group, texts("report.clicked"), engagement.unique_clicks),
        (group, texts("report.clicks"), engagement.total_clicks),
        (group, texts("report.unsubscribed"), figures.unsubscribed),
        (group, texts("report.complained"), figures.complained),
    ]
    lines += [
        (texts("report.bounces"), explanation(name, texts.language), n)
        for name, n in figures.bounces.items()
    ]
    lines += [(texts("report.causes"), cause.reply, cause.n) for cause in report.causes]
    for what in ("client", "device"):
        lines += [
            (texts(f"report.{what}s"), texts(f"report.{what}_name.{name}"), n)
            for name, n in report.by(what)
        ]
    for one in figures.providers:
        name = one.provider or texts("report.unknown_provider")
        lines.append(
            (texts("report.providers"), f"{name}: {texts('report.attempted')}", one.attempted)
        )
        lines.append(
            (texts("report.providers"), f"{name}: {texts('report.delivered')}", one.delivered)
        )
    lines += [(texts("report.links"), link.url, link.unique) for link in report.links]
    lines += [
        (texts("report.by_hour"), f"{hour.begin:%Y-%m-%d %H:00}", hour.total_opens)
        for hour in report.hours
    ]
    return lines
