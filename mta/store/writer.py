"""The one thread that writes and checkpoints the database: group commit.

It takes whatever waits, merges it to one statement per name, commits once, and answers all
waiters with one call to the loop. While one commit is being synced the next batch gathers; under
load it gathers for at least 5 ms, and a lone job waits for nobody (ADR 0008). If a merged batch
fails for a reason that lies in one of its jobs, it is rolled back and halved until the bad job
stands alone; savepoints keep what went well, and the rest still shares one commit.
"""

import sqlite3
import time
from collections.abc import Mapping
from ctypes import py_object, pythonapi
from pathlib import Path

from mta.model.errors import JobRefused, RelevoError, StoreError, StoreFailed
from mta.store.answers import Answers, Commit
from mta.store.content import ContentWriter
from mta.store.failures import batch_error, is_fault_of_one_job, job_error
from mta.store.fused import Fused
from mta.store.inbox import Inbox
from mta.store.merge import Batch, Step, encode_rows, plan
from mta.store.space import free_space
from mta.store.statements import Statement
from mta.store.work import Job

# Under load commits begin at least so long apart; a job that comes alone waits for nobody. Each
# commit costs the same few changes of threads, pages and syncs, however many jobs it holds.
GATHER_S = 0.005
FEW_JOBS = 2  # in a commit: then there is no load
IDLE_S = 0.2  # after so long without a job the log is checkpointed
IDLE_COMMITS = 1_000  # …or as soon as nothing waits after so many commits
LOOK_COMMITS = 64  # between two looks at the log's size
LOOK_COMMITS_SHORT = 4  # the same where room is short
SHORT_BYTES = 64 * 1024 * 1024  # room that 64 batches may fill
TRUNCATE_BYTES = 256 * 1024 * 1024  # a log of this size is emptied even under load
TRUNCATE_PAUSE_S = 1.0  # before the next try when a reader was in the way


