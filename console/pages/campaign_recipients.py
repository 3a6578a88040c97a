"""`/campaigns/{id}/recipients`: who is behind each number of a campaign's report, also as a file."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

from aiohttp import web

from console.accounts.csv_text import Cell
from console.accounts.permissions import Permission
from console.campaigns.service import CampaignService
from console.campaigns.values import Campaign
from console.maillog.search import Standing
from console.pages.campaign_words import TONES, campaign_of
from console.pages.forms import id_of
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from console.pages.table_files import require_export, send_table
from console.reports.people import PAGE, Choice, People, RecipientService, Who
from mta.bounces.explanations import explanation

_WIDTHS = (8, 34, 16, 20, 40, 60, 22)
_COLUMNS = ("row", "address", "state", "class", "meaning", "reply", "time")


class CampaignRecipientPages:
    """For those who may see campaigns; the service checks again."""

    def __init__(
        self, renderer: Renderer, campaigns: CampaignService, recipients: RecipientService
    ) -> None:
        self._renderer = renderer
        self._campaigns = campaigns
        self._recipients = recipients

    def add_routes(self, app: web.Application) -> None:
        """Both."""
        app.router.add_get("/campaigns/{id}/recipients", self.recipients)
        app.router.add_get("/campaigns/{id}/recipients.{kind}", self.export_recipients)

    async def recipients(self, request: web.Request) -> web.Response:
        """A page of them."""
        session = session_of(request)
        campaign = await campaign_of(request, self._campaigns)
        choice, after = _choice(request, campaign), id_of(request.query.get("after", ""))
        people = People((), 0)
        if campaign.frozen.flow:
            people = await self._recipients.page(session.actor, choice, after=after, limit=PAGE)
        texts = self._renderer.texts(request)
        values: dict[str, Any] = {
            "campaign": campaign,
            "tones": TONES,
            "people": people,
            "choice": choice,
            "kinds": list(Who),
            "older": str(request.rel_url.update_query(after=str(people.next)))
            if people.next else None,
            "first": str(request.rel_url.update_query(after="0")) if after else None,
            "query": request.rel_url.update_query(after="").query_string,
            "may_export": session.actor.may(Permission.EXPORT, campaign.account),
            "explain": lambda name: explanation(name, texts.language),
            "standing": lambda row: Standing.of(row.state, row.attempts),
        }  # fmt: skip
        return self._renderer.page(request, "campaign_recipients.html", values)

    async def export_recipients(self, request: web.Request) -> web.StreamResponse:
        """All that the list shows, as a file."""
        texts = self._renderer.texts(request)
        campaign = await campaign_of(request, self._campaigns)
        require_export(request, campaign.account)
        choice = _choice(request, campaign)
        headings = [texts(f"report.columns.{key}") for key in _COLUMNS]
        name = f"{texts('report.file_recipients')}-{campaign.id}-{choice.who}"
        return await send_table(request, name, headings, self._pieces(request, choice), _WIDTHS)

    async def _pieces(
        self, request: web.Request, choice: Choice
    ) -> AsyncIterator[Sequence[Sequence[Cell]]]:
        if not choice.flow:
            return
        texts, zone = self._renderer.texts(request), self._renderer.zone_of(request)
        async for rows in self._recipients.export(session_of(request).actor, choice):
            yield [
                (
                    row.n + 1, row.address,
                    texts(f"activity.states.{Standing.of(row.state, row.attempts)}"),
                    row.bounce_class,
                    explanation(row.bounce_class, texts.language) if row.bounce_class else "",
                    row.reply,
                    f"{datetime.fromtimestamp(row.changed_ms / 1000, zone):%Y-%m-%d %H:%M:%S}",
                )
                for row in rows
            ]  # fmt: skip


def _choice(request: web.Request, campaign: Campaign) -> Choice:
    query = request.query
    who = query.get("who", Who.ALL.value)
    return Choice(
        campaign.frozen.flow,
        campaign.frozen.messages,
        Who(who) if who in tuple(Who) else Who.ALL,
        query.get("class", "")[:40],
        query.get("q", "").strip()[:320],
        id_of(query["link"]) if "link" in query else None,
        query["provider"][:60] if "provider" in query else None,
        query.get("automatic") == "1",
    )
