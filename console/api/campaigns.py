"""The endpoints about campaigns."""

from collections.abc import Awaitable, Sequence

from console.accounts.actor import NotPermitted, NotVisible
from console.accounts.values import Scope
from console.api.acting import ActorOf, carried_out, number_of
from console.api.campaign_schemas import (
    Campaign,
    CampaignChange,
    CampaignCopy,
    CampaignFilter,
    CampaignHour,
    CampaignLaunch,
    CampaignNote,
    CampaignPage,
    CampaignProgress,
    CampaignRequest,
    CampaignResend,
    CampaignResume,
    CampaignTest,
    PreflightReport,
    RecipientFilter,
    RecipientPage,
    Tested,
    changed_audience,
    changed_content,
    changed_plan,
)
from console.api.pagination import page, place_of
from console.api.refusals import ApiRefusal, Violation, invalid
from console.api.routes import Answer, Call, Route
from console.campaigns.accepting import PreflightRefused
from console.campaigns.checks import CampaignConflict
from console.campaigns.operations import campaign_json, progress_json
from console.campaigns.service import CampaignService
from console.campaigns.states import Origin
from console.campaigns.values import AudienceSpec, Content, Plan
from console.campaigns.values import Campaign as CampaignRow
from mta.events.record import rfc3339
from mta.model.errors import PermanentError

_VIEW = (Scope.CAMPAIGN_VIEW, Scope.CAMPAIGN_EDIT)
_EDIT = (Scope.CAMPAIGN_EDIT,)
_SEND = (Scope.CAMPAIGN_SEND,)
_PATH = "/api/v1/campaigns"
_ONE = f"{_PATH}/{{id}}"


