"""`/campaigns/{id}/recipients`: who is behind each number of a campaign's report, also as a file."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

from aiohttp import web

from console.accounts.csv_text import Cell
from console.accounts.permissions import Permission
from console.accounts.signin.sessions import Session
from console.campaigns.service import CampaignService
from console.campaigns.values import Campaign
from console.maillog.search import Standing
from console.pages.campaign_words import TONES, campaign_of
from console.pages.downloads import marked
from console.pages.forms import id_of, refusal
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from console.pages.table_files import require_export, send_table
from console.pages.texts import Texts
from console.reports.exports.desk import ExportDesk, Order
from console.reports.figures import FigureService
from console.reports.people import PAGE, STATES, Choice, People, RecipientService, Who
from mta.bounces.explanations import explanation

_WIDTHS = (8, 34, 16, 20, 40, 60, 22)
LONG = 20_000  # recipients beyond which a table is made in the background
_COLUMNS = ("row", "address", "state", "class", "meaning", "reply", "time")


class CampaignRecipientPages:
    """For those who may see campaigns; the service checks again."""

    def __init__(
        self,
        renderer: Renderer,
        campaigns: CampaignService,
        recipients: RecipientService,
        figures: FigureService,
        desk: ExportDesk,
    ) -> None:
        self._renderer = renderer
        self._campaigns = campaigns
        self._recipients = recipients
        self._figures = figures
        self._desk = desk

    def add_routes(self, app: web.Application) -> None:
        """All of them."""
        app.router.add_get("/campaigns/{id}/recipients", self.recipients)
        app.router.add_get("/campaigns/{id}/recipients.{kind}", self.export_recipients)
        app.router.add_post("/campaigns/{id}/recipients.{kind}", self.prepare)

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
            "is_long": campaign.frozen.total > LONG,
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
        name = _file_name(texts, campaign, choice)
        return await send_table(request, name, headings, self._pieces(request, choice), _WIDTHS)

    async def prepare(self, request: web.Request) -> web.StreamResponse:
        """The same in the background; where it is made is shown next."""
        session, texts = session_of(request), self._renderer.texts(request)
        campaign = await campaign_of(request, self._campaigns)
        require_export(request, campaign.account)
        choice = _choice(request, campaign)
        total = await self._total(session, campaign, choice)
        order = Order(
            f"{campaign.name}: {texts(f'report.who.{choice.who}')}",
            marked(request, _file_name(texts, campaign, choice)),
            request.match_info["kind"],
            [texts(f"report.columns.{key}") for key in _COLUMNS],
            _WIDTHS,
            total,
        )
        pieces = self._pieces(request, choice)
        problem = await refusal(self._desk.begin(session.actor, campaign.account, order, pieces))
        session.tell(problem or texts("exports.begun"), **({"tone": "bad"} if problem else {}))
        raise web.HTTPSeeOther("/exports")

    async def _total(self, session: Session, campaign: Campaign, choice: Choice) -> int:
        """How many rows there will be; 0 where that would have to be counted first."""
        states = STATES.get(choice.who)
        if not choice.flow or states is None or choice.provider is not None or choice.address:
            return 0
        figures = await self._figures.of_flow(session.actor, campaign.frozen.flow)
        return sum(figures.of(state) for state in states)

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


def _file_name(texts: Texts, campaign: Campaign, choice: Choice) -> str:
    return f"{texts('report.file_recipients')}-{campaign.id}-{choice.who}"


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
