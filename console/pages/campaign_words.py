"""What pages of campaigns share: finding the one that is asked for, and how its state looks."""

from collections.abc import Mapping
from types import MappingProxyType

from aiohttp import web

from console.campaigns.service import CampaignService
from console.campaigns.states import CampaignStatus
from console.campaigns.values import Campaign
from console.pages.charting import framed
from console.pages.forms import id_of
from console.pages.sessions import session_of
from console.pages.texts import Texts
from console.reports.charts import Chart, Part, stacked
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

# Parts of the bar of a campaign, in their order: the texts' key, the colour, the states in it.
PARTS: tuple[tuple[str, str, tuple[DeliveryState, ...]], ...] = (
    ("delivered", "good", (DeliveryState.DELIVERED,)),
    ("bounced", "bad", (DeliveryState.BOUNCED, DeliveryState.EXPIRED)),
    ("skipped", "off", (DeliveryState.SUPPRESSED, DeliveryState.CANCELLED)),
    ("retrying", "warn", (DeliveryState.SCHEDULED,)),
    ("waiting", "info", (DeliveryState.READY, DeliveryState.CLAIMED)),
)


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
