"""Measures the queue for monitoring: depth and age by class, and deliveries past their deadline.

Depths are counters that every transaction keeps, so they are exact and cost nothing. Ages come from
a sample: ids tell when mail was accepted, and up to `SAMPLES` of them spread over the ids in use
give p50, p95 and p99 without reading the queue.
"""

from mta.delivery.board import Board
from mta.events.metrics import Metrics
from mta.model.clock import Clock
from mta.model.ids import id_time_ms
from mta.model.traffic import DeliveryState, Gate, TrafficClass
from mta.store.base import Store

SAMPLES = 500
BIG = 100_000  # queued deliveries; beyond, the sample's index scan is worth making rarer
BIG_INTERVAL_S = 60.0
PAST_DEADLINE_MS = 60_000  # the sweep runs every few seconds: a minute late is a fault


class QueueGauges:
    """Reads what there is to know of the queue."""

    def __init__(self, store: Store, board: Board, metrics: Metrics, clock: Clock) -> None:
        self._store = store
        self._board = board
        self._metrics = metrics
        self._clock = clock
        self._ages_due_s = 0.0

    async def measure(self) -> None:
        """Set all gauges of the queue."""
        counts = {(k, s): n for k, s, n in await self._store.read("state_counts")}
        now_s = self._clock.monotonic_s()
        is_big = sum(n for (_, s), n in counts.items() if s < DeliveryState.DELIVERED) > BIG
        with_ages = not is_big or now_s >= self._ages_due_s
        if with_ages:
            self._ages_due_s = now_s + BIG_INTERVAL_S
        for klass in TrafficClass:
            total = 0
            for state in DeliveryState:
                if not state.is_final:
                    count = counts.get((klass, state), 0)
                    total += count
                    self._metrics.set_queue(klass, state.label, count)
            if with_ages:
                await self._measure_age(klass, total)
        self._metrics.set_past_deadline(await self.past_deadline())

    async def past_deadline(self) -> int:
        """Deliveries that should have ended a minute ago and have not; held flows are no fault."""
        now_ms = self._clock.now_ms()
        total = 0
        for flow_id, count, first_ms in await self._store.read(
            "past_deadline", now_ms=now_ms - PAST_DEADLINE_MS
        ):
            flow = self._board.flows.get(flow_id)
            if flow is None or flow.gate != Gate.HELD:
                flow_now_ms = flow.time_ms(now_ms) if flow is not None else now_ms
                if first_ms <= flow_now_ms - PAST_DEADLINE_MS:
                    total += count
        return total

    async def _measure_age(self, klass: TrafficClass, total: int) -> None:
        rows: list[tuple[int]] = []
        if total:
            rows = await self._store.read(
                "age_sample",
                **{"class": int(klass)},
                step=max(1, total // SAMPLES),
                count=4 * SAMPLES,
            )
        now_ms = self._clock.now_ms()
        ages = sorted(max(0.0, (now_ms - id_time_ms(row[0])) / 1000) for row in rows)
        if not ages:
            ages = [0.0]
        last = len(ages) - 1
        p50, p95, p99 = (ages[round(last * q)] for q in (0.5, 0.95, 0.99))
        self._metrics.set_queue_age(klass, p50, p95, p99)
