"""What the running server does with campaigns: starts what is due, prepares, follows to the end.

It looks every half second, and at once when a person did something. All that it knows stands in
the store: after a crash it looks again and goes on. It is the only one who writes what is frozen
and the figures; statuses are changed under their etag, so a person's step is never undone.
"""

import asyncio
import contextlib
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import structlog

from console.accounts.approvals.service import OPEN_S
from console.campaigns.checks import zone_of
from console.campaigns.figures import Pace, figured, finished_figures
from console.campaigns.life import CampaignLife, Step
from console.campaigns.ports import News, nobody
from console.campaigns.preparing import SYSTEM, CannotSend, Preparation, Tools
from console.campaigns.states import CampaignStatus, Reason
from console.campaigns.stopping import StopRules
from console.campaigns.values import Campaign, Counts, open_of
from console.campaigns.windows import is_within, next_opening_ms
from mta.model.errors import JobRefused, PermanentError, StoreFailed, TransientError
from mta.model.traffic import DeliveryState, Gate
from mta.spool.flows import Flow
from mta.store.standing import StandingTask

TICK_S = 0.5
LEAD_MS = 10 * 60_000  # so long before its hour a campaign is prepared
RETRY_S = 5.0  # after the store or the bag could not
_S = CampaignStatus
# Gates that somebody else closed; ours say "campaign …".
_OURS = "campaign "
_RESTORED = "restored"


