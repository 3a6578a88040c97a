"""The end of an attempt: each recipient's outcome becomes a state, an event and counters, durably.

What ends in one turn of the loop is one job. A settlement is never given up: while the store
cannot take it, it is tried again every second, and its connection waits.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from mta.bounces.classes import BounceClass
from mta.delivery.board import Board
from mta.delivery.sites import UNRESOLVED
from mta.model.clock import Clock
from mta.model.errors import InternalError, JobRefused, StoreError
from mta.model.outcome import Outcome, OutcomeKind
from mta.model.traffic import DeliveryState, EventType
from mta.scheduler.retry import RetryPlan, decide
from mta.spool.flows import Flow
from mta.spool.jobs import JobBuilder
from mta.spool.rows import DeliveryFlag, QueuedDelivery, attempts_made
from mta.store.base import Store

# Whether it was ever tried decides what these cost.
_UNSENT = frozenset((DeliveryState.CANCELLED, DeliveryState.SUPPRESSED, DeliveryState.EXPIRED))
MAX_ROWS = 300  # deliveries in one job: with a notice each makes six rows of the store's 2,000
RETRY_S = 1.0

_EVENTS = {
    DeliveryState.DELIVERED: EventType.DELIVERED,
    DeliveryState.BOUNCED: EventType.BOUNCED,
    DeliveryState.EXPIRED: EventType.EXPIRED,
    DeliveryState.CANCELLED: EventType.CANCELLED,
    DeliveryState.SUPPRESSED: EventType.SUPPRESSED,
    DeliveryState.SCHEDULED: EventType.DEFERRED,
}


class Notices(Protocol):
    """Writes delivery status notifications into the job that settles what they tell of."""

    def settled(
        self,
        job: JobBuilder,
        delivery: QueuedDelivery,
        state: DeliveryState,
        outcome: Outcome,
        now_ms: int,
        due_ms: int = 0,
    ) -> QueuedDelivery | None:
        """Add a notice if the sender is to get one; gives its delivery. `due_ms`: the next try."""
        ...


@dataclass(slots=True, eq=False)
class _Settled:
    """One delivery on its way into its new state."""

    delivery: QueuedDelivery
    state: DeliveryState
    due_ms: int
    outcome: Outcome
    told: Callable[[], None] | None = None


@dataclass(slots=True)
class Hooks:
    """Whom settlement tells what happened."""

    ready_again: Callable[[QueuedDelivery], None]  # came back untried
    scheduled: Callable[[int], None]  # a row is due then
    accepted: Callable[[Sequence[QueuedDelivery], int], None]  # a notice entered the queue
    counted: Callable[[QueuedDelivery, DeliveryState, Outcome], None]  # metrics and mail log
    classify: Callable[[Outcome, QueuedDelivery], str] = field(default=lambda _o, _d: "")
    is_greylisted: Callable[[Outcome], bool] = field(default=lambda _o: False)


class Settlement:
    """Collects outcomes and commits them."""

    def __init__(
        self,
        *,
        store: Store,
        board: Board,
        clock: Clock,
        plan: RetryPlan,
        notices: Notices,
        hooks: Hooks,
        rng: random.Random,
    ) -> None:
        self._store = store
        self._board = board
        self._clock = clock
        self._plan = plan
        self._notices = notices
        self._hooks = hooks
        self._rng = rng
        self._pending: list[_Settled] = []
        self._open = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._log = structlog.get_logger("mta.delivery")

    def attempted(
        self, delivery: QueuedDelivery, outcome: Outcome, told: Callable[[], None] | None = None
    ) -> None:
        """An attempt for the delivery ended; `told` is called when that is on disk."""
        now_ms = self._clock.now_ms()
        flow = self._flow(delivery)
        decision = decide(
            self._plan,
            delivery,
            outcome,
            now_ms=now_ms,
            flow_time_ms=flow.time_ms(now_ms) if flow else now_ms,
            is_greylisted=self._hooks.is_greylisted(outcome),
            rng=self._rng,
        )
        self._add(_Settled(delivery, decision.state, decision.due_ms, outcome, told))

    async def attempted_all(self, deliveries: Sequence[QueuedDelivery], outcome: Outcome) -> None:
        """The same outcome for many; returns when all of them are on disk."""
        done = asyncio.Event()
        left = len(deliveries)

        def told() -> None:
            nonlocal left
            left -= 1
            if not left:
                done.set()

        for delivery in deliveries:
            self.attempted(delivery, outcome, told)
        if deliveries:
            await done.wait()

    def finish(
        self,
        delivery: QueuedDelivery,
        state: DeliveryState,
        outcome: Outcome,
        told: Callable[[], None] | None = None,
    ) -> None:
        """The delivery ends, or goes back to ready, without another attempt."""
        self._add(_Settled(delivery, state, 0, outcome, told))

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits to be settled."""
        return not self._open

    async def drained(self) -> None:
        """Wait until everything handed in so far is on disk."""
        await self._idle.wait()

    def _flow(self, delivery: QueuedDelivery) -> Flow | None:
        return self._board.flows.get(delivery.flow)

    def _add(self, settled: _Settled) -> None:
        if not self._pending:
            asyncio.get_running_loop().call_soon(self._flush)
        self._pending.append(settled)
        self._open += 1
        self._idle.clear()

    def _flush(self) -> None:
        pending, self._pending = self._pending, []
        for start in range(0, len(pending), MAX_ROWS):
            self._commit(pending[start : start + MAX_ROWS])

    def _commit(self, batch: list[_Settled]) -> None:
        now_ms = self._clock.now_ms()
        job = JobBuilder()
        notices: list[QueuedDelivery] = []
        for settled in batch:
            self._write(job, settled, now_ms, notices)
        try:
            committed = self._store.submit(job.work(now_ms), job.contents)
        except InternalError:
            self._log.exception("settlement is not a job", deliveries=len(batch))
            self._later(batch)
            return
        committed.add_done_callback(lambda future: self._committed(batch, notices, future))

    def _write(
        self, job: JobBuilder, settled: _Settled, now_ms: int, notices: list[QueuedDelivery]
    ) -> None:
        delivery, state, outcome = settled.delivery, settled.state, settled.outcome
        if state != DeliveryState.READY:
            notice = self._notices.settled(job, delivery, state, outcome, now_ms, settled.due_ms)
            if notice is not None:
                notices.append(notice)
        job.settle(
            delivery,
            state,
            now_ms,
            due_ms=settled.due_ms,
            reply=None if state == DeliveryState.READY else str(outcome.reply)[:500],
            host=None if state == DeliveryState.READY else outcome.host,
        )
        if state == DeliveryState.READY:
            return
        data: dict[str, object] = {"reply": str(outcome.reply)[:1000], "phase": outcome.phase}
        if outcome.host:
            data["host"] = outcome.host
        if outcome.tls:
            data["tls"] = outcome.tls
        if state in _UNSENT:
            data["attempts"] = attempts_made(delivery)
        if state != DeliveryState.DELIVERED:
            is_suppressed = state == DeliveryState.SUPPRESSED
            data["class"] = (
                BounceClass.SUPPRESSED if is_suppressed else self._hooks.classify(outcome, delivery)
            )
            if settled.due_ms:
                data["due_ms"] = settled.due_ms
            if delivery.flags & DeliveryFlag.UNCERTAIN and outcome.kind is OutcomeKind.UNCERTAIN:
                data["uncertain"] = True
        job.event(
            _EVENTS[state],
            now_ms,
            account=delivery.message.account,
            flow=delivery.flow,
            message=delivery.message.id,
            delivery=delivery.id,
            data=data,
        )

    def _committed(
        self,
        batch: list[_Settled],
        notices: list[QueuedDelivery],
        committed: "asyncio.Future[None]",
    ) -> None:
        error = None if committed.cancelled() else committed.exception()
        if committed.cancelled() or error is not None:
            self._not_committed(batch, error)
            return
        for settled in batch:
            self._done(settled)
        if notices:
            self._hooks.accepted(notices, 0)
        self._close(len(batch))

    def _not_committed(self, batch: list[_Settled], error: BaseException | None) -> None:
        if isinstance(error, JobRefused | InternalError) and len(batch) > 1:
            # One row is not as memory has it, or all together are too many for a job.
            middle = len(batch) // 2
            self._commit(batch[:middle])
            self._commit(batch[middle:])
        elif isinstance(error, JobRefused):
            self._was_changed(batch[0])
        else:
            if not isinstance(error, StoreError):
                self._log.error("settlement failed", error=repr(error))
            self._later(batch)

    def _was_changed(self, settled: _Settled) -> None:
        """The row is not in the state that memory has: the row is right, memory looks again."""
        delivery = settled.delivery
        flow = self._flow(delivery)
        is_fault = delivery.state == DeliveryState.CLAIMED  # nobody else may touch claimed rows
        tell = self._log.error if is_fault else self._log.info
        tell("delivery had changed meanwhile", delivery=delivery.id, state=delivery.state)
        self._board.release(delivery)
        if flow is not None and delivery.site != UNRESOLVED:
            self._board.stream(delivery.site, delivery.klass, flow).rewind(delivery.id)
        if settled.told is not None:
            settled.told()
        self._close(1)

    def _later(self, batch: list[_Settled]) -> None:
        asyncio.get_running_loop().call_later(RETRY_S, self._commit, batch)

    def _done(self, settled: _Settled) -> None:
        delivery, state = settled.delivery, settled.state
        delivery.state = state
        if state == DeliveryState.READY:
            self._hooks.ready_again(delivery)
        else:
            self._board.settled(delivery)
            if state == DeliveryState.SCHEDULED:
                self._hooks.scheduled(settled.due_ms)
            self._hooks.counted(delivery, state, settled.outcome)
        if settled.told is not None:
            settled.told()

    def _close(self, count: int) -> None:
        self._open -= count
        if not self._open:
            self._idle.set()
