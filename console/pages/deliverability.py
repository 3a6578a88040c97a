"""`/deliverability`: how mail arrives: domains, rates, mailbox providers, where mail waits and why."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from console.accounts.csv_text import Cell
from console.accounts.permissions import Permission
from console.accounts.sending.service import SendingDomains
from console.accounts.sending.values import DomainStatus, RecordKind, RecordState
from console.accounts.signin.sessions import Session
from console.pages.account_switch import current_account
from console.pages.charting import framed
from console.pages.periods import Calendar, Days, today_of
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from console.pages.table_files import in_one, require_export, send_table, share_of
from console.pages.texts import Texts
from console.reports.charts import Chart, Point, bars
from console.reports.figures import Figures, FigureService
from console.reports.lanes import Lane, LaneService
from console.reports.warming import WarmUpLine
from console.suppressions.service import SuppressionService
from mta.model.clock import Clock
from mta.suppression.values import Reason

# Where providers begin to refuse: Gmail and Yahoo ask for complaints under 0.1 %, never 0.3 %.
COMPLAINTS = (0.001, 0.003)
BOUNCES = (0.02, 0.05)
SHOWN = (RecordKind.SPF, RecordKind.DKIM, RecordKind.DMARC, RecordKind.RETURN_PATH)
_HOUR_S = 3_600


@dataclass(frozen=True, slots=True)
class Health:
    """All that the page shows; None is what the person may not see."""

    figures: Figures
    domains: Sequence[DomainStatus] | None
    lanes: Sequence[Lane]
    suppressed: Mapping[Reason, int] | None
    growth: Mapping[str, int]  # by day
    warming: Sequence[WarmUpLine]


class DeliverabilityPages:
    """For those who may see reports; each part asks again."""

    def __init__(
        self,
        renderer: Renderer,
        figures: FigureService,
        domains: SendingDomains,
        lanes: LaneService,
        suppressions: SuppressionService,
        clock: Clock,
    ) -> None:
        self._renderer = renderer
        self._figures = figures
        self._domains = domains
        self._lanes = lanes
        self._suppressions = suppressions
        self._clock = clock

    def add_routes(self, app: web.Application) -> None:
        """Both."""
        app.router.add_get("/deliverability", self.show)
        app.router.add_get("/deliverability.{kind}", self.export)

    async def show(self, request: web.Request) -> web.Response:
        """The page."""
        texts, session = self._renderer.texts(request), session_of(request)
        account, calendar = _account(session), self._calendar(request)
        days = calendar.chosen(request.query)
        health = await self._read(request, account, days)
        figures = health.figures
        values: dict[str, Any] = {
            "days": days,
            "options": calendar.options(),
            "health": health,
            "shown": SHOWN,
            "state_of": record_state,
            "bounce_tone": tone(figures.bounced, figures.attempted, BOUNCES),
            "complaint_tone": tone(figures.complained, figures.delivered, COMPLAINTS),
            "chart": _chart(texts, health.growth, days) if health.growth else None,
            "may_export": session.actor.may(Permission.EXPORT, account),
            "may_look": session.actor.may(Permission.MAIL_VIEW, account),
        }
        return self._renderer.page(request, "deliverability.html", values)

    async def export(self, request: web.Request) -> web.StreamResponse:
        """The same as a file: group, what, number."""
        texts, account = self._renderer.texts(request), _account(session_of(request))
        require_export(request, account)
        days = self._calendar(request).chosen(request.query)
        health = await self._read(request, account, days)
        headings = (texts("report.group"), texts("report.figure"), texts("report.number"))
        lines = _lines(texts, health)
        return await send_table(
            request, texts("arrival.file"), headings, in_one(lines), (28, 60, 14)
        )

    # -- inside --------------------------------------------------------------------------------

    def _calendar(self, request: web.Request) -> Calendar:
        return Calendar(today_of(request, self._renderer, self._clock))

    async def _read(self, request: web.Request, account: int, days: Days) -> Health:
        actor, zone = session_of(request).actor, self._renderer.zone_of(request)
        domains = suppressed = None
        growth: Mapping[str, int] = {}
        figures = await self._figures.of_account(actor, [account], days.first, days.last)
        if actor.may(Permission.DOMAIN_VIEW, account):
            domains = await self._domains.all(actor, account)
        if actor.may(Permission.SUPPRESSION_VIEW, account):
            suppressed = await self._suppressions.counts(actor, account)
            start = datetime.combine(days.first, datetime.min.time(), zone)
            rows = await self._suppressions.growth(actor, account, round(start.timestamp() * 1000))
            growth = _by_day([(hour, n) for hour, _, n in rows], zone)
        lanes = await self._lanes.of_account(actor, account)
        warming = await self._lanes.warming(actor, account, [d.name for d in domains or ()])
        return Health(figures, domains, lanes, suppressed, growth, warming)


def record_state(status: DomainStatus, kind: RecordKind) -> RecordState | None:
    """The worst of the domain's records of that kind; None where none is needed."""
    order = (RecordState.FAILING, RecordState.PENDING, RecordState.VERIFIED)
    states = [record.state for record in status.records if record.kind == kind]
    return min(states, key=order.index, default=None)


