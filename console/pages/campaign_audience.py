"""`/campaigns/{id}/audience`: the step of a draft that says who gets it: a file, or lists and segments."""

from collections.abc import Mapping

from aiohttp import web

from console.accounts.actor import NotVisible
from console.accounts.permissions import Permission
from console.campaigns.service import CampaignService
from console.campaigns.values import AudienceSpec, Campaign
from console.contacts.audiences import AudienceService
from console.contacts.lists import ContactService
from console.contacts.segments.service import SegmentService
from console.contacts.uploads import UploadService
from console.contacts.values import UploadState
from console.pages.campaign_wizard import STEPS
from console.pages.campaign_words import TONES, campaign_of
from console.pages.forms import id_of, number_of, refusal, text_of
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from mta.model.errors import PermanentError

SHOWN_UPLOADS = 5


class CampaignAudiencePages:
    """For those who may edit campaigns; the services check again."""

    def __init__(
        self,
        renderer: Renderer,
        campaigns: CampaignService,
        uploads: UploadService,
        audiences: AudienceService,
        contacts: ContactService,
        segments: SegmentService,
    ) -> None:
        self._renderer = renderer
        self._campaigns = campaigns
        self._uploads = uploads
        self._audiences = audiences
        self._contacts = contacts
        self._segments = segments

    def add_routes(self, app: web.Application) -> None:
        """Both of them."""
        app.router.add_get("/campaigns/{id}/audience", self.show)
        app.router.add_post("/campaigns/{id}/audience", self.choose)

    async def show(self, request: web.Request) -> web.Response:
        """A field for a file, the latest files, lists and segments."""
        return await self._page(request, await campaign_of(request, self._campaigns))

    async def choose(self, request: web.Request) -> web.StreamResponse:
        """Take a file that was read, or lists and segments; on with the content."""
        session, form = session_of(request), await request.post()
        campaign = await campaign_of(request, self._campaigns)
        session.actor.require(Permission.CAMPAIGN_EDIT, campaign.account)

        async def work() -> None:
            spec = await self._spec(request, campaign, form)
            etag = number_of(text_of(form, "etag"))
            await self._campaigns.set_audience(session.actor, campaign.id, spec, etag)

        if problem := await refusal(work()):
            return await self._page(request, campaign, problem=problem, status=422)
        is_written = campaign.content.is_complete
        raise web.HTTPSeeOther(f"/campaigns/{campaign.id}/{'send' if is_written else 'template'}")

    async def _spec(
        self, request: web.Request, campaign: Campaign, form: Mapping[str, object]
    ) -> AudienceSpec:
        actor = session_of(request).actor
        if number := id_of(text_of(form, "audience")):
            found = await self._audiences.get(actor, number)
            if found.account != campaign.account or found.state != "ready":
                raise PermanentError("the file is not of this account, or not read yet")
            return AudienceSpec(audience=found.id, count=found.total)
        post = await request.post()
        include = tuple(id_of(str(one)) for one in post.getall("include", []))
        exclude = tuple(id_of(str(one)) for one in post.getall("exclude", []))
        known = {one.id for one in await self._contacts.lists(actor, campaign.account)}
        known |= {one.id for one in await self._segments.list(actor, campaign.account)}
        if not known.issuperset((*include, *exclude)):
            raise NotVisible("the list or segment is not of this account")
        if not include:
            raise PermanentError("choose a file, a list or a segment")
        count = await self._audiences.count_of_lists(campaign.account, include, exclude)
        return AudienceSpec(include=include, exclude=exclude, count=count)

    async def _page(
        self, request: web.Request, campaign: Campaign, *, problem: str = "", status: int = 200
    ) -> web.Response:
        actor = session_of(request).actor
        found = []
        lists, segments = [], []
        if actor.may(Permission.CONTACT_VIEW, campaign.account):
            found = await self._uploads.list(actor, campaign.account, count=SHOWN_UPLOADS)
            lists = await self._contacts.lists(actor, campaign.account)
            segments = await self._segments.list(actor, campaign.account)
        may_upload = actor.may(Permission.CONTACT_EDIT, campaign.account)
        usable = {UploadState.READY}
        if may_upload:  # who left before the columns were confirmed goes on here
            usable |= {UploadState.RECEIVED, UploadState.READING, UploadState.STORING}
        values = {
            "campaign": campaign, "tones": TONES, "steps": STEPS, "step": "audience",
            "problem": problem, "lists": lists, "segments": segments,
            "uploads": [one for one in found if one.state in usable], "may_upload": may_upload,
        }  # fmt: skip
        return self._renderer.page(request, "campaign_audience.html", values, status=status)