class Writer:
    """Owns the writing connection; `run` is the body of its thread."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: Path,
        writes: Mapping[str, Statement],
        contents: ContentWriter,
        inbox: Inbox,
        answers: Answers,
    ) -> None:
        self._connection = connection
        self._fused = Fused(connection)
        self._directory = path.parent
        self._log = path.with_name(f"{path.name}-wal")
        self._writes = writes
        self._contents = contents
        self._inbox = inbox
        self._answers = answers
        self._since_checkpoint = 0
        self._since_look = 0
        self._look_commits = LOOK_COMMITS_SHORT  # until the first look
        self._next_truncate_s = 0.0

    def log_bytes(self) -> int:
        """Size of the write-ahead log's file; from any thread."""
        try:
            return self._log.stat().st_size
        except FileNotFoundError:
            return 0

    def run(self) -> None:
        """Serve the inbox until it is closed and empty."""
        try:
            self._serve()
        except Exception as error:
            self._answers.fail(StoreFailed(f"the writer thread broke: {error!r}"))
        self._contents.close()
        if self._answers.failure is None:
            self._leave()
        else:
            self._refuse_everything()

    def _serve(self) -> None:
        while self._answers.failure is None:
            batch = self._inbox.take()
            if batch is not None:
                started_s = time.monotonic()
                self._commit(batch)
                if len(batch.jobs) > FEW_JOBS:
                    time.sleep(max(0.0, started_s + GATHER_S - time.monotonic()))
                self._watch_log()
            elif self._inbox.is_finished:
                return
            elif self._since_checkpoint >= IDLE_COMMITS or self._is_idle():
                self._checkpoint("PASSIVE")

    def _is_idle(self) -> bool:
        """Sleep until there is work; True when none came and there is a log to checkpoint."""
        return not self._inbox.wait(IDLE_S if self._since_checkpoint else None)

    def _refuse_everything(self) -> None:
        # Closing the connection would checkpoint, and so sync once more: it is never closed.
        pythonapi.Py_IncRef(py_object(self._connection))
        failure = self._answers.failure or StoreFailed("the store has failed")
        while not self._inbox.is_finished:
            self._answers.refused(self._inbox.take_all(), failure)
            self._inbox.wait(None)

    def _leave(self) -> None:
        try:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._connection.close()
        except sqlite3.Error as error:
            failure = batch_error(error, self._directory, self.log_bytes())
            if isinstance(failure, StoreFailed):
                self._answers.fail(failure)
                self._refuse_everything()

    # -- one batch -----------------------------------------------------------------------------

    def _commit(self, batch: Batch) -> None:
        started_s = time.perf_counter()
        faults: dict[Job, RelevoError] = {}
        is_whole = True
        try:
            steps = self._write_contents(batch)
            jobs = batch.jobs
            if steps and not self._run_fused(steps):
                self._connection.execute("BEGIN IMMEDIATE")
                is_whole = self._run_merged(steps)
                if not is_whole:
                    self._connection.execute("ROLLBACK")
                    self._connection.execute("BEGIN IMMEDIATE")
                    self._run_split(jobs, faults)
                self._connection.execute("COMMIT")
        except Exception as error:
            self._abandon(batch.jobs, error)
            return
        self._since_checkpoint += 1
        kept = len(jobs) - len(faults)
        rows = batch.rows - sum(job.rows for job in faults)
        names = [step.statement.name for step in steps]
        seconds = time.perf_counter() - started_s
        self._answers.committed(jobs, faults, Commit(seconds, kept, rows, not is_whole, names))

    def _write_contents(self, batch: Batch) -> list[Step]:
        """Put the contents on the disk; the steps of the jobs that may go on.

        What finds no room is refused, and the others of the batch do not suffer for it.
        """
        with_contents = [job for job in batch.jobs if job.contents]
        if not with_contents:
            return batch.steps(self._writes)
        try:
            self._contents.write(with_contents)
        except StoreFailed:
            raise
        except StoreError as error:
            self._answers.refused(with_contents, error)
            batch.jobs = [job for job in batch.jobs if not job.contents]
            batch.rows = sum(job.rows for job in batch.jobs)
            return plan(batch.jobs, self._writes)
        return batch.steps(self._writes)

    def _abandon(self, jobs: list[Job], error: Exception) -> None:
        answer = batch_error(error, self._directory, self.log_bytes())
        if not isinstance(answer, StoreFailed):
            try:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
            except sqlite3.Error as second:
                answer = StoreFailed(f"rollback failed: {second} (after: {error})")
        self._answers.refused(jobs, answer)
        if self._answers.failure is None:
            self._since_look = self._look_commits  # the log may be what fills the disk
            self._watch_log()

    def _run_fused(self, steps: list[Step]) -> bool:
        """Run and commit all steps at once; False when they are to be looked at one by one."""
        try:
            return self._fused.run(steps)
        except Exception as error:
            if not is_fault_of_one_job(error) or self._connection.in_transaction:
                raise
            return False

    def _run_merged(self, steps: list[Step]) -> bool:
        """Run all steps; False when one of the jobs is at fault."""
        try:
            self._execute(steps)
        except Exception as error:
            # An error that ended the transaction by itself is no single job's fault.
            if not is_fault_of_one_job(error) or not self._connection.in_transaction:
                raise
            return False
        return True

    def _run_split(self, jobs: list[Job], faults: dict[Job, RelevoError]) -> None:
        """Find the jobs at fault by halving; in order, so that earlier jobs go first."""
        if len(jobs) > 1:
            middle = len(jobs) // 2
            for half in (jobs[:middle], jobs[middle:]):
                self._run_in_savepoint(half, faults)
        else:
            self._run_in_savepoint(jobs, faults)

    def _run_in_savepoint(self, jobs: list[Job], faults: dict[Job, RelevoError]) -> None:
        self._connection.execute("SAVEPOINT part")
        try:
            self._execute(plan(jobs, self._writes))
        except Exception as error:
            if not is_fault_of_one_job(error) or not self._connection.in_transaction:
                raise
            self._connection.execute("ROLLBACK TO part")
            self._connection.execute("RELEASE part")
            if len(jobs) == 1:
                faults[jobs[0]] = job_error(error)
            else:
                self._run_split(jobs, faults)
            return
        self._connection.execute("RELEASE part")

    def _execute(self, steps: list[Step]) -> None:
        for statement, rows, expect in steps:
            cursor = self._connection.execute(statement.sql, {"rows": encode_rows(rows)})
            if expect is None:
                continue
            changed = cursor.rowcount
            if changed < 0:  # sqlite3 counts only for what begins with INSERT, UPDATE, DELETE
                changed = self._connection.execute("SELECT changes()").fetchone()[0]
            if changed != expect:
                raise JobRefused(f"{statement.name}: {changed} rows changed, expected {expect}")

    # -- the log -------------------------------------------------------------------------------

    def _checkpoint(self, mode: str) -> bool:
        """Copy the log into the database; False when a reader kept a part of it."""
        self._since_checkpoint = 0
        try:
            busy, in_log, copied = self._connection.execute(
                f"PRAGMA wal_checkpoint({mode})"
            ).fetchone()
        except sqlite3.Error as error:
            # No room or busy: nothing is lost, the log goes on. A failed sync is the end.
            failure = batch_error(error, self._directory, self.log_bytes())
            if isinstance(failure, StoreFailed):
                self._answers.fail(failure)
            return False
        return not busy and in_log == copied

    def _watch_log(self) -> None:
        """Now and then look how large the log is, and empty it when it is too large.

        Too large is also what has no room in the database: a log that fills the disk could not be
        copied into a database that has to grow for it, and nothing could be settled any more.
        """
        self._since_look += 1
        if self._since_look < self._look_commits:
            return
        self._since_look = 0
        room = self._room_bytes()
        self._look_commits = LOOK_COMMITS if room > SHORT_BYTES else LOOK_COMMITS_SHORT
        now_s = time.monotonic()
        if self.log_bytes() < min(room, TRUNCATE_BYTES) or now_s < self._next_truncate_s:
            return
        self._connection.execute("PRAGMA busy_timeout = 0")  # never wait here for a reader
        if not self._checkpoint("TRUNCATE"):
            self._next_truncate_s = now_s + TRUNCATE_PAUSE_S
        self._connection.execute("PRAGMA busy_timeout = 5000")

    def _room_bytes(self) -> int:
        try:
            return free_space(self._directory).free_bytes
        except OSError:
            return TRUNCATE_BYTES  # whatever it is, the next commit will tell
