"""`/`: what somebody wants to know first: the bag, what runs, what is wrong, what is to be done next."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from console.accounts.permissions import Permission
from console.accounts.quota.service import QuotaService
from console.accounts.quota.values import Share, ShareKind
from console.accounts.sending.service import SendingDomains
from console.accounts.sending.values import DomainStatus
from console.accounts.service import AccountService
from console.accounts.signin.sessions import Session
from console.pages.campaign_words import TONES, CampaignLines, Line
from console.pages.charting import framed
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from console.pages.texts import Texts
from console.reports.charts import Chart, Point, bars
from console.reports.figures import Day, FigureService
from mta.engine.health import Health
from mta.model.clock import Clock

DAYS = 30
LOW_SHARE = 0.9  # of the bag: from here on the page warns


@dataclass(frozen=True, slots=True)
class Step:
    """One of the first steps; `key` names its texts under `home.step`."""

    key: str
    href: str
    is_done: bool


@dataclass(frozen=True, slots=True)
class Alert:
    """Something to look at; `text` is ready."""

    tone: str
    text: str
    href: str


StepSource = Callable[[Session], Awaitable[Sequence[Step]]]  # steps that other areas add


class HomePage:
    """For everybody who is signed in; each part only for who may see it."""

    def __init__(
        self,
        renderer: Renderer,
        figures: FigureService,
        accounts: AccountService,
        quota: QuotaService,
        domains: SendingDomains,
        health: Health,
        clock: Clock,
        *,
        campaigns: CampaignLines | None = None,
        steps: Sequence[StepSource] = (),
    ) -> None:
        self._renderer = renderer
        self._figures = figures
        self._accounts = accounts
        self._quota = quota
        self._domains = domains
        self._health = health
        self._clock = clock
        self._campaigns = campaigns
        self._steps = steps

    def add_routes(self, app: web.Application) -> None:
        """The one."""
        app.router.add_get("/", self.show)

    async def show(self, request: web.Request) -> web.Response:
        """The page."""
        session, texts = session_of(request), self._renderer.texts(request)
        share = await self._share(session)
        domains = await self._all_domains(session)
        days = await self._days(request, session)
        recent: Sequence[Line] = ()
        if self._campaigns and session.actor.may(Permission.CAMPAIGN_VIEW, session.account):
            recent = await self._campaigns.recent(session.actor, texts, session.account)
        values: dict[str, Any] = {
            "recent": recent,
            "may_edit": session.actor.may(Permission.CAMPAIGN_EDIT, session.account),
            "tones": TONES,
            "share": share,
            "alerts": self._alerts(texts, share, domains),
            "chart": _chart(texts, days) if any(d.delivered or d.bounced for d in days) else None,
            "delivered": sum(d.delivered for d in days),
            "bounced": sum(d.bounced for d in days),
            "steps": await self._first_steps(session, share, domains, days),
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

    async def _days(self, request: web.Request, session: Session) -> Sequence[Day]:
        if not session.actor.may(Permission.REPORT_VIEW, session.account):
            return ()
        zone = self._renderer.zone_of(request)
        today = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC).astimezone(zone).date()
        first = today - timedelta(days=DAYS - 1)
        return await self._figures.days(session.actor, [session.account], first, today)

    def _alerts(
        self, texts: Texts, share: Share | None, domains: Sequence[DomainStatus] | None
    ) -> Sequence[Alert]:
        alerts = []
        if self._health.why_not_ready():
            alerts.append(Alert("bad", texts("home.not_ready"), "/status"))
        if share is not None and share.available is not None and share.granted:
            if share.available <= 0:
                alerts.append(Alert("bad", texts("home.exhausted"), "/quota"))
            elif share.available < share.granted * (1 - LOW_SHARE):
                left = texts.number(share.available)
                alerts.append(Alert("warn", texts("home.low", n=left), "/quota"))
        for status in domains or ():
            if status.failing_since_ms:
                name = status.domain.domain
                alerts.append(Alert("bad", texts("home.failing", domain=name), f"/domains/{name}"))
        return alerts

    async def _first_steps(
        self,
        session: Session,
        share: Share | None,
        domains: Sequence[DomainStatus] | None,
        days: Sequence[Day],
    ) -> Sequence[Step]:
        """Those that the person may take; none once all are done."""
        steps = []
        if share is not None and share.kind is not ShareKind.TRAINING:
            steps.append(Step("quota", "/quota", share.kind is not ShareKind.UNMETERED))
        if domains is not None:
            steps.append(Step("domain", "/domains", any(d.verified_ms for d in domains)))
        if session.actor.may(Permission.USER_MANAGE, session.account):
            people = await self._accounts.users.list(session.actor)
            steps.append(Step("people", "/users", len(people) > 1))
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
