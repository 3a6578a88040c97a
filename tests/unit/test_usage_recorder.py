"""What was counted at the doors is on disk a few seconds later, and after a stop."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from console.accounts.usage.counters import UsageCounters
from console.accounts.usage.recorder import UsageRecorder
from mta.model.clock import ManualClock
from mta.model.envelope import Identity
from mta.model.errors import StoreError
from mta.model.reply import Reply
from mta.store.sqlite import SqliteStore
from mta.store.statements import StatementPackage

ERP = Identity(7, 70, "ERP")
QUEUED = Reply.of(250, "2.0.0", "1 queued")
PACKAGES = ("console.accounts", "console.accounts.usage")


@asynccontextmanager
async def open_store(folder):
    store = await SqliteStore.open(folder, [StatementPackage.of(name) for name in PACKAGES])
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
async def store(tmp_path):
    async with open_store(tmp_path) as opened:
        yield opened


@pytest.fixture
def counters():
    return UsageCounters(ManualClock(), "America/Lima")


async def requests(store):
    rows = await store.read(
        "usage_between",
        first="2000-01-01",
        last="2100-01-01",
        accounts=None,
        credential=None,
        day_length=10,
        by_account=1,
        by_credential=1,
        by_door=1,
        limit=1000,
    )
    return {(row[2], row[3]): row[6] for row in rows}


async def test_what_is_written_twice_adds_up_and_survives_a_restart(tmp_path, counters):
    async with open_store(tmp_path) as store:
        recorder = UsageRecorder(store, counters)
        for _ in range(2):
            counters.submitted(ERP, QUEUED, 1, 0.001)
            await recorder.flush()
        await recorder.flush()  # nothing new
    async with open_store(tmp_path) as store:
        assert await requests(store) == {(70, "smtp"): 2}


class FullDisk:
    """A store that takes nothing while `is_full`."""

    def __init__(self, store):
        self.store, self.is_full = store, True

    def submit(self, work, contents=(), *, bulk=False):
        if not self.is_full:
            return self.store.submit(work, contents, bulk=bulk)
        failed = asyncio.get_running_loop().create_future()
        failed.set_exception(StoreError("disk full"))
        return failed


async def test_what_the_store_refuses_is_written_later(store, counters):
    disk = FullDisk(store)
    recorder = UsageRecorder(disk, counters)
    counters.submitted(ERP, QUEUED, 1, 0.001)
    with pytest.raises(StoreError):
        await recorder.flush()
    counters.submitted(ERP, QUEUED, 1, 0.001)
    disk.is_full = False
    await recorder.flush()
    assert await requests(store) == {(70, "smtp"): 2}


async def test_many_credentials_are_written_in_jobs_that_the_store_takes(store, counters):
    for number in range(2_500):
        counters.submitted(Identity(7, number, ""), QUEUED, 1, 0.001)
    await UsageRecorder(store, counters).flush()
    (total,) = await store.read(
        "usage_between",
        first="2000-01-01",
        last="2100-01-01",
        accounts="[7]",
        credential=None,
        day_length=0,
        by_account=0,
        by_credential=0,
        by_door=0,
        limit=10,
    )
    assert total[6] == 2_500


async def test_it_writes_by_itself_while_it_runs(store, counters):
    recorder = UsageRecorder(store, counters, interval_s=0.0)
    counters.submitted(ERP, QUEUED, 1, 0.001)
    task = asyncio.ensure_future(recorder.run())
    async with asyncio.timeout(30):
        while not await requests(store):
            await asyncio.sleep(0)
    task.cancel()