class CampaignRunner:
    """`start()`, then `stop()`; `wake()` when something changed."""

    def __init__(
        self, tools: Tools, life: CampaignLife, timezone: str, pace: Pace, rules: StopRules
    ) -> None:
        """`timezone`: of the installation; `pace` is told how fast each campaign goes."""
        self._tools = tools
        self._book = tools.book
        self._life = life
        self._timezone = timezone
        self._preparation = Preparation(tools)
        self._work: dict[int, asyncio.Task[None]] = {}
        self._rests: dict[int, float] = {}
        self._log = structlog.get_logger("relevo.campaigns")
        self._task = StandingTask("campaigns", self._tick, self._log)
        self.pace = pace
        self._rules = rules
        self.on_news: News = nobody  # a campaign stopped by itself

    async def start(self) -> None:
        """Begin to look."""
        self._life.on_change = self.wake
        self._task.start()

    async def stop(self) -> None:
        """End; what is under way goes on at the next start."""
        await self._task.stop()
        tasks = list(self._work.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._work.clear()

    def wake(self) -> None:
        """Look now."""
        self._task.wake()

    async def _tick(self) -> float:
        await self.look()
        return TICK_S

    async def look(self) -> None:
        """Do for every campaign what is to be done now."""
        campaigns = await self._book.unsettled()
        self.pace.keep({campaign.id for campaign in campaigns})
        for campaign in campaigns:
            try:
                await self._look_at(campaign)
            except JobRefused:
                self.wake()  # a person was faster
            except (TransientError, PermanentError) as error:
                self.pace.fail(campaign.id, str(error))
                self._log.warning("campaign waits", campaign=str(campaign.id), error=str(error))
            else:
                if campaign.id not in self._rests:
                    self.pace.succeed(campaign.id)

    async def _look_at(self, campaign: Campaign) -> None:
        match campaign.status:
            case _S.SCHEDULED:
                await self._scheduled(campaign)
            case _S.PREPARING:
                await self._preparing(campaign)
            case _S.RUNNING:
                await self._running(campaign)
            case _S.PAUSED:
                await self._paused(campaign)
            case _S.IN_REVIEW:
                await self._reviewed(campaign)
            case _ if campaign.status.is_over:
                await self._over(campaign)

    # -- by status -----------------------------------------------------------------------------

    async def _scheduled(self, campaign: Campaign) -> None:
        if self._is_late(campaign):
            await self._stop(campaign, Reason.LATE, "its hour was missed while the server was off")
        elif self._now_ms >= campaign.plan.send_at_ms - LEAD_MS:
            await self._life.apply(SYSTEM, campaign, Step(_S.PREPARING, Reason.DONE))

    async def _preparing(self, campaign: Campaign) -> None:
        if campaign.id in self._work:
            return
        frozen = campaign.frozen
        if not frozen.is_planned:
            self._spawn(campaign, self._prepare(campaign))
            return
        if self._is_late(campaign):
            await self._stop(campaign, Reason.LATE, "its hour was missed while the server was off")
        elif self._now_ms >= campaign.plan.send_at_ms:
            await self._open(campaign)
        elif not await self._book.is_expanded(campaign):
            self._spawn(campaign, self._expand(campaign))

    async def _running(self, campaign: Campaign) -> None:
        flow = await self._tools.steering.flow(campaign)
        if flow is None or await self._was_steered(campaign, flow):
            return
        if not is_within(campaign.plan, self._zone(campaign), self._now_ms):
            await self._life.apply(SYSTEM, campaign, Step(_S.PAUSED, Reason.WINDOW, Gate.HELD))
            return
        counts = await self._book.counts(campaign)
        is_expanded = await self._is_expanded(campaign)
        self._note(campaign, counts)
        await self._keep_figures(campaign, flow, counts)
        stop = await self._rules.look(campaign, counts)
        if stop is not None:
            await self._stop(campaign, stop.reason, stop.note)
        elif is_expanded:
            await self._sent(campaign, flow, counts)

    async def _sent(self, campaign: Campaign, flow: Flow, counts: Counts) -> None:
        """All its deliveries are made: is it over?"""
        waits_for_look = campaign.frozen.canary and not campaign.plan.is_canary_passed
        untried = counts.get(DeliveryState.READY, 0) + counts.get(DeliveryState.CLAIMED, 0)
        if waits_for_look:
            if not untried:
                note = f"the first {campaign.frozen.canary} are sent"
                await self._stop(campaign, Reason.CANARY, note)
        elif not open_of(counts):
            reason = Reason.ENDED if flow.has_ended(self._now_ms) else Reason.DONE
            await self._life.apply(SYSTEM, campaign, Step(_S.FINISHED, reason))

    async def _paused(self, campaign: Campaign) -> None:
        flow = await self._tools.steering.flow(campaign)
        if flow is not None and campaign.frozen.messages:
            counts = await self._book.counts(campaign)
            self._note(campaign, counts)
            if flow.gate == Gate.CANCELLED:
                await self._life.apply(SYSTEM, campaign, Step(_S.CANCELLED, Reason.OPERATOR))
                return
            if flow.gate == Gate.OPEN and campaign.figures.started_ms:
                await self._life.apply(SYSTEM, campaign, Step(_S.RUNNING, Reason.OPERATOR))
                return
        if campaign.reason is Reason.WINDOW:
            zone = self._zone(campaign)
            if next_opening_ms(campaign.plan, zone, self._now_ms) <= self._now_ms:
                step = Step(_S.RUNNING, Reason.WINDOW, Gate.OPEN)
                await self._life.apply(SYSTEM, campaign, step)

    async def _reviewed(self, campaign: Campaign) -> None:
        """Nobody decided in time: its request has ended, so it can be changed and sent again."""
        if self._now_ms >= campaign.changed_ms + round(OPEN_S * 1000):
            step = Step(_S.DRAFT, Reason.LAPSED, changes=(("approval", 0),))
            await self._tell(await self._life.apply(SYSTEM, campaign, step))

    async def _over(self, campaign: Campaign) -> None:
        """Give back what was reserved, keep the figures, and look no more."""
        if campaign.id in self._work:
            return
        flow = await self._tools.steering.flow(campaign)
        counts = await self._book.counts(campaign)
        if flow is not None and campaign.status is not _S.FINISHED:
            if flow.gate != Gate.CANCELLED:
                row = self._tools.steering.gated(flow, Gate.CANCELLED, "campaign over")
                await self._book.store.submit([self._tools.steering.rows(row)])
                self._tools.steering.committed(flow, row)
            if open_of(counts):
                return  # the sweeper is at work
            if not await self._book.is_expanded(campaign) and campaign.frozen.messages:
                await self._preparation.expand(replace(campaign, plan=_all_of(campaign)))
        await self._release(campaign)
        held_ms = _held_ms(flow, self._now_ms)
        await self._book.settle(
            campaign, finished_figures(campaign.figures, counts, held_ms, self._now_ms)
        )

    # -- work of its own -----------------------------------------------------------------------

    async def _prepare(self, campaign: Campaign) -> None:
        prepared = await self._preparation.prepare(campaign)
        is_due = self._now_ms >= prepared.plan.send_at_ms
        if prepared.status is _S.PREPARING and prepared.frozen.is_planned and not is_due:
            await self._preparation.expand(prepared)

    async def _expand(self, campaign: Campaign) -> None:
        await self._preparation.expand(campaign)

    def _spawn(self, campaign: Campaign, work: Coroutine[Any, Any, None]) -> None:
        """Let something long run beside; one thing for each campaign."""
        loop = asyncio.get_running_loop()
        if self._rests.get(campaign.id, 0.0) > loop.time():
            work.close()
            return
        task = loop.create_task(self._guarded(campaign, work), name=f"campaign {campaign.id}")
        self._work[campaign.id] = task
        task.add_done_callback(lambda _: self._ended(campaign.id))

    async def _guarded(self, campaign: Campaign, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
            self._rests.pop(campaign.id, None)
        except CannotSend as cannot:
            await self._cannot(campaign, cannot)
        except StoreFailed:
            return
        except TransientError as error:
            self._rests[campaign.id] = asyncio.get_running_loop().time() + RETRY_S
            self.pace.fail(campaign.id, str(error))
            self._log.warning(
                "campaign is tried again", campaign=str(campaign.id), error=str(error)
            )
        except Exception as error:
            self._rests[campaign.id] = asyncio.get_running_loop().time() + RETRY_S
            self._log.exception("campaign is tried again", campaign=str(campaign.id))
            await self._cannot(campaign, CannotSend(Reason.ERROR, repr(error)))

    async def _cannot(self, campaign: Campaign, cannot: CannotSend) -> None:
        """Pause it where a person can help, else end it."""
        found = await self._book.get(campaign.id)
        if found.status.is_over or found.status is _S.PAUSED:
            return
        try:
            if cannot.reason in (Reason.ERROR, Reason.EMPTY):
                step = Step(_S.FAILED, cannot.reason, Gate.CANCELLED, str(cannot)[:500])
                await self._tell(await self._life.apply(SYSTEM, found, step))
            else:
                await self._stop(found, cannot.reason, str(cannot))
        except JobRefused:
            self.wake()

    def _ended(self, campaign_id: int) -> None:
        self._work.pop(campaign_id, None)
        self.wake()

    # -- small things --------------------------------------------------------------------------

    @property
    def _now_ms(self) -> int:
        return self._book.clock.now_ms()

    def _zone(self, campaign: Campaign) -> Any:
        return zone_of(campaign.plan, self._timezone)

    def _is_late(self, campaign: Campaign) -> bool:
        plan = campaign.plan
        return 0 < plan.send_at_ms < self._now_ms - plan.grace_min * 60_000

    async def _open(self, campaign: Campaign) -> None:
        """Its hour has come."""
        if not is_within(campaign.plan, self._zone(campaign), self._now_ms):
            step = Step(_S.PAUSED, Reason.WINDOW, Gate.HELD)
        else:
            step = Step(_S.RUNNING, Reason.DONE, Gate.OPEN)
        await self._life.apply(SYSTEM, campaign, step)

    async def _is_expanded(self, campaign: Campaign) -> bool:
        """Whether all deliveries that may be made are; else sees to it."""
        if campaign.id in self._work:
            return False
        frozen = campaign.frozen
        wanted = campaign
        if frozen.canary and not campaign.plan.is_canary_passed:
            wanted = replace(campaign, frozen=replace(frozen, messages=frozen.messages[:1]))
        if await self._book.is_expanded(wanted):
            return True
        self._spawn(campaign, self._expand(campaign))
        return False

    async def _was_steered(self, campaign: Campaign, flow: Flow) -> bool:
        """An operator held or cancelled its flow in the queue: the campaign shows it."""
        if flow.gate == Gate.CANCELLED:
            await self._life.apply(SYSTEM, campaign, Step(_S.CANCELLED, Reason.OPERATOR))
            return True
        if flow.gate == Gate.HELD and not flow.gate_reason.startswith(_OURS):
            is_restored = _RESTORED in flow.gate_reason
            reason = Reason.RESTORED if is_restored else Reason.OPERATOR
            await self._stop(campaign, reason, flow.gate_reason)
            return True
        return False

    async def _stop(self, campaign: Campaign, reason: Reason, note: str) -> None:
        """It pauses by itself, and people are told."""
        step = Step(_S.PAUSED, reason, Gate.HELD, note[:500])
        paused = await self._life.apply(SYSTEM, campaign, step)
        self._log.warning(
            "campaign paused by itself", campaign=str(campaign.id), reason=reason.value, note=note
        )
        await self._tell(paused)

    async def _tell(self, campaign: Campaign) -> None:
        try:
            await self.on_news(campaign)
        except Exception:
            self._log.exception("nobody could be told of a campaign", campaign=str(campaign.id))

    def _note(self, campaign: Campaign, counts: Counts) -> None:
        delivered = counts.get(DeliveryState.DELIVERED, 0)
        self.pace.note(campaign.id, self._book.clock.monotonic_s(), delivered)

    async def _keep_figures(self, campaign: Campaign, flow: Flow, counts: Counts) -> None:
        held_ms = _held_ms(flow, self._now_ms)
        figures = figured(campaign, counts, held_ms, self._now_ms)
        if figures != campaign.figures:
            await self._book.store.submit([self._book.figures(campaign, figures)])

    async def _release(self, campaign: Campaign) -> None:
        with contextlib.suppress(PermanentError):  # nothing was reserved
            await self._tools.reservations.release(SYSTEM, campaign.reference)


def _held_ms(flow: Flow | None, now_ms: int) -> int:
    return 0 if flow is None else now_ms - flow.time_ms(now_ms)


def _all_of(campaign: Campaign) -> Any:
    return replace(campaign.plan, is_canary_passed=True)
