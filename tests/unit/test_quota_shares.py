"""Sub-users carry a share of their own, moved or as a limit, and give it back (clause T-c)."""

import asyncio

import pytest

from console.accounts.actor import Actor, ActorKind, NotPermitted, NotVisible
from console.accounts.permissions import Permission
from console.accounts.quota.replies import EXHAUSTED
from console.accounts.quota.values import ShareKind
from mta.model.errors import PermanentError
from tests.intake_stand import code
from tests.quota_world import MAIN, OPERATOR, OTHER, SUB, TRAINING, open_quota


@pytest.fixture
async def world(tmp_path):
    async with open_quota(tmp_path) as made:
        await made.begin(1_000)
        yield made
        await made.verify()


async def disable(world, account):
    """What `AccountService` does: the state, and what is given back, in one job."""
    accounts = [world.quota.meter.accounts[account]]
    await world.store.submit(await world.quota.shares.on_disabled(OPERATOR, accounts))


async def test_T_c_an_allocated_share_is_moved_and_spent_from_its_own_balance(world):
    await world.quota.shares.allocate(OPERATOR, SUB, 300, "prensa")
    assert (await world.left(MAIN), await world.left(SUB)) == (700, 300)
    await world.send(SUB, "b@example.net", "c@example.net")
    assert (await world.left(MAIN), await world.left(SUB)) == (700, 298)


async def test_T_c_an_account_with_a_share_cannot_spend_more_than_it(world):
    await world.quota.shares.allocate(OPERATOR, SUB, 1)
    assert code(await world.send(SUB)) == "250 2.0.0"
    assert (await world.send(SUB)).reply == EXHAUSTED
    assert code(await world.send(OTHER)) == "250 2.0.0"


async def test_T_c_a_cap_limits_what_is_taken_from_the_common_bag(world):
    await world.quota.shares.cap(OPERATOR, SUB, 2)
    assert code(await world.send(SUB, "b@example.net", "c@example.net")) == "250 2.0.0"
    assert (await world.send(SUB)).reply == EXHAUSTED
    assert await world.left() == 998
    await world.quota.shares.cap(OPERATOR, SUB, None)
    assert code(await world.send(SUB)) == "250 2.0.0"


async def test_T_c_a_cap_holds_against_many_submissions_at_once(world):
    await world.quota.shares.cap(OPERATOR, SUB, 5)
    await world.stand.flows.find(SUB, 1, "app", "application")
    receipts = await asyncio.gather(*(world.send(SUB) for _ in range(30)))
    assert sorted(code(r) for r in receipts) == ["250 2.0.0"] * 5 + ["552 5.2.2"] * 25
    assert await world.left() == 995


async def test_T_c_a_cap_cannot_be_less_than_what_was_taken(world):
    await world.send(SUB, "b@example.net", "c@example.net")
    with pytest.raises(PermanentError, match="taken 2 mails already"):
        await world.quota.shares.cap(OPERATOR, SUB, 1)


async def test_T_c_no_more_is_allocated_than_there_is(world):
    with pytest.raises(PermanentError, match="only 1000 mails are left"):
        await world.quota.shares.allocate(OPERATOR, SUB, 1_001)
    assert await world.left() == 1_000


async def test_T_c_allocations_at_the_same_time_never_overdraw(world):
    jobs = [world.quota.shares.allocate(OPERATOR, a, 300) for a in (SUB, OTHER) * 3]
    done = await asyncio.gather(*jobs, return_exceptions=True)
    assert sum(isinstance(result, PermanentError) for result in done) == 3
    assert await world.left() == 100


async def test_T_c_a_disabled_sub_account_gives_back_what_it_has_left(world):
    await world.quota.shares.allocate(OPERATOR, SUB, 300)
    await world.send(SUB)
    await disable(world, SUB)
    assert (await world.left(MAIN), await world.left(SUB)) == (999, 0)


async def test_T_c_a_disabled_sub_account_loses_the_rest_of_its_cap(world):
    await world.quota.shares.cap(OPERATOR, SUB, 100)
    await world.send(SUB)
    await disable(world, SUB)
    await world.quota.meter.refresh()
    share = world.quota.shares.share(SUB)
    assert (share.granted, share.available) == (1, 0)


