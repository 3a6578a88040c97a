"""`/campaigns/{id}/report` and `…/recipients`: what became of a campaign, and who is behind each number."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from console.accounts.actor import NotPermitted
from console.accounts.csv_text import Cell
from console.accounts.permissions import Permission
from console.campaigns.service import CampaignService
from console.campaigns.values import Campaign
from console.maillog.search import Standing
from console.pages.campaign_words import TONES, campaign_of
from console.pages.charting import framed
from console.pages.downloads import send_csv, send_xlsx
from console.pages.forms import id_of
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from console.pages.texts import Texts
from console.reports.charts import Chart, Point, bars, funnel, heat_map, line
from console.reports.figures import Figures, FigureService
from console.reports.people import PAGE, Choice, People, RecipientService, Who
from console.tracking.reader import EngagementFigures, EngagementHour, EngagementReader, LinkFigures
from mta.bounces.explanations import explanation

FIRST_HOURS = 72
_HOUR_MS = 3_600_000
_WIDTHS = (8, 34, 16, 20, 40, 60, 22)


@dataclass(frozen=True, slots=True)
class Report:
    """All that the report of a campaign shows."""

    figures: Figures
    engagement: EngagementFigures
    hours: Sequence[EngagementHour]
    links: Sequence[LinkFigures]


class CampaignReportPages:
    """For those who may see reports; recipients for those who may see campaigns."""

    def __init__(
        self,
        renderer: Renderer,
        campaigns: CampaignService,
        figures: FigureService,
        recipients: RecipientService,
        engagement: EngagementReader,
    ) -> None:
        self._renderer = renderer
        self._campaigns = campaigns
        self._figures = figures
        self._recipients = recipients
        self._engagement = engagement

    def add_routes(self, app: web.Application) -> None:
        """All of them."""
        app.router.add_get("/campaigns/{id}/report", self.report)
        app.router.add_get("/campaigns/{id}/report.{kind}", self.export_report)
        app.router.add_get("/campaigns/{id}/recipients", self.recipients)
        app.router.add_get("/campaigns/{id}/recipients.{kind}", self.export_recipients)

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
            "charts_of": None if report is None else _charts(texts, campaign, report),
            "is_automatic": is_automatic,
            "may_export": session.actor.may(Permission.EXPORT, campaign.account),
            "explain": lambda name: explanation(name, texts.language),
            "standing": lambda row: Standing.of(row.state, row.attempts),
        }
        return self._renderer.page(request, "campaign_report.html", values)

    async def export_report(self, request: web.Request) -> web.StreamResponse:
        """The same numbers as a file: what, and how many."""
        session, texts = session_of(request), self._renderer.texts(request)
        campaign = await campaign_of(request, self._campaigns)
        _require(session.actor.may(Permission.EXPORT, campaign.account))
        report = await self._read(request, campaign, is_automatic=False)

        async def pieces() -> AsyncIterator[Sequence[Sequence[Cell]]]:
            yield [] if report is None else _lines(texts, report)

        headings = (texts("report.group"), texts("report.figure"), texts("report.number"))
        name = f"{texts('report.file')}-{campaign.id}"
        return await _send(request, name, headings, pieces(), (26, 50, 14))

    async def recipients(self, request: web.Request) -> web.Response:
        """A page of them."""
        session = session_of(request)
        campaign = await campaign_of(request, self._campaigns)
        choice, after = _choice(request, campaign), id_of(request.query.get("after", ""))
        people = People((), 0)
        if campaign.frozen.flow:
            people = await self._recipients.page(session.actor, choice, after=after, limit=PAGE)
        texts = self._renderer.texts(request)
        values = {
            "campaign": campaign,
            "tones": TONES,
            "people": people,
            "choice": choice,
            "kinds": list(Who),
            "older": str(request.rel_url.update_query(after=str(people.next)))
            if people.next else None,
            "first": str(request.rel_url.update_query(after="0")) if after else None,
            "query": request.rel_url.update_query(after="").query_string,
            "may_export": session.actor.may(Permission.EXPORT, campaign.account),
            "explain": lambda name: explanation(name, texts.language),
            "standing": lambda row: Standing.of(row.state, row.attempts),
        }  # fmt: skip
        return self._renderer.page(request, "campaign_recipients.html", values)

    async def export_recipients(self, request: web.Request) -> web.StreamResponse:
        """All that the list shows, as a file."""
        session, texts = session_of(request), self._renderer.texts(request)
        campaign = await campaign_of(request, self._campaigns)
        _require(session.actor.may(Permission.EXPORT, campaign.account))
        choice = _choice(request, campaign)
        zone = self._renderer.zone_of(request)

        async def pieces() -> AsyncIterator[Sequence[Sequence[Cell]]]:
            if not campaign.frozen.flow:
                return
            async for rows in self._recipients.export(session.actor, choice):
                yield [
                    (
                        row.n + 1, row.address,
                        texts(f"activity.states.{Standing.of(row.state, row.attempts)}"),
                        row.bounce_class,
                        explanation(row.bounce_class, texts.language) if row.bounce_class else "",
                        row.reply,
                        f"{datetime.fromtimestamp(row.changed_ms / 1000, zone):%Y-%m-%d %H:%M:%S}",
                    )
                    for row in rows
                ]  # fmt: skip

        headings = [
            texts(f"report.columns.{key}")
            for key in ("row", "address", "state", "class", "meaning", "reply", "time")
        ]
        name = f"{texts('report.file_recipients')}-{campaign.id}-{choice.who}"
        return await _send(request, name, headings, pieces(), _WIDTHS)

    async def _read(
        self, request: web.Request, campaign: Campaign, *, is_automatic: bool
    ) -> Report | None:
        flow = campaign.frozen.flow
        if not flow:
            return None
        zone, actor = self._renderer.zone_of(request), session_of(request).actor
        links: list[LinkFigures] = []
        for message in campaign.frozen.messages:
            links += await self._engagement.links(message, automatic=is_automatic)
        return Report(
            await self._figures.of_flow(actor, flow),
            await self._engagement.of_flow(flow, automatic=is_automatic),
            await self._engagement.hours(flow, zone, automatic=is_automatic),
            _joined(links),
        )


def _joined(links: Sequence[LinkFigures]) -> Sequence[LinkFigures]:
    """The canary's links and the rest's are the same ones."""
    by_url: dict[str, LinkFigures] = {}
    for one in links:
        known = by_url.get(one.url)
        by_url[one.url] = one if known is None else known._replace(
            unique=known.unique + one.unique, total=known.total + one.total,
            first_ms=min(filter(None, (known.first_ms, one.first_ms)), default=0),
        )  # fmt: skip
    return sorted(by_url.values(), key=lambda one: -one.unique)


def _charts(texts: Texts, campaign: Campaign, report: Report) -> dict[str, Chart]:
    figures, engagement = report.figures, report.engagement
    steps = [
        Point(texts("report.audience"), figures.audience),
        Point(texts("report.attempted"), figures.attempted),
        Point(texts("report.delivered"), figures.delivered),
        Point(texts("report.opened"), engagement.unique_opens),
        Point(texts("report.clicked"), engagement.unique_clicks),
    ]
    headings = (texts("report.step"), texts("report.recipients"), texts("report.share"))
    charts = {
        "funnel": funnel(framed(texts, "funnel", texts("report.funnel"), headings), steps,
                         lambda part, whole: texts.percent(part, whole)),
    }  # fmt: skip
    if not report.hours:
        return charts
    by_hour, grid = [0] * 24, [[0.0] * 24 for _ in range(7)]
    for hour in report.hours:
        by_hour[hour.begin.hour] += hour.total_opens
        grid[hour.begin.weekday()][hour.begin.hour] += hour.total_opens
    opens = texts("report.opens")
    charts["hours"] = bars(
        framed(texts, "hours", texts("report.by_hour"), (texts("report.hour"), opens)),
        [Point(f"{n:02}:00", value) for n, value in enumerate(by_hour)],
    )
    charts["week"] = heat_map(
        framed(texts, "week", texts("report.by_week"),
               (texts("report.day"), texts("report.hour"), opens)),
        [texts.weekday(n) for n in range(7)], grid, lambda n: f"{n:02}:00",
    )  # fmt: skip
    charts["first"] = _first_hours(texts, campaign, report)
    return charts


def _first_hours(texts: Texts, campaign: Campaign, report: Report) -> Chart:
    """Who had opened after how many hours, over the first three days."""
    start = campaign.figures.started_ms // _HOUR_MS
    fresh = [0] * (FIRST_HOURS + 1)
    for hour in report.hours:
        place = int(hour.begin.astimezone(UTC).timestamp() * 1000) // _HOUR_MS - start
        if 0 <= place < FIRST_HOURS:
            fresh[place + 1] += hour.unique_opens
    points, total = [], 0
    for n, value in enumerate(fresh):
        total += value
        points.append(Point(texts("report.after", n=n), total))
    frame = framed(
        texts, "first", texts("report.first_hours"), (texts("report.hour"), texts("report.opened"))
    )
    return line(frame, points)


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
        (group, texts("report.success"), _share(figures.delivered, figures.attempted)),
        (group, texts("report.opened"), engagement.unique_opens),
        (group, texts("report.opens"), engagement.total_opens),
        (group, texts("report.opened_again"), engagement.opened_again),
        (group, texts("report.clicked"), engagement.unique_clicks),
        (group, texts("report.clicks"), engagement.total_clicks),
        (group, texts("report.unsubscribed"), figures.unsubscribed),
        (group, texts("report.complained"), figures.complained),
    ]
    lines += [
        (texts("report.bounces"), explanation(name, texts.language), n)
        for name, n in figures.bounces.items()
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


def _share(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 2) if whole else None


def _choice(request: web.Request, campaign: Campaign) -> Choice:
    query = request.query
    who = query.get("who", Who.ALL.value)
    return Choice(
        campaign.frozen.flow,
        campaign.frozen.messages,
        Who(who) if who in tuple(Who) else Who.ALL,
        query.get("class", "")[:40],
        query.get("q", "").strip()[:320],
        id_of(query["link"]) if "link" in query else None,
    )


def _require(is_allowed: bool) -> None:
    if not is_allowed:
        raise NotPermitted("exporting")


async def _send(
    request: web.Request,
    name: str,
    headings: Sequence[str],
    pieces: AsyncIterator[Sequence[Sequence[Cell]]],
    widths: Sequence[int],
) -> web.StreamResponse:
    kind = request.match_info["kind"]
    if kind == "csv":
        return await send_csv(request, name, headings, pieces)
    if kind == "xlsx":
        return await send_xlsx(request, name, headings, pieces, widths)
    raise web.HTTPNotFound
