"""`/campaigns/{id}/pace`: at which hours, how fast and in which parts a draft is sent."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import time

from aiohttp import web

from console.accounts.permissions import Permission
from console.campaigns.checks import DAY_MIN
from console.campaigns.service import CampaignService
from console.campaigns.values import MAX_RATE_PER_HOUR, Campaign, Plan
from console.pages.campaign_words import TONES, campaign_of
from console.pages.forms import number_of, refusal, text_of
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from console.pages.texts import Texts

MAX_COUNT = 1_000_000_000


class CampaignPacePages:
    """For those who may edit campaigns; the service checks again."""

    def __init__(self, renderer: Renderer, campaigns: CampaignService) -> None:
        self._renderer = renderer
        self._campaigns = campaigns

    def add_routes(self, app: web.Application) -> None:
        """Both of them."""
        app.router.add_get("/campaigns/{id}/pace", self.show)
        app.router.add_post("/campaigns/{id}/pace", self.save)

    async def show(self, request: web.Request) -> web.Response:
        """The plan as it is."""
        campaign = await campaign_of(request, self._campaigns)
        return self._page(request, campaign, campaign.plan)

    async def save(self, request: web.Request) -> web.StreamResponse:
        """Keep it; back to the last step."""
        session, form = session_of(request), await request.post()
        campaign = await campaign_of(request, self._campaigns)
        session.actor.require(Permission.CAMPAIGN_EDIT, campaign.account)
        texts = self._renderer.texts(request)
        try:
            plan = plan_of(form, campaign.plan)
        except ValueError:
            problem = texts("pace.unfit")
            return self._page(request, campaign, campaign.plan, problem=problem, status=422)
        etag = number_of(text_of(form, "etag"))
        work = self._campaigns.edit(session.actor, campaign.id, etag, plan=plan)
        if problem := await refusal(work):
            return self._page(request, campaign, plan, problem=problem, status=422)
        session.tell(texts("pace.saved"))
        raise web.HTTPSeeOther(f"/campaigns/{campaign.id}/send")

    def _page(
        self,
        request: web.Request,
        campaign: Campaign,
        plan: Plan,
        *,
        problem: str = "",
        status: int = 200,
    ) -> web.Response:
        values = {
            "campaign": campaign,
            "tones": TONES,
            "plan": plan,
            "from_time": clock_text(plan.from_minute) if plan.has_window else "",
            "to_time": clock_text(plan.to_minute) if plan.to_minute else "",
            "zones": self._renderer.zones,
            "zone": plan.timezone or str(self._renderer.zone_of(request)),
            "max_rate": MAX_RATE_PER_HOUR,
            "problem": problem,
        }
        return self._renderer.page(request, "campaign_pace.html", values, status=status)


def plan_of(form: Mapping[str, object], before: Plan) -> Plan:
    """The plan as the form says. Raises `ValueError` for what is no number and no time of day."""
    days = {int(day) for day in _all(form, "days")}
    from_minute = _minute(text_of(form, "from"))
    to_minute = _minute(text_of(form, "to"))
    if from_minute and not to_minute:
        to_minute = DAY_MIN
    if not days <= set(range(7)):
        raise ValueError(days)
    return replace(
        before,
        timezone=text_of(form, "timezone", 60),
        days=() if len(days) == 7 else tuple(sorted(days)),
        from_minute=from_minute,
        to_minute=to_minute,
        rate_per_hour=_count(form, "rate"),
        grace_min=_count(form, "grace"),
        canary=_count(form, "canary"),
    )


def pace_text(plan: Plan, texts: Texts, zone: str) -> str:
    """The hours, the rate and the first part in one line; "" when there are none."""
    told = []
    if plan.has_window:
        days = [texts.weekday(day) for day in plan.days]
        hours = f"{clock_text(plan.from_minute)}–{clock_text(plan.to_minute)}"
        told.append(
            texts(
                "pace.window",
                days=", ".join(days) or texts("pace.every_day"),
                hours=hours if plan.to_minute else texts("pace.whole_day"),
                zone=plan.timezone or zone,
            )
        )
    if plan.rate_per_hour:
        told.append(texts("pace.per_hour", n=texts.number(plan.rate_per_hour)))
    if plan.canary:
        told.append(texts("pace.first", n=texts.number(plan.canary)))
    return "; ".join(told)


def clock_text(minute: int) -> str:
    """A minute of the day as a field for times has it; the day's end is midnight."""
    minute %= DAY_MIN
    return f"{minute // 60:02}:{minute % 60:02}"


def _minute(text: str) -> int:
    if not text:
        return 0
    at = time.fromisoformat(text)
    return at.hour * 60 + at.minute


def _count(form: Mapping[str, object], name: str) -> int:
    text = text_of(form, name, 12).strip() or "0"
    if not text.isascii() or not text.isdigit() or int(text) > MAX_COUNT:
        raise ValueError(name)
    return int(text)


def _all(form: Mapping[str, object], name: str) -> list[str]:
    found = form.getall(name, []) if hasattr(form, "getall") else []
    return [str(one) for one in found]
