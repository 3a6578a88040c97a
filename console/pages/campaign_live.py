"""`/campaigns/{id}/live`: how far a campaign is, told again every second while somebody looks.

The page shows the same without JavaScript, when it is loaded again.
"""

import asyncio
from functools import partial
from typing import Any

from aiohttp import web

from console.accounts.permissions import Permission
from console.accounts.signin.sessions import Sessions
from console.campaigns.progress import Progress
from console.campaigns.service import CampaignService
from console.campaigns.values import Campaign
from console.pages.campaign_words import TONES, bar_of, campaign_of
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from console.pages.streams import EventStream, EventStreams
from mta.model.traffic import DeliveryState

PERIOD_S = 1.0
LIVE_PATH = "/campaigns/{id}/live/events"


class CampaignLivePages:
    """For those who may see campaigns."""

    def __init__(
        self,
        renderer: Renderer,
        campaigns: CampaignService,
        sessions: Sessions,
    ) -> None:
        self._renderer = renderer
        self._campaigns = campaigns
        self._streams = EventStreams(sessions)
        self._is_closed = False

    def add_routes(self, app: web.Application) -> None:
        """The page and its stream, which ends with the server."""
        app.router.add_get("/campaigns/{id}/live", self.show)
        app.router.add_get(LIVE_PATH, self.stream)
        app.on_shutdown.append(self._close)

    async def show(self, request: web.Request) -> web.Response:
        """The page."""
        session = session_of(request)
        campaign = await campaign_of(request, self._campaigns)
        values = {
            **await self._values(request, campaign),
            "may_send": session.actor.may(Permission.CAMPAIGN_SEND, campaign.account),
        }
        return self._renderer.page(request, "campaign_live.html", values)

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """The part that changes, each second; `over` once nothing changes any more."""
        campaign = await campaign_of(request, self._campaigns)
        return await self._streams.serve(request, partial(self._follow, request, campaign))

    async def _follow(self, request: web.Request, campaign: Campaign, stream: EventStream) -> None:
        status = campaign.status
        while not self._is_closed and await stream.is_signed_in():
            campaign = await campaign_of(request, self._campaigns)
            if campaign.status is not status:  # other buttons: the page is loaded again
                await stream.send("status", campaign.status.value)
                return
            values = await self._values(request, campaign)
            html = self._renderer.fragment(request, "campaign_live_part.html", values)
            await stream.send("progress", html)
            if campaign.status.is_over:
                await stream.send("over")
                return
            await asyncio.sleep(PERIOD_S)

    async def _values(self, request: web.Request, campaign: Campaign) -> dict[str, Any]:
        texts = self._renderer.texts(request)
        progress = await self._campaigns.progress(session_of(request).actor, campaign.id)
        return {
            "campaign": campaign,
            "tones": TONES,
            "progress": progress,
            "bar": bar_of(texts, "live", _counts(progress), progress.total),
        }

    async def _close(self, _: web.Application) -> None:
        self._is_closed = True


def _counts(progress: Progress) -> dict[DeliveryState, int]:
    """As the parts of the bar have them; what has no row yet waits."""
    return {
        DeliveryState.DELIVERED: progress.delivered,
        DeliveryState.BOUNCED: progress.bounced,
        DeliveryState.EXPIRED: progress.expired,
        DeliveryState.SUPPRESSED: progress.suppressed,
        DeliveryState.CANCELLED: progress.cancelled,
        DeliveryState.SCHEDULED: progress.deferred,
        DeliveryState.READY: progress.queued + progress.pending,
    }
