"""What people do with a campaign that is to be sent: each step is durable when it returns."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from console.accounts.actor import Actor, NotVisible
from console.accounts.permissions import Permission
from console.accounts.values import Account
from console.campaigns.accepting import accepted
from console.campaigns.book import LAST, CampaignBook
from console.campaigns.checks import (
    MAX_AHEAD_MS,
    CampaignConflict,
    require_sendable,
    zone_of,
)
from console.campaigns.preflight.service import Preflight
from console.campaigns.states import RULES, CampaignStatus, Reason
from console.campaigns.steering import GateRow, Steering
from console.campaigns.values import Acceptance, Campaign
from console.campaigns.windows import is_within
from mta.model.errors import JobRefused, PermanentError
from mta.model.traffic import Gate
from mta.spool.flows import Flow

TRIES = 5  # of a step under which the campaign changes
_S = CampaignStatus
_STOPPABLE = (_S.SCHEDULED, _S.PREPARING, _S.RUNNING)
_PAGE = 500

AccountOf = Callable[[int], Awaitable[Account]]


class NotConfirmed(PermanentError):
    """It stopped by a rule: who lets it go on has to say that it was looked at."""

    def __init__(self, reason: Reason, note: str) -> None:
        super().__init__(f"it stopped itself ({reason}: {note}): confirm that it shall go on")
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Step:
    """Where a campaign goes, and what becomes of its mail."""

    status: CampaignStatus
    reason: Reason
    gate: Gate | None = None  # None: stays
    note: str = ""
    changes: tuple[tuple[str, Any], ...] = ()


class CampaignLife:
    """Steps of campaigns, for people and for the runner; part of `CampaignService`."""

    def __init__(
        self,
        book: CampaignBook,
        steering: Steering,
        account_of: AccountOf,
        timezone: str,
        preflight: Preflight,
    ) -> None:
        """`timezone`: of the installation."""
        self._book = book
        self._steering = steering
        self._account_of = account_of
        self._timezone = timezone
        self._preflight = preflight
        self.on_change: Callable[[], None] = lambda: None  # the runner's: look now

    # -- steps ---------------------------------------------------------------------------------

    async def schedule(
        self, actor: Actor, campaign_id: int, send_at_ms: int, accept: Collection[str] = ()
    ) -> Campaign:
        """Send it at that moment; again: at another one; `accept` as in `start`.

        Raises `PermanentError` for the past, `PreflightRefused`.
        """
        await self._seen(actor, campaign_id, Permission.CAMPAIGN_SEND)
        now_ms = self._book.clock.now_ms()
        if not now_ms < send_at_ms <= now_ms + MAX_AHEAD_MS:
            raise PermanentError("the hour of a campaign is in the future, at most a year ahead")

        async def step(campaign: Campaign) -> Step | None:
            await self._require_sendable(campaign)
            plan = replace(campaign.plan, send_at_ms=send_at_ms)
            if plan.end_ms and plan.end_ms <= send_at_ms:
                raise PermanentError("the campaign would end before it begins")
            after = replace(campaign, plan=plan)
            after = replace(after, accepted=await self._checked(actor, after, accept))
            if campaign.status is _S.SCHEDULED:
                await self._book.store.submit(
                    self._book.change(actor, campaign, after, "campaign.rescheduled")
                )
                return None
            changes = (("plan", plan), ("accepted", after.accepted))
            return Step(_S.SCHEDULED, Reason.USER, changes=changes)

        return await self._step(actor, campaign_id, step)

    async def unschedule(self, actor: Actor, campaign_id: int) -> Campaign:
        """It can be changed again, and is not sent by itself."""

        async def step(campaign: Campaign) -> Step:
            if campaign.status is not _S.SCHEDULED:
                raise PermanentError(f"the campaign is {campaign.status}, not scheduled")
            plan = replace(campaign.plan, send_at_ms=0)
            status = _S.APPROVED if campaign.approval else _S.DRAFT
            return Step(status, Reason.USER, changes=(("plan", plan),))

        return await self._step(actor, campaign_id, step)

    async def start(self, actor: Actor, campaign_id: int, accept: Collection[str] = ()) -> Campaign:
        """Send it now: it is prepared and goes out as it is made ready.

        `accept`: codes of the preflight's warnings that the actor accepts (`accepting.ALL`: any).
        Raises `PreflightRefused` for its errors, and for warnings that nobody has accepted.
        """

        async def step(campaign: Campaign) -> Step:
            await self._require_sendable(campaign)
            plan = replace(campaign.plan, send_at_ms=0)
            agreed = await self._checked(actor, replace(campaign, plan=plan), accept)
            changes = (("plan", plan), ("accepted", agreed))
            return Step(_S.PREPARING, Reason.USER, changes=changes)

        return await self._step(actor, campaign_id, step)

    async def pause(
        self, actor: Actor, campaign_id: int, note: str = "", *, reason: Reason = Reason.USER
    ) -> Campaign:
        """No further mail of it is begun; within a second, whatever its size."""

        async def step(campaign: Campaign) -> Step | None:
            if campaign.status is _S.PAUSED and campaign.reason is reason:
                return None
            return Step(_S.PAUSED, reason, Gate.HELD, note[:500])

        return await self._step(actor, campaign_id, step)

    async def resume(
        self,
        actor: Actor,
        campaign_id: int,
        accept: Collection[str] = (),
        *,
        is_confirmed: bool = False,
    ) -> Campaign:
        """It goes on where it stopped; outside of its sending hours when they begin.

        What stopped by a rule asks for `is_confirmed`; what missed its hour, or was not prepared
        yet, is looked at again, `accept` as in `start`. Raises `PreflightRefused`.
        """

        async def step(campaign: Campaign) -> Step:
            if campaign.status is not _S.PAUSED:
                raise PermanentError(f"the campaign is {campaign.status}, not paused")
            if campaign.reason in RULES and not is_confirmed:
                raise NotConfirmed(campaign.reason, campaign.note)
            resumed = self._resumed(campaign)
            if campaign.reason is Reason.LATE or not campaign.frozen.messages:
                agreed = await self._checked(actor, campaign, accept)
                resumed = replace(resumed, changes=(*resumed.changes, ("accepted", agreed)))
            return resumed

        return await self._step(actor, campaign_id, step)

    async def cancel(self, actor: Actor, campaign_id: int, note: str = "") -> Campaign:
        """What was not sent is not sent any more, and its quota comes back."""

        async def step(campaign: Campaign) -> Step | None:
            if campaign.status is _S.CANCELLED:
                return None
            return Step(_S.CANCELLED, Reason.USER, Gate.CANCELLED, note[:500])

        return await self._step(actor, campaign_id, step)

    async def stop_all(
        self, actor: Actor, account: int | None = None, note: str = ""
    ) -> list[Campaign]:
        """Pause everything that is sent or scheduled, of one account or wherever the actor may."""
        if account is not None:
            actor.require(Permission.CAMPAIGN_SEND, account)
        accounts = actor.accounts(Permission.CAMPAIGN_SEND)
        if account is not None:
            accounts = frozenset((account,))
        stopped: list[Campaign] = []
        before = LAST
        while True:
            page = await self._book.page(accounts, (*_STOPPABLE, _S.PAUSED), before, _PAGE)
            found = [c for c in page if c.status in _STOPPABLE or c.reason is Reason.WINDOW]
            stopped += [
                await self.pause(actor, campaign.id, note, reason=Reason.STOPPED)
                for campaign in found
            ]
            if len(page) < _PAGE:
                return stopped
            before = page[-1].id

    # -- inside --------------------------------------------------------------------------------

    async def apply(self, actor: Actor, campaign: Campaign, step: Step) -> Campaign:
        """Carry a step out, as the campaign was seen. Raises `JobRefused` when it has changed."""
        work = self._book.move(
            actor, campaign, step.status, step.reason, step.note, **dict(step.changes)
        )
        flow = await self._steering.flow(campaign) if step.gate is not None else None
        row: GateRow | None = None
        if flow is not None and step.gate is not None and flow.gate != Gate.CANCELLED:
            row = self._steering.gated(flow, step.gate, _gate_reason(step))
            work.append(self._steering.rows(row))
        await self._book.store.submit(work)
        self._after(flow, row)
        return await self._book.get(campaign.id)

    def _after(self, flow: Flow | None, row: GateRow | None) -> None:
        if flow is not None and row is not None:
            self._steering.committed(flow, row)
        self.on_change()

    def _resumed(self, campaign: Campaign) -> Step:
        """What follows a pause."""
        now_ms = self._book.clock.now_ms()
        plan = campaign.plan
        if campaign.reason is Reason.CANARY:
            plan = replace(plan, is_canary_passed=True)
        if campaign.reason in RULES:  # who resumes it has looked
            plan = replace(plan, passed=(*plan.passed, campaign.reason.value))
        waits = plan.send_at_ms > now_ms
        if not waits:
            plan = replace(plan, send_at_ms=0)
        changes = (("plan", plan),)
        if not campaign.frozen.messages:
            status = _S.SCHEDULED if waits else _S.PREPARING
            return Step(status, Reason.USER, changes=changes)
        if waits:
            return Step(_S.PREPARING, Reason.USER, changes=changes)
        if not is_within(plan, zone_of(plan, self._timezone), now_ms):
            return Step(_S.PAUSED, Reason.WINDOW, Gate.HELD, changes=changes)
        return Step(_S.RUNNING, Reason.USER, Gate.OPEN, changes=changes)

    async def _checked(
        self, actor: Actor, campaign: Campaign, codes: Collection[str]
    ) -> Acceptance:
        """What is kept of its preflight. Raises `PreflightRefused`."""
        report = await self._preflight.look(campaign)
        return accepted(campaign, report, codes, actor, self._book.clock.now_ms())

    async def _require_sendable(self, campaign: Campaign) -> None:
        account = await self._account_of(campaign.account)
        require_sendable(campaign, needs_approval=account.needs_approval)

    async def _step(
        self,
        actor: Actor,
        campaign_id: int,
        decide: Callable[[Campaign], Awaitable[Step | None]],
        permission: Permission = Permission.CAMPAIGN_SEND,
    ) -> Campaign:
        """Read, decide, write; again when somebody else wrote in between."""
        for _ in range(TRIES):
            campaign = await self._seen(actor, campaign_id, permission)
            try:
                step = await decide(campaign)
                if step is None:
                    return await self._book.get(campaign_id)
                return await self.apply(actor, campaign, step)
            except JobRefused:
                continue
        raise CampaignConflict(f"campaign {campaign_id} is being changed: try again")

    async def _seen(
        self,
        actor: Actor,
        campaign_id: int,
        permission: Permission = Permission.CAMPAIGN_VIEW,
    ) -> Campaign:
        """The campaign, if the actor may do that to it. Raises `NotVisible`, `NotPermitted`."""
        campaign = await self._book.find(campaign_id)
        if campaign is None or not actor.may(Permission.CAMPAIGN_VIEW, campaign.account):
            raise NotVisible(f"there is no campaign {campaign_id}")
        actor.require(permission, campaign.account)
        return campaign


def _gate_reason(step: Step) -> str:
    return "" if step.gate == Gate.OPEN else f"campaign {step.status}: {step.reason}"


def paused_by_itself(campaigns: Sequence[Campaign]) -> list[Campaign]:
    """Those that wait for a person."""
    quiet = (Reason.USER, Reason.WINDOW, Reason.STOPPED)
    return [c for c in campaigns if c.status is _S.PAUSED and c.reason not in quiet]
