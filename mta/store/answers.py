"""Telling the event loop what became of jobs: one call for a whole batch.

A batch wakes the loop once, however many jobs it holds. The two threads report here; what they
share is whether the store has failed, because after that neither may write or sync.
"""

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple

from mta.model.errors import RelevoError, StoreFailed
from mta.store.work import Job


class Commit(NamedTuple):
    """What a successful batch cost."""

    seconds: float
    jobs: int
    rows: int
    is_split: bool
    statements: Sequence[str] = ()  # names of what ran


class Answers:
    """The way back from the threads to the loop."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        on_answer: Callable[[Job, RelevoError | None], None],
        on_commit: Callable[[Commit], None],
        on_failed: Callable[[StoreFailed], None],
    ) -> None:
        """The callbacks run on `loop`, `on_failed` once."""
        self._loop = loop
        self._on_answer = on_answer
        self._on_commit = on_commit
        self._on_failed = on_failed
        self._lock = threading.Lock()  # two threads may meet the failing disk at once
        self._failure: StoreFailed | None = None

    @property
    def failure(self) -> StoreFailed | None:
        """Set once, by the thread that met the failure; read by both before they touch the disk."""
        return self._failure

    def committed(self, jobs: Sequence[Job], faults: dict[Job, RelevoError], cost: Commit) -> None:
        """A batch is durable; `faults` are those of its jobs that were undone."""
        self._call(self._answer_batch, jobs, faults, cost)

    def refused(self, jobs: Sequence[Job], error: RelevoError) -> None:
        """None of the jobs was done."""
        if isinstance(error, StoreFailed):
            self.fail(error)
        if jobs:
            self._call(self._answer_all, jobs, error)

    def fail(self, error: StoreFailed) -> None:
        """The disk failed, or a thread met what cannot be: from now on everything is refused."""
        with self._lock:
            is_first = self._failure is None
            self._failure = self._failure or error
        if is_first:
            self._call(self._on_failed, error)

    def _call(self, function: Callable[..., None], *args: object) -> None:
        with suppress(RuntimeError):  # a closed loop: nobody is left who waits
            self._loop.call_soon_threadsafe(function, *args)

    def _answer_batch(
        self, jobs: Sequence[Job], faults: dict[Job, RelevoError], cost: Commit
    ) -> None:
        self._on_commit(cost)
        answer = self._on_answer
        if faults:
            for job in jobs:
                answer(job, faults.get(job))
        else:
            for job in jobs:
                answer(job, None)

    def _answer_all(self, jobs: Sequence[Job], error: RelevoError) -> None:
        for job in jobs:
            self._on_answer(job, error)
