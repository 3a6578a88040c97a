"""Reads: named, bounded in time, never in the way."""

import asyncio
import contextlib

import pytest

from mta.model.errors import InternalError, StoreError
from mta.store.base import Store
from mta.store.work import Rows


async def test_a_read_takes_named_parameters(store: Store) -> None:
    await store.submit([Rows("entry_insert", [(1, "one", 0.5)])])
    assert await store.read("entry", id=1) == [("one", 0.5)]
    assert await store.read("entry", id=2) == []


async def test_a_missing_parameter_is_our_own_fault(store: Store) -> None:
    with pytest.raises(InternalError, match="read entry"):
        await store.read("entry")


async def test_a_read_ends_at_its_deadline(store: Store) -> None:
    for _ in range(4):  # more often than there are readers: each is given back
        with pytest.raises(StoreError, match="endless: stopped after"):
            await store.read("endless", deadline_s=0.02)
    assert await store.read("entries", deadline_s=5.0) == []


async def test_waiting_for_a_reader_counts(store: Store) -> None:
    async def hold() -> None:
        with contextlib.suppress(StoreError):
            await store.read("endless", deadline_s=5.0)

    holders = [asyncio.create_task(hold()) for _ in range(8)]
    await asyncio.sleep(0)
    with pytest.raises(StoreError, match="no reader was free"):
        await store.read("entries", deadline_s=0.02)
    for holder in holders:
        holder.cancel()
    await asyncio.gather(*holders, return_exceptions=True)
    assert await store.read("entries") == []


async def test_a_cancelled_read_gives_its_reader_back(store: Store) -> None:
    for _ in range(4):
        reading = asyncio.create_task(store.read("endless"))
        await asyncio.sleep(0)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
    assert await store.read("entries") == []


async def test_many_reads_share_few_readers(store: Store) -> None:
    await store.submit([Rows("entry_insert", [(n, str(n), None) for n in range(50)])])
    found = await asyncio.gather(*(store.read("entry", id=n) for n in range(50)))
    assert found == [[(str(n), None)] for n in range(50)]


async def test_a_reader_does_not_hold_up_the_writer(store: Store) -> None:
    reading = asyncio.create_task(store.read("endless", deadline_s=5.0))
    await asyncio.sleep(0)
    await store.submit([Rows("entry_insert", [(1, "one", None)])])
    assert not reading.done()
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading


@pytest.mark.parametrize("value", [2**70, "\ud800", b"x".__len__], ids=["int", "str", "object"])
async def test_a_parameter_that_sql_cannot_hold_is_our_own_fault(
    store: Store, value: object
) -> None:
    with pytest.raises(InternalError, match="read entry"):
        await store.read("entry", id=value)
    assert await store.read("entries") == []


async def test_reads_that_wait_when_the_store_is_closed_are_told(store: Store) -> None:
    running = [asyncio.create_task(store.read("endless", deadline_s=0.2)) for _ in range(3)]
    waiting = [asyncio.create_task(store.read("entries")) for _ in range(5)]
    await asyncio.sleep(0)
    await store.close()
    found = await asyncio.gather(*running, *waiting, return_exceptions=True)
    assert [type(error) for error in found] == [StoreError] * 8
