"""Idempotency keys: claimed before anything is done, one winner, and gone after a day."""

import asyncio

import pytest

from console.api.idempotency import DEFLATE_FROM, KEPT_MS, Claim, Idempotency
from console.api.refusals import ApiRefusal
from console.api.routes import Answer
from mta.model.clock import ManualClock
from mta.store.sqlite import SqliteStore
from mta.store.statements import StatementPackage

REQUEST = "POST /api/v1/things"


@pytest.fixture
async def store(tmp_path):
    opened = await SqliteStore.open(
        tmp_path, [StatementPackage.of("mta.spool"), StatementPackage.of("console.api")]
    )
    yield opened
    await opened.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


async def claim(keys: Idempotency, body: bytes = b"{}", *, key: str = "k", account: int = 7):
    return await keys.claim(account, key, REQUEST, body, atomic=False)


async def test_of_many_at_once_one_goes_on_and_the_others_wait(store, clock):
    keys = Idempotency(store, clock)
    found = await asyncio.gather(*(claim(keys) for _ in range(20)), return_exceptions=True)
    assert sum(isinstance(one, Claim) for one in found) == 1
    refused = [one for one in found if isinstance(one, ApiRefusal)]
    assert {(one.status, one.code) for one in refused} == {(409, "idempotency_in_progress")}
    assert len(refused) == 19


async def test_a_request_cut_off_by_a_crash_is_not_carried_out_again_unseen(store, clock):
    assert isinstance(await claim(Idempotency(store, clock)), Claim)
    with pytest.raises(ApiRefusal) as caught:  # a new process: nobody knows what became of it
        await claim(Idempotency(store, clock))
    assert (caught.value.status, caught.value.code) == (409, "idempotency_unknown")


@pytest.mark.parametrize("size", [10, DEFLATE_FROM * 3])
async def test_what_was_answered_is_answered_again_in_a_new_process(store, clock, size):
    body = '{"x":"' + "ñ" * size + '"}'
    keys = Idempotency(store, clock)
    first = await claim(keys)
    assert isinstance(first, Claim)
    await keys.finish(first, Answer(status=201), body)
    keys.release(first)
    for again in (keys, Idempotency(store, clock)):
        found = await claim(again)
        assert isinstance(found, Answer)
        assert (found.status, found.body.decode()) == (201, body)
        with pytest.raises(ApiRefusal) as caught:
            await claim(again, b"[]")
        assert (caught.value.status, caught.value.code) == (422, "idempotency_key_reused")


async def test_what_failed_leaves_the_key_free(store, clock):
    keys = Idempotency(store, clock)
    first = await claim(keys)
    assert isinstance(first, Claim)
    await keys.finish(first, Answer(status=500), "")
    keys.release(first)
    assert isinstance(await claim(keys), Claim)


async def test_accounts_have_keys_of_their_own(store, clock):
    keys = Idempotency(store, clock)
    assert isinstance(await claim(keys, account=7), Claim)
    assert isinstance(await claim(keys, account=8), Claim)


async def test_a_key_is_forgotten_after_a_day(store, clock):
    keys = Idempotency(store, clock)
    for number in range(3):
        made = await claim(keys, key=f"k{number}")
        assert isinstance(made, Claim)
        await keys.finish(made, Answer(status=200), "{}")
        keys.release(made)
    clock.advance(KEPT_MS / 1000 - 1)
    assert await keys.sweep() == 0
    clock.advance(2)
    assert isinstance(await claim(keys, b"other", key="k0"), Claim)
    assert await keys.sweep() == 2
