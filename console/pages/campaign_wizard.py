"""`/campaigns/new` and the steps of a draft: to whom, what, when; the last one sends.

Each step is a page that works by itself, so one can come back to any of them; what is complete
already is passed over: a clone with a new file goes straight to the last step.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from aiohttp import web

from console.accounts.actor import Actor, NotPermitted, NotVisible
from console.accounts.permissions import Permission
from console.campaigns.accepting import by_code
from console.campaigns.checks import MAX_SOURCE
from console.campaigns.preflight.findings import Severity
from console.campaigns.service import CampaignService
from console.campaigns.values import Campaign, Content
from console.contacts.audiences import AudienceService
from console.pages.account_switch import current_account
from console.pages.campaign_accepting import accepted_in, in_words
from console.pages.campaign_pace import pace_text
from console.pages.campaign_words import TONES, campaign_of
from console.pages.forms import number_of, refusal, text_of
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from console.pages.template_parts import files_of
from console.templates.designs import Design
from console.templates.media import MediaService
from console.templates.values import Media

DesignOf = Callable[[Content], Design | None]
TYPED_ABOVE = 10_000  # from here on the number has to be typed to confirm
SHOWN_FIELDS = 12
STEPS = ("audience", "template", "content", "send")
MAX_TEXT = MAX_SOURCE + 1  # one more than may be: the service refuses it, nothing is cut off


class CampaignWizardPages:
    """For those who may edit campaigns; sending asks for more, and the service checks again."""

    def __init__(
        self,
        renderer: Renderer,
        campaigns: CampaignService,
        design_of: DesignOf,
        media: MediaService,
        audiences: AudienceService,
    ) -> None:
        """`design_of` gives the design whose slots a content has; `media`: what is attached."""
        self._audiences = audiences
        self._media = media
        self._renderer = renderer
        self._campaigns = campaigns
        self._design_of = design_of

    def add_routes(self, app: web.Application) -> None:
        """All of them."""
        app.router.add_get("/campaigns/new", self.new)
        app.router.add_post("/campaigns/new", self.create)
        app.router.add_get("/campaigns/{id}/content", self.content)
        app.router.add_post("/campaigns/{id}/content", self.save_content)
        app.router.add_get("/campaigns/{id}/send", self.ready)
        app.router.add_post("/campaigns/{id}/send", self.send)
        app.router.add_post("/campaigns/{id}/test", self.test)

    async def new(self, request: web.Request) -> web.Response:
        """How a campaign begins."""
        session_of(request).actor.require(Permission.CAMPAIGN_EDIT, _account(request))
        return self._renderer.page(request, "campaign_new.html", {"problem": "", "name": ""})

    async def create(self, request: web.Request) -> web.StreamResponse:
        """A draft, to be filled."""
        session, form = session_of(request), await request.post()
        name = text_of(form, "name", 200)
        made: list[Campaign] = []

        async def work() -> None:
            made.append(await self._campaigns.create(session.actor, _account(request), name))

        if problem := await refusal(work()):
            values = {"problem": problem, "name": name}
            return self._renderer.page(request, "campaign_new.html", values, status=422)
        raise web.HTTPSeeOther(f"/campaigns/{made[0].id}/audience")

    async def content(self, request: web.Request) -> web.Response:
        """What it says."""
        return await self.show_content(request, await campaign_of(request, self._campaigns))

    async def save_content(self, request: web.Request) -> web.StreamResponse:
        """Keep it, and go on to the last step."""
        session, form = session_of(request), await request.post()
        campaign = await campaign_of(request, self._campaigns)
        content = replace(
            campaign.content,
            subject=text_of(form, "subject", 500),
            preheader=text_of(form, "preheader", 300),
            from_name=text_of(form, "from_name", 200),
            from_address=text_of(form, "from_address"),
            reply_to=text_of(form, "reply_to"),
            is_commercial=bool(form.get("is_commercial")),
            track_opens=bool(form.get("track_opens")),
            track_clicks=bool(form.get("track_clicks")),
            track_totals=bool(form.get("track_totals")),
            files=files_of(form, campaign.content.files),
        )
        content = _with_source(content, form)
        problem = await refusal(
            self._campaigns.set_content(
                session.actor, campaign.id, content, number_of(text_of(form, "etag"))
            )
        )
        if problem:
            shown = replace(campaign, content=content)
            return await self.show_content(request, shown, problem=problem, status=422)
        if form.get("do") == "test":
            await test_myself(request, self._renderer, self._campaigns, campaign.id)
            raise web.HTTPSeeOther(f"/campaigns/{campaign.id}/content")
        raise web.HTTPSeeOther(f"/campaigns/{campaign.id}/send")

    async def ready(self, request: web.Request) -> web.Response:
        """What is checked, when it goes, and the button that sends."""
        return await self._ready(request, await campaign_of(request, self._campaigns))

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Start it, give it a date, or ask a second person."""
        session, form = session_of(request), await request.post()
        campaign = await campaign_of(request, self._campaigns)
        texts = self._renderer.texts(request)
        count = campaign.audience.count
        if count > TYPED_ABOVE and number_of(text_of(form, "typed")) != count:
            problem = texts("wizard.not_typed", n=texts.number(count))
            return await self._ready(request, campaign, problem=problem, status=422)
        when, accept = text_of(form, "when"), accepted_in(form)
        if form.get("do") == "review":
            work = self._campaigns.submit_for_review(session.actor, campaign.id)
        elif when == "later":
            at_ms = self._moment(request, text_of(form, "at"))
            work = self._campaigns.schedule(session.actor, campaign.id, at_ms, accept)
        else:
            work = self._campaigns.start(session.actor, campaign.id, accept)
        if problem := await refusal(in_words(work, texts.language)):
            return await self._ready(request, campaign, problem=problem, status=422)
        raise web.HTTPSeeOther(f"/campaigns/{campaign.id}/live")

    async def test(self, request: web.Request) -> web.StreamResponse:
        """A test mail to who asks, with one click, or to others."""
        session, form = session_of(request), await request.post()
        campaign = await campaign_of(request, self._campaigns)
        texts = self._renderer.texts(request)
        addresses = text_of(form, "addresses", 2_000).replace(",", " ").replace(";", " ").split()
        if not addresses:
            await test_myself(request, self._renderer, self._campaigns, campaign.id)
            step = text_of(form, "step")
            where = step if step in STEPS else "send"
            raise web.HTTPSeeOther(f"/campaigns/{campaign.id}/{where}")
        row = max(0, (number_of(text_of(form, "row")) or 1) - 1)
        work = self._campaigns.test_send(session.actor, campaign.id, addresses, row, texts.language)
        if problem := await refusal(work):
            return await self._ready(request, campaign, problem=problem, status=422)
        session.tell(texts("wizard.tested", to=", ".join(addresses)))
        raise web.HTTPSeeOther(f"/campaigns/{campaign.id}/send")

    def _moment(self, request: web.Request, text: str) -> int:
        """Milliseconds of a local time; 0 for what is none, which the service refuses."""
        try:
            at = datetime.strptime(text, "%Y-%m-%dT%H:%M").replace(
                tzinfo=self._renderer.zone_of(request)
            )
        except ValueError:
            return 0
        return round(at.timestamp() * 1000)

    async def show_content(
        self, request: web.Request, campaign: Campaign, *, problem: str = "", status: int = 200
    ) -> web.Response:
        """The page of the content, with what stands in `campaign`."""
        values = {
            **self._frame(campaign, "content"),
            "problem": problem,
            "row": 1 if self._shows_rows(request, campaign) else 0,
            "files": await self._files(session_of(request).actor, campaign),
            "fields": await self._fields(session_of(request).actor, campaign),
            "design": None if request.query.get("write") else self._design_of(campaign.content),
        }
        return self._renderer.page(request, "campaign_content.html", values, status=status)

    async def _ready(
        self, request: web.Request, campaign: Campaign, *, problem: str = "", status: int = 200
    ) -> web.Response:
        session = session_of(request)
        account = session.accounts.get(campaign.account)
        language = self._renderer.texts(request).language
        report = await self._campaigns.preflight(session.actor, campaign.id)
        values = {
            **self._frame(campaign, "send"),
            "problem": problem,
            "count": campaign.audience.count,
            "typed": str(campaign.audience.count) if campaign.audience.count > TYPED_ABOVE else "",
            "may_send": session.actor.may(Permission.CAMPAIGN_SEND, campaign.account),
            "needs_review": account is not None and account.needs_approval,
            "may_test": session.actor.may(Permission.CAMPAIGN_TEST, campaign.account),
            "email": session.email,
            "missing": _missing(campaign),
            "pace": pace_text(
                campaign.plan, self._renderer.texts(request), str(self._renderer.zone_of(request))
            ),
            "report": report,
            "findings": [(one.severity.value, one.text(language)) for one in report.findings],
            "warnings": by_code(
                [one for one in report.findings if one.severity is Severity.WARNING]
            ),
        }
        return self._renderer.page(request, "campaign_send.html", values, status=status)

    async def _files(self, actor: Actor, campaign: Campaign) -> Sequence[Media]:
        """What is attached; who may not see the library sees nothing of it."""
        if not campaign.content.files:
            return ()
        try:
            return await self._media.named(actor, campaign.account, campaign.content.files)
        except (NotPermitted, NotVisible):
            return ()

    async def _fields(self, actor: Actor, campaign: Campaign) -> Sequence[str]:
        """What the rows of its file are called in texts; () where there is none to look into."""
        may = actor.may(Permission.CONTACT_VIEW, campaign.account)
        if not campaign.audience.audience or not may:
            return ()
        try:
            found = await self._audiences.get(actor, campaign.audience.audience)
        except NotVisible:  # its rows were removed meanwhile
            return ()
        return [one.name for one in found.columns][:SHOWN_FIELDS]

    @staticmethod
    def _shows_rows(request: web.Request, campaign: Campaign) -> bool:
        """Whether the preview is that of the first recipient: no sample knows what a file has."""
        may = session_of(request).actor.may(Permission.CAMPAIGN_TEST, campaign.account)
        return may and campaign.audience.is_complete

    @staticmethod
    def _frame(campaign: Campaign, step: str) -> dict[str, Any]:
        return {"campaign": campaign, "tones": TONES, "steps": STEPS, "step": step}


