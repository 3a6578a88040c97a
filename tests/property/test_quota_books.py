"""Whatever is done to the bag, in whatever order and at the same time, its books stay right.

Invariants, after every step: each balance is the sum of its entries; a contract's size is what all
of its balances hold, have reserved, consumed and lost, less what was refunded; nothing is below zero; a
cap is never passed; no delivery is given back twice, so refunds never exceed consumption.
"""

import asyncio
import contextlib
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from console.accounts.actor import Actor, ActorKind
from console.accounts.permissions import Permission
from console.accounts.quota.refund_values import RefundScope, Subject
from console.accounts.quota.releases import release
from mta.model.errors import PermanentError, StoreError
from mta.model.traffic import EventType
from mta.spool.follower import FollowedEvent
from tests.property.effort import tries
from tests.quota_world import MAIN, OPERATOR, OTHER, SUB, open_quota

ALL = frozenset(Permission)
SECOND = Actor(ActorKind.USER, 9, "luis", {MAIN: ALL, SUB: ALL, OTHER: ALL})
SIZE = 60
ACCOUNTS = st.sampled_from((MAIN, SUB, OTHER))
SUBS = st.sampled_from((SUB, OTHER))
AMOUNTS = st.integers(1, 40)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("send"), ACCOUNTS, st.integers(1, 6)),
        st.tuples(st.just("burst"), ACCOUNTS, st.integers(2, 12)),
        st.tuples(st.just("allocate"), SUBS, AMOUNTS),
        st.tuples(st.just("give_back"), SUBS, st.none() | AMOUNTS),
        st.tuples(st.just("cap"), SUBS, st.none() | AMOUNTS),
        st.tuples(st.just("disable"), SUBS, st.just(0)),
        st.tuples(st.just("resize"), st.just(MAIN), st.integers(-20, 20).filter(bool)),
        st.tuples(st.just("reserve"), ACCOUNTS, AMOUNTS),
        st.tuples(st.just("expand"), ACCOUNTS, st.integers(1, 15)),
        st.tuples(st.just("end"), ACCOUNTS, st.just(0)),
        st.tuples(st.just("cancel"), ACCOUNTS, st.integers(0, 30)),
        st.tuples(st.just("refund"), ACCOUNTS, st.booleans()),
        st.tuples(st.just("days"), st.just(MAIN), st.integers(1, 200)),
    ),
    min_size=1,
    max_size=14,
)


class Steps:
    """Carries out one step after the other; what the bag refuses is no fault."""

    def __init__(self, world):
        self.world, self.quota = world, world.quota
        self.expanded = 0

    async def send(self, account, n):
        await self.world.send(account, *(f"u{i}@example.net" for i in range(n)))

    async def burst(self, account, n):
        await asyncio.gather(*(self.world.send(account, "a@example.net") for _ in range(n)))

    async def allocate(self, account, n):
        await self.quota.shares.allocate(OPERATOR, account, n)

    async def give_back(self, account, n):
        await self.quota.shares.give_back(OPERATOR, account, n)

    async def cap(self, account, n):
        await self.quota.shares.cap(OPERATOR, account, n)

    async def disable(self, account, _):
        accounts = [self.quota.meter.accounts[account]]
        await self.world.store.submit(await self.quota.shares.on_disabled(OPERATOR, accounts))

    async def resize(self, _, n):
        contract = (await self.quota.contracts.list(OPERATOR))[0].contract
        await self.quota.contracts.resize(OPERATOR, contract.id, n, "prueba")

    async def reserve(self, account, n):
        reference = f"campaign {account}"
        await self.quota.reservations.reserve(OPERATOR, account, n, reference, flow=account)

    async def expand(self, account, n):
        self.expanded += 1
        message, now_ms = 10**6 + self.expanded, self.world.clock.now_ms()
        rows = self.quota.policy.expand(account, account, message, n, now_ms)
        if isinstance(rows, tuple):
            await self.world.store.submit(rows)

    async def end(self, account, _):
        await self.quota.reservations.release(OPERATOR, f"campaign {account}")

    async def cancel(self, account, place):
        found = await self.world.stand.deliveries()
        events = [
            FollowedEvent(1, EventType.CANCELLED, 5, account, d["flow"], d["message"], d["id"], "")
            for d in found[place : place + 3]
        ]
        await self.world.store.submit(await release(events))

    async def refund(self, account, only_failed):
        scope = RefundScope.FAILED if only_failed else RefundScope.ALL
        until = Subject(from_ms=1, until_ms=self.world.clock.now_ms() + 1)
        made = await self.quota.refunds.propose(OPERATOR, account, until, "prueba", scope=scope)
        await self.quota.refunds.decide(SECOND, made.id, confirm=True)

    async def days(self, _, n):
        self.world.clock.advance(n * 86_400)
        await self.quota.keeper.look()


async def check(world):
    await world.verify()
    await world.quota.meter.refresh()
    contract = (await world.quota.contracts.list(OPERATOR))[0].contract
    balances = world.quota.meter.balances.values()
    held = sum(b.available + b.reserved + b.consumed + b.expired - b.refunded for b in balances)
    assert held == contract.size
    for balance in balances:
        assert min(balance.available, balance.reserved, balance.consumed) >= 0
        assert balance.refunded <= balance.consumed
        uses = [u for u in world.quota.meter.uses.values() if u.bag == balance.id]
        assert sum(u.reserved for u in uses) == balance.reserved
        assert sum(u.consumed for u in uses) == balance.consumed
    for use in world.quota.meter.uses.values():
        assert use.cap is None or use.net <= use.cap
    told = await world.quota.ledger.balance_at(
        world.quota.meter.balance(contract.id, MAIN).id, world.clock.now_ms()
    )
    main = world.quota.meter.balance(contract.id, MAIN)
    assert told == (main.available, main.reserved, main.consumed, main.refunded)


async def play(steps, folder):
    async with open_quota(folder) as world:
        await world.begin(SIZE)
        player = Steps(world)
        for name, account, value in steps:
            with contextlib.suppress(PermanentError, StoreError):
                await getattr(player, name)(account, value)
            await check(world)


@tries(25)
@given(steps=STEPS)
def test_the_books_are_right_after_any_sequence_of_operations(steps):
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(steps, Path(folder)))


@tries(8)
@given(steps=STEPS)
def test_the_books_are_right_after_operations_at_the_same_time(steps):
    async def together(folder):
        async with open_quota(folder) as world:
            await world.begin(SIZE)
            player = Steps(world)
            jobs = (getattr(player, name)(account, value) for name, account, value in steps)
            for result in await asyncio.gather(*jobs, return_exceptions=True):
                assert not isinstance(result, Exception) or isinstance(
                    result, PermanentError | StoreError
                ), result
            await check(world)

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(together(Path(folder)))
