"""Campaigns as people work on them: drafts, audience, content, review; and all steps of their life."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from console.accounts.actor import Actor, NotVisible
from console.accounts.approvals.service import ApprovalService
from console.accounts.approvals.values import Approval, ApprovalKind, KindRules
from console.accounts.permissions import Permission
from console.campaigns.accepting import still_accepted
from console.campaigns.again import Again
from console.campaigns.book import LAST, CampaignBook
from console.campaigns.checks import (
    CampaignConflict,
    checked_content,
    checked_name,
    checked_plan,
    require_complete,
)
from console.campaigns.life import AccountOf, CampaignLife
from console.campaigns.preflight.service import Preflight, Report
from console.campaigns.progress import Progress, ProgressReader
from console.campaigns.recipients import STATES, RecipientPage, recipients_of
from console.campaigns.states import CampaignStatus, Origin, Reason
from console.campaigns.steering import Steering
from console.campaigns.testing import TestMails
from console.campaigns.values import AudienceSpec, Campaign, Change, Content, Dated, Plan
from mta.model.errors import JobRefused, PermanentError
from mta.store.work import Rows

_S = CampaignStatus


class CampaignService(CampaignLife):
    """Every method takes who acts, and checks what that one may do."""

    def __init__(
        self,
        book: CampaignBook,
        steering: Steering,
        account_of: AccountOf,
        timezone: str,
        approvals: ApprovalService,
        progress: ProgressReader,
        preflight: Preflight,
    ) -> None:
        """`timezone`: of the installation. Registers what an approval does."""
        super().__init__(book, steering, account_of, timezone, preflight)
        self._approvals = approvals
        self._progress = progress
        self.tests: TestMails | None = None  # the running server's
        ask, decide = Permission.CAMPAIGN_EDIT, Permission.CAMPAIGN_SEND
        effect = Reviewed(book, self)
        rules = KindRules(ask, decide, effect, effect.rejected, may_withdraw=True)
        approvals.register(ApprovalKind.CAMPAIGN_SEND, rules)

    # -- reading -------------------------------------------------------------------------------

    async def get(self, actor: Actor, campaign_id: int) -> Campaign:
        """One of them. Raises `NotVisible`."""
        return await self._seen(actor, campaign_id)

    async def reported(self, actor: Actor, campaign_id: int) -> Campaign:
        """One of them, for who may see reports. Raises `NotVisible`."""
        campaign = await self._book.find(campaign_id)
        if campaign is None:
            raise NotVisible(f"there is no campaign {campaign_id}")
        actor.require(Permission.REPORT_VIEW, campaign.account)
        return campaign

    async def list(
        self,
        actor: Actor,
        account: int | None = None,
        *,
        statuses: Sequence[CampaignStatus] = (),
        before: int = LAST,
        count: int = 50,
    ) -> list[Campaign]:
        """Those of one account, or all that the actor sees; the newest first, before an id."""
        accounts = actor.accounts(Permission.CAMPAIGN_VIEW)
        if account is not None:
            actor.require(Permission.CAMPAIGN_VIEW, account)
            accounts = frozenset((account,))
        return await self._book.page(accounts, statuses, before, count)

    async def between(
        self, actor: Actor, account: int, from_ms: int, to_ms: int, count: int
    ) -> Sequence[Dated]:
        """Those of an account that started or are to start in a span, its end left out."""
        actor.require(Permission.CAMPAIGN_VIEW, account)
        return await self._book.between(account, from_ms, to_ms, count)

    async def history(self, actor: Actor, campaign_id: int) -> Sequence[Change]:
        """Every change of its status: when, why, by whom."""
        return await self._book.history((await self._seen(actor, campaign_id)).id)

    async def progress(
        self, actor: Actor, campaign_id: int, *, with_providers: bool = True
    ) -> Progress:
        """How far it is, how fast it goes, when it will be done."""
        campaign = await self._seen(actor, campaign_id)
        return await self._progress.of(campaign, with_providers=with_providers)

    async def recipients(
        self, actor: Actor, campaign_id: int, state: str = "", *, after: int = 0, count: int = 100
    ) -> RecipientPage:
        """Its recipients in a state (`recipients.STATES`; '': any), behind a delivery."""
        campaign = await self._seen(actor, campaign_id)
        if state and state not in STATES:
            raise PermanentError(f"state {state!r}: expected one of {', '.join(STATES)}")
        return await recipients_of(self._book.store, campaign, state, after, count)

    async def preflight(self, actor: Actor, campaign_id: int) -> Report:
        """What is to be said about it before it is sent: errors stop, warnings ask."""
        return await self._preflight.look(await self._seen(actor, campaign_id))

    async def seen_as(self, actor: Actor, campaign_id: int, row: int) -> Mapping[str, str]:
        """The values of its fields for a row, as a test mail would show them; empty: no such row."""
        campaign = await self._seen(actor, campaign_id, Permission.CAMPAIGN_TEST)
        return await self._preflight.seen_as(campaign, row)

    async def test_send(
        self,
        actor: Actor,
        campaign_id: int,
        addresses: Sequence[str],
        row: int = 0,
        language: str = "es",
    ) -> Sequence[int]:
        """Test mails with the values of a row; they cost nothing and are marked. Their ids."""
        campaign = await self._seen(actor, campaign_id, Permission.CAMPAIGN_TEST)
        if self.tests is None:
            raise PermanentError("test mails need the running server")
        sent = await self.tests.send(campaign, addresses, row, language)
        await self._book.tested(actor, campaign, len(sent))
        return sent

    # -- drafts --------------------------------------------------------------------------------

    async def create(
        self,
        actor: Actor,
        account: int,
        name: str,
        content: Content | None = None,
        audience: AudienceSpec | None = None,
        plan: Plan | None = None,
    ) -> Campaign:
        """A new draft. Raises `PermanentError` for what cannot be."""
        actor.require(Permission.CAMPAIGN_EDIT, account)
        return await self._book.create(
            actor, account, checked_name(name), checked_content(content or Content()),
            audience or AudienceSpec(), checked_plan(plan or Plan()),
        )  # fmt: skip

    async def edit(
        self,
        actor: Actor,
        campaign_id: int,
        etag: int | None = None,
        *,
        name: str | None = None,
        content: Content | None = None,
        audience: AudienceSpec | None = None,
        plan: Plan | None = None,
    ) -> Campaign:
        """Change what is given; what was approved or in review is a draft again.

        Raises `CampaignConflict` when its etag is not the given one any more.
        """
        campaign = await self._seen(actor, campaign_id, Permission.CAMPAIGN_EDIT)
        if etag is not None and etag != campaign.etag:
            raise CampaignConflict("somebody else has changed the campaign: look again")
        if not campaign.status.is_editable:
            raise PermanentError(f"the campaign is {campaign.status}: it cannot be changed now")
        after = replace(
            campaign,
            name=campaign.name if name is None else checked_name(name),
            content=campaign.content if content is None else checked_content(content),
            audience=campaign.audience if audience is None else audience,
            plan=campaign.plan if plan is None else checked_plan(plan),
        )
        if after == campaign:
            return campaign
        after = still_accepted(campaign, after)
        try:
            await self._book.store.submit(await self._edited(actor, campaign, after))
        except JobRefused:
            raise CampaignConflict("somebody else has changed the campaign: look again") from None
        return await self._book.get(campaign_id)

    async def set_audience(
        self, actor: Actor, campaign_id: int, audience: AudienceSpec, etag: int | None = None
    ) -> Campaign:
        """To whom it goes."""
        return await self.edit(actor, campaign_id, etag, audience=audience)

    async def set_content(
        self, actor: Actor, campaign_id: int, content: Content, etag: int | None = None
    ) -> Campaign:
        """What it says."""
        return await self.edit(actor, campaign_id, etag, content=content)

    async def _edited(self, actor: Actor, campaign: Campaign, after: Campaign) -> Sequence[Rows]:
        if campaign.status is _S.DRAFT:
            return self._book.change(actor, campaign, after)
        if campaign.status is _S.IN_REVIEW:
            # Its request ends with it: what is left of it approves nothing (`Reviewed`).
            with contextlib.suppress(PermanentError):
                await self._approvals.reject(actor, campaign.approval, "the campaign was changed")
            campaign = await self._book.get(campaign.id)
            after = replace(after, etag=campaign.etag, status=campaign.status, approval=0)
            if campaign.status is _S.DRAFT:
                return self._book.change(actor, campaign, after)
        fields = ("name", "content", "audience", "plan", "accepted")
        changes = {name: getattr(after, name) for name in fields}
        return self._book.move(
            actor, campaign, _S.DRAFT, Reason.EDITED, approval=0, **changes
        )  # fmt: skip

    # -- a second person -----------------------------------------------------------------------

    async def submit_for_review(self, actor: Actor, campaign_id: int) -> Campaign:
        """Ask a second person to look at it and approve it."""

        async def step(campaign: Campaign) -> None:
            if campaign.status is not _S.DRAFT:
                raise PermanentError(f"the campaign is {campaign.status}, not a draft")
            require_complete(campaign)

            def moved(request: int) -> Sequence[Rows]:
                return self._book.move(actor, campaign, _S.IN_REVIEW, Reason.USER, approval=request)

            await self._approvals.request(
                actor, ApprovalKind.CAMPAIGN_SEND, campaign.account, str(campaign.id),
                {"name": campaign.name}, joined=moved,
            )  # fmt: skip
            self._after(None, None)

        return await self._step(actor, campaign_id, step, Permission.CAMPAIGN_EDIT)

    async def approve(self, actor: Actor, campaign_id: int, note: str = "") -> Campaign:
        """The second person says yes: who sends may send it now."""
        campaign = await self._seen(actor, campaign_id, Permission.CAMPAIGN_SEND)
        await self._approvals.approve(actor, _request_of(campaign), note)
        return await self._book.get(campaign_id)

    async def reject(self, actor: Actor, campaign_id: int, note: str) -> Campaign:
        """The second person says no, or who asked takes it back: it is a draft again."""
        campaign = await self._seen(actor, campaign_id, Permission.CAMPAIGN_EDIT)
        await self._approvals.reject(actor, _request_of(campaign), note)
        return await self._book.get(campaign_id)

    # -- made of another one -------------------------------------------------------------------

    async def clone(self, actor: Actor, campaign_id: int, name: str = "") -> Campaign:
        """A draft with its content and plan; an uploaded audience is not taken along."""
        campaign = await self._seen(actor, campaign_id, Permission.CAMPAIGN_EDIT)
        lists = campaign.audience
        audience = AudienceSpec(include=lists.include, exclude=lists.exclude)
        return await self._child(actor, campaign, name, audience, Origin.CLONE)

    async def resend(
        self, actor: Actor, campaign_id: int, kind: Origin = Origin.FAILED, name: str = ""
    ) -> Campaign:
        """A draft to those whom it did not reach, or who did not open it (`Origin`)."""
        if kind not in (Origin.FAILED, Origin.NOT_OPENED):
            raise PermanentError(f"resend {kind!r}: expected failed or not_opened")
        campaign = await self._seen(actor, campaign_id, Permission.CAMPAIGN_EDIT)
        content, is_known = campaign.content, campaign.frozen.are_opens_known
        is_told_apart = is_known and content.track_opens and not content.track_totals
        if kind is Origin.NOT_OPENED and not is_told_apart:
            raise PermanentError("who opened it is not known: its opens were not told apart")
        return await self._again(actor, campaign, kind, kind.value, name)

    async def correct(self, actor: Actor, campaign_id: int, name: str = "") -> Campaign:
        """A draft to those who received it, to put something right."""
        campaign = await self._seen(actor, campaign_id, Permission.CAMPAIGN_EDIT)
        return await self._again(actor, campaign, Origin.CORRECTION, "received", name)

    async def _again(
        self, actor: Actor, campaign: Campaign, kind: Origin, pick: str, name: str
    ) -> Campaign:
        if not campaign.status.is_over or not campaign.frozen.messages:
            raise PermanentError("this can be done when the campaign is over")
        again = Again(self._book.store, campaign.frozen.messages, pick)
        audience = AudienceSpec(pick=pick, parent=campaign.id, count=await again.count())
        return await self._child(actor, campaign, name, audience, kind)

    async def _child(
        self, actor: Actor, parent: Campaign, name: str, audience: AudienceSpec, kind: Origin
    ) -> Campaign:
        plan = replace(parent.plan, send_at_ms=0, end_ms=0, is_canary_passed=False, passed=())
        name = name or await self._book.name_after(parent.account, parent.name)
        return await self._book.create(
            actor, parent.account, checked_name(name), parent.content, audience, plan,
            parent=parent.id, parent_kind=kind,
        )  # fmt: skip


class Reviewed:
    """What the decision on a review brings about (`ApprovalEffect`)."""

    def __init__(self, book: CampaignBook, life: CampaignLife) -> None:
        self._book = book
        self._life = life

    async def approved(self, actor: Actor, approval: Approval) -> Sequence[Rows]:
        """The campaign is approved in the same transaction, unless it was changed meanwhile."""
        is_number = approval.object.isdecimal()
        campaign = await self._book.find(int(approval.object)) if is_number else None
        if campaign is None or campaign.approval != approval.id:
            raise PermanentError("the campaign was changed since: it has to be asked for again")
        return self._book.move(actor, campaign, _S.APPROVED, Reason.USER, approval.reason)

    async def rejected(self, actor: Actor, approval: Approval) -> Sequence[Rows]:
        """The campaign is a draft again in the same transaction."""
        is_number = approval.object.isdecimal()
        campaign = await self._book.find(int(approval.object)) if is_number else None
        if campaign is None or campaign.approval != approval.id:
            return ()
        if campaign.status is not _S.IN_REVIEW:
            return ()
        note = approval.reason[:500]
        return self._book.move(actor, campaign, _S.DRAFT, Reason.REJECTED, note, approval=0)

    def settled(self, approval: Approval) -> None:  # noqa: ARG002
        """Whoever looks after campaigns looks."""
        self._life.on_change()


def _request_of(campaign: Campaign) -> int:
    if campaign.status is not _S.IN_REVIEW or not campaign.approval:
        raise PermanentError(f"the campaign is {campaign.status}: nothing waits for a decision")
    return campaign.approval
