"""Reads and writes campaigns: every change of a status is one job with its history and audit entry."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import orjson

from console.accounts.actor import Actor
from console.accounts.audit.trail import AuditTrail
from console.campaigns.checks import MAX_NAME
from console.campaigns.states import TRANSITIONS, CampaignStatus, Origin, Reason
from console.campaigns.values import (
    AudienceSpec,
    Campaign,
    Change,
    Content,
    Counts,
    Dated,
    Figures,
    Frozen,
    Plan,
)
from mta.events.record import event_row
from mta.model.clock import Clock
from mta.model.errors import InternalError, PermanentError
from mta.model.ids import IdGenerator
from mta.model.traffic import DeliveryState, EventType
from mta.store.base import Store
from mta.store.work import Rows

LAST = (1 << 63) - 1
_PAGE = 200
_NUMBERED = re.compile(r" \(\d{1,2}\)\Z")  # not of a year
_EVENTS = {
    CampaignStatus.PAUSED: EventType.CAMPAIGN_PAUSED,
    CampaignStatus.FINISHED: EventType.CAMPAIGN_FINISHED,
    CampaignStatus.CANCELLED: EventType.CAMPAIGN_CANCELLED,
    CampaignStatus.FAILED: EventType.CAMPAIGN_FAILED,
}
_QUIET = (Reason.WINDOW,)  # comes and goes every day: no event for it


class CampaignBook:
    """The table of campaigns. It asks nobody's permission: `CampaignService` does."""

    def __init__(self, store: Store, ids: IdGenerator, clock: Clock, trail: AuditTrail) -> None:
        self.store = store
        self.clock = clock
        self._ids = ids
        self._trail = trail

    async def tested(self, actor: Actor, campaign: Campaign, count: int) -> None:
        """Notes in the trail that so many test mails of it were sent."""
        after = {"name": campaign.name, "mails": count}
        await self._trail.note(actor, "campaign.tested", campaign.account, campaign.id, after=after)

    async def observe_ids(self) -> None:
        """Tell the id generator of the greatest id on disk; once at start."""
        ((last,),) = await self.store.read("campaign_last_id")
        self._ids.observe(last)

    # -- reading -------------------------------------------------------------------------------

    async def name_after(self, account: int, name: str) -> str:
        """A name for what is made of a campaign: `Bulletin` is followed by `Bulletin (2)`."""
        base = _NUMBERED.sub("", name)
        rows = await self.store.read("campaign_names", account=account, start=base)
        taken = {row[0] for row in rows}
        free = (f" ({n})" for n in count(2))
        return next(
            found for end in free if (found := base[: MAX_NAME - len(end)] + end) not in taken
        )

    async def find(self, number: int) -> Campaign | None:
        """The campaign, if there is one."""
        rows = await self.store.read("campaign_by_id", id=number)
        return Campaign.of(rows[0]) if rows else None

    async def get(self, number: int) -> Campaign:
        """The campaign, which must be there."""
        found = await self.find(number)
        if found is None:
            raise InternalError(f"campaign {number} is not there")
        return found

    async def page(
        self,
        accounts: frozenset[int] | None,
        statuses: Sequence[CampaignStatus],
        before: int,
        count: int,
    ) -> list[Campaign]:
        """The newest first, before an id."""
        rows = await self.store.read(
            "campaign_page",
            accounts=None if accounts is None else json.dumps(sorted(accounts)),
            statuses=json.dumps([status.value for status in statuses]),
            before=before,
            count=count,
        )
        return [Campaign.of(row) for row in rows]

    async def between(self, account: int, from_ms: int, to_ms: int, count: int) -> list[Dated]:
        """Those whose hour is in the span (its end left out), in its order; no drafts."""
        rows = await self.store.read(
            "campaign_calendar", account=account, from_ms=from_ms, to_ms=to_ms, count=count
        )
        return [
            Dated(number, name, CampaignStatus(status), Reason(reason), at_ms)
            for number, name, status, reason, at_ms in rows
        ]

    async def unsettled(self) -> list[Campaign]:
        """All that the runner looks after."""
        found: list[Campaign] = []
        while True:
            after = found[-1].id if found else 0
            rows = await self.store.read("campaign_unsettled", after=after, count=_PAGE)
            found += [Campaign.of(row) for row in rows]
            if len(rows) < _PAGE:
                return found

    async def history(self, number: int) -> list[Change]:
        """What happened to it, in order."""
        rows = await self.store.read("campaign_history_of", campaign=number)
        return [Change(*row) for row in rows]

    async def counts(self, campaign: Campaign) -> Counts:
        """Its deliveries by state."""
        if not campaign.frozen.flow:
            return {}
        rows = await self.store.read("flow_states", flow=campaign.frozen.flow)
        return {DeliveryState(state): n for state, n in rows}

    async def is_expanded(self, campaign: Campaign) -> bool:
        """Whether all deliveries of the messages made so far are made."""
        for message in campaign.frozen.messages:
            if await self.store.read("expansion_of", message=message):
                return False
        return bool(campaign.frozen.messages)

    # -- writing -------------------------------------------------------------------------------

    async def create(
        self,
        actor: Actor,
        account: int,
        name: str,
        content: Content,
        audience: AudienceSpec,
        plan: Plan,
        *,
        parent: int = 0,
        parent_kind: Origin = Origin.NONE,
    ) -> Campaign:
        """A new draft."""
        number, now_ms = self._ids.new(), self.clock.now_ms()
        status = CampaignStatus.DRAFT
        row = (
            number, account, name, status.value, content.dump(), audience.dump(), plan.dump(),
            parent, parent_kind.value, actor.kind.value, actor.id, actor.name, now_ms,
        )  # fmt: skip
        told = {"name": name, "parent": str(parent)} if parent else {"name": name}
        await self.store.submit(
            [
                Rows("campaign_insert", [row], expect=1),
                _history(number, "", status, Reason.NONE, "", actor, now_ms),
                self._trail.entry(actor, "campaign.created", account, number, after=told),
            ]
        )
        return await self.get(number)

    def change(
        self, actor: Actor, before: Campaign, after: Campaign, action: str = "campaign.changed"
    ) -> list[Rows]:
        """Rows that put `after` in the place of `before`, its status as it was; guarded."""
        return [
            Rows("campaign_put", [after.row(self.clock.now_ms())], expect=1),
            self._trail.entry(actor, action, after.account, after.id, _told(before), _told(after)),
        ]

    def move(
        self,
        actor: Actor,
        campaign: Campaign,
        status: CampaignStatus,
        reason: Reason,
        note: str = "",
        **changes: Any,
    ) -> list[Rows]:
        """Rows that change the status, with history, audit entry and event; guarded by the etag.

        `changes` are other fields that change with it. Raises `PermanentError` for a step that
        there is not.
        """
        if status not in TRANSITIONS[campaign.status]:
            raise PermanentError(f"the campaign is {campaign.status}: it cannot become {status}")
        after = replace(campaign, status=status, reason=reason, note=note, **changes)
        now_ms = self.clock.now_ms()
        told: dict[str, Any] = {"name": campaign.name, "status": status.value}
        told |= {"reason": reason.value, "note": note[:200]}
        if after.accepted != campaign.accepted:
            told["accepted"] = list(after.accepted.codes)
        work = [
            Rows("campaign_put", [after.row(now_ms)], expect=1),
            _history(campaign.id, campaign.status, status, reason, note, actor, now_ms),
            self._trail.entry(
                actor, f"campaign.{status.value}", campaign.account, campaign.id,
                {"status": campaign.status.value}, told,
            ),
        ]  # fmt: skip
        event = _event_of(campaign, status, reason)
        if event is not None:
            data = {"campaign": str(campaign.id), "name": campaign.name, "reason": reason.value}
            flow = campaign.frozen.flow
            row = event_row(0, event, now_ms, campaign.account, flow, 0, 0, data)
            work.append(Rows("event_insert", [row[1:]]))
        return work

    async def put_frozen(self, campaign: Campaign, frozen: Frozen) -> Campaign:
        """What was fixed so far; for the runner alone."""
        await self.store.submit([Rows("campaign_frozen_put", [(campaign.id, frozen.dump())])])
        return replace(campaign, frozen=frozen)

    def figures(self, campaign: Campaign, figures: Figures) -> Rows:
        """The row of its figures; for the runner alone."""
        return Rows("campaign_figures_put", [(campaign.id, figures.dump())])

    async def settle(self, campaign: Campaign, figures: Figures) -> None:
        """It is over, and nothing is left to be done."""
        work = [self.figures(campaign, figures), Rows("campaign_settle", [(campaign.id,)])]
        await self.store.submit(work)


