"""What a campaign looks like: a design of the gallery or a saved template, and its slots.

What is chosen is compiled into the campaign's own content: a template that changes later changes no
campaign. The design's key stays beside the slots, so that they can be filled in again.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from aiohttp import web

from console.accounts.actor import NotPermitted, NotVisible
from console.accounts.permissions import Permission
from console.campaigns.service import CampaignService
from console.campaigns.values import Campaign, Content
from console.pages.campaign_wizard import STEPS, test_myself
from console.pages.campaign_words import TONES, campaign_of
from console.pages.forms import id_of, text_of
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from console.pages.template_parts import files_of, said
from console.templates.composing import CompiledDraft
from console.templates.designs import MAX_SLOT, Design
from console.templates.service import TemplateService
from console.templates.values import Draft
from mta.model.errors import PermanentError

DESIGN = "_design"  # beside the slots; no slot is called so
SHOWN = 12  # saved templates


class CampaignDesignPages:
    """For those who may edit campaigns; the services check again."""

    def __init__(
        self,
        renderer: Renderer,
        campaigns: CampaignService,
        templates: TemplateService,
        show_content: Callable[..., Awaitable[web.Response]],
    ) -> None:
        """`show_content(request, campaign, problem=…, status=…)` is the page of the slots."""
        self._show_content = show_content
        self._renderer = renderer
        self._campaigns = campaigns
        self._templates = templates

    def add_routes(self, app: web.Application) -> None:
        """All of them."""
        app.router.add_get("/campaigns/{id}/template", self.show)
        app.router.add_post("/campaigns/{id}/template", self.choose)
        app.router.add_post("/campaigns/{id}/slots", self.fill)

    async def show(self, request: web.Request) -> web.Response:
        """The gallery and the account's own."""
        return await self._page(request, await campaign_of(request, self._campaigns))

    async def choose(self, request: web.Request) -> web.StreamResponse:
        """Take a design with its example texts, or a saved template; on to its slots."""
        campaign, form = await campaign_of(request, self._campaigns), await request.post()
        session_of(request).actor.require(Permission.CAMPAIGN_EDIT, campaign.account)
        design = self._templates.gallery.find(text_of(form, "design"))
        try:
            if design is not None:
                draft = Draft(design.kind, design.subject, design.key, "", dict(design.defaults))
                await self._set(request, campaign, draft, 0)
            else:
                template = id_of(text_of(form, "template"))
                version = await self._templates.version(session_of(request).actor, template)
                await self._set(request, campaign, version.draft, template)
        except (NotPermitted, NotVisible):
            raise
        except PermanentError as error:
            problem, _ = said(self._renderer.texts(request), error)
            return await self._page(request, campaign, problem=problem, status=422)
        raise web.HTTPSeeOther(f"/campaigns/{campaign.id}/content")

    async def fill(self, request: web.Request) -> web.StreamResponse:
        """Keep the slots, subject and sender; on to the last step."""
        campaign, form = await campaign_of(request, self._campaigns), await request.post()
        session_of(request).actor.require(Permission.CAMPAIGN_EDIT, campaign.account)
        design = design_of(self._templates, campaign.content)
        if design is None:
            raise web.HTTPNotFound
        slots = {
            key: text_of(form, f"slot.{key}", MAX_SLOT)
            for slot in design.slots
            for key in slot.keys
        }
        content = replace(
            campaign.content,
            from_name=text_of(form, "from_name", 200),
            from_address=text_of(form, "from_address"),
            reply_to=text_of(form, "reply_to"),
            is_commercial=bool(form.get("is_commercial")),
            track_opens=bool(form.get("track_opens")),
            track_clicks=bool(form.get("track_clicks")),
            track_totals=bool(form.get("track_totals")),
            files=files_of(form, campaign.content.files),
        )
        draft = Draft(
            design.kind, text_of(form, "subject", 500), design.key, "", slots, content.files
        )
        try:
            await self._set(request, replace(campaign, content=content), draft, content.template)
        except (NotPermitted, NotVisible):
            raise
        except PermanentError as error:
            typed = replace(content, subject=draft.subject, slots={**slots, DESIGN: design.key})
            problem, _ = said(self._renderer.texts(request), error)
            return await self._show_content(
                request, replace(campaign, content=typed), problem=problem, status=422
            )
        if form.get("do") == "test":
            await test_myself(request, self._renderer, self._campaigns, campaign.id)
        where = "content" if form.get("do") in ("look", "test") else "send"
        raise web.HTTPSeeOther(f"/campaigns/{campaign.id}/{where}")

    async def _set(
        self, request: web.Request, campaign: Campaign, draft: Draft, template: int
    ) -> None:
        """Raises `PermanentError`, which a `TemplateError` is."""
        session = session_of(request)
        compiled = await self._templates.compile(campaign.account, draft)
        content = _with(campaign.content, draft, compiled, template)
        await self._campaigns.set_content(session.actor, campaign.id, content)

    async def _page(
        self, request: web.Request, campaign: Campaign, *, problem: str = "", status: int = 200
    ) -> web.Response:
        session = session_of(request)
        saved = await self._templates.list(session.actor, campaign.account, limit=SHOWN)
        values = {
            "campaign": campaign,
            "tones": TONES,
            "steps": STEPS,
            "step": "template",
            "designs": self._templates.gallery.designs,
            "saved": saved,
            "problem": problem,
            "may_edit": session.actor.may(Permission.CAMPAIGN_EDIT, campaign.account),
        }
        return self._renderer.page(request, "campaign_template.html", values, status=status)


def design_of(templates: TemplateService, content: Content) -> Design | None:
    """The design whose slots the content has; None when it was written by hand."""
    key = content.slots.get(DESIGN)
    return templates.gallery.find(str(key)) if key else None


def _with(content: Content, draft: Draft, compiled: CompiledDraft, template: int) -> Content:
    slots: Mapping[str, str] = {**draft.slots, DESIGN: draft.design} if draft.design else {}
    is_text = not compiled.body.html
    return replace(
        content,
        subject=compiled.subject or content.subject,
        kind="text" if is_text else "html",
        source="" if is_text else compiled.body.html,
        text=compiled.body.text,
        template=template,
        slots=slots,
        files=draft.files,
    )