class CampaignEndpoints:
    """Handlers; `routes` declares them."""

    def __init__(self, service: CampaignService, actor_of: ActorOf) -> None:
        self._service = service
        self._actor_of = actor_of

    def routes(self) -> Sequence[Route]:
        """The table."""
        return (*self._drafts(), *self._steps(), *self._looks())

    def _drafts(self) -> Sequence[Route]:
        return (
            Route(
                "GET", _PATH, "listCampaigns", "List campaigns, the newest first", self.list,
                _VIEW, CampaignPage, filters=CampaignFilter, tag="campaigns",
            ),
            Route(
                "POST", _PATH, "addCampaign", "Make a draft", self.add, _EDIT, Campaign,
                CampaignRequest, status=201, tag="campaigns",
            ),
            Route(
                "GET", _ONE, "getCampaign", "Show a campaign", self.get, _VIEW, Campaign,
                errors=("not_found",), tag="campaigns",
            ),
            Route(
                "PATCH", _ONE, "changeCampaign", "Change a draft", self.change, _EDIT, Campaign,
                CampaignChange, errors=("not_found", "conflict"), tag="campaigns",
                description="With `etag`: only if nobody else has changed it since. What was "
                "approved or in review is a draft again.",
            ),
            Route(
                "POST", f"{_ONE}/clone", "cloneCampaign", "Make a draft of a campaign", self.clone,
                _EDIT, Campaign, CampaignCopy, status=201, errors=("not_found",), tag="campaigns",
            ),
            Route(
                "POST", f"{_ONE}/resend", "resendCampaign",
                "Make a draft to some recipients of a campaign that is over", self.resend, _EDIT,
                Campaign, CampaignResend, status=201, errors=("not_found",), tag="campaigns",
                description="`failed`: those whom it did not reach; `not_opened`: those who got "
                "it and did not open it; `received`: those who got it, for a correction.",
            ),
            Route(
                "POST", f"{_ONE}/review", "reviewCampaign", "Ask a second person to approve it",
                self.review, _EDIT, Campaign, errors=("not_found",), tag="campaigns",
            ),
        )  # fmt: skip

    def _steps(self) -> Sequence[Route]:
        errors = ("not_found", "conflict")
        return (
            Route(
                "POST", f"{_ONE}/schedule", "scheduleCampaign", "Send it at an hour",
                self.schedule, _SEND, Campaign, CampaignHour, errors=errors, tag="campaigns",
                description="Again: at another hour. Refused when the preflight finds errors, or "
                "warnings that are not accepted.",
            ),
            Route(
                "POST", f"{_ONE}/start", "startCampaign", "Send it now", self.start, _SEND,
                Campaign, CampaignLaunch, errors=errors, tag="campaigns",
                description="Refused when the preflight finds errors, or warnings that are not "
                "accepted.",
            ),
            Route(
                "POST", f"{_ONE}/pause", "pauseCampaign", "Begin no further mail of it",
                self.pause, _SEND, Campaign, CampaignNote, errors=errors, tag="campaigns",
            ),
            Route(
                "POST", f"{_ONE}/resume", "resumeCampaign", "Let it go on", self.resume, _SEND,
                Campaign, CampaignResume, errors=errors, tag="campaigns",
                description="What missed its hour is looked at again, as at the start.",
            ),
            Route(
                "POST", f"{_ONE}/cancel", "cancelCampaign", "Send no more of it, for good",
                self.cancel, _SEND, Campaign, CampaignNote, errors=errors, tag="campaigns",
            ),
        )  # fmt: skip

    def _looks(self) -> Sequence[Route]:
        return (
            Route(
                "POST", f"{_ONE}/preflight", "preflightCampaign", "Look at it before it is sent",
                self.preflight, _VIEW, PreflightReport, errors=("not_found",), tag="campaigns",
            ),
            Route(
                "POST", f"{_ONE}/test", "testCampaign", "Send test mails", self.test,
                (Scope.CAMPAIGN_TEST,), Tested, CampaignTest, errors=("not_found",),
                tag="campaigns", description="They cost nothing and are marked as tests.",
            ),
            Route(
                "GET", f"{_ONE}/progress", "getCampaignProgress", "How far and how fast it is",
                self.progress, _VIEW, CampaignProgress, errors=("not_found",), tag="campaigns",
            ),
            Route(
                "GET", f"{_ONE}/recipients", "listCampaignRecipients",
                "List recipients with what became of their mail", self.recipients, _VIEW,
                RecipientPage, filters=RecipientFilter, errors=("not_found",), tag="campaigns",
            ),
        )  # fmt: skip

    # -- drafts --------------------------------------------------------------------------------

    async def list(self, call: Call) -> Answer:
        """`GET /campaigns`."""
        wanted = call.filters(CampaignFilter)
        place = place_of(wanted.cursor, (int,))
        more = {"before": int(place[0])} if place else {}
        found = await carried_out(
            self._service.list(
                self._actor_of(call), call.identity.account_id, count=wanted.limit + 1,
                statuses=(wanted.status,) if wanted.status else (), **more,
            )
        )  # fmt: skip
        items = [campaign_json(campaign) for campaign in found[: wanted.limit]]
        following = (found[wanted.limit - 1].id,) if len(found) > wanted.limit else None
        return Answer(page(items, following))

    async def add(self, call: Call) -> Answer:
        """`POST /campaigns`."""
        wanted = call.content(CampaignRequest)
        made = await carried_out(
            self._service.create(
                self._actor_of(call), call.identity.account_id, wanted.name,
                changed_content(Content(), wanted.content),
                changed_audience(AudienceSpec(), wanted.audience),
                changed_plan(Plan(), wanted.plan),
            )
        )  # fmt: skip
        return Answer(campaign_json(made), 201)

    async def get(self, call: Call) -> Answer:
        """`GET /campaigns/{id}`."""
        found = await carried_out(self._service.get(self._actor_of(call), number_of(call)))
        return Answer(campaign_json(found))

    async def change(self, call: Call) -> Answer:
        """`PATCH /campaigns/{id}`."""
        wanted, actor, number = call.content(CampaignChange), self._actor_of(call), number_of(call)
        before = await carried_out(self._service.get(actor, number))
        content = changed_content(before.content, wanted.content)
        audience = changed_audience(before.audience, wanted.audience)
        plan = changed_plan(before.plan, wanted.plan)
        try:
            after = await self._service.edit(
                actor, number, wanted.etag or before.etag,
                name=wanted.name, content=content, audience=audience, plan=plan,
            )  # fmt: skip
        except CampaignConflict as error:
            raise ApiRefusal(409, "conflict", str(error)) from None
        except (NotPermitted, NotVisible):
            raise
        except PermanentError as error:
            raise invalid(Violation("", "unusable_text", {"detail": str(error)})) from None
        return Answer(campaign_json(after))

    async def clone(self, call: Call) -> Answer:
        """`POST /campaigns/{id}/clone`."""
        name = call.content(CampaignCopy).name
        made = self._service.clone(self._actor_of(call), number_of(call), name)
        return Answer(campaign_json(await carried_out(made)), 201)

    async def resend(self, call: Call) -> Answer:
        """`POST /campaigns/{id}/resend`."""
        wanted, actor, number = call.content(CampaignResend), self._actor_of(call), number_of(call)
        if wanted.to == "received":
            made = self._service.correct(actor, number, wanted.name)
        else:
            made = self._service.resend(actor, number, Origin(wanted.to), wanted.name)
        return Answer(campaign_json(await carried_out(made)), 201)

    async def review(self, call: Call) -> Answer:
        """`POST /campaigns/{id}/review`."""
        work = self._service.submit_for_review(self._actor_of(call), number_of(call))
        return Answer(campaign_json(await carried_out(work)))

    # -- steps ---------------------------------------------------------------------------------

    async def schedule(self, call: Call) -> Answer:
        """`POST /campaigns/{id}/schedule`."""
        wanted = call.content(CampaignHour)
        send_at_ms = round(wanted.send_at.timestamp() * 1000)
        work = self._service.schedule(
            self._actor_of(call), number_of(call), send_at_ms, wanted.accept
        )
        return Answer(campaign_json(await carried_out(_launched(work, call), "send_at")))

    async def start(self, call: Call) -> Answer:
        """`POST /campaigns/{id}/start`."""
        accept = call.content(CampaignLaunch).accept
        work = self._service.start(self._actor_of(call), number_of(call), accept)
        return Answer(campaign_json(await carried_out(_launched(work, call))))

    async def pause(self, call: Call) -> Answer:
        """`POST /campaigns/{id}/pause`."""
        note = call.content(CampaignNote).note
        work = self._service.pause(self._actor_of(call), number_of(call), note)
        return Answer(campaign_json(await carried_out(work)))

    async def resume(self, call: Call) -> Answer:
        """`POST /campaigns/{id}/resume`."""
        wanted = call.content(CampaignResume)
        work = self._service.resume(
            self._actor_of(call), number_of(call), wanted.accept, is_confirmed=wanted.confirm
        )
        return Answer(campaign_json(await carried_out(_launched(work, call), "confirm")))

    async def cancel(self, call: Call) -> Answer:
        """`POST /campaigns/{id}/cancel`."""
        note = call.content(CampaignNote).note
        work = self._service.cancel(self._actor_of(call), number_of(call), note)
        return Answer(campaign_json(await carried_out(work)))

    # -- looks ---------------------------------------------------------------------------------

    async def preflight(self, call: Call) -> Answer:
        """`POST /campaigns/{id}/preflight`."""
        report = await carried_out(self._service.preflight(self._actor_of(call), number_of(call)))
        expected = report.forecast
        findings = [
            {"code": one.code, "severity": one.severity.value, "text": one.text(call.language)}
            for one in report.findings
        ]
        told = {
            "errors": report.errors,
            "warnings": report.warnings,
            "findings": findings,
            "audience": dict(report.audience),
            "expected_s": None if expected is None else round(expected.seconds),
        }
        return Answer(told)

    async def test(self, call: Call) -> Answer:
        """`POST /campaigns/{id}/test`."""
        wanted = call.content(CampaignTest)
        sent = self._service.test_send(
            self._actor_of(call), number_of(call), wanted.to, wanted.row, call.language
        )
        return Answer({"messages": [str(one) for one in await carried_out(sent, "to")]})

    async def progress(self, call: Call) -> Answer:
        """`GET /campaigns/{id}/progress`."""
        found = self._service.progress(self._actor_of(call), number_of(call))
        return Answer(progress_json(await carried_out(found)))

    async def recipients(self, call: Call) -> Answer:
        """`GET /campaigns/{id}/recipients`."""
        wanted = call.filters(RecipientFilter)
        place = place_of(wanted.cursor, (int,))
        found = await carried_out(
            self._service.recipients(
                self._actor_of(call), number_of(call), wanted.state or "",
                after=int(place[0]) if place else 0, count=wanted.limit,
            )
        )  # fmt: skip
        items = [
            {
                "delivery": str(one.delivery), "address": one.address, "state": one.state,
                "attempts": one.attempts, "changed": rfc3339(one.changed_ms), "reply": one.reply,
                "host": one.host,
            }
            for one in found.recipients
        ]  # fmt: skip
        return Answer(page(items, (found.after,) if found.after else None))


async def _launched(work: Awaitable[CampaignRow], call: Call) -> CampaignRow:
    """Tell each finding of the preflight that stops it, by its code."""
    try:
        return await work
    except PreflightRefused as refused:
        code = "unusable_text" if refused.are_errors else "not_accepted"
        raise invalid(
            *(
                Violation(one.code, code, {"detail": one.text(call.language)})
                for one in refused.findings
            )
        ) from None
