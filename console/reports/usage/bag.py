"""What a report says of the bag: the balance at the end of its last day, and what moved."""

from collections.abc import Mapping, Sequence

import orjson

from console.accounts.actor import Actor
from console.accounts.permissions import Permission
from console.accounts.quota.service import QuotaService
from console.accounts.quota.term import day_of, last_day
from console.accounts.quota.values import Balance as Bag
from console.accounts.quota.values import Contract, EntryKind, Share
from console.accounts.values import Account
from console.reports.usage.data import Balance, Move, PutBack
from mta.model.clock import Clock
from mta.store.base import Store

_MOVES = (EntryKind.ALLOCATE, EntryKind.RETURN)
_PAGE = 100
Span = tuple[int, int]  # ms, the second one is not in it


class BagReader:
    """Reads contracts, balances and the ledger."""

    def __init__(self, store: Store, clock: Clock, quota: QuotaService) -> None:
        self._store = store
        self._clock = clock
        self._quota = quota

    async def contract(self, account: int, at_ms: int) -> Contract | None:
        """The one that held for an account then, or the nearest one."""
        await self._quota.meter.refresh()
        return self._quota.meter.contract_of(account, at_ms)

    async def shares(self, actor: Actor, account: int) -> Mapping[int, Share]:
        """Of the account and all below it, by account."""
        if not actor.may(Permission.QUOTA_VIEW, account):
            return {}
        return {one.account: one for one in await self._quota.shares.list(actor, account)}

    async def balance(
        self, account: Account, accounts: Sequence[int], span: Span, training: int
    ) -> Balance:
        """Of the account with those below it."""
        contract = await self.contract(account.id, span[1] - 1)
        if contract is None:
            return Balance("", "", "", training=training)
        view = await self._quota.contracts.get(Actor.system("reports"), str(contract.id))
        bags = [
            bag for bag in self._quota.meter.balances_of((contract.id,)).values()
            if bag.account in accounts
        ]  # fmt: skip
        allocated, granted = await self._granted(account, contract, bags, span[1])
        then = [await self._quota.ledger.balance_at(bag.id, span[1] - 1) for bag in bags]
        available, reserved, consumed, refunded = (
            (sum(part) for part in zip(*then, strict=True)) if then else (0, 0, 0, 0)
        )
        ((period_consumed, period_back),) = await self._store.read(
            "usage_report_consumed", accounts=orjson.dumps(list(accounts)).decode(),
            from_ms=span[0], until_ms=span[1],
        )  # fmt: skip
        pace = await self._quota.ledger.forecast(Actor.system("reports"), contract.id)
        zone = self._quota.zone
        if not bags:  # it takes from the balance above: what it took is told by its use
            share = self._quota.shares.share(account.id)
            available, reserved, granted = share.available or 0, share.reserved, share.granted or 0
            consumed, refunded = share.consumed + share.refunded, share.refunded
        return Balance(
            view.state.value, contract.starts_on, last_day(contract), granted, allocated, consumed,
            refunded, sum(bag.expired for bag in bags if contract.ended_ms < span[1]), reserved,
            available, period_consumed, period_back, pace.per_day,
            str(day_of(pace.exhausted_ms, zone)) if pace.exhausted_ms else "", training,
        )  # fmt: skip

    async def moves(
        self, names: Mapping[int, str], contract: Contract | None, span: Span
    ) -> Sequence[Move]:
        """Allocations and returns of the time, told once each: by the account they are about."""
        if contract is None:
            return []
        bags = self._quota.meter.balances_of((contract.id,))
        return [
            Move(at_ms, kind, names.get(account, ""), amount, by, reason)
            for at_ms, kind, account, bag, amount, by, reason in await self._moved(names, span[0])
            if kind in _MOVES and at_ms < span[1] and bag in bags and account != contract.account
        ]

    async def refunds(
        self, actor: Actor, account: int, names: Mapping[int, str], span: Span
    ) -> Sequence[PutBack]:
        """Those that were proposed or decided in the time."""
        if not actor.may(Permission.QUOTA_VIEW, account):
            return []
        lines: list[PutBack] = []
        page = await self._quota.refunds.list(actor, _PAGE, account=account)
        while page:
            for one in page:
                at_ms = one.decided_ms or one.created_ms
                if span[0] <= at_ms < span[1]:
                    lines.append(
                        PutBack(
                            one.id, at_ms, names.get(one.account, ""), one.state.value, one.reason,
                            one.evidence, one.n, one.given, one.proposed_by, one.decided_by,
                        )
                    )  # fmt: skip
            last = page[-1].id
            page = await self._quota.refunds.list(actor, _PAGE, before=last, account=account)
        return sorted(lines, key=lambda line: (line.at_ms, line.id))

    async def _granted(
        self, account: Account, contract: Contract, bags: Sequence[Bag], until_ms: int
    ) -> tuple[int, int]:
        """What was allocated to those below and what the account was given, as of a moment.

        Balances know what they hold now; what was moved since is taken off.
        """
        since: dict[int, int] = {}
        for _, kind, _, bag, amount, *_ in await self._moved([b.account for b in bags], until_ms):
            if kind != EntryKind.EXPIRE:
                since[bag] = since.get(bag, 0) + amount
        given = {bag.account: bag.granted - since.get(bag.id, 0) for bag in bags}
        below = sum(amount for owner, amount in given.items() if owner != account.id)
        if account.id == contract.account:
            return below, sum(given.values())
        return below, given.get(account.id, 0) + below

    async def _moved(self, accounts: Mapping[int, str] | Sequence[int], from_ms: int) -> Sequence[
        tuple[int, str, int, int, int, str, str]
    ]:  # fmt: skip
        rows = await self._store.read(
            "usage_report_moves", accounts=orjson.dumps(list(accounts)).decode(), from_ms=from_ms
        )
        return [(r[0], r[1], r[2], r[3], r[4], r[5], r[6]) for r in rows]