async def test_myself(
    request: web.Request, renderer: Renderer, campaigns: CampaignService, number: int
) -> None:
    """A test mail to who asks, with the values of the first row; the next page tells of it."""
    session, texts = session_of(request), renderer.texts(request)
    problem = await refusal(
        campaigns.test_send(session.actor, number, [session.email], 0, texts.language)
    )
    if problem:
        session.tell(f"{texts('page.refused')} {problem}", tone="bad")
    else:
        session.tell(texts("wizard.tested", to=session.email))


def _with_source(content: Content, form: Mapping[str, object]) -> Content:
    """With what was written, when the page had a field for it."""
    if "source" not in form:
        return content
    source = text_of(form, "source", MAX_TEXT)
    if "<" in source:
        return replace(content, kind="html", source=source, template=0, slots={})
    return replace(content, kind="text", source="", text=source, template=0, slots={})


def _missing(campaign: Campaign) -> tuple[str, ...]:
    """Steps that are not complete: keys of texts."""
    missing = []
    if not campaign.audience.is_complete:
        missing.append("audience")
    if not campaign.content.is_complete:
        missing.append("content")
    return tuple(missing)


def _account(request: web.Request) -> int:
    account = current_account(session_of(request))
    if account is None:
        raise web.HTTPForbidden
    return account.id
