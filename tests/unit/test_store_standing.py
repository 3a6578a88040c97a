"""Standing tasks: woken, pausing after failures, ended by a failed disk and by `stop`."""

import asyncio

import pytest
import structlog

from mta.model.errors import StoreError, StoreFailed
from mta.store.standing import StandingTask

DEADLINE_S = 20.0


class Work:
    """Gives or raises what it was told to, one after the other, and then waits to be woken."""

    def __init__(self, *outcomes: float | Exception | None) -> None:
        self.calls = 0
        self._outcomes = list(outcomes)
        self._called = asyncio.Event()

    async def __call__(self) -> float | None:
        self.calls += 1
        self._called.set()
        outcome = self._outcomes.pop(0) if self._outcomes else None
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def reach(self, calls: int) -> None:
        """Return when it was called so often."""
        async with asyncio.timeout(DEADLINE_S):
            while self.calls < calls:
                self._called.clear()
                await self._called.wait()


class Statements:
    """A store of which only `watch` is used."""

    def __init__(self) -> None:
        self.watched = {}

    def watch(self, statement, callback):
        self.watched[statement] = callback
        return lambda: self.watched.pop(statement)


def task_of(work, **options):
    return StandingTask("work", work, structlog.get_logger(), **options)


@pytest.fixture
async def settle():
    async def turns():
        for _ in range(20):
            await asyncio.sleep(0)

    return turns


async def test_it_works_at_the_start_and_whenever_a_statement_was_committed(settle):
    work, store = Work(), Statements()
    task = task_of(work)
    task.start(store, ("one", "two"))
    await work.reach(1)
    await settle()
    assert work.calls == 1, "it waits"
    for number, statement in enumerate(("one", "two", "one"), 2):
        store.watched[statement]()
        await work.reach(number)
    await task.stop()
    assert store.watched == {}
    assert not task.is_running


async def test_what_wakes_it_while_it_works_is_not_forgotten(settle):
    work = Work()
    task = task_of(work)
    task.start()
    await work.reach(1)
    task.wake()
    task.wake()
    await work.reach(2)
    await settle()
    assert work.calls == 2, "once for all"
    await task.stop()


async def test_it_comes_back_after_the_time_it_gave_though_nobody_woke_it():
    work = Work(0.0, 0.0, 0.0)
    task = task_of(work)
    task.start()
    await work.reach(4)
    await task.stop()


@pytest.mark.parametrize("error", [StoreError("full"), ValueError("a fault of ours")])
async def test_after_a_failure_it_works_again_though_nobody_woke_it(error):
    work = Work(error, error, error)
    task = task_of(work, backoff_s=(0.0, 0.0))
    task.start()
    await work.reach(4)
    await task.stop()


@pytest.mark.parametrize("error", [StoreError("full"), StoreFailed("EIO")])
async def test_after_a_failure_it_rests_and_after_a_failed_disk_for_ever(settle, error):
    rest_s = 0.0 if isinstance(error, StoreFailed) else 3600.0
    work = Work(error)
    task = task_of(work, backoff_s=(rest_s, rest_s))
    task.start()
    await work.reach(1)
    task.wake()
    await settle()
    assert work.calls == 1
    await task.stop()
