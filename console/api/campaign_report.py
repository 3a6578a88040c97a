"""`GET /api/v1/campaigns/{id}/report`: what became of a campaign, as its page shows it."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field

from console.accounts.values import Scope
from console.api.acting import ActorOf, carried_out, number_of
from console.api.messages.schemas import Id, Time
from console.api.pagination import Query
from console.api.routes import Answer, Call, Route
from console.campaigns.service import CampaignService
from console.reports.figures import Figures, FigureService
from console.tracking.reader import EngagementFigures, EngagementReader, LinkFigures
from mta.events.record import rfc3339
from mta.model.traffic import DeliveryState

_NOTHING = Figures({}, 0, 0)


class ReportFilter(Query):
    """Whose opens and clicks count."""

    automatic: bool = Field(
        False, description="Also those of filters, virus scanners and prefetching."
    )


class ReportProvider(BaseModel):
    """What happened at one mailbox provider; an empty name: not known."""

    provider: str = Field(examples=["google"])
    attempted: int
    delivered: int
    bounced: int
    expired: int
    complained: int
    unsubscribed: int


class ReportHour(BaseModel):
    """Opens and clicks of an hour; `unique` are recipients who did it for the first time."""

    begin: Time = Field(description="In UTC.")
    unique_opens: int
    total_opens: int
    unique_clicks: int
    total_clicks: int


class ReportLink(BaseModel):
    """A tracked link."""

    url: str
    unique: int
    total: int
    first: Time | None


class CampaignReport(BaseModel):
    """Sums; what each means: docs/explanation/figures.md."""

    campaign: Id
    audience: int
    suppressed: int
    waiting: int
    attempted: int
    delivered: int
    success_percent: Annotated[float, Field(ge=0, le=100)] | None = Field(
        description="Delivered of attempted; null while nothing was."
    )
    bounced: int
    expired: int
    complained: int
    unsubscribed: int
    unique_opens: int
    total_opens: int
    opened_again: int
    inferred_opens: int
    not_opened: int
    unique_clicks: int
    total_clicks: int
    bounces: dict[str, int] = Field(description="By class.", examples=[{"bad-mailbox": 20}])
    providers: list[ReportProvider]
    hours: list[ReportHour]
    links: list[ReportLink]


class CampaignReportEndpoints:
    """One report."""

    def __init__(
        self,
        campaigns: CampaignService,
        figures: FigureService,
        engagement: EngagementReader,
        actor_of: ActorOf,
    ) -> None:
        self._campaigns = campaigns
        self._figures = figures
        self._engagement = engagement
        self._actor_of = actor_of

    def routes(self) -> Sequence[Route]:
        """The table."""
        return (
            Route(
                "GET", "/api/v1/campaigns/{id}/report", "getCampaignReport",
                "What became of a campaign", self.get, (Scope.REPORT_VIEW,), CampaignReport,
                filters=ReportFilter, errors=("not_found",), tag="campaigns",
                description="Counted within seconds; zeros before it began.",
            ),
        )  # fmt: skip

    async def get(self, call: Call) -> Answer:
        """`GET /campaigns/{id}/report`."""
        actor, automatic = self._actor_of(call), call.filters(ReportFilter).automatic
        campaign = await carried_out(self._campaigns.reported(actor, number_of(call)))
        flow, messages = campaign.frozen.flow, campaign.frozen.messages
        figures, engaged = _NOTHING, EngagementFigures()
        hours: list[dict[str, Any]] = []
        if flow:
            figures = await self._figures.of_flow(actor, flow)
            engaged = await self._engagement.of_flow(flow, automatic=automatic)
            found = await self._engagement.hours(flow, ZoneInfo("UTC"), automatic=automatic)
            hours = [
                {**one._asdict(), "begin": rfc3339(round(one.begin.timestamp() * 1000))}
                for one in sorted(found)
            ]
        links = await self._engagement.links_of(messages, automatic=automatic)
        told = {
            "campaign": str(campaign.id),
            **_sums(figures, engaged),
            "hours": hours,
            "links": [_link(one) for one in links],
        }
        return Answer(told)


def _sums(figures: Figures, engaged: EngagementFigures) -> dict[str, Any]:
    attempted, delivered = figures.attempted, figures.delivered
    return {
        "audience": figures.audience,
        "suppressed": figures.of(DeliveryState.SUPPRESSED),
        "waiting": figures.waiting,
        "attempted": attempted,
        "delivered": delivered,
        "success_percent": round(100 * delivered / attempted, 2) if attempted else None,
        "bounced": figures.bounced,
        "expired": figures.of(DeliveryState.EXPIRED),
        "complained": figures.complained,
        "unsubscribed": figures.unsubscribed,
        **asdict(engaged),
        "not_opened": max(0, delivered - engaged.unique_opens),
        "bounces": dict(figures.bounces),
        "providers": [{**asdict(one), "attempted": one.attempted} for one in figures.providers],
    }


def _link(one: LinkFigures) -> dict[str, Any]:
    first = rfc3339(one.first_ms) if one.first_ms else None
    return {"url": one.url, "unique": one.unique, "total": one.total, "first": first}
