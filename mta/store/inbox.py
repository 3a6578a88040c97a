"""Handing jobs to a thread: they are merged where they are submitted, the thread takes them whole.

A batch is built on the event loop, a few microseconds a job, so that the thread that commits it has
next to nothing to do in Python: beside a busy loop each of its steps there may cost a change of
threads. The one lock is held for those microseconds. A token is put only when the consumer said
that it sleeps; it says so first and looks at the batches after that, so either it sees the job or
the producer sees it asleep. A token too many means one look too many.
"""

import queue
import threading
from collections import deque
from collections.abc import Mapping

from mta.store.base import MAX_JOB_ROWS
from mta.store.merge import Batch
from mta.store.statements import Statement
from mta.store.work import Job

INTERACTIVE_ROWS = 2 * MAX_JOB_ROWS  # rows of interactive jobs that one batch takes
BULK_ROWS = MAX_JOB_ROWS  # rows of bulk jobs: what the next interactive job may have to wait for
CONTENT_BYTES = 4 << 20  # a batch with more contents than this takes nothing else
BULK_TURN = 8  # batches of interactive jobs, at most, while a bulk job waits


class _Lane:
    """Batches of one kind; the last one takes further jobs while there is room in it."""

    def __init__(self, max_rows: int) -> None:
        self.batches: deque[Batch] = deque()
        self._max_rows = max_rows

    def add(self, job: Job, writes: Mapping[str, Statement]) -> None:
        batch = self.batches[-1] if self.batches else None
        if (
            batch is None
            or batch.rows + job.rows > self._max_rows
            or batch.content_bytes > CONTENT_BYTES
        ):
            batch = Batch()
            self.batches.append(batch)
        batch.add(job, writes)

    def take(self) -> Batch | None:
        """The first batch."""
        return self.batches.popleft() if self.batches else None


class Inbox:
    """The jobs that wait for one thread."""

    def __init__(self, writes: Mapping[str, Statement]) -> None:
        self._writes = writes
        self._lock = threading.Lock()
        self._interactive = _Lane(INTERACTIVE_ROWS)
        self._bulk = _Lane(BULK_ROWS)
        self._tokens: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._is_asleep = False
        self._is_closed = False
        self._since_bulk = 0

    def put(self, job: Job) -> None:
        """Add a job; from any thread."""
        with self._lock:
            (self._bulk if job.bulk else self._interactive).add(job, self._writes)
        self._wake()

    def close(self) -> None:
        """No job will come any more; what is there is still taken."""
        self._is_closed = True
        self._tokens.put(None)

    @property
    def is_finished(self) -> bool:
        """Closed and empty."""
        return self._is_closed and not self._interactive.batches and not self._bulk.batches

    def take(self) -> Batch | None:
        """The next batch, of one kind: interactive jobs first, bulk ones when it is their turn.

        None when nothing waits. For the consumer only.
        """
        with self._lock:
            if self._interactive.batches and (
                not self._bulk.batches or self._since_bulk < BULK_TURN
            ):
                self._since_bulk += 1
                return self._interactive.take()
            self._since_bulk = 0
            return self._bulk.take()

    def take_all(self) -> list[Job]:
        """Everything that waits, to be answered with an error. For the consumer only."""
        with self._lock:
            taken = [*self._interactive.batches, *self._bulk.batches]
            self._interactive.batches.clear()
            self._bulk.batches.clear()
        return [job for batch in taken for job in batch.jobs]

    def wait(self, timeout_s: float | None) -> bool:
        """Sleep until a job comes or the inbox is closed; False after `timeout_s`."""
        self._is_asleep = True
        if self._interactive.batches or self._bulk.batches or self._is_closed:
            self._is_asleep = False
            return True
        try:
            self._tokens.get(timeout=timeout_s)
        except queue.Empty:
            return False
        finally:
            self._is_asleep = False
        return True

    def _wake(self) -> None:
        if self._is_asleep:
            self._is_asleep = False
            self._tokens.put(None)
