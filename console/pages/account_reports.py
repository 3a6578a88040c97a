"""`/reports` and `/reports/providers`: the account's mail of some days, as a whole and by provider.

Each number leads to its recipients: to the message log, narrowed by the same days and state.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from console.accounts.csv_text import Cell
from console.accounts.permissions import Permission
from console.pages.account_switch import current_account
from console.pages.charting import framed
from console.pages.downloads import send_csv, send_xlsx
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from console.pages.texts import Texts
from console.reports.charts import Chart, Point, bars
from console.reports.figures import Day, Figures, FigureService, ProviderFigures
from console.reports.period import PeriodQuery, PeriodReader
from console.reports.values import PeriodFigures
from mta.bounces.explanations import explanation
from mta.model.clock import Clock
from mta.model.traffic import DeliveryState

PERIODS = (7, 30, 90)
_HOUR_MS = 3_600_000
_NUMBERS = ("attempted", "delivered", "bounced", "expired", "unsubscribed", "complained")


@dataclass(frozen=True, slots=True)
class Period:
    """Days, the last one is today."""

    first: date
    last: date
    days: int

    @property
    def query(self) -> str:
        """For the address of a list of these days."""
        return urlencode({"since": self.first.isoformat(), "until": self.last.isoformat()})


class AccountReportPages:
    """For those who may see reports; the services check again."""

    def __init__(
        self,
        renderer: Renderer,
        figures: FigureService,
        reader: PeriodReader,
        clock: Clock,
    ) -> None:
        self._renderer = renderer
        self._figures = figures
        self._reader = reader
        self._clock = clock

    def add_routes(self, app: web.Application) -> None:
        """All of them."""
        app.router.add_get("/reports", self.panel)
        app.router.add_get("/reports/providers", self.providers)
        app.router.add_get("/reports/panel.{kind}", self.export_panel)
        app.router.add_get("/reports/providers.{kind}", self.export_providers)

    async def panel(self, request: web.Request) -> web.Response:
        """The sums, a chart of the days, bounces by class."""
        texts, period = self._renderer.texts(request), self._period(request)
        days = await self._figures.days(
            session_of(request).actor, [_account(request)], period.first, period.last
        )
        values = {
            **await self._values(request, period),
            "engagement": await self._engaged(request, period),
            "chart": _chart(texts, days) if any(day.delivered for day in days) else None,
            "explain": lambda name: explanation(name, texts.language),
        }
        return self._renderer.page(request, "reports.html", values)

    async def providers(self, request: web.Request) -> web.Response:
        """A line for each mailbox provider."""
        values = await self._values(request, self._period(request))
        return self._renderer.page(request, "reports_providers.html", values)

    async def export_panel(self, request: web.Request) -> web.StreamResponse:
        """The same numbers as a file."""
        texts, period = self._renderer.texts(request), self._period(request)
        figures = await self._exported(request, period)
        engagement = await self._engaged(request, period)
        lines = _lines(texts, figures, engagement)
        headings = (texts("report.figure"), texts("report.number"))
        return await _send(request, texts("report.file_account"), headings, lines, (50, 14))

    async def export_providers(self, request: web.Request) -> web.StreamResponse:
        """The same table as a file."""
        texts, period = self._renderer.texts(request), self._period(request)
        figures = await self._exported(request, period)
        headings = (
            texts("report.provider"), *(texts(f"report.{name}") for name in _NUMBERS),
            texts("report.success_percent"),
        )  # fmt: skip
        lines = [
            (
                _provider(texts, one), *(getattr(one, name) for name in _NUMBERS),
                _share(one.delivered, one.attempted),
            )
            for one in figures.providers
        ]  # fmt: skip
        name = texts("report.file_providers")
        return await _send(request, name, headings, lines, (26, *(14,) * (len(_NUMBERS) + 1)))

    # -- inside --------------------------------------------------------------------------------

    async def _values(self, request: web.Request, period: Period) -> dict[str, Any]:
        account = _account(request)
        return {
            "period": period,
            "periods": PERIODS,
            "f": await self._read(request, period),
            "may_export": session_of(request).actor.may(Permission.EXPORT, account),
            "may_look": session_of(request).actor.may(Permission.MAIL_VIEW, account),
        }

    async def _read(self, request: web.Request, period: Period) -> Figures:
        actor = session_of(request).actor
        return await self._figures.of_account(actor, [_account(request)], period.first, period.last)

    async def _exported(self, request: web.Request, period: Period) -> Figures:
        session_of(request).actor.require(Permission.EXPORT, _account(request))
        return await self._read(request, period)

    async def _engaged(self, request: web.Request, period: Period) -> PeriodFigures:
        """Opens and clicks of those days, as everywhere in the account's time zone."""
        query = PeriodQuery(_account(request), period.first, period.last, subtree=False)
        return await self._reader.totals(session_of(request).actor, query)

    def _period(self, request: web.Request) -> Period:
        text = request.query.get("days", "")
        days = int(text) if text in map(str, PERIODS) else PERIODS[1]
        now = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)
        today = now.astimezone(self._renderer.zone_of(request)).date()
        return Period(today - timedelta(days=days - 1), today, days)


def _chart(texts: Texts, days: Sequence[Day]) -> Chart:
    headings = (texts("report.day"), texts("report.delivered"))
    frame = framed(texts, "days", texts("report.by_day"), headings)
    return bars(frame, [Point(f"{day.day:%d/%m}", max(0, day.delivered)) for day in days])


def _lines(texts: Texts, figures: Figures, engagement: PeriodFigures) -> Sequence[Sequence[Cell]]:
    return [
        (texts("report.attempted"), figures.attempted),
        (texts("report.delivered"), figures.delivered),
        (texts("report.success_percent"), _share(figures.delivered, figures.attempted)),
        (texts("report.bounced"), figures.bounced),
        (texts("report.who.expired"), figures.of(DeliveryState.EXPIRED)),
        (texts("report.who.suppressed"), figures.of(DeliveryState.SUPPRESSED)),
        (texts("report.opened"), engagement.unique_opens),
        (texts("report.opens"), engagement.total_opens),
        (texts("report.clicked"), engagement.unique_clicks),
        (texts("report.clicks"), engagement.total_clicks),
        (texts("report.unsubscribed"), figures.unsubscribed),
        (texts("report.complained"), figures.complained),
        *(
            (f"{texts('report.bounced')}: {explanation(name, texts.language) or name}", n)
            for name, n in figures.bounces.items()
        ),
    ]


def _provider(texts: Texts, one: ProviderFigures) -> str:
    if one.provider == "other":
        return texts("report.other_provider")
    return one.provider.title() if one.provider else texts("report.unknown_provider")


def _share(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 2) if whole else None


def _account(request: web.Request) -> int:
    account = current_account(session_of(request))
    if account is None:
        raise web.HTTPForbidden
    return account.id


async def _send(
    request: web.Request,
    name: str,
    headings: Sequence[str],
    lines: Sequence[Sequence[Cell]],
    widths: Sequence[int],
) -> web.StreamResponse:
    async def pieces() -> AsyncIterator[Sequence[Sequence[Cell]]]:
        yield lines

    kind = request.match_info["kind"]
    if kind == "csv":
        return await send_csv(request, name, headings, pieces())
    if kind == "xlsx":
        return await send_xlsx(request, name, headings, pieces(), widths)
    raise web.HTTPNotFound
