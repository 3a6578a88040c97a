"""`/campaigns`: all of them, one of them, its history, and what can be done with it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from aiohttp import web

from console.accounts.actor import Actor, NotPermitted, NotVisible
from console.accounts.permissions import Permission
from console.campaigns.accepting import PreflightRefused, by_code
from console.campaigns.again import PICKS
from console.campaigns.life import NotConfirmed
from console.campaigns.preflight.findings import Finding, title
from console.campaigns.service import CampaignService
from console.campaigns.states import CampaignStatus, Origin
from console.campaigns.values import Campaign
from console.pages.account_switch import current_account
from console.pages.campaign_accepting import accepted_in, in_words
from console.pages.campaign_wizard import TYPED_ABOVE
from console.pages.campaign_words import TONES, CampaignLines, campaign_of, copy_name
from console.pages.forms import id_of, refusal, text_of
from console.pages.rendering import Renderer
from console.pages.sessions import session_of
from console.reports.figures import FigureService
from mta.model.errors import PermanentError
from mta.model.traffic import DeliveryState

PAGE = 25
PILL = 3  # campaigns that the bar above names
_S = CampaignStatus
GROUPS: Mapping[str, tuple[CampaignStatus, ...]] = MappingProxyType(
    {
        "all": (),
        "live": (_S.PREPARING, _S.RUNNING, _S.PAUSED),
        "scheduled": (_S.SCHEDULED, _S.APPROVED),
        "review": (_S.IN_REVIEW,),
        "draft": (_S.DRAFT,),
        "over": (_S.FINISHED, _S.CANCELLED, _S.FAILED),
    }
)
_LAST = (1 << 63) - 1
COPIES = frozenset(("clone", "resend", "remind", "correct"))
AGAIN = ("resend", "remind")  # whom they go to is known, and what they say: they can go at once
NEXT: Mapping[str, str] = MappingProxyType(
    {"clone": "/audience", "resend": "/send", "remind": "/send", "correct": "/template"}
)
TODO = frozenset(("late", "quota", "account", "canary", "bounces", "complaints", "policy"))


class CampaignPages:
    """For those who may see campaigns; each step is checked again by the service."""

    def __init__(
        self, renderer: Renderer, campaigns: CampaignService, figures: FigureService
    ) -> None:
        self._renderer = renderer
        self._campaigns = campaigns
        self._figures = figures
        self._lines = CampaignLines(campaigns, figures)
        self._actions: Mapping[str, Callable[[Actor, int, str], Awaitable[Campaign]]] = {
            "pause": campaigns.pause,
            "cancel": campaigns.cancel,
            "unschedule": lambda actor, number, _: campaigns.unschedule(actor, number),
            "review": lambda actor, number, _: campaigns.submit_for_review(actor, number),
            "approve": campaigns.approve,
            "reject": campaigns.reject,
            "clone": campaigns.clone,
            "resend": lambda actor, number, name: campaigns.resend(
                actor, number, Origin.FAILED, name
            ),
            "remind": lambda actor, number, name: campaigns.resend(
                actor, number, Origin.NOT_OPENED, name
            ),
            "correct": campaigns.correct,
        }

    def add_routes(self, app: web.Application) -> None:
        """All of them; `/campaigns/new` and `/campaigns/calendar` have to be added before."""
        app.router.add_get("/campaigns", self.show_all)
        app.router.add_post("/campaigns/stop", self.stop_all)
        app.router.add_get("/campaigns/running", self.running)
        app.router.add_get("/campaigns/{id}", self.show)
        app.router.add_get("/campaigns/{id}/history", self.history)
        app.router.add_post("/campaigns/{id}/resume", self.resume)
        app.router.add_post("/campaigns/{id}/{action}", self.act)

    async def show_all(self, request: web.Request) -> web.Response:
        """The list, newest first."""
        session, texts = session_of(request), self._renderer.texts(request)
        group = request.query.get("group", "all")
        statuses = GROUPS.get(group, ())
        before = id_of(request.query.get("before", "")) or _LAST
        found = await self._campaigns.list(
            session.actor, _account(request), statuses=statuses, before=before, count=PAGE + 1
        )
        older = None
        if len(found) > PAGE:
            older = str(request.rel_url.update_query(before=str(found[PAGE - 1].id)))
        values = {
            "lines": await self._lines.of(session.actor, texts, found[:PAGE]),
            "group": group if group in GROUPS else "all",
            "groups": GROUPS,
            "older": older,
            "tones": TONES,
            **_may(session.actor, _account(request)),
        }
        return self._renderer.page(request, "campaigns.html", values)

    async def running(self, request: web.Request) -> web.Response:
        """The pill of the bar above: what is being sent now."""
        session, texts = session_of(request), self._renderer.texts(request)
        found: Sequence[Campaign] = ()
        if session.actor.may(Permission.CAMPAIGN_VIEW, session.account):
            found = await self._campaigns.list(
                session.actor, session.account, statuses=GROUPS["live"], count=PILL
            )
        values = {"lines": await self._lines.of(session.actor, texts, found), "tones": TONES}
        return self._renderer.page(request, "campaign_pill.html", values)

    async def show(self, request: web.Request) -> web.Response:
        """One of them."""
        return await self._show(request, await campaign_of(request, self._campaigns))

    async def history(self, request: web.Request) -> web.Response:
        """What happened to it, the newest last."""
        campaign = await campaign_of(request, self._campaigns)
        changes = await self._campaigns.history(session_of(request).actor, campaign.id)
        values = {"campaign": campaign, "changes": changes, "tones": TONES}
        return self._renderer.page(request, "campaign_history.html", values)

    async def act(self, request: web.Request) -> web.StreamResponse:
        """Pause it, let it go on, …; a new campaign that comes of it is shown."""
        name, form = request.match_info["action"], await request.post()
        action = self._actions.get(name)
        if action is None:
            raise web.HTTPNotFound
        session, texts = session_of(request), self._renderer.texts(request)
        number = id_of(request.match_info["id"])
        done: list[Campaign] = []

        async def work() -> None:
            said = text_of(form, "note", 500)
            if name in COPIES:  # the list tells it from the one that it was made of
                parent = await campaign_of(request, self._campaigns)
                said = copy_name(parent.name, texts(f"campaign.copy.{name}"))
            done.append(await action(session.actor, number, said))

        if problem := await refusal(work()):
            campaign = await campaign_of(request, self._campaigns)
            return await self._show(request, campaign, problem=problem, status=422)
        if name in AGAIN and form.get("do") == "now":
            await self._send_now(request, done[0], accepted_in(form))
        session.tell(texts(f"campaign.did.{name}"))
        where = NEXT.get(name, "/live" if form.get("back") == "live" else "")
        raise web.HTTPSeeOther(f"/campaigns/{done[0].id}{where}")

    async def _send_now(
        self, request: web.Request, campaign: Campaign, accept: Sequence[str]
    ) -> None:
        """Start it at once; one that is too large or refused goes to its last step instead."""
        session, texts = session_of(request), self._renderer.texts(request)
        if campaign.audience.count > TYPED_ABOVE:
            raise web.HTTPSeeOther(f"/campaigns/{campaign.id}/send")
        work = self._campaigns.start(session.actor, campaign.id, accept)
        problem = await refusal(in_words(work, texts.language))
        if problem:
            session.tell(f"{texts('page.refused')} {problem}", tone="bad")
        raise web.HTTPSeeOther(f"/campaigns/{campaign.id}/{'send' if problem else 'live'}")

    async def resume(self, request: web.Request) -> web.StreamResponse:
        """Let it go on; warnings that nobody has accepted are asked about."""
        session, texts = session_of(request), self._renderer.texts(request)
        form, number = await request.post(), id_of(request.match_info["id"])
        accept = accepted_in(form)
        problem, asked = "", {}
        try:
            await self._campaigns.resume(
                session.actor, number, accept, is_confirmed=bool(form.get("confirm"))
            )
        except PreflightRefused as refused:
            problem = refused.text(texts.language) if refused.are_errors else ""
            asked = {} if refused.are_errors else by_code(refused.findings)
        except NotConfirmed:
            problem = texts("campaign.confirm_first")
        except (NotPermitted, NotVisible):
            raise
        except PermanentError as error:
            problem = str(error)
        if problem or asked:
            campaign = await campaign_of(request, self._campaigns)
            return await self._show(request, campaign, problem=problem, asked=asked, status=422)
        session.tell(texts("campaign.did.resume"))
        where = "/live" if form.get("back") == "live" else ""
        raise web.HTTPSeeOther(f"/campaigns/{number}{where}")

    async def stop_all(self, request: web.Request) -> web.StreamResponse:
        """Pause everything of the account at once."""
        session, texts = session_of(request), self._renderer.texts(request)
        stopped = await self._campaigns.stop_all(session.actor, _account(request))
        session.tell(texts.count("campaign.stopped", len(stopped)))
        raise web.HTTPSeeOther("/campaigns?group=live")

    async def _show(
        self,
        request: web.Request,
        campaign: Campaign,
        *,
        problem: str = "",
        asked: Mapping[str, Sequence[Finding]] = MappingProxyType({}),
        status: int = 200,
    ) -> web.Response:
        session, texts = session_of(request), self._renderer.texts(request)
        (line,) = await self._lines.of(session.actor, texts, [campaign])
        counts: Mapping[DeliveryState, int] = {}
        if campaign.frozen.flow:
            found = await self._figures.states(
                session.actor, campaign.account, [campaign.frozen.flow]
            )
            counts = found.get(campaign.frozen.flow, {})
        sender = campaign.content.from_address.rpartition("@")[2]
        known = {"domain": sender} if sender else {}
        values: dict[str, Any] = {
            "campaign": campaign,
            "line": line,
            "counts": {state.label: n for state, n in counts.items()},
            "failed": sum(counts.get(state, 0) for state in PICKS["failed"]),
            "typed_above": TYPED_ABOVE,
            "tones": TONES,
            "problem": problem,
            "asked": asked,
            "todo": TODO,
            "titles": lambda codes: "; ".join(title(code, texts.language, known) for code in codes),
            **_may(session.actor, campaign.account),
        }
        return self._renderer.page(request, "campaign.html", values, status=status)


def _may(actor: Actor, account: int) -> dict[str, bool]:
    """What the buttons depend on."""
    return {
        "may_edit": actor.may(Permission.CAMPAIGN_EDIT, account),
        "may_send": actor.may(Permission.CAMPAIGN_SEND, account),
        "may_report": actor.may(Permission.REPORT_VIEW, account),
        "may_export": actor.may(Permission.EXPORT, account),
    }


def _account(request: web.Request) -> int:
    account = current_account(session_of(request))
    if account is None:
        raise web.HTTPForbidden
    return account.id
