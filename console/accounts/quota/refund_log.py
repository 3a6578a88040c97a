"""What is asked of refunds before one is proposed and when one is looked at: counts, names, files."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

import orjson

from console.accounts.actor import Actor
from console.accounts.audit import AuditTrail
from console.accounts.permissions import Permission
from console.accounts.quota.books import Books
from console.accounts.quota.refund_values import Refund, RefundItem, RefundScope, Subject
from console.accounts.quota.refunds import RefundService
from mta.model.traffic import DeliveryState

PART = 20_000  # deliveries that one read counts
PIECE = 1_000  # deliveries in a piece of an export
_LAST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class RecentFlow:
    """A campaign or stream that something can be put back of."""

    id: int
    name: str
    kind: str
    account: int
    created_ms: int


class RefundLog:
    """Part of `QuotaService`; changes nothing."""

    def __init__(self, books: Books, refunds: RefundService) -> None:
        self._books = books
        self._refunds = refunds

    async def preview(
        self, actor: Actor, account: int, subject: Subject, scope: RefundScope
    ) -> Mapping[DeliveryState, int]:
        """How many deliveries a proposal would put back, by the state they are in now."""
        actor.require(Permission.REFUND_PROPOSE, account)
        subject.check()
        await self._books.meter.refresh()
        found: Counter[DeliveryState] = Counter()
        after = after_message = 0
        while True:
            *counts, last = await self._books.store.read(
                "quota_refundable_states",
                accounts=self._below(account),
                **subject.asked(scope),
                after=after,
                after_message=after_message,
                count=PART,
            ) or [(-1, 0, 0, 0)]
            for state, count, _, _ in counts:
                found[DeliveryState(state)] += count
            if sum(row[1] for row in counts) < PART:
                return dict(sorted(found.items()))
            after_message, after = last[2:]

    async def flows(self, actor: Actor, account: int, count: int = 100) -> Sequence[RecentFlow]:
        """Campaigns and streams of the account and those below it, the newest first."""
        actor.require(Permission.REFUND_PROPOSE, account)
        rows = await self._books.store.read(
            "quota_flows_recent", accounts=self._below(account), count=count
        )
        return [RecentFlow(*row) for row in rows]

    async def names(self, actor: Actor, refunds: Sequence[Refund]) -> Mapping[int, str]:
        """The names of the campaigns and streams that these refunds are about, by id."""
        flows = [r.subject.flow for r in refunds if actor.may(Permission.QUOTA_VIEW, r.account)]
        rows = await self._books.store.read("quota_flow_names", flows=orjson.dumps(flows).decode())
        return dict(rows)

    async def states(self, actor: Actor, refund: int) -> Mapping[DeliveryState, int]:
        """How many deliveries of its list were in which state when it was made."""
        await self._refunds.get(actor, refund)
        rows = await self._books.store.read("quota_refund_item_states", refund=refund)
        return {DeliveryState(state): count for state, count in rows}

    async def export(
        self, actor: Actor, refund: int, trail: AuditTrail
    ) -> AsyncIterator[Sequence[RefundItem]]:
        """Its whole list in pieces; noted in the audit trail."""
        found = await self._refunds.get(actor, refund)
        actor.require(Permission.EXPORT, found.account)
        await trail.note(actor, "refund.exported", found.account, refund, after={"n": found.n})
        after = 0
        while items := await self._refunds.items(actor, refund, after, PIECE):
            yield items
            after = items[-1].delivery

    def _below(self, account: int) -> str:
        return orjson.dumps(self._books.meter.below(account)).decode()