async def test_T_c_the_main_account_sees_granted_allocated_and_consumed_by_whom(world):
    await world.quota.shares.allocate(OPERATOR, SUB, 300)
    await world.quota.shares.cap(OPERATOR, OTHER, 50)
    await world.send(MAIN)
    await world.send(SUB, "b@example.net", "c@example.net")
    await world.send(OTHER, "b@example.net", "c@example.net", "d@example.net")
    shares = {s.account: s for s in await world.quota.shares.list(OPERATOR, MAIN)}
    seen = {a: (s.kind, s.granted, s.available, s.consumed) for a, s in shares.items()}
    assert seen == {
        MAIN: (ShareKind.CONTRACT, 1_000, 696, 1),
        SUB: (ShareKind.ALLOCATED, 300, 298, 2),
        OTHER: (ShareKind.CAP, 50, 47, 3),
        TRAINING: (ShareKind.TRAINING, None, None, 0),
    }


async def test_T_c_a_share_can_become_a_cap_once_it_is_given_back(world):
    await world.quota.shares.allocate(OPERATOR, SUB, 300)
    with pytest.raises(PermanentError, match="give it back first"):
        await world.quota.shares.cap(OPERATOR, SUB, 10)
    assert await world.quota.shares.give_back(OPERATOR, SUB) == 300
    await world.quota.shares.cap(OPERATOR, SUB, 10)
    assert code(await world.send(SUB)) == "250 2.0.0"
    assert await world.left() == 999
    with pytest.raises(PermanentError, match="has a cap"):
        await world.quota.shares.allocate(OPERATOR, SUB, 5)


async def test_only_who_may_move_quota_above_moves_it(world):
    own = Actor(ActorKind.USER, 1, "ana", {SUB: frozenset(Permission)})
    with pytest.raises(NotPermitted):
        await world.quota.shares.allocate(own, SUB, 10)
    stranger = Actor(ActorKind.USER, 2, "luis", {OTHER: frozenset(Permission)})
    with pytest.raises(NotVisible):
        await world.quota.shares.list(stranger, SUB)
    chief = Actor(
        ActorKind.USER, 3, "eva", {MAIN: frozenset(Permission), SUB: frozenset(Permission)}
    )
    await world.quota.shares.allocate(chief, SUB, 10)
    entry = (await world.quota.ledger.page(chief, SUB))[0]
    assert (entry.actor_name, entry.kind, entry.available) == ("eva", "allocate", 10)


@pytest.mark.parametrize("account", [MAIN, SUB])
async def test_who_may_not_move_quota_hears_that_before_what_is_wrong_with_it(world, account):
    look = Actor(ActorKind.USER, 1, "ana", {account: frozenset((Permission.QUOTA_VIEW,))})
    shares = world.quota.shares
    for work in (
        shares.allocate(look, account, -1),
        shares.give_back(look, account, -1),
        shares.cap(look, account, -1),
    ):
        with pytest.raises(NotPermitted):
            await work


async def test_an_account_made_a_moment_ago_is_not_free(world):
    identity = 99  # nobody has told the meter of it
    assert code(await world.send(identity)) == "451 4.3.0"


async def test_nobody_makes_or_changes_a_contract_but_the_operator(world):
    owner = Actor(ActorKind.USER, 1, "ana", {MAIN: frozenset(Permission)})
    contract = (await world.quota.contracts.list(owner))[0].contract
    with pytest.raises(NotPermitted):
        await world.quota.contracts.resize(owner, contract.id, 10, "más")
    await world.quota.contracts.resize(OPERATOR, contract.id, 10, "más")
    assert await world.left() == 1_010
    with pytest.raises(PermanentError, match="only 1010 mails are left"):
        await world.quota.contracts.resize(OPERATOR, contract.id, -1_011, "menos")


async def test_what_is_left_is_told_without_waiting_for_the_next_look(world):
    meter = world.quota.meter
    before = meter.remaining(SUB)
    assert before == 1_000
    await world.send(SUB, "b@example.net", "c@example.net")
    meter.took(SUB, 2)
    assert (meter.remaining(SUB), meter.remaining(MAIN)) == (998, 998)
    await meter.refresh_balances()
    assert (meter.remaining(SUB), meter.remaining(MAIN)) == (998, 998)
    assert meter.remaining(TRAINING) is None


async def test_what_is_taken_while_balances_are_read_is_not_forgotten(world):
    meter = world.quota.meter
    reading = asyncio.ensure_future(meter.refresh_balances())
    await asyncio.sleep(0)
    meter.took(SUB, 2)
    await reading
    assert meter.remaining(SUB) == 998
