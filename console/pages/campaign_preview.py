"""`/campaigns/ID/preview`: the mail on every device, with sample values or as one row gets it."""

from collections.abc import Mapping

from aiohttp import web

from console.accounts.actor import NotPermitted, NotVisible
from console.accounts.permissions import Permission
from console.campaigns.composing import texts_of
from console.campaigns.service import CampaignService
from console.campaigns.values import Campaign, Content
from console.content.preview import preview_text
from console.content.source import SourceKind, compile_source_aside
from console.pages.campaign_words import campaign_of
from console.pages.forms import number_of
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from console.pages.template_editor import DEVICES
from console.pages.template_frame import LINKS, frame, sample_values
from console.pages.template_parts import said
from console.templates.composing import CompiledDraft
from mta.model.errors import PermanentError

_VIEWS = (*(name for name, _ in DEVICES), "dark", "text")


class CampaignPreviewPages:
    """For those who see campaigns; who may test one sees it as a row of its audience does."""

    def __init__(self, renderer: Renderer, campaigns: CampaignService, public_url: str) -> None:
        self._renderer = renderer
        self._campaigns = campaigns
        self._public_url = public_url

    def add_routes(self, app: web.Application) -> None:
        """All of them."""
        app.router.add_get("/campaigns/{id}/preview", self.show)
        app.router.add_get("/campaigns/{id}/frame", self.frame)

    async def show(self, request: web.Request) -> web.Response:
        """The page."""
        campaign = await campaign_of(request, self._campaigns)
        texts, query = self._renderer.texts(request), request.query
        row, problem, subject = _row(request), "", ""
        values: Mapping[str, object] = {}
        try:
            compiled = await _compiled(campaign.content)
            values = await self._values(request, campaign, compiled)
            subject = preview_text(compiled.subject, values)
        except PermanentError as error:
            problem = said(texts, error)[0]
        shown = {
            "campaign": campaign,
            "subject": subject,
            "problem": problem,
            "devices": DEVICES,
            "view": query.get("view") if query.get("view") in _VIEWS else "all",
            "images_off": query.get("images") == "off",
            "row": row,
            "is_missing": bool(row and not values),
            "may_test": session_of(request).actor.may(Permission.CAMPAIGN_TEST, campaign.account),
        }
        return self._renderer.page(request, "campaign_preview.html", shown)

    async def frame(self, request: web.Request) -> web.Response:
        """The mail alone, for a frame."""
        campaign = await campaign_of(request, self._campaigns)
        try:
            compiled = await _compiled(campaign.content)
            values = await self._values(request, campaign, compiled)
        except PermanentError as error:
            raise web.HTTPUnprocessableEntity(text=str(error)) from None
        return frame(
            compiled, values, public_url=self._public_url,
            is_images_off=request.query.get("images") == "off",
            is_dark="dark" in request.query, is_text="text" in request.query,
        )  # fmt: skip

    async def _values(
        self, request: web.Request, campaign: Campaign, compiled: CompiledDraft
    ) -> Mapping[str, object]:
        """Those of a row, empty where there is none; sample values without one."""
        row = _row(request)
        if not row:
            return sample_values(compiled.fields)
        try:
            found = await self._campaigns.seen_as(session_of(request).actor, campaign.id, row - 1)
        except (NotPermitted, NotVisible):
            raise web.HTTPForbidden from None
        return {**dict.fromkeys(LINKS, "#"), **found} if found else {}


def _row(request: web.Request) -> int:
    """The row as people count; 0: none is asked for."""
    return number_of(request.query.get("row", "")[:12]) or 0


async def _compiled(content: Content) -> CompiledDraft:
    """What is sent, with its fields. Raises `TemplateError`."""
    html, text = await texts_of(content)
    kind = SourceKind.HTML if html else SourceKind.TEXT
    body = await compile_source_aside(kind, html or text)
    return CompiledDraft(content.subject, body)
