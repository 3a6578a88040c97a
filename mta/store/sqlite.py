"""The SQLite engine: joins the threads, the readers and the segments to a `Store`.

loop: reserve, submit ──▶ writer thread: contents written and synced, then one commit
  ▲                                                                  │
  └──────────────── one call for all answers of a batch ◀────────────┘
"""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Self

from mta.model.clock import Clock, SystemClock
from mta.model.errors import (
    ConfigurationError,
    InternalError,
    JobRefused,
    RelevoError,
    StoreError,
    StoreFailed,
)
from mta.store.answers import Answers, Commit
from mta.store.base import (
    MAX_JOB_ROWS,
    READ_DEADLINE_S,
    SegmentUse,
    StoreMetrics,
    StoreStats,
)
from mta.store.content import ContentWriter, read_place, segment_path
from mta.store.database import DATABASE_NAME, open_writer, sync_directory
from mta.store.inbox import Inbox
from mta.store.readers import Readers
from mta.store.schema import migrate
from mta.store.segments import Segments
from mta.store.statements import Catalogue, StatementPackage
from mta.store.threads import start_thread
from mta.store.work import Content, ContentRef, Job, Rows
from mta.store.writer import Writer

CONTENT_NAME = "content"
CONTENT_READERS = 2  # threads that read contents back


class _Opened(NamedTuple):
    connection: sqlite3.Connection
    catalogue: Catalogue
    last_segment: int


