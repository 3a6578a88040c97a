"""Measures the queue for monitoring: depth and age by class, and deliveries past their deadline.

Depths are counters that every transaction keeps, so they are exact and cost nothing. Ids tell when
mail was accepted, so ages are ids at ranks of an index: exact for one flow, and for a class put
together from those of its deepest flows, each with its weight. How long due mail waits is asked of
what comes next in each window: when a flow does not move, that is the row that waits.
"""

import json

from mta.delivery.board import Board
from mta.events.metrics import Metrics
from mta.model.clock import Clock
from mta.model.ids import id_time_ms
from mta.model.traffic import DeliveryState, Gate, TrafficClass
from mta.store.base import Store

FLOWS = 20  # of a class that are looked at: the deepest
# The rank from the oldest, as a share, and the share of the flow that it speaks for.
RANKS = ((0.005, 0.01), (0.03, 0.04), (0.12, 0.15), (0.35, 0.30))
NEWEST_WEIGHT = 0.50
QUANTILES = (0.50, 0.95, 0.99)
HEADS = 1_000  # windows of a class whose next delivery is looked at: those with the oldest mail
BIG = 100_000  # queued deliveries; beyond, stepping through the index is worth making rarer
BIG_INTERVAL_S = 60.0
READ_DEADLINE_S = 20.0
PAST_DEADLINE_MS = 60_000  # the sweep runs every few seconds: a minute late is a fault
# An attempt under way is left to end: after the final dot alone a peer has ten minutes to answer.
ON_THE_WIRE_MS = 3_600_000


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
            for state in DeliveryState:
                if not state.is_final:
                    count = counts.get((klass, state), 0)
                    self._metrics.set_queue(klass, state.label, count)
            if with_ages:
                await self._measure_age(klass)
            self._metrics.set_oldest_due(klass, await self._oldest_due_s(klass))
        self._metrics.set_past_deadline(await self.past_deadline())

    async def past_deadline(self) -> int:
        """Deliveries that should have ended a minute ago and have not; held flows are no fault."""
        now_ms = self._clock.now_ms()
        total = 0
        for flow_id, count, first_ms in await self._store.read(
            "past_deadline", now_ms=now_ms - PAST_DEADLINE_MS, wire_ms=ON_THE_WIRE_MS
        ):
            flow = self._board.flows.get(flow_id)
            if flow is None or flow.gate != Gate.HELD:
                flow_now_ms = flow.time_ms(now_ms) if flow is not None else now_ms
                if first_ms <= flow_now_ms - PAST_DEADLINE_MS:
                    total += count
        return total

    async def _measure_age(self, klass: TrafficClass) -> None:
        now_ms = self._clock.now_ms()
        weighted: list[tuple[float, float]] = []
        for flow, count in await self._store.read(
            "flows_by_depth", **{"class": int(klass)}, count=FLOWS
        ):
            for identifier, weight in await self._sample(flow, count):
                age_s = max(0.0, (now_ms - id_time_ms(identifier)) / 1000)
                weighted.append((age_s, weight * count))
        p50, p95, p99 = (quantile(weighted, q) for q in QUANTILES)
        self._metrics.set_queue_age(klass, p50, p95, p99)

    async def _sample(self, flow: int, count: int) -> list[tuple[int, float]]:
        """Ids of a flow with the share of it that each speaks for."""
        found = []
        for rank, weight in RANKS:
            rows = await self._store.read(
                "id_at_rank", flow=flow, rank=int(rank * count), deadline_s=READ_DEADLINE_S
            )
            found += [(row[0], weight) for row in rows]
        rows = await self._store.read("newest_id", flow=flow)
        return found + [(row[0], NEWEST_WEIGHT) for row in rows]

    async def _oldest_due_s(self, klass: TrafficClass) -> float:
        now_ms = self._clock.now_ms()
        heads = [
            stream.window[0].id
            for site in self._board.sites.values()
            for stream in site.streams.values()
            if stream.klass == klass and stream.window and stream.flow.is_open(now_ms)
        ]
        if not heads:
            return 0.0
        ids = json.dumps(sorted(heads)[:HEADS])
        ((due_ms,),) = await self._store.read("oldest_due", ids=ids)
        return 0.0 if due_ms is None else max(0.0, (now_ms - due_ms) / 1000)


def quantile(weighted: list[tuple[float, float]], share: float) -> float:
    """The smallest value that `share` of the weight does not exceed; 0 without values."""
    left = share * sum(weight for _, weight in weighted)
    for value, weight in sorted(weighted):
        left -= weight
        if left <= 1e-9:
            return value
    return 0.0
