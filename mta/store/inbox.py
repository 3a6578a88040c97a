"""Handing jobs to a thread: two queues, one consumer, a wake-up only when it sleeps.

Producers (the event loop, another thread) append to a deque, which the interpreter makes atomic,
and put a token only if the consumer said that it sleeps: 0.2 µs a job, and no lock that a busy
producer could hold while the consumer waits for it. The consumer says "asleep" first and looks
at the queues after that; so either it sees the job or the producer sees it asleep. A token too
many means one look too many.
"""

import queue
from collections import deque
from collections.abc import Iterable

from mta.store.base import MAX_JOB_ROWS
from mta.store.work import Job

INTERACTIVE_ROWS = 2 * MAX_JOB_ROWS  # rows of interactive jobs that one batch takes
BULK_ROWS = MAX_JOB_ROWS  # rows of bulk jobs: what the next interactive job may have to wait for
BULK_TURN = 8  # batches of interactive jobs, at most, while a bulk job waits


class Inbox:
    """The jobs that wait for one thread."""

    def __init__(self) -> None:
        self._interactive: deque[Job] = deque()
        self._bulk: deque[Job] = deque()
        self._tokens: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._is_asleep = False
        self._is_closed = False
        self._since_bulk = 0
        self._turns: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._has_batch = False  # of `put_all`, not looked at yet
        self._is_awaited = False

    def __len__(self) -> int:
        return len(self._interactive) + len(self._bulk)

    def put(self, job: Job) -> None:
        """Add a job; from any thread."""
        (self._bulk if job.bulk else self._interactive).append(job)
        if self._is_asleep:
            self._is_asleep = False
            self._tokens.put(None)

    def put_all(self, jobs: Iterable[Job]) -> None:
        """Add jobs with at most one wake-up; from any thread."""
        self._has_batch = True
        for job in jobs:
            (self._bulk if job.bulk else self._interactive).append(job)
        if self._is_asleep:
            self._is_asleep = False
            self._tokens.put(None)

    def wait_taken(self) -> None:
        """Sleep until the consumer has come for what `put_all` brought last; for one producer."""
        self._is_awaited = True
        if self._has_batch:
            self._turns.get()
        self._is_awaited = False

    def _note_taken(self) -> None:
        if self._has_batch:
            self._has_batch = False
            if self._is_awaited:
                self._turns.put(None)

    def close(self) -> None:
        """No job will come any more; what is there is still taken."""
        self._is_closed = True
        self._tokens.put(None)

    @property
    def is_finished(self) -> bool:
        """Closed and empty."""
        return self._is_closed and not self._interactive and not self._bulk

    def take(self) -> list[Job]:
        """The next batch, of one kind: interactive jobs first, bulk ones when it is their turn.

        Empty when nothing waits. For the consumer only.
        """
        self._note_taken()
        if self._interactive and (not self._bulk or self._since_bulk < BULK_TURN):
            self._since_bulk += 1
            return _take(self._interactive, INTERACTIVE_ROWS)
        self._since_bulk = 0
        return _take(self._bulk, BULK_ROWS)

    def take_all(self) -> list[Job]:
        """Everything that waits, to be answered with an error. For the consumer only."""
        self._note_taken()
        return _take(self._interactive, None) + _take(self._bulk, None)

    def wait(self, timeout_s: float | None) -> bool:
        """Sleep until a job comes or the inbox is closed; False after `timeout_s`."""
        self._is_asleep = True
        if self._interactive or self._bulk or self._is_closed:
            self._is_asleep = False
            return True
        try:
            self._tokens.get(timeout=timeout_s)
        except queue.Empty:
            return False
        finally:
            self._is_asleep = False
        return True


def _take(jobs: deque[Job], max_rows: int | None) -> list[Job]:
    taken: list[Job] = []
    rows = 0
    while jobs:
        rows += jobs[0].rows
        if max_rows is not None and taken and rows > max_rows:
            break
        taken.append(jobs.popleft())
    return taken