class SqliteStore:
    """A `Store` in one directory: `relevo.db` and `content/`. Made by `open`, used on one loop."""

    def __init__(
        self,
        data_dir: Path,
        opened: _Opened,
        readers: Readers,
        clock: Clock,
        metrics: StoreMetrics | None,
        on_failed: Callable[[BaseException], None] | None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._directory = data_dir / CONTENT_NAME
        self._catalogue = opened.catalogue
        self._readers = readers
        self._clock = clock
        self._metrics = metrics
        self._on_failed = on_failed
        self._segments = Segments(opened.last_segment, clock)
        self._pool = ThreadPoolExecutor(CONTENT_READERS, "store-content-reader")
        self._refusal: RelevoError | None = None
        self._closing: asyncio.Future[None] | None = None
        self._sweeping = asyncio.Lock()
        self._removal_from_s = 0.0  # on the loop's clock: until then no segment is removed
        self._watchers: dict[str, list[Callable[[], None]]] = {}
        self._waiting = 0
        self._commits = self._jobs = self._rows = 0
        self._refused = self._errors = self._splits = 0
        answers = Answers(self._loop, self._answer, self._committed, self._failed)
        self._inbox = Inbox(opened.catalogue.writes)
        self._writer = Writer(
            opened.connection,
            data_dir / DATABASE_NAME,
            opened.catalogue.writes,
            ContentWriter(self._directory),
            self._inbox,
            answers,
        )
        self._writer_thread = start_thread("store-writer", self._writer.run)

    @classmethod
    async def open(
        cls,
        data_dir: Path,
        packages: Sequence[StatementPackage],
        *,
        metrics: StoreMetrics | None = None,
        on_failed: Callable[[BaseException], None] | None = None,
        clock: Clock | None = None,
    ) -> Self:
        """Open or make the store in `data_dir`, whose `DataDirLock` the caller holds.

        Brings the schema of all packages up to date, removes segment files that no row knows,
        and asserts WAL and synchronous=FULL. `on_failed` is called once, on the loop, when the
        disk failed. Raises `ConfigurationError` when the directory or the database cannot
        serve, `InternalError` for wrong SQL files.
        """
        clock = clock or SystemClock()
        opened = await asyncio.to_thread(_open_database, data_dir, packages, clock.now_ms())
        try:
            readers = await Readers.open(data_dir / DATABASE_NAME)
        except BaseException:
            opened.connection.close()
            raise
        return cls(data_dir, opened, readers, clock, metrics, on_failed)

    # -- writing -------------------------------------------------------------------------------

    def submit(
        self, work: Sequence[Rows], contents: Sequence[Content] = (), *, bulk: bool = False
    ) -> "asyncio.Future[None]":
        """See `Store.submit`."""
        future = self._loop.create_future()
        writes = self._catalogue.writes
        size = 0
        try:
            for statement, rows, _ in work:
                if statement not in writes:
                    raise InternalError(f"no write statement is named {statement!r}")
                size += len(rows)
            if size > MAX_JOB_ROWS:
                raise InternalError(f"a job of {size} rows: split it, {MAX_JOB_ROWS} is the most")
            if contents:
                work = [*work, *self._segments.rows(contents)]
        except InternalError as error:
            self._errors += 1
            future.set_exception(error)
            return future
        self._enter(Job(work, contents, future, size, bulk=bulk))
        return future

    def _enter(self, job: Job) -> None:
        self._waiting += 1
        if self._refusal is not None:
            self._answer(job, self._refusal)
        else:
            self._inbox.put(job)

    def watch(self, statement: str, callback: Callable[[], None]) -> Callable[[], None]:
        """See `Store.watch`."""
        callbacks = self._watchers.setdefault(statement, [])
        callbacks.append(callback)
        return partial(callbacks.remove, callback)

    def reserve(self, data: bytes, kind: int) -> Content:
        """See `Store.reserve`."""
        return self._segments.reserve(data, kind)

    async def erase(self, refs: Sequence[ContentRef]) -> None:
        """See `Store.erase`."""
        zeros = [Content(ref, bytes(ref.length)) for ref in refs]
        job = Job((), zeros, self._loop.create_future(), 0, bulk=True, is_erasure=True)
        self._enter(job)
        await job.future

    # -- answers, on the loop ------------------------------------------------------------------

    def _answer(self, job: Job, error: RelevoError | None) -> None:
        self._waiting -= 1
        if job.contents and not job.is_erasure:
            self._segments.answered(job.contents, is_committed=error is None)
        future = job.future
        if error is None:
            if not future.done():  # the caller may have cancelled it: the job is done all the same
                future.set_result(None)
            return
        if isinstance(error, JobRefused):
            self._refused += 1
        else:
            self._errors += 1
        if not future.done():
            future.set_exception(_own_copy(error))

    def _committed(self, cost: Commit) -> None:
        self._commits += 1
        self._jobs += cost.jobs
        self._rows += cost.rows
        self._splits += cost.is_split
        for statement, callbacks in self._watchers.items():
            if statement in cost.statements:
                for callback in tuple(callbacks):
                    callback()
        if self._metrics is not None:
            self._metrics.observe_commit(cost.seconds, cost.jobs, cost.rows)

    def _failed(self, error: StoreFailed) -> None:
        self._refusal = error
        if self._on_failed is not None:
            self._on_failed(error)

    # -- reading -------------------------------------------------------------------------------

    async def read(
        self, statement: str, /, *, deadline_s: float = READ_DEADLINE_S, **params: object
    ) -> list[tuple[Any, ...]]:
        """See `Store.read`."""
        found = self._catalogue.reads.get(statement)
        if found is None:
            raise InternalError(f"no read statement is named {statement!r}")
        if self._closing is not None:
            raise StoreError("the store is closed")
        return await self._readers.fetch(statement, found.sql, params, deadline_s)

    async def read_content(self, ref: ContentRef) -> bytes:
        """See `Store.read_content`."""
        if self._closing is not None:
            raise StoreError("the store is closed")
        return await self._loop.run_in_executor(self._pool, read_place, self._directory, ref)

    # -- segments ------------------------------------------------------------------------------

    async def sweep_segments(self, now_ms: int, retention_ms: int) -> list[int]:
        """See `Store.sweep_segments`."""
        async with self._sweeping:
            if self._loop.time() < self._removal_from_s:
                return []
            return await self._sweep(now_ms, retention_ms)

    async def forbid_removal(self, seconds: float) -> None:
        """See `Store.forbid_removal`."""
        async with self._sweeping:
            self._removal_from_s = max(self._removal_from_s, self._loop.time() + seconds)

    async def _sweep(self, now_ms: int, retention_ms: int) -> list[int]:
        self._segments.leave_older(now_ms - retention_ms)
        finished = self._segments.finished()[:MAX_JOB_ROWS]
        if finished:
            sealed = Rows("segment_seal", [(number,) for number in finished])
            await self.submit([sealed], bulk=True)
            self._segments.forget(finished)
        found = await self.read("segment_removable", before_ms=now_ms - retention_ms)
        numbers = [int(row[0]) for row in found[:MAX_JOB_ROWS]]
        if numbers:
            # First the truth, then the file: a crash in between leaves waste, swept at the start.
            rows = [(number, now_ms) for number in numbers]
            await self.submit([Rows("segment_remove", rows, expect=len(rows))], bulk=True)
            await self._loop.run_in_executor(self._pool, _unlink, self._directory, numbers)
        return numbers

    async def sparse_segments(self, live_ratio: float = 0.10) -> list[SegmentUse]:
        """See `Store.sparse_segments`."""
        rows = await self.read("segment_sparse", live_ratio=live_ratio)
        return [SegmentUse(*row) for row in rows]

    # -- the rest ------------------------------------------------------------------------------

    def stats(self) -> StoreStats:
        """See `Store.stats`."""
        return StoreStats(
            commits=self._commits,
            jobs=self._jobs,
            rows=self._rows,
            refused=self._refused,
            errors=self._errors,
            splits=self._splits,
            waiting=self._waiting,
            log_bytes=self._writer.log_bytes(),
        )

    async def close(self) -> None:
        """See `Store.close`."""
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        if self._refusal is None:
            self._refusal = StoreError("the store is closed")
        await self._readers.close()
        self._inbox.close()  # last of all, so that its connection is the last and clears the log
        await asyncio.to_thread(self._writer_thread.join)
        await asyncio.to_thread(self._pool.shutdown)


def _own_copy(error: RelevoError) -> RelevoError:
    """One exception object per waiter: raising adds a traceback to it."""
    return type(error)(*error.args)


def _open_database(data_dir: Path, packages: Iterable[StatementPackage], now_ms: int) -> _Opened:
    own = StatementPackage.of("mta.store")
    everything = [own, *packages]
    catalogue = Catalogue(everything, "sqlite")
    path = data_dir / DATABASE_NAME
    connection = open_writer(path)
    try:
        migrate(connection, everything, database=str(path), now_ms=now_ms)
        last = _settle_segments(connection, catalogue, data_dir / CONTENT_NAME)
    except BaseException as error:
        connection.close()
        if isinstance(error, sqlite3.Error | OSError):
            raise ConfigurationError(f"{path}: cannot be brought up to date: {error}") from error
        raise
    return _Opened(connection, catalogue, last)


def _settle_segments(connection: sqlite3.Connection, catalogue: Catalogue, directory: Path) -> int:
    """Seal what an ended process left open, drop files that no row knows; the last number."""
    directory.mkdir(mode=0o700, exist_ok=True)
    sync_directory(directory.parent)
    reads = catalogue.reads
    unsealed = connection.execute(reads["segment_unsealed"].sql).fetchall()
    if unsealed:
        rows = "[" + ",".join(f"[{number}]" for (number,) in unsealed) + "]"
        connection.execute(catalogue.writes["segment_seal"].sql, {"rows": rows})
    known = {
        segment_path(directory, number).name
        for (number,) in connection.execute(reads["segment_files"].sql)
    }
    for entry in directory.glob("*.seg"):
        if entry.name not in known:
            entry.unlink()
    last: int = connection.execute(reads["segment_last"].sql).fetchone()[0]
    return last


def _unlink(directory: Path, numbers: Iterable[int]) -> None:
    for number in numbers:
        path = segment_path(directory, number)
        try:
            os.truncate(path, 0)  # first: a descriptor still open would keep the blocks
            path.unlink()
        except FileNotFoundError:
            continue
        except OSError as error:  # it is waste now: the next start removes it
            raise StoreError(f"{path}: cannot be removed: {error.strerror}") from error
