"""A file that is meant for one campaign: dropped, its columns confirmed, read in the background.

It is the short way; `console.pages.imports` is where files are looked after.
"""

import asyncio
from collections.abc import Mapping

from aiohttp import web

from console.accounts.permissions import Permission
from console.campaigns.service import CampaignService
from console.campaigns.values import AudienceSpec, Campaign
from console.contacts.uploads import UnusableUpload, UploadService
from console.contacts.values import ColumnMapping, Upload, UploadState
from console.pages.account_switch import current_account
from console.pages.campaign_wizard import STEPS
from console.pages.campaign_words import TONES, campaign_of
from console.pages.forms import id_of, refusal, text_of
from console.pages.imports import OUTCOMES
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from console.pages.streaming import FileForm, file_of

SOON_S = 2.0  # a file that is read by then is passed over without a page of its own
LOOK_S = 0.05


class CampaignFilePages:
    """For those who may edit campaigns and contacts; the services check again."""

    def __init__(
        self,
        renderer: Renderer,
        campaigns: CampaignService,
        uploads: UploadService,
    ) -> None:
        self._renderer = renderer
        self._campaigns = campaigns
        self._uploads = uploads

    def add_routes(self, app: web.Application) -> None:
        """All of them."""
        app.router.add_post("/campaigns/upload", self.upload_new)
        app.router.add_post("/campaigns/{id}/upload", self.upload)
        app.router.add_get("/campaigns/{id}/file", self.show)
        app.router.add_post("/campaigns/{id}/file", self.confirm)
        app.router.add_post("/campaigns/{id}/file/ready", self.ready)

    async def upload_new(self, request: web.Request) -> web.StreamResponse:
        """A file makes a campaign with its name."""
        session = session_of(request)
        account = current_account(session)
        if account is None:
            raise web.HTTPForbidden
        session.actor.require(Permission.CAMPAIGN_EDIT, account.id)
        session.actor.require(Permission.CONTACT_EDIT, account.id)
        file = await file_of(request, "file")
        if file is None:
            raise web.HTTPSeeOther("/campaigns/new")
        try:
            upload = await self._receive(request, account.id, file)
        except UnusableUpload as error:
            values = {"problem": self._told(request, error), "name": ""}
            return self._renderer.page(request, "campaign_new.html", values, status=422)
        name = file.name.rpartition(".")[0].strip() or file.name
        campaign = await self._campaigns.create(session.actor, account.id, name)
        raise web.HTTPSeeOther(f"/campaigns/{campaign.id}/file?upload={upload.id}")

    async def upload(self, request: web.Request) -> web.StreamResponse:
        """Another file for a draft."""
        session = session_of(request)
        campaign = await campaign_of(request, self._campaigns)
        session.actor.require(Permission.CAMPAIGN_EDIT, campaign.account)
        session.actor.require(Permission.CONTACT_EDIT, campaign.account)
        file = await file_of(request, "file")
        if file is None:
            raise web.HTTPSeeOther(f"/campaigns/{campaign.id}/audience")
        try:
            upload = await self._receive(request, campaign.account, file)
        except UnusableUpload as error:
            return await self._page(
                request, campaign, None, problem=self._told(request, error), status=422
            )
        raise web.HTTPSeeOther(f"/campaigns/{campaign.id}/file?upload={upload.id}")

    async def show(self, request: web.Request) -> web.Response:
        """Where to drop a file, its columns as they were guessed, or how far it is read."""
        campaign = await campaign_of(request, self._campaigns)
        return await self._page(request, campaign, await self._upload_of(request, campaign))

    async def confirm(self, request: web.Request) -> web.StreamResponse:
        """Read the file with these columns; mostly it is read before anybody looks."""
        session, form = session_of(request), await request.post()
        campaign = await campaign_of(request, self._campaigns)
        session.actor.require(Permission.CAMPAIGN_EDIT, campaign.account)
        upload = await self._upload_of(request, campaign)
        if upload is None:
            raise web.HTTPNotFound
        try:
            upload = await self._uploads.start(session.actor, upload.id, _mapping(form))
        except UnusableUpload as error:
            problem = self._told(request, error)
            return await self._page(request, campaign, upload, problem=problem, status=422)
        for _ in range(round(SOON_S / LOOK_S)):
            if upload.is_over:
                break
            await asyncio.sleep(LOOK_S)
            upload = await self._uploads.get(session.actor, upload.id)
        if upload.state is UploadState.READY:
            return await self._take(request, campaign, upload)
        raise web.HTTPSeeOther(f"/campaigns/{campaign.id}/file?upload={upload.id}")

    async def ready(self, request: web.Request) -> web.StreamResponse:
        """Go on once the file is read; until then the page that waits."""
        campaign = await campaign_of(request, self._campaigns)
        upload = await self._upload_of(request, campaign)
        if upload is None:
            raise web.HTTPNotFound
        if upload.state is UploadState.READY:
            return await self._take(request, campaign, upload)
        if "HX-Request" not in request.headers:
            raise web.HTTPSeeOther(f"/campaigns/{campaign.id}/file?upload={upload.id}")
        values = {"campaign": campaign, "upload": upload}
        return self._renderer.page(request, "campaign_reading.html", values)

    async def _take(
        self, request: web.Request, campaign: Campaign, upload: Upload
    ) -> web.StreamResponse:
        """The rows are the campaign's from now on; goes on to what is not complete."""
        count = upload.counts.get("accepted", upload.stored)
        audience = AudienceSpec(audience=upload.audience, count=count)
        session, texts = session_of(request), self._renderer.texts(request)
        problem = await refusal(self._campaigns.set_audience(session.actor, campaign.id, audience))
        if problem:
            return await self._page(request, campaign, upload, problem=problem, status=422)
        left_out = sum(upload.counts.get(key, 0) for key in OUTCOMES)
        told = texts.count("audience.taken", count)
        if left_out > 0:
            told += " " + texts.count("audience.left_out", left_out)
        session.tell(told)
        if "HX-Request" in request.headers:
            return web.Response(headers={"HX-Redirect": _next(campaign)})
        raise web.HTTPSeeOther(_next(campaign))

    async def _receive(self, request: web.Request, account: int, file: FileForm) -> Upload:
        return await self._uploads.receive(
            session_of(request).actor, account, file.name, file.chunks
        )

    async def _upload_of(self, request: web.Request, campaign: Campaign) -> Upload | None:
        """The one in the address, if it is of the campaign's account."""
        number = id_of(request.query.get("upload", ""))
        if not number:
            return None
        upload = await self._uploads.get(session_of(request).actor, number)
        if upload.account != campaign.account:
            raise web.HTTPNotFound
        return upload

    async def _page(
        self,
        request: web.Request,
        campaign: Campaign,
        upload: Upload | None,
        *,
        problem: str = "",
        status: int = 200,
    ) -> web.Response:
        preview = None
        actor = session_of(request).actor
        if upload is not None and upload.state is UploadState.RECEIVED:
            try:
                preview = await self._uploads.preview(
                    actor, upload.id, sheet=request.query.get("sheet", "")[:100]
                )
            except UnusableUpload as error:
                problem, status = self._told(request, error), 422
        values = {
            "campaign": campaign,
            "tones": TONES,
            "steps": STEPS,
            "step": "audience",
            "upload": upload,
            "preview": preview,
            "problem": problem,
        }
        return self._renderer.page(request, "campaign_file.html", values, status=status)

    def _told(self, request: web.Request, error: UnusableUpload) -> str:
        return self._renderer.texts(request)(f"imports.problem.{error.reason}")


def _mapping(form: Mapping[str, object]) -> ColumnMapping:
    """What the page offered: a field for each column, by its place; "" leaves one out."""
    fields: dict[str, int] = {}
    email = -1
    for name, value in form.items():
        place = name.removeprefix("column-")
        if place == name or not place.isdigit() or not isinstance(value, str):
            continue
        if value == "email":
            email = int(place)
        elif value.strip():
            fields[value.strip()[:100]] = int(place)
    return ColumnMapping(
        email,
        fields,
        has_header=form.get("has_header") == "1",
        sheet=text_of(form, "sheet", 100),
        keep="last" if form.get("keep") == "last" else "first",
        skip_typos=form.get("typos") != "1",
        skip_hidden=form.get("hidden") != "1",
    )


def _next(campaign: Campaign) -> str:
    """A clone has its content already."""
    return f"/campaigns/{campaign.id}/{'send' if campaign.content.is_complete else 'template'}"