def tone(part: int, whole: int, limits: tuple[float, float]) -> str:
    """Good below the first limit, bad from the second on."""
    share = part / whole if whole else 0.0
    if share >= limits[1]:
        return "bad"
    return "warn" if share >= limits[0] else "good"


def _by_day(rows: Sequence[tuple[int, int]], zone: ZoneInfo) -> Mapping[str, int]:
    days: Counter[str] = Counter()
    for hour, n in rows:
        at = datetime.fromtimestamp(hour * _HOUR_S, UTC).astimezone(zone)
        days[at.date().isoformat()] += n
    return days


def _chart(texts: Texts, growth: Mapping[str, int], days: Days) -> Chart:
    headings = (texts("report.day"), texts("arrival.added"))
    frame = framed(texts, "growth", texts("arrival.growth"), headings)
    points = [
        Point(f"{day:%d/%m}", growth.get(day.isoformat(), 0))
        for day in (days.first + timedelta(days=n) for n in range(days.count))
    ]
    return bars(frame, points)


def _lines(texts: Texts, health: Health) -> Sequence[Sequence[Cell]]:
    figures = health.figures
    lines: list[Sequence[Cell]] = []
    rates = texts("arrival.rates")
    lines.append((rates, texts("report.attempted"), figures.attempted))
    lines.append((rates, texts("report.delivered"), figures.delivered))
    lines.append(
        (rates, texts("report.success_percent"), share_of(figures.delivered, figures.attempted))
    )
    lines.append((rates, texts("report.bounced"), figures.bounced))
    lines.append((rates, texts("report.complained"), figures.complained))
    for status in health.domains or ():
        for kind in SHOWN:
            state = record_state(status, kind)
            word = texts(f"arrival.record.{state.value if state else 'none'}")
            lines.append((texts("domains.title"), f"{status.name} {kind.value}: {word}", None))
    for lane in health.lanes:
        why = texts(f"arrival.holder.{lane.holder}")
        lines.append(
            (
                texts("arrival.lanes"),
                f"{lane.site}: {why} {texts.said(lane.detail)}".strip(),
                lane.waiting,
            )
        )
    for one in health.warming:
        provider = _provider(texts, one)
        lines.append((texts("warming.title"), f"{one.subject}: {provider}, {one.step}", one.sent))
    for reason, n in (health.suppressed or {}).items():
        lines.append((texts("arrival.suppressed"), texts(f"suppressions.reasons.{reason}"), n))
    return lines


def _provider(texts: Texts, line: WarmUpLine) -> str:
    if not line.provider:
        return texts("warming.everywhere")
    return texts("warming.others") if line.is_other else line.provider


def _account(session: Session) -> int:
    account = current_account(session)
    if account is None:
        raise web.HTTPForbidden
    return account.id
