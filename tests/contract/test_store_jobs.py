"""What a job may rely on: all or nothing, alone in its failure, done when it says so."""

import asyncio

import pytest

from mta.model.errors import InternalError, JobRefused, StoreError
from mta.store.base import MAX_JOB_ROWS, Store
from mta.store.work import Rows
from tests.contract.conftest import OpenStore


def entry(number: int, note: str = "note") -> Rows:
    return Rows("entry_insert", [(number, note, None)])


async def outcomes(*futures: asyncio.Future[None]) -> list[BaseException | None]:
    return await asyncio.gather(*futures, return_exceptions=True)


async def test_rows_are_there_when_the_future_is_done(store: Store) -> None:
    await store.submit([Rows("entry_insert", [(1, "uno", 1.5), (2, "dos ñ €", None)])])
    assert await store.read("entries") == [(1, "uno", 1.5), (2, "dos ñ €", None)]


async def test_values_come_back_as_they_were_given(store: Store) -> None:
    values = ["", "0", "12", "null", '"quoted" \\u0000 \\', "\n\t\x01", "😀", "a" * 100_000]
    rows = [(2**63 - 1 - i, value, i / 7) for i, value in enumerate(values)]
    await store.submit([Rows("entry_insert", rows)])
    assert sorted(await store.read("entries")) == sorted(rows)


async def test_a_read_sees_whole_jobs_only(store: Store) -> None:
    async def write(first: int) -> None:
        for number in range(first, first + 50):
            await store.submit([entry(number), Rows("mirror_insert", [(number,)])])

    writers = asyncio.gather(*(write(1000 * n) for n in range(1, 5)))
    while not writers.done():
        assert await store.read("difference") == [(0,)]
    await writers


async def test_a_failed_guard_undoes_its_own_job_only(store: Store) -> None:
    await store.submit([entry(7, "old")])
    jobs = [store.submit([entry(100 + n), Rows("mirror_insert", [(n,)])]) for n in range(30)]
    bad = store.submit([entry(99), Rows("entry_change", [(7, "wrong", "new")], expect=1)])
    jobs += [store.submit([entry(200 + n)]) for n in range(30)]
    assert await outcomes(*jobs) == [None] * 60
    with pytest.raises(JobRefused, match="entry_change: 0 rows changed, expected 1"):
        await bad
    numbers = [row[0] for row in await store.read("entries")]
    assert numbers == [7, *range(100, 130), *range(200, 230)]


async def test_a_guard_that_holds_lets_the_job_pass(store: Store) -> None:
    await store.submit([entry(1, "a"), entry(2, "b")])
    await store.submit([Rows("entry_change", [(1, "a", "x"), (2, "b", "y")], expect=2)])
    assert [row[1] for row in await store.read("entries")] == ["x", "y"]


async def test_a_guard_may_expect_another_number_than_its_rows(store: Store) -> None:
    await store.submit([entry(1, "a")])
    rows = [(1, "a", "x"), (2, "b", "y")]
    good = store.submit([Rows("entry_change", rows, expect=1)])
    other = store.submit([entry(5)])
    assert await outcomes(good, other) == [None, None]
    none = store.submit([Rows("entry_change", rows, expect=0), entry(6)])
    await none
    with pytest.raises(JobRefused):
        await store.submit([Rows("entry_change", [(1, "x", "z")], expect=0)])
    assert await store.read("entry", id=1) == [("x", None)]


async def test_guards_count_also_behind_with(store: Store) -> None:
    await store.submit([entry(1), entry(2)])
    await store.submit([Rows("entry_forget", [(1,)], expect=1)])
    with pytest.raises(JobRefused):
        await store.submit([Rows("entry_forget", [(1,)], expect=1)])


async def test_of_two_jobs_for_the_same_key_the_first_wins(store: Store) -> None:
    first = store.submit([Rows("entry_insert_new", [(1, "first")], expect=1)])
    second = store.submit([Rows("entry_insert_new", [(1, "second")], expect=1), entry(2)])
    assert await outcomes(first) == [None]
    with pytest.raises(JobRefused):
        await second
    assert await store.read("entries") == [(1, "first", None)]


async def test_a_grouped_guard_takes_for_many_jobs_at_once(store: Store) -> None:
    await store.submit([Rows("account_put", [(1, 100), (2, 5)])])
    takes = [store.submit([Rows("account_take", [(1, 3)], expect=1)]) for _ in range(20)]
    assert await outcomes(*takes) == [None] * 20
    assert await store.read("accounts") == [(1, 40), (2, 5)]
    assert store.stats().splits == 0


async def test_a_grouped_guard_never_takes_more_than_there_is(store: Store) -> None:
    await store.submit([Rows("account_put", [(1, 100)])])
    takes = [store.submit([Rows("account_take", [(1, 7)], expect=1), entry(n)]) for n in range(20)]
    found = await outcomes(*takes)
    assert found[:14] == [None] * 14
    assert all(isinstance(error, JobRefused) for error in found[14:])
    assert await store.read("accounts") == [(1, 2)]
    assert len(await store.read("entries")) == 14


async def test_a_broken_constraint_refuses_its_own_job_only(store: Store) -> None:
    await store.submit([entry(5)])
    good, bad, null, late = (
        store.submit([entry(4)]),
        store.submit([entry(5)]),
        store.submit([Rows("entry_insert", [(8, None, None)])]),
        store.submit([entry(6)]),
    )
    found = await outcomes(good, bad, null, late)
    assert [type(error) for error in found] == [type(None), JobRefused, JobRefused, type(None)]
    assert [row[0] for row in await store.read("entries")] == [4, 5, 6]


