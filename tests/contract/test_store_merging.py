"""Jobs that are merged end as if they had run one after the other."""

import asyncio
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from mta.model.errors import JobRefused
from mta.store.sqlite import SqliteStore
from mta.store.work import Rows
from tests.contract.conftest import LEDGER

# Jobs of one batch are independent: each statement has keys of its own, so that the order of
# statements in a batch cannot matter; jobs with the same statement do meet in the same rows.
KEYS = st.integers(0, 5)
NOTES = st.sampled_from(["a", "b"])

PARTS = st.one_of(
    st.builds(lambda i, n: Rows("entry_insert", [(i, n, None)]), KEYS, NOTES),
    st.builds(lambda i, n: Rows("entry_insert_new", [(20 + i, n)], 1), KEYS, NOTES),
    st.builds(lambda i, n: Rows("entry_insert_new", [(20 + i, n)]), KEYS, NOTES),
    st.builds(
        lambda ids, new: Rows("entry_change", [(10 + i, "a", new) for i in ids], len(ids)),
        st.sets(KEYS, min_size=1),
        st.sampled_from(["b", "c"]),
    ),
    st.builds(lambda i, e: Rows("entry_change", [(10 + i, "a", "d")], e), KEYS, st.integers(0, 2)),
    st.builds(
        lambda takes: Rows("account_take", list(takes.items()), len(takes)),
        st.dictionaries(st.integers(0, 2), st.integers(1, 6), min_size=1),
    ),
    st.builds(lambda n: Rows("total_add", [("n", n)]), st.integers(-3, 3)),
)
JOBS = st.lists(st.lists(PARTS, min_size=1, max_size=3), min_size=1, max_size=12)

Ledger = tuple[list[bool], list[object]]


async def run(jobs: list[list[Rows]], *, at_once: bool) -> Ledger:
    with tempfile.TemporaryDirectory() as directory:
        store = await SqliteStore.open(Path(directory), [LEDGER])
        await store.submit(
            [
                Rows("account_put", [(0, 8), (1, 8)]),
                Rows("entry_insert", [(10 + i, "a", None) for i in range(5)]),
            ]
        )
        found: list[bool] = []
        if at_once:
            futures = [store.submit(job) for job in jobs]
            for answer in await asyncio.gather(*futures, return_exceptions=True):
                assert answer is None or isinstance(answer, JobRefused)
                found.append(answer is None)
        else:
            for job in jobs:
                try:
                    await store.submit(job)
                    found.append(True)
                except JobRefused:
                    found.append(False)
        state: list[object] = [await store.read(n) for n in ("entries", "accounts", "totals")]
        await store.close()
        return found, state


@settings(max_examples=40, deadline=None)
@given(JOBS)
def test_merged_jobs_end_like_single_jobs(jobs: list[list[Rows]]) -> None:
    merged = asyncio.run(run(jobs, at_once=True))
    single = asyncio.run(run(jobs, at_once=False))
    assert merged == single
