"""What every engine of the store promises; nothing above this package knows which one runs.

Promises, each held by the contract tests under `tests/contract`:

- A future of `submit` is done only when its rows and contents are on the disk. Its rows are
  visible to every read that begins afterwards, and to none before the commit.
- A job is all or nothing, and a job that fails spoils no other. Jobs that are under way at the
  same time run in any order: what depends on another job is submitted after that job's future.
- Interactive jobs go before bulk ones; bulk never starves.
- After `StoreFailed` nothing more is written or synced: the process has to end.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from mta.store.work import Content, ContentRef, Rows

MAX_JOB_ROWS = 2_000  # about 5 ms of the writer: what an interactive job may have to wait for
READ_DEADLINE_S = 5.0  # a reader that holds its snapshot longer keeps the log from being reused


class StoreMetrics(Protocol):
    """Who wants to know of each commit; called on the event loop, once per batch."""

    def observe_commit(self, seconds: float, jobs: int, rows: int) -> None:
        """A batch of `jobs` jobs with `rows` rows took `seconds` from the first row to the disk."""
        ...


@dataclass(frozen=True, slots=True)
class StoreStats:
    """Counters since the store was opened."""

    commits: int  # batches committed
    jobs: int  # jobs answered with success
    rows: int  # rows of those jobs
    refused: int  # jobs answered with JobRefused
    errors: int  # jobs answered with any other error
    splits: int  # batches that could not be merged as a whole
    waiting: int  # jobs submitted and not answered yet
    log_bytes: int  # size of the write-ahead log's file


@dataclass(frozen=True, slots=True)
class SegmentUse:
    """A sealed segment of which little is still needed."""

    segment: int
    kind: int
    live: int  # references still counted
    total: int  # references ever counted
    bytes: int


class Store(Protocol):
    """A transactional store with group commit, and segment files for contents."""

    def submit(
        self, work: Sequence[Rows], contents: Sequence[Content] = (), *, bulk: bool = False
    ) -> "asyncio.Future[None]":
        """Make all of `work` and `contents` durable in one transaction; the future tells when.

        Never raises. The future fails with `JobRefused` when a guard or a constraint did not
        hold; with `StoreError` when the store could not take the job now (disk full, closed);
        with `StoreFailed` when the disk failed; with `InternalError` when the job is wrong: an
        unknown statement, more than `MAX_JOB_ROWS` rows, values that are no JSON scalars. Then
        nothing of the job is kept, except that after `StoreFailed` its fate is unknown.
        Cancelling the future does not undo the job. A content belongs to one job; after a
        `StoreError` the same job may be tried again, until ten minutes after its places were
        reserved.
        """
        ...

    def watch(self, statement: str, callback: Callable[[], None]) -> Callable[[], None]:
        """Have `callback` called on the loop after each commit in which that statement ran.

        It has to be quick and must not raise. Call what this returns to end it, once.
        """
        ...

    def reserve(self, data: bytes, kind: int) -> Content:
        """Assign a place to `data` among contents of the same expiry class; no I/O, no wait."""
        ...

    async def read(
        self, statement: str, /, *, deadline_s: float = READ_DEADLINE_S, **params: object
    ) -> list[tuple[Any, ...]]:
        """All rows of a named read statement, from one snapshot of what is committed.

        Raises `StoreError` after `deadline_s`, waiting for a reader included.
        """
        ...

    async def read_content(self, ref: ContentRef) -> bytes:
        """The bytes at `ref`. Raises `ContentDamaged` when they are not those submitted."""
        ...

    async def erase(self, refs: Sequence[ContentRef]) -> None:
        """Overwrite contents on the disk with zeros; returns when that is durable."""
        ...

    async def sweep_segments(self, now_ms: int, retention_ms: int) -> list[int]:
        """Remove segments in which nothing is live and the last end is `retention_ms` ago.

        Gives the removed segments. What is live is what `segment_live` counted: rows
        (segment, difference, now_ms), +1 for each reference, -1 when it is final.
        """
        ...

    async def forbid_removal(self, seconds: float) -> None:
        """For so long `sweep_segments` removes nothing; returns when a sweep under way is over."""
        ...

    async def sparse_segments(self, live_ratio: float = 0.10) -> list[SegmentUse]:
        """Sealed segments whose live share is under `live_ratio`: worth copying the survivors."""
        ...

    def stats(self) -> StoreStats:
        """Counters and sizes, as of now."""
        ...

    async def close(self) -> None:
        """Finish what was submitted, answer it, and let go of all files; again does nothing."""
        ...