@pytest.mark.parametrize(
    "value", [b"bytes", "nul\0inside", "\ud800", 2**70, object()], ids=lambda v: type(v).__name__
)
async def test_values_that_cannot_be_stored_spoil_their_own_job_only(
    store: Store, value: object
) -> None:
    good = store.submit([entry(1, "\\u0000 as text")])
    bad = store.submit([Rows("entry_insert", [(2, value, None)])])  # type: ignore[list-item]
    late = store.submit([entry(3)])
    found = await outcomes(good, bad, late)
    assert [type(error) for error in found] == [type(None), InternalError, type(None)]
    assert await store.read("entry", id=1) == [("\\u0000 as text", None)]


async def test_rows_that_are_too_short_store_nothing_by_accident(store: Store) -> None:
    with pytest.raises(JobRefused):  # note is NOT NULL
        await store.submit([Rows("entry_insert", [(1,)])])


async def test_statements_run_in_their_order_not_in_the_jobs(store: Store) -> None:
    take = Rows("account_take", [(1, 1)], expect=1)
    await store.submit([take, Rows("account_put", [(1, 1)])])
    assert await store.read("accounts") == [(1, 0)]


async def test_a_job_of_too_many_rows_is_refused_as_our_own_fault(store: Store) -> None:
    rows = [(n, "x", None) for n in range(MAX_JOB_ROWS + 1)]
    with pytest.raises(InternalError, match="2001 rows"):
        await store.submit([Rows("entry_insert", rows)])
    await store.submit([Rows("entry_insert", rows[:-1])], bulk=True)
    assert len(await store.read("entries")) == MAX_JOB_ROWS


async def test_unknown_statements_are_our_own_fault(store: Store) -> None:
    with pytest.raises(InternalError, match="'nothing'"):
        await store.submit([Rows("nothing", [])])
    with pytest.raises(InternalError, match="'entries'"):
        await store.submit([Rows("entries", [])])
    with pytest.raises(InternalError, match="'entry_insert'"):
        await store.read("entry_insert")


async def test_an_empty_job_succeeds(store: Store) -> None:
    await store.submit([])
    await store.submit([Rows("entry_insert", [])])
    await store.submit([Rows("entry_change", [], expect=0)])


async def test_a_cancelled_waiter_does_not_undo_its_job(store: Store) -> None:
    future = store.submit([entry(1)])
    future.cancel()
    await store.submit([entry(2)])
    assert [row[0] for row in await store.read("entries")] == [1, 2]


async def test_closing_finishes_what_was_submitted(open_store: OpenStore) -> None:
    store = await open_store()
    futures = [
        store.submit([entry(n)], (store.reserve(b"x" * n, 0),), bulk=n % 3 == 0)
        for n in range(1, 200)
    ]
    await store.close()
    assert [future.exception() for future in futures] == [None] * 199
    again = await open_store()
    assert len(await again.read("entries")) == 199


async def test_a_closed_store_refuses(store: Store) -> None:
    await store.close()
    await store.close()
    with pytest.raises(StoreError, match="closed"):
        await store.submit([entry(1)])
    with pytest.raises(StoreError, match="closed"):
        await store.read("entries")


async def test_what_was_stored_is_there_after_opening_again(open_store: OpenStore) -> None:
    first = await open_store()
    await first.submit([entry(1, "kept")])
    await first.close()
    second = await open_store()
    assert await second.read("entries") == [(1, "kept", None)]


async def test_bulk_jobs_are_served_beside_interactive_ones(store: Store) -> None:
    bulk = [store.submit([Rows("total_add", [("bulk", 1)] * 500)], bulk=True) for _ in range(20)]
    done = asyncio.gather(*bulk)
    while not done.done():
        await asyncio.gather(*(store.submit([Rows("total_add", [("now", 1)])]) for _ in range(5)))
    await done
    assert dict(await store.read("totals"))["bulk"] == 10_000


async def test_commits_are_measured_and_counted(open_store: OpenStore) -> None:
    class Metrics:
        def __init__(self) -> None:
            self.seen: list[tuple[float, int, int]] = []

        def observe_commit(self, seconds: float, jobs: int, rows: int) -> None:
            self.seen.append((seconds, jobs, rows))

    metrics = Metrics()
    store = await open_store(metrics=metrics)
    jobs = [store.submit([Rows("entry_insert_new", [(n, ""), (n, "")])]) for n in range(10)]
    bad = store.submit([Rows("entry_change", [(77, "", "")], expect=1)])
    assert store.stats().waiting == 11
    await outcomes(*jobs, bad)
    stats = store.stats()
    assert sum(jobs for _, jobs, _ in metrics.seen) == stats.jobs == 10
    assert sum(rows for _, _, rows in metrics.seen) == stats.rows == 20
    assert len(metrics.seen) == stats.commits
    assert all(seconds > 0 for seconds, _, _ in metrics.seen)
    assert (stats.refused, stats.errors, stats.waiting) == (1, 0, 0)
    assert stats.splits >= (0 if stats.commits > 1 else 1)
    assert stats.log_bytes > 0


async def test_one_bad_job_among_many_is_found_without_running_each_alone(store: Store) -> None:
    await store.submit([Rows("account_put", [(n, 1) for n in range(400)])])
    takes = [[(n, 2 if n == 217 else 1)] for n in range(400)]
    found = await outcomes(*(store.submit([Rows("account_take", t, expect=1)]) for t in takes))
    assert [n for n, error in enumerate(found) if error is not None] == [217]
    assert [row for row in await store.read("accounts") if row[1]] == [(217, 1)]
