"""From picked to ready: claim durably, have the content in memory, sign; all three at once.

The claims of one turn of the loop are one job, so that the commit hides behind the bodies that are
on the wire. An attempt goes out when its claim is on disk and its content is signed.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor

import structlog

from mta.delivery.attempt import Attempt
from mta.delivery.board import Board
from mta.delivery.rendering import Keys, Rendering
from mta.delivery.signing import SignBatch, SigningPool
from mta.model.clock import Clock
from mta.model.errors import JobRefused, RelevoError, StoreError
from mta.model.traffic import DeliveryState
from mta.spool.jobs import JobBuilder
from mta.spool.rows import QueuedMessage
from mta.store.base import Store

MAX_ROWS = 500  # claims in one job; each may move two counters


class Preparation:
    """Prepares attempts and hands them on."""

    def __init__(
        self,
        *,
        store: Store,
        board: Board,
        clock: Clock,
        executor: Executor,
        threads: int,
        keys: Callable[[bytes], Keys],
        sign_batch: SignBatch,
        rendering: Rendering,
        ready: Callable[[Attempt], None],
        unclaimed: Callable[[Attempt], None],
        broken: Callable[[Attempt, BaseException], None],
    ) -> None:
        """`ready`: send it now. `unclaimed`: it was not claimed, put it back. `broken`: it is
        claimed and its content cannot be had or signed.
        """
        self._store = store
        self._board = board
        self._clock = clock
        self._ready = ready
        self._unclaimed = unclaimed
        self._broken = broken
        self._claims: list[Attempt] = []
        self._is_flushing = False
        self._reads: set[asyncio.Task[None]] = set()
        self._reading: dict[QueuedMessage, list[Attempt]] = {}  # who waits for the same content
        self._failures: dict[Attempt, BaseException] = {}
        self._log = structlog.get_logger("mta.delivery")
        self._pool = SigningPool(
            executor=executor,
            threads=threads,
            keys=keys,
            sign_batch=sign_batch,
            rendering=rendering,
            now_ms=clock.now_ms,
            signed=self._signed,
            failed=self._failed,
        )

    def prepare(self, attempt: Attempt) -> None:
        """Begin; the result comes by one of the callbacks."""
        self._flush_soon()
        self._claims.append(attempt)
        if attempt.message.content is not None:
            attempt.is_signed = self._pool.sign(attempt)
        elif attempt.message in self._reading:
            self._reading[attempt.message].append(attempt)
        else:
            self._reading[attempt.message] = [attempt]
            task = asyncio.get_running_loop().create_task(self._read(attempt.message))
            self._reads.add(task)
            task.add_done_callback(self._reads.discard)

    def prepare_ahead(self, attempt: Attempt) -> None:
        """Sign what is being claimed by others, who say `claimed` or `drop`; its body is there."""
        attempt.is_signed = self._pool.sign(attempt)
        if not attempt.is_signed:
            self._flush_soon()

    def claimed(self, attempt: Attempt) -> None:
        """The attempt's rows are claimed, durably."""
        for delivery in attempt.deliveries:
            delivery.state = DeliveryState.CLAIMED
        attempt.is_claimed = True
        self._hand_on(attempt)

    def drop(self, attempt: Attempt) -> None:
        """The attempt's rows are not claimed: what comes of its content matters no more."""
        attempt.is_given_up = True
        self._failures.pop(attempt, None)

    async def close(self) -> None:
        """Wait for reads under way."""
        if self._reads:
            await asyncio.wait(self._reads, timeout=5.0)

    def _flush_soon(self) -> None:
        """What comes in one turn of the loop goes together."""
        if not self._is_flushing:
            self._is_flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._is_flushing = False
        self._pool.flush()
        claims, self._claims = self._claims, []
        rows, first = 0, 0
        for number, attempt in enumerate(claims):
            rows += len(attempt.deliveries)
            if rows > MAX_ROWS and number > first:
                self._claim(claims[first:number])
                rows, first = len(attempt.deliveries), number
        if claims:
            self._claim(claims[first:])

    def _claim(self, attempts: list[Attempt]) -> None:
        now_ms = self._clock.now_ms()
        job = JobBuilder()
        for attempt in attempts:
            job.claim(attempt.deliveries, now_ms)
        committed = self._store.submit(job.work(now_ms))
        committed.add_done_callback(lambda future: self._claimed(attempts, future))

    def _claimed(self, attempts: list[Attempt], committed: "asyncio.Future[None]") -> None:
        error = None if committed.cancelled() else committed.exception()
        if error is None and not committed.cancelled():
            for attempt in attempts:
                self.claimed(attempt)
            return
        if isinstance(error, JobRefused) and len(attempts) > 1:
            for attempt in attempts:  # one row was changed by an operator: the others go on
                self._claim([attempt])
            return
        if error is not None and not isinstance(error, StoreError):
            self._log.error("claim failed", error=repr(error))
        for attempt in attempts:
            self.drop(attempt)
            self._unclaimed(attempt)

    async def _read(self, message: QueuedMessage) -> None:
        """Have the content in memory, for all attempts that have asked by then."""
        try:
            content = await self._store.read_content(message.ref)
        except RelevoError as error:
            for attempt in self._reading.pop(message):
                self._failed(attempt, error)
            return
        except BaseException:
            del self._reading[message]
            raise
        self._board.keep_content(message, content)
        for attempt in self._reading.pop(message):
            if self._pool.sign(attempt):
                self._signed(attempt)
        self._pool.flush()

    def _signed(self, attempt: Attempt) -> None:
        attempt.is_signed = True
        self._hand_on(attempt)

    def _failed(self, attempt: Attempt, error: BaseException) -> None:
        if not attempt.is_given_up:
            self._failures[attempt] = error
        self._hand_on(attempt)

    def _hand_on(self, attempt: Attempt) -> None:
        if not attempt.is_claimed:
            return
        error = self._failures.pop(attempt, None)
        if error is not None:
            self._broken(attempt, error)
        elif attempt.is_signed:
            self._ready(attempt)
