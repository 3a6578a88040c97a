"""Takes requests and decisions; the effect of an approval is in the same transaction as it."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from console.accounts.actor import Actor, ActorKind, NotPermitted, NotVisible
from console.accounts.approvals.values import (
    Approval,
    ApprovalKind,
    ApprovalState,
    KindRules,
    NoEffect,
)
from console.accounts.audit.trail import AuditTrail
from console.accounts.permissions import PERMISSIONS, Permission
from console.accounts.values import Role
from mta.model.clock import Clock
from mta.model.errors import InternalError, JobRefused, PermanentError, TransientError
from mta.model.ids import IdGenerator
from mta.store.base import Store
from mta.store.work import Rows

OPEN_S = 7 * 24 * 3600.0  # for how long a request may wait
MAX_REASON = 1_000
TRIES = 5  # of a decision whose effect changes under it
_LAST = 2**63 - 1
TELL_AGAIN_MS = 3_600_000  # while one waits, others within an hour are found beside it


class ApprovalService:
    """Requests of all kinds; what a kind means is registered when the program is put together."""

    def __init__(self, store: Store, ids: IdGenerator, clock: Clock, trail: AuditTrail) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._trail = trail
        self._waiting: dict[int, Approval] = {}  # by id: what nobody has decided on, a few
        # Tells the people with one of these roles that something waits for them; None: nobody.
        self.on_asked: Callable[[Approval, frozenset[Role]], Awaitable[None]] | None = None
        self._rules: dict[ApprovalKind, KindRules] = {
            ApprovalKind.REFUND: KindRules(
                Permission.REFUND_PROPOSE, Permission.REFUND_CONFIRM, NoEffect()
            ),
            ApprovalKind.CAMPAIGN_SEND: KindRules(
                Permission.CAMPAIGN_EDIT, Permission.CAMPAIGN_SEND, NoEffect()
            ),
            ApprovalKind.ACCOUNT_ERASURE: KindRules(
                Permission.PRIVACY_MANAGE, Permission.PRIVACY_MANAGE, NoEffect()
            ),
        }

    def register(self, kind: ApprovalKind, rules: KindRules) -> None:
        """Say what a kind needs and does; before the first request is decided."""
        self._rules[kind] = rules

    async def observe_ids(self) -> None:
        """Tell the id generator of the greatest id on disk, read what waits; once at start."""
        ((last,),) = await self._store.read("approval_last_id")
        self._ids.observe(last)
        rows = await self._store.read("approval_waiting")
        self._waiting = {row[0]: Approval.of(row, 0) for row in rows}

    def waiting(self, actor: Actor) -> list[Approval]:
        """What the actor may decide on now, the oldest first; asks no store, so every page may."""
        now_ms = self._clock.now_ms()
        for number in [n for n, a in self._waiting.items() if a.expires_ms <= now_ms]:
            del self._waiting[number]
        return [a for a in self._waiting.values() if self.may_decide(actor, a)]

    def may_decide(self, actor: Actor, approval: Approval) -> bool:
        """Whether the actor is one who can be the second person."""
        return (
            actor.kind in (ActorKind.USER, ActorKind.COMMAND)
            and not approval.was_asked_by(actor)
            and actor.may(Permission.APPROVE, approval.account)
            and actor.may(self._rules[approval.kind].decide, approval.account)
        )

    async def pending_of(
        self, actor: Actor, kind: ApprovalKind, account: int, object: str
    ) -> Approval | None:
        """The open request for one thing, if there is one that the actor sees."""
        rows = await self._store.read(
            "approval_pending_of", kind=kind, account=account, object=object
        )
        for row in rows:
            approval = Approval.of(row, self._clock.now_ms())
            if approval.state is ApprovalState.PENDING and self._sees(actor, approval):
                return approval
        return None

    async def request(
        self,
        actor: Actor,
        kind: ApprovalKind,
        account: int,
        object: str,
        data: Mapping[str, Any],
        *,
        open_s: float = OPEN_S,
        also: Sequence[Rows] = (),
        joined: Callable[[int], Sequence[Rows]] | None = None,
    ) -> Approval:
        """Ask; `data` is all that the effect will need, as JSON. `also`: durable with the request.

        `joined` gives such rows for the id of the request; those of one that is open already are
        written, too. Asking again for the same with the same data gives the request that is open.
        Raises `PermanentError` when there is another one for the same object, `JobRefused` when
        the rows of `joined` do not fit any more: then neither they nor the request are there.
        """
        actor.require(self._rules[kind].ask, account)
        now_ms = self._clock.now_ms()
        text = json.dumps(data, sort_keys=True, ensure_ascii=False)
        old = await self._store.read(
            "approval_pending_of", kind=kind, account=account, object=object
        )
        work = [*also]
        if old:
            before = Approval.of(old[0], now_ms)
            if before.state is ApprovalState.PENDING:
                if before.data == json.loads(text) and before.was_asked_by(actor):
                    if joined is not None:
                        await self._store.submit(joined(before.id))
                    return before
                raise PermanentError(f"{kind} of {object} waits for a decision already")
            work.append(Rows("approval_expire", [(before.id,)], expect=1))
        number, ends_ms = self._ids.new(), now_ms + round(open_s * 1000)
        asked = (actor.kind.value, actor.id, actor.name, now_ms, ends_ms)
        row = (number, kind.value, account, object, text, *asked)
        work.append(Rows("approval_insert", [row], expect=1))
        work.append(self._entry(actor, "approval.requested", account, number, kind, data))
        work += joined(number) if joined is not None else ()
        try:
            await self._store.submit(work)
        except JobRefused:
            if joined is not None:
                raise  # who asks looks again: an open request is found then
            raise PermanentError(f"{kind} of {object} waits for a decision already") from None
        asked_for = await self._read(number)
        await self._tell(asked_for)
        self._waiting[number] = asked_for
        return asked_for

    async def _tell(self, asked: Approval) -> None:
        """Tell who may decide, unless they were told of another one of the account just before."""
        is_told = any(
            a.account == asked.account and asked.created_ms - a.created_ms < TELL_AGAIN_MS
            for a in self._waiting.values()
        )
        if self.on_asked is None or is_told:
            return
        needed = {Permission.APPROVE, self._rules[asked.kind].decide}
        await self.on_asked(asked, frozenset(r for r in Role if needed <= PERMISSIONS[r]))

    async def approve(self, actor: Actor, approval_id: int, reason: str = "") -> Approval:
        """Decide for it: the effect is done when this returns. Again by the same: no change."""
        return await self._decide(actor, approval_id, ApprovalState.APPROVED, reason)

    async def reject(self, actor: Actor, approval_id: int, reason: str) -> Approval:
        """Decide against it; who asked may take the request back this way."""
        return await self._decide(actor, approval_id, ApprovalState.REJECTED, reason)

    async def get(self, actor: Actor, approval_id: int) -> Approval:
        """One request. Raises `NotVisible`."""
        rows = await self._store.read("approval_by_id", id=approval_id)
        if rows:
            approval = Approval.of(rows[0], self._clock.now_ms())
            if self._sees(actor, approval):
                return approval
        raise NotVisible(f"there is no request for approval {approval_id}")

    async def list(
        self, actor: Actor, *, pending_only: bool = False, before: int = _LAST, count: int = 100
    ) -> list[Approval]:
        """Requests that the actor may ask for or decide, the newest first, before an id."""
        accounts = actor.accounts(Permission.ACCOUNT_VIEW)
        state = ApprovalState.PENDING.value if pending_only else ""
        rows = await self._store.read(
            "approval_page",
            before=before,
            state=state,
            accounts=None if accounts is None else json.dumps(sorted(accounts)),
            count=count,
        )
        found = [Approval.of(row, self._clock.now_ms()) for row in rows]
        return [
            a
            for a in found
            if self._sees(actor, a) and not (pending_only and a.state is ApprovalState.EXPIRED)
        ]

    async def _decide(
        self, actor: Actor, approval_id: int, state: ApprovalState, reason: str
    ) -> Approval:
        if len(reason) > MAX_REASON:
            raise PermanentError(f"a reason has up to {MAX_REASON} characters")
        for _ in range(TRIES):
            approval = await self.get(actor, approval_id)
            self._require_decider(actor, approval, state)
            if approval.state is not ApprovalState.PENDING:
                if approval.state is state and _was_decided_by(approval, actor):
                    return approval
                raise PermanentError(f"request {approval_id} is {approval.state} already")
            try:
                await self._store.submit(await self._job(actor, approval, state, reason))
            except JobRefused:
                continue
            decided = await self._read(approval_id)
            self._waiting.pop(approval_id, None)
            self._rules[approval.kind].effect.settled(decided)
            return decided
        raise TransientError(f"request {approval_id}: too much changes there, try again")

    async def _job(
        self, actor: Actor, approval: Approval, state: ApprovalState, reason: str
    ) -> Sequence[Rows]:
        approval = replace(approval, reason=reason)
        decided = (actor.kind.value, actor.id, actor.name, self._clock.now_ms(), reason)
        work = [Rows("approval_decide", [(approval.id, state.value, *decided)], expect=1)]
        if state is ApprovalState.APPROVED:
            work += await self._rules[approval.kind].effect.approved(actor, approval)
        elif (on_rejected := self._rules[approval.kind].on_rejected) is not None:
            work += await on_rejected(actor, approval)
        told = {"object": approval.object, "reason": reason}
        action = f"approval.{state.value}"
        work.append(self._entry(actor, action, approval.account, approval.id, approval.kind, told))
        return work

    def _require_decider(self, actor: Actor, approval: Approval, state: ApprovalState) -> None:
        own = approval.was_asked_by(actor)
        rules = self._rules[approval.kind]
        if state is ApprovalState.REJECTED and (
            own or (rules.may_withdraw and actor.may(rules.ask, approval.account))
        ):
            return
        if actor.kind not in (ActorKind.USER, ActorKind.COMMAND):
            raise NotPermitted("only a person decides on a request")
        if own:
            raise NotPermitted("who asked does not decide: it takes a second person")
        actor.require(Permission.APPROVE, approval.account)
        actor.require(rules.decide, approval.account)

    def _sees(self, actor: Actor, approval: Approval) -> bool:
        rules = self._rules[approval.kind]
        return actor.may(rules.ask, approval.account) or actor.may(rules.decide, approval.account)

    async def _read(self, number: int) -> Approval:
        rows = await self._store.read("approval_by_id", id=number)
        if not rows:
            raise InternalError(f"request {number} is not there after its commit")
        return Approval.of(rows[0], self._clock.now_ms())

    def _entry(
        self,
        actor: Actor,
        action: str,
        account: int,
        number: int,
        kind: ApprovalKind,
        told: Mapping[str, Any],
    ) -> Rows:
        after = {"kind": kind.value, **told}
        return self._trail.entry(actor, action, account, number, after=after)


def _was_decided_by(approval: Approval, actor: Actor) -> bool:
    return (approval.decided_by_kind, approval.decided_by) == (actor.kind, actor.id)