def _event_of(campaign: Campaign, status: CampaignStatus, reason: Reason) -> EventType | None:
    if reason in _QUIET or (
        campaign.reason in _QUIET and campaign.status is CampaignStatus.PAUSED
        and status is CampaignStatus.RUNNING
    ):  # fmt: skip
        return None
    if status is CampaignStatus.RUNNING:
        if campaign.figures.started_ms:
            return EventType.CAMPAIGN_RESUMED
        return EventType.CAMPAIGN_STARTED
    return _EVENTS.get(status)


def _history(
    number: int,
    was: str,
    became: CampaignStatus,
    reason: Reason,
    note: str,
    actor: Actor,
    now_ms: int,
) -> Rows:
    row = (
        number, str(was), became.value, reason.value, note,
        actor.kind.value, actor.id, actor.name, now_ms,
    )  # fmt: skip
    return Rows("campaign_history_insert", [row])


def _told(campaign: Campaign) -> dict[str, Any]:
    """What the audit trail shows; a whole body would be too much."""
    content = orjson.loads(campaign.content.dump())
    content["source"] = f"{len(campaign.content.source)} characters"
    content["text"] = f"{len(campaign.content.text)} characters"
    return {
        "name": campaign.name,
        "content": content,
        "audience": orjson.loads(campaign.audience.dump()),
        "plan": orjson.loads(campaign.plan.dump()),
        "accepted": list(campaign.accepted.codes),
    }
