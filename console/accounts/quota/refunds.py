"""Puts sends that failed by a fault of ours back into the bag (T-q).

Somebody, or Relevo itself, proposes: the list of deliveries is made and stored. A second person
confirms. Then the list is put back, part by part, each in one transaction with its entries of the
ledger, so a crash repeats nothing; a delivery is put back once, ever, whatever refunds name it.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import orjson
import structlog

from console.accounts.actor import Actor, ActorKind, NotVisible
from console.accounts.approvals.service import OPEN_S, ApprovalService
from console.accounts.approvals.values import Approval, ApprovalKind
from console.accounts.permissions import Permission
from console.accounts.quota.books import Books, checked_reason
from console.accounts.quota.refund_values import (
    SYSTEM,
    Refund,
    RefundItem,
    RefundScope,
    RefundState,
    Subject,
)
from mta.events.record import event_row
from mta.model.errors import JobRefused, PermanentError
from mta.model.traffic import EventType
from mta.store.work import Rows

PART = 500  # deliveries put back by one job
PAGE = 1_000
OWN_OPEN_S = 366 * 24 * 3600.0
_LAST = 2**63 - 1


class Resender(Protocol):
    """Who hands in mail again."""

    async def resend(self, refund: Refund, items: Sequence[RefundItem]) -> int:
        """Send to these recipients again; gives how many messages. The same call again does nothing."""
        ...


class RefundService:
    """Part of `QuotaService`; also the effect of approvals of kind refund."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._approvals: ApprovalService | None = None
        self.resender: Resender | None = None
        self.on_confirmed: Callable[[], None] = lambda: None  # the keeper's `wake`
        self._log = structlog.get_logger("relevo.quota")

    def approved_by(self, approvals: ApprovalService) -> None:
        """Where a second person confirms."""
        self._approvals = approvals

    # -- proposing -----------------------------------------------------------------------------

    async def propose(
        self,
        actor: Actor,
        account: int,
        subject: Subject,
        reason: str,
        *,
        scope: RefundScope = RefundScope.ALL,
        resend: bool = False,
        evidence: str = "",
    ) -> Refund:
        """Make the list of what the account and those below it sent, and ask a second person.

        `evidence`: an incident, a ticket, a link. Raises `PermanentError` when nothing of it can be
        put back.
        """
        books = self._books
        await books.meter.refresh()
        actor.require(Permission.REFUND_PROPOSE, account)
        subject.check()
        reason = checked_reason(reason)
        if not reason:
            raise PermanentError("say why: the reason stands in the ledger")
        number = books.ids.new()
        row = (
            number, account, subject.text(), scope.value, int(resend), reason,
            books.clock.now_ms(), _name(actor), checked_reason(evidence),
        )  # fmt: skip
        await books.store.submit([Rows("quota_refund_insert", [row])])
        count = await self._collect(number, account, subject, scope)
        if not count:
            await self._move(number, RefundState.COLLECTING, RefundState.REJECTED)
            raise PermanentError("nothing of it cost anything, or all was given back before")
        await self._ask(actor, await self._read(number), count)
        return await self._read(number)

    async def propose_again(self, actor: Actor, refund: int) -> Refund:
        """Ask a second person again, with the same list: nobody had decided in time.

        Who asks now is who proposed. Raises `PermanentError` unless it has lapsed.
        """
        found = await self.get(actor, refund)
        actor.require(Permission.REFUND_PROPOSE, found.account)
        if found.state is not RefundState.LAPSED:
            raise PermanentError(f"refund {refund} is {found.state}: it has not lapsed")
        await self._ask(actor, found, found.n)
        return await self._read(refund)

    async def open_own(self, account: int, flow: int, reason: str) -> int:
        """The proposal of Relevo itself for a flow, made if none waits for a decision; its id."""
        books, subject = self._books, Subject(flow=flow)
        rows = await books.store.read("quota_refund_open", account=account, subject=subject.text())
        if rows:
            return int(rows[0][0])
        number, scope = books.ids.new(), RefundScope.FAILED.value
        row = (
            number, account, subject.text(), scope, 0, reason, books.clock.now_ms(), SYSTEM, "",
        )  # fmt: skip
        await books.store.submit([Rows("quota_refund_insert", [row])])
        await self._ask(Actor.system("quota"), await self._read(number), 0)
        return number

    async def _collect(
        self, number: int, account: int, subject: Subject, scope: RefundScope
    ) -> int:
        """Store the list; gives how many deliveries are on it."""
        accounts = orjson.dumps(self._books.meter.below(account)).decode()
        after = after_message = total = 0
        while True:
            rows = await self._books.store.read(
                "quota_refundable",
                accounts=accounts,
                **subject.asked(scope),
                after=after,
                after_message=after_message,
                count=PAGE,
            )
            items = [(number, *row) for row in rows]
            if items:
                await self._books.store.submit([Rows("quota_refund_item_insert", items)], bulk=True)
                after, after_message = rows[-1][0], rows[-1][1]
                total += len(items)
            if len(rows) < PAGE:
                return total

    async def _ask(self, actor: Actor, refund: Refund, count: int) -> None:
        """From now on it waits for a second person; what Relevo itself proposed, for a year."""
        name = _name(actor)
        open_s = OWN_OPEN_S if name == SYSTEM else OPEN_S
        until_ms = self._books.clock.now_ms() + round(open_s * 1000)
        asked = [Rows("quota_refund_asked", [(refund.id, until_ms, name)], expect=1)]
        if self._approvals is None:
            await self._books.store.submit(asked)
            return
        data = {**refund.told(), "n": count, "evidence": refund.evidence}
        await self._approvals.request(
            actor, ApprovalKind.REFUND, refund.account, str(refund.id), data,
            open_s=open_s, also=asked,
        )  # fmt: skip

    # -- deciding: the effect of the approval ----------------------------------------------------

    async def approved(self, actor: Actor, approval: Approval) -> Sequence[Rows]:
        """The refund is confirmed in the transaction of the approval."""
        refund = await self._read(int(approval.object))
        if refund.state is not RefundState.PROPOSED:
            raise PermanentError(f"refund {refund.id} is {refund.state} already")
        return self._decision(actor, approval, RefundState.CONFIRMED)

    async def rejected(self, actor: Actor, approval: Approval) -> Sequence[Rows]:
        """The refund is rejected in the transaction of the rejection."""
        return self._decision(actor, approval, RefundState.REJECTED)

    def _decision(self, actor: Actor, approval: Approval, state: RefundState) -> Sequence[Rows]:
        now_ms = self._books.clock.now_ms()
        row = (int(approval.object), state.value, actor.name, now_ms, approval.reason)
        return (Rows("quota_refund_decide", [row], expect=1),)

    def settled(self, approval: Approval) -> None:
        """The decision is durable: the keeper goes on."""
        self._log.info("refund_decided", refund=approval.object, state=approval.state)
        self.on_confirmed()

    async def decide(
        self, actor: Actor, refund: int, *, confirm: bool, reason: str = "", is_waiting: bool = True
    ) -> Refund:
        """Confirm or reject as the second person; who proposed may only take it back.

        What is confirmed is put back before it returns, or by the server soon after if not
        `is_waiting`. Raises `PermanentError` when there is nothing to decide.
        """
        found = await self.get(actor, refund)
        if self._approvals is None:
            raise PermanentError("nobody can confirm here")
        wanted = (ApprovalKind.REFUND, found.account, str(refund))
        approval = await self._approvals.pending_of(actor, *wanted)
        if confirm or approval is None or not approval.was_asked_by(actor):
            actor.require(Permission.REFUND_CONFIRM, found.account)
        if approval is None and found.state is RefundState.PROPOSED and found.is_own:
            await self._ask(Actor.system("quota"), found, found.n)  # open longer than its request
            approval = await self._approvals.pending_of(actor, *wanted)
        if approval is None:
            raise PermanentError(f"refund {refund} is {found.state}: nothing is to be decided")
        if confirm:
            await self._approvals.approve(actor, approval.id, reason)
        else:
            if not reason.strip():
                raise PermanentError("say why not: who proposed it reads that")
            await self._approvals.reject(actor, approval.id, reason)
        if is_waiting:
            await self.carry_on()
        return await self._read(refund)

    # -- putting back ----------------------------------------------------------------------------

    async def carry_on(self) -> None:
        """Put back what was confirmed, from where an earlier call came to. Raises `StoreError`."""
        async with self._books.lock:
            for row in await self._books.store.read("quota_refunds_confirmed"):
                await self._give(self._of(row))

    async def _give(self, refund: Refund) -> None:
        books, place = self._books, refund.place
        while True:
            ((upto,),) = await books.store.read(
                "quota_refund_part", refund=refund.id, after=place, count=PART
            )
            if upto is None:
                break
            part = (refund.id, place, upto)
            booked = (*part, books.clock.now_ms(), refund.reason, refund.confirmed_by)
            await books.store.submit(
                [
                    Rows("quota_refund_advance", [part], expect=1),
                    Rows("quota_refund_give", [booked]),
                    Rows("quota_refund_mark", [part]),
                ],
                bulk=True,
            )
            place = upto
        if refund.resend:
            if self.resender is None:
                return  # a command without a server: the server goes on from here
            await self._send_again(refund, self.resender)
        await self._finish(await self._read(refund.id))

    async def _send_again(self, refund: Refund, resender: Resender) -> None:
        after, total = 0, 0
        while rows := await self._items(refund.id, after, PAGE):
            total += await resender.resend(refund, rows)
            after = rows[-1].delivery
        if total > refund.sent_again:
            more = total - refund.sent_again
            await self._books.store.submit([Rows("quota_refund_sent", [(refund.id, more)])])

    async def _finish(self, refund: Refund) -> None:
        books, now_ms = self._books, self._books.clock.now_ms()
        data = {"refund": str(refund.id), "deliveries": refund.given, "reason": refund.reason}
        event = event_row(
            0, EventType.QUOTA_REFUNDED, now_ms, refund.account, refund.subject.flow, 0, 0, data
        )
        told = {**refund.told(), "given": refund.given, "sent_again": refund.sent_again}
        actor = Actor.system("quota")
        try:
            await books.commit(
                [
                    Rows(
                        "quota_refund_state",
                        [(refund.id, "confirmed", "done", None, now_ms)],
                        expect=1,
                    ),
                    Rows("event_insert", [event[1:]]),
                    *books.audit(actor, "quota.refunded", refund.account, refund.id, None, told),
                ]
            )
        except JobRefused:
            return

    # -- showing ---------------------------------------------------------------------------------

    async def list(
        self,
        actor: Actor,
        count: int = 100,
        *,
        before: int = _LAST,
        account: int | None = None,
        states: Sequence[RefundState] | None = None,
    ) -> list[Refund]:
        """Refunds that the actor sees, the newest first, before an id.

        `account`: of it and those below; `states`: only these.
        """
        seen = actor.accounts(Permission.QUOTA_VIEW)
        if account is not None:
            below = set(self._books.meter.below(account))
            seen = frozenset(below if seen is None else below & seen)
        rows = await self._books.store.read(
            "quota_refunds",
            before=before,
            accounts=None if seen is None else orjson.dumps(sorted(seen)).decode(),
            states=None if states is None else orjson.dumps([s.value for s in states]).decode(),
            now=self._books.clock.now_ms(),
            count=count,
        )
        return [self._of(row) for row in rows]

    async def get(self, actor: Actor, refund: int) -> Refund:
        """One refund. Raises `PermanentError`."""
        found = await self._read(refund)
        actor.require(Permission.QUOTA_VIEW, found.account)
        return found

    async def items(
        self, actor: Actor, refund: int, after: int = 0, count: int = PAGE
    ) -> Sequence[RefundItem]:
        """A page of its list, by delivery."""
        await self.get(actor, refund)
        return await self._items(refund, after, count)

    async def _items(self, refund: int, after: int, count: int) -> Sequence[RefundItem]:
        rows = await self._books.store.read(
            "quota_refund_items", refund=refund, after=after, count=count
        )
        return [RefundItem(*row) for row in rows]

    async def _move(self, refund: int, old: RefundState, new: RefundState) -> None:
        row = (refund, old.value, new.value, None, 0)
        await self._books.store.submit([Rows("quota_refund_state", [row], expect=1)])

    async def _read(self, refund: int) -> Refund:
        rows = await self._books.store.read("quota_refund_by_id", id=refund)
        if not rows:
            raise NotVisible(f"there is no refund {refund}")
        return self._of(rows[0])

    def _of(self, row: tuple[Any, ...]) -> Refund:
        return Refund.of(row, self._books.clock.now_ms())


def _name(actor: Actor) -> str:
    return SYSTEM if actor.kind is ActorKind.SYSTEM else actor.name
