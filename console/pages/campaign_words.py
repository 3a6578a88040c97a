"""What pages of campaigns share: finding the one that is asked for, and how its state looks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from aiohttp import web

from console.accounts.actor import Actor
from console.campaigns.checks import MAX_NAME
from console.campaigns.service import CampaignService
from console.campaigns.states import CampaignStatus
from console.campaigns.values import Campaign
from console.pages.charting import framed
from console.pages.forms import id_of
from console.pages.sessions import session_of
from console.pages.texts import Texts
from console.reports.charts import Chart, Part, stacked
from console.reports.figures import FigureService
from mta.model.traffic import DeliveryState

S = CampaignStatus
TONES: Mapping[CampaignStatus, str] = MappingProxyType(
    {
        S.DRAFT: "off",
        S.IN_REVIEW: "warn",
        S.APPROVED: "info",
        S.SCHEDULED: "info",
        S.PREPARING: "info",
        S.RUNNING: "good",
        S.PAUSED: "warn",
        S.FINISHED: "off",
        S.CANCELLED: "off",
        S.FAILED: "bad",
    }
)

RECENT = 5
SOON = (S.PREPARING, S.RUNNING, S.PAUSED, S.SCHEDULED, S.IN_REVIEW, S.APPROVED)
OVER = (S.FINISHED, S.CANCELLED, S.FAILED)

# Parts of the bar of a campaign, in their order: the texts' key, the colour, the states in it.
PARTS: tuple[tuple[str, str, tuple[DeliveryState, ...]], ...] = (
    ("delivered", "good", (DeliveryState.DELIVERED,)),
    ("bounced", "bad", (DeliveryState.BOUNCED, DeliveryState.EXPIRED)),
    ("skipped", "off", (DeliveryState.SUPPRESSED, DeliveryState.CANCELLED)),
    ("retrying", "warn", (DeliveryState.SCHEDULED,)),
    ("waiting", "wait", (DeliveryState.READY, DeliveryState.CLAIMED)),
)


def copy_name(name: str, what: str) -> str:
    """`name (what)`, within what a name may have; a copy of a copy is not marked twice."""
    mark = f" ({what})"
    return name if name.endswith(mark) else name[: MAX_NAME - len(mark)] + mark


async def campaign_of(request: web.Request, service: CampaignService) -> Campaign:
    """The one in the path. Raises `NotVisible`, which becomes the page for 404."""
    return await service.get(session_of(request).actor, id_of(request.match_info["id"]))


def bar_of(texts: Texts, identifier: str, counts: Mapping[DeliveryState, int], whole: int) -> Chart:
    """The bar of a campaign by what became of its recipients."""
    parts = [
        Part(texts(f"campaign.part.{key}"), sum(counts.get(s, 0) for s in states), tone)
        for key, tone, states in PARTS
    ]
    headings = (texts("campaign.state"), texts("campaign.recipients"))
    return stacked(framed(texts, identifier, texts("campaign.bar"), headings), parts, whole)


@dataclass(frozen=True, slots=True)
class Line:
    """A campaign in a list."""

    campaign: Campaign
    delivered: int
    total: int
    bar: Chart | None


class CampaignLines:
    """Campaigns with what became of their mail."""

    def __init__(self, campaigns: CampaignService, figures: FigureService) -> None:
        self._campaigns = campaigns
        self._figures = figures

    async def recent(self, actor: Actor, texts: Texts, account: int) -> Sequence[Line]:
        """What is sent, or soon, before what is over; few of them."""
        soon = await self._campaigns.list(actor, account, statuses=SOON, count=RECENT)
        rest = RECENT - len(soon)
        over = await self._campaigns.list(actor, account, statuses=OVER, count=rest) if rest else []
        return await self.of(actor, texts, [*soon, *over])

    async def of(self, actor: Actor, texts: Texts, found: Sequence[Campaign]) -> Sequence[Line]:
        """All of one account."""
        flows = [c.frozen.flow for c in found if c.frozen.flow]
        states: Mapping[int, Mapping[DeliveryState, int]] = {}
        if flows:
            states = await self._figures.states(actor, found[0].account, flows)
        lines = []
        for campaign in found:
            counts = states.get(campaign.frozen.flow, {})
            total = max(campaign.frozen.total or campaign.audience.count, sum(counts.values()))
            bar = bar_of(texts, f"bar-{campaign.id}", counts, total) if counts else None
            lines.append(Line(campaign, counts.get(DeliveryState.DELIVERED, 0), total, bar))
        return lines
