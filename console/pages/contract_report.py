"""`/reports/contract`: a range of days of the whole contract: campaigns, sub-accounts, providers, hours.

Its tables carry the letters of the report every two months, so that both can be laid side by side.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from aiohttp import web

from console.accounts.csv_text import Cell
from console.accounts.permissions import Permission
from console.accounts.quota.contracts import ContractService
from console.accounts.quota.term import last_day
from console.accounts.signin.sessions import Session
from console.pages.account_switch import current_account
from console.pages.charting import framed
from console.pages.periods import Calendar, Days, today_of
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from console.pages.table_files import in_one, require_export, send_table, share_of
from console.pages.texts import Texts
from console.reports.charts import Chart, Point, bars
from console.reports.period import PeriodQuery, PeriodReader
from console.reports.shapes import heat_map
from console.reports.values import (
    AccountPeriod,
    CampaignPeriod,
    DayPeriod,
    LinkPeriod,
    OpeningHours,
    PeriodFigures,
    ProviderPeriod,
)
from mta.bounces.explanations import explanation
from mta.model.clock import Clock

BY_MONTH = 92  # days beyond which a bar is a month
LINKS = 20
_COLUMNS = (
    "attempted", "delivered", "success_percent", "opened", "opens", "opened_again", "not_opened",
    "clicked", "clicks", "bounced", "expired", "who.suppressed", "unsubscribed", "complained",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Report:
    """All that the page shows of the days."""

    totals: PeriodFigures
    campaigns: Sequence[CampaignPeriod]
    others: PeriodFigures  # mail of no campaign
    providers: Sequence[ProviderPeriod]
    accounts: Sequence[AccountPeriod]
    hours: Sequence[OpeningHours]
    links: Sequence[LinkPeriod]
    days: Sequence[DayPeriod]

    def peaks(self, flow: int) -> str:
        """The three hours in which a campaign was opened most: `10:00, 09:00, 16:00`."""
        found = next((one for one in self.hours if one.flow == flow), None)
        return ", ".join(f"{hour:02}:00" for hour in found.peaks()) if found else ""

    def named(self, campaign: int) -> str:
        """The name of a campaign."""
        return next((c.name for c in self.campaigns if c.campaign == campaign), "")


class ContractReportPages:
    """For those who may see reports of the account and of all below it; the reader asks again."""

    def __init__(
        self, renderer: Renderer, period: PeriodReader, contracts: ContractService, clock: Clock
    ) -> None:
        self._renderer = renderer
        self._period = period
        self._contracts = contracts
        self._clock = clock

    def add_routes(self, app: web.Application) -> None:
        """Both."""
        app.router.add_get("/reports/contract", self.show)
        app.router.add_get("/reports/contract.{kind}", self.export)

    async def show(self, request: web.Request) -> web.Response:
        """The page."""
        texts, session = self._renderer.texts(request), session_of(request)
        account, calendar = _account(session), await self._calendar(request)
        days = calendar.chosen(request.query)
        query = _query(request, account, days)
        report = await self._read(request, query)
        values: dict[str, Any] = {
            "days": days,
            "options": calendar.options(),
            "query": query,
            "extra": _extra(query),
            "to": _links(query, days),
            "r": report,
            "links_shown": sorted(report.links, key=lambda one: -one.unique)[:LINKS],
            "charts_of": _charts(texts, report, days),
            "explain": lambda name: explanation(name, texts.language),
            "may_export": session.actor.may(Permission.EXPORT, account),
            "may_look": session.actor.may(Permission.MAIL_VIEW, account),
        }
        return self._renderer.page(request, "reports_contract.html", values)

    async def export(self, request: web.Request) -> web.StreamResponse:
        """A line for all of it, each campaign, sub-account and provider, with all figures."""
        texts, account = self._renderer.texts(request), _account(session_of(request))
        require_export(request, account)
        days = (await self._calendar(request)).chosen(request.query)
        report = await self._read(request, _query(request, account, days))
        headings = [
            texts("report.group"), texts("contract.name"), texts("contract.account"),
            *(texts(f"report.{key}") for key in _COLUMNS), texts("report.peaks"),
        ]  # fmt: skip
        name = f"{texts('contract.file')}-{days.first}-{days.last}"
        widths = (22, 36, 28, *(13,) * len(_COLUMNS), 22)
        return await send_table(request, name, headings, in_one(_lines(texts, report)), widths)

    async def _calendar(self, request: web.Request) -> Calendar:
        """With the term of the contract that the account takes from, the newest that has begun."""
        session, today = session_of(request), today_of(request, self._renderer, self._clock)
        term = None
        if session.actor.may(Permission.QUOTA_VIEW, session.account):
            above = _line(session)
            for view in await self._contracts.list(session.actor):
                contract = view.contract
                if contract.account in above and contract.starts_on:
                    first = date.fromisoformat(contract.starts_on)
                    if first <= today:
                        term = (first, date.fromisoformat(last_day(contract)))
        return Calendar(today, term)

    async def _read(self, request: web.Request, query: PeriodQuery) -> Report:
        actor, read = session_of(request).actor, self._period
        found = await read.overview(actor, query)
        return Report(
            found.totals,
            found.campaigns,
            found.others,
            found.providers,
            found.accounts if query.subtree else (),
            await read.hours(actor, query),
            await read.links(actor, query),
            await read.days(actor, query),
        )


def _query(request: web.Request, account: int, days: Days) -> PeriodQuery:
    return PeriodQuery(
        account, days.first, days.last,
        subtree=request.query.get("own") != "1",
        automatic=request.query.get("automatic") == "1",
    )  # fmt: skip


def _extra(query: PeriodQuery) -> dict[str, str]:
    """What the address keeps when other days are chosen."""
    found = {} if query.subtree else {"own": "1"}
    return {**found, "automatic": "1"} if query.automatic else found


def _links(query: PeriodQuery, days: Days) -> dict[str, str]:
    """Addresses of the same days looked at in another way; `kept`: what files are asked for with."""

    def to(changed: PeriodQuery) -> str:
        return f"/reports/contract?{days.query}{_tail(_extra(changed))}"

    return {
        "below": to(replace(query, subtree=True)),
        "alone": to(replace(query, subtree=False)),
        "automatic": to(replace(query, automatic=not query.automatic)),
        "kept": _tail(_extra(query)),
    }


def _tail(extra: dict[str, str]) -> str:
    return "".join(f"&{key}={value}" for key, value in extra.items())


def _charts(texts: Texts, report: Report, days: Days) -> dict[str, Chart]:
    charts: dict[str, Chart] = {}
    if report.totals.delivered:
        by_month = days.count > BY_MONTH
        sums: Counter[str] = Counter()
        for one in report.days:
            name = f"{texts.month(one.day.month, 'abbreviated')} {one.day:%y}"
            sums[name if by_month else f"{one.day:%d/%m}"] += one.figures.delivered
        headings = (texts("report.day"), texts("report.delivered"))
        title = texts("contract.by_month" if by_month else "report.by_day")
        points = [Point(name, n) for name, n in sums.items()]
        charts["days"] = bars(framed(texts, "days", title, headings), points)
    if report.hours:
        by_hour = [sum(one.unique[h] for one in report.hours) for h in range(24)]
        week = [[float(sum(one.week[d][h] for one in report.hours)) for h in range(24)]
                for d in range(7)]  # fmt: skip
        opened, hour = texts("report.opened"), texts("report.hour")
        charts["hours"] = bars(
            framed(texts, "hours", texts("contract.by_hour"), (hour, opened)),
            [Point(f"{h:02}:00", n) for h, n in enumerate(by_hour)],
        )
        charts["week"] = heat_map(
            framed(texts, "week", texts("contract.by_week"), (texts("report.day"), hour, opened)),
            [texts.weekday(n) for n in range(7)], week, lambda h: f"{h:02}:00",
        )  # fmt: skip
    return charts


def _lines(texts: Texts, report: Report) -> Sequence[Sequence[Cell]]:
    campaign, provider = texts("contract.campaign"), texts("report.provider")
    others, account = texts("contract.others"), texts("contract.account")
    return [
        (texts("contract.all"), "", "", *_cells(report.totals), ""),
        *(
            (campaign, c.name, c.account_name, *_cells(c.figures), report.peaks(c.flow))
            for c in report.campaigns
        ),
        (others, others, "", *_cells(report.others), ""),
        *((account, a.name, a.name, *_cells(a.figures), "") for a in report.accounts),
        *((provider, p.provider, "", *_cells(p.figures), "") for p in report.providers),
    ]


def _cells(f: PeriodFigures) -> Sequence[Cell]:
    return (
        f.attempted, f.delivered, share_of(f.delivered, f.attempted), f.unique_opens,
        f.total_opens, f.opened_again, f.not_opened, f.unique_clicks, f.total_clicks, f.bounced,
        f.expired, f.suppressed, f.unsubscribed, f.complained,
    )  # fmt: skip


def _line(session: Session) -> set[int]:
    """The account and those above it that the person sees."""
    found, place = set[int](), session.accounts.get(session.account)
    while place is not None and place.id not in found:
        found.add(place.id)
        place = session.accounts.get(place.parent) if place.parent is not None else None
    return found


def _account(session: Session) -> int:
    account = current_account(session)
    if account is None:
        raise web.HTTPForbidden
    return account.id
