"""`/campaigns/{id}/live`: how far a campaign is, told again every second while somebody looks.

The page shows the same without JavaScript, when it is loaded again.
"""

import asyncio
from typing import Any

from aiohttp import web

from console.accounts.permissions import Permission
from console.accounts.signin.sessions import Sessions
from console.campaigns.progress import Progress
from console.campaigns.service import CampaignService
from console.campaigns.values import Campaign
from console.pages.campaign_words import TONES, bar_of, campaign_of
from console.pages.rendering import Renderer
from console.pages.sessions import cookie_name, session_of
from mta.model.traffic import DeliveryState

PERIOD_S = 1.0
MAX_STREAMS = 100
RETRY_MS = 2_000
WRITE_TIMEOUT_S = 10.0
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
        self._sessions = sessions
        self._open = 0
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
        if self._open >= MAX_STREAMS:
            raise web.HTTPServiceUnavailable(headers={"Retry-After": "30"})
        campaign = await campaign_of(request, self._campaigns)
        response = web.StreamResponse(
            headers={
                "Content-Type": "text/event-stream; charset=utf-8",
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",  # nginx would hold events back
            }
        )
        self._open += 1
        try:
            await response.prepare(request)
            await _write(response, f"retry: {RETRY_MS}\n\n".encode())
            await self._follow(request, response, campaign)
        except (ConnectionError, TimeoutError):  # the browser is gone
            pass
        finally:
            self._open -= 1
        return response

    async def _follow(
        self, request: web.Request, response: web.StreamResponse, campaign: Campaign
    ) -> None:
        identifier = request.cookies.get(cookie_name(request), "")
        status = campaign.status
        while not self._is_closed:
            if await self._sessions.find(identifier, is_use=False) is None:
                return
            campaign = await campaign_of(request, self._campaigns)
            if campaign.status is not status:  # other buttons: the page is loaded again
                await _write(response, _event("status", campaign.status.value))
                return
            values = await self._values(request, campaign)
            html = self._renderer.fragment(request, "campaign_live_part.html", values)
            await _write(response, _event("progress", html))
            if campaign.status.is_over:
                await _write(response, _event("over", ""))
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


async def _write(response: web.StreamResponse, data: bytes) -> None:
    async with asyncio.timeout(WRITE_TIMEOUT_S):
        await response.write(data)


def _event(name: str, text: str) -> bytes:
    """One event; a line of text is a line of data (WHATWG HTML §9.2.6)."""
    lines = "".join(f"data: {line}\n" for line in text.splitlines() or [""])
    return f"event: {name}\n{lines}\n".encode()
