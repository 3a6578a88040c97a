"""`/`: what somebody wants to know first: the bag, what runs, what is wrong, what is to be done next."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from aiohttp import web

from console.accounts.permissions import Permission
from console.accounts.quota.forecast import Forecast
from console.accounts.quota.service import QuotaService
from console.accounts.quota.term import last_day
from console.accounts.quota.values import ContractState, Share, ShareKind
from console.accounts.sending.service import SendingDomains
from console.accounts.sending.values import DomainStatus
from console.accounts.service import AccountService
from console.accounts.signin.sessions import Session
from console.pages.campaign_words import SOON, TONES, CampaignLines, Line
from console.pages.charting import framed
from console.pages.home_alerts import (
    Alert,
    WorkAlerts,
    bag_alerts,
    domain_alerts,
    rate_alerts,
)
from console.pages.periods import USUAL, Days, today_of
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from console.pages.texts import Texts
from console.reports.charts import Chart, Point, bars
from console.reports.figures import Day, Figures, FigureService
from console.tracking.reader import EngagementFigures, EngagementReader
from mta.engine.health import Health
from mta.model.clock import Clock

DAYS = 30


@dataclass(frozen=True, slots=True)
class Step:
    """One of the first steps; `key` names its texts under `home.step`."""

    key: str
    href: str
    is_done: bool


@dataclass(frozen=True, slots=True)
class Bag:
    """How long the bag lasts at the present pace, and the last day of its contract."""

    forecast: Forecast
    last: date


StepSource = Callable[[Session], Awaitable[Sequence[Step]]]  # steps that other areas add


class HomePage:
    """For everybody who is signed in; each part only for who may see it."""

    def __init__(
        self,
        renderer: Renderer,
        figures: FigureService,
        engagement: EngagementReader,
        accounts: AccountService,
        quota: QuotaService,
        domains: SendingDomains,
        health: Health,
        clock: Clock,
        *,
        campaigns: CampaignLines | None = None,
        work: WorkAlerts | None = None,
        steps: Sequence[StepSource] = (),
    ) -> None:
        self._renderer = renderer
        self._figures = figures
        self._engagement = engagement
        self._accounts = accounts
        self._quota = quota
        self._domains = domains
        self._health = health
        self._clock = clock
        self._campaigns = campaigns
        self._work = work
        self._steps = steps

    def add_routes(self, app: web.Application) -> None:
        """The one."""
        app.router.add_get("/", self.show)

    async def show(self, request: web.Request) -> web.Response:
        """The page."""
        session, texts = session_of(request), self._renderer.texts(request)
        actor, account = session.actor, session.account
        share = await self._share(session)
        domains = await self._all_domains(session)
        span = self._span(request)
        days, figures, engagement = await self._thirty(request, session, span)
        lines: Sequence[Line] = ()
        if self._campaigns and actor.may(Permission.CAMPAIGN_VIEW, account):
            lines = await self._campaigns.recent(actor, texts, account)
        values: dict[str, Any] = {
            "soon": [line for line in lines if line.campaign.status in SOON],
            "over": [line for line in lines if line.campaign.status not in SOON],
            "may_edit": actor.may(Permission.CAMPAIGN_EDIT, account),
            "may_look": actor.may(Permission.MAIL_VIEW, account),
            "tones": TONES,
            "share": share,
            "bag": await self._bag(session),
            "alerts": await self._alerts(request, share, domains, figures),
            "chart": _chart(texts, days) if any(d.delivered or d.bounced for d in days) else None,
            "figures": figures,
            "engagement": engagement,
            "span": span,
            "steps": await self._first_steps(session, share, domains, days, lines),
        }
        return self._renderer.page(request, "home.html", values)

    async def _share(self, session: Session) -> Share | None:
        if not session.actor.may(Permission.QUOTA_VIEW, session.account):
            return None
        return self._quota.shares.share(session.account)

    async def _all_domains(self, session: Session) -> Sequence[DomainStatus] | None:
        if not session.actor.may(Permission.DOMAIN_VIEW, session.account):
            return None
        return await self._domains.all(session.actor, session.account)

    def _span(self, request: web.Request) -> Days:
        """The last thirty days of who asks."""
        today = today_of(request, self._renderer, self._clock)
        return Days(today - timedelta(days=DAYS - 1), today, USUAL)

    async def _thirty(
        self, request: web.Request, session: Session, span: Days
    ) -> tuple[Sequence[Day], Figures | None, EngagementFigures]:
        """Their figures; nothing for who may not see reports."""
        actor, account = session.actor, session.account
        if not actor.may(Permission.REPORT_VIEW, account):
            return (), None, EngagementFigures()
        zone = self._renderer.zone_of(request)
        start = datetime.combine(span.first, datetime.min.time(), zone)
        engagement = await self._engagement.of_account(
            account, first_ms=round(start.timestamp() * 1000), last_ms=self._clock.now_ms()
        )
        return (
            await self._figures.days(actor, [account], span.first, span.last),
            await self._figures.of_account(actor, [account], span.first, span.last),
            engagement,
        )

    async def _alerts(
        self,
        request: web.Request,
        share: Share | None,
        domains: Sequence[DomainStatus] | None,
        figures: Figures | None,
    ) -> Sequence[Alert]:
        session, texts = session_of(request), self._renderer.texts(request)
        alerts = []
        if self._health.why_not_ready():
            alerts.append(Alert("bad", texts("home.not_ready"), "/status"))
        alerts += [*bag_alerts(texts, share), *domain_alerts(texts, domains)]
        if self._work is not None:
            alerts += await self._work.of(session, texts, self._renderer.inbox_of(session))
        return [*alerts, *rate_alerts(texts, figures)]

    async def _bag(self, session: Session) -> Bag | None:
        """How long the bag of the account's own contract lasts."""
        if not session.actor.may(Permission.QUOTA_VIEW, session.account):
            return None
        for view in await self._quota.contracts.list(session.actor):
            is_own = view.contract.account == session.account
            if is_own and view.state is ContractState.ACTIVE:
                last = date.fromisoformat(last_day(view.contract))
                found = await self._quota.ledger.forecast(session.actor, view.contract.id)
                return Bag(found, last)
        return None

    async def _first_steps(
        self,
        session: Session,
        share: Share | None,
        domains: Sequence[DomainStatus] | None,
        days: Sequence[Day],
        lines: Sequence[Line],
    ) -> Sequence[Step]:
        """Those that the person may take; none once all are done."""
        steps = []
        if share is not None and share.kind is not ShareKind.TRAINING:
            steps.append(Step("quota", "/quota", share.kind is not ShareKind.UNMETERED))
        if domains is not None and session.actor.may(Permission.DOMAIN_MANAGE, session.account):
            steps.append(Step("domain", "/domains", any(d.verified_ms for d in domains)))
        if session.actor.may(Permission.USER_MANAGE, session.account):
            people = await self._accounts.users.list(session.actor)
            steps.append(Step("people", "/users", len(people) > 1))
        if self._campaigns and session.actor.may(Permission.CAMPAIGN_EDIT, session.account):
            is_done = any(line.bar for line in lines)
            steps.append(Step("campaign", "/campaigns/new", is_done))
        for source in self._steps:
            steps += await source(session)
        if session.actor.may(Permission.CREDENTIAL_VIEW, session.account):
            is_done = any(day.delivered for day in days)
            may_add = session.actor.may(Permission.CREDENTIAL_MANAGE, session.account)
            where = "/credentials/new" if may_add else "/credentials"
            steps.append(Step("mail", where, is_done))
        return () if all(step.is_done for step in steps) else steps


def _chart(texts: Texts, days: Sequence[Day]) -> Chart:
    frame = framed(
        texts, "days", texts("home.chart"), (texts("home.day"), texts("home.delivered")),
    )  # fmt: skip
    points = [Point(f"{day.day:%d/%m}", max(0, day.delivered)) for day in days]
    return bars(frame, points)
