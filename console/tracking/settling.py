"""Settles, a quarter of an hour later, who made the hits that were not clear at first.

What is due stands in the table, so a restart forgets nothing; the class, the figures and the
roll-ups change in one transaction.
"""

import structlog

from console.tracking.ingest import HitIngest
from mta.model.clock import Clock
from mta.store.standing import StandingTask

INTERVAL_S = 15.0
BATCH = 120  # hits; up to 14 rows each


class Settler:
    """`start()`, then `stop()`."""

    def __init__(self, ingest: HitIngest, clock: Clock, interval_s: float = INTERVAL_S) -> None:
        self._ingest = ingest
        self._clock = clock
        self._interval_s = interval_s
        log = structlog.get_logger("relevo.tracking")
        self._task = StandingTask("settle hits", self._work, log)

    def start(self) -> None:
        """Look for what is due, now and again."""
        self._task.start()

    async def stop(self) -> None:
        """End; what is due is settled at the next start."""
        await self._task.stop()

    async def settle(self) -> None:
        """All that is due. Raises `StoreError`."""
        while await self._ingest.settle(self._clock.now_ms(), BATCH):
            pass

    async def _work(self) -> float:
        await self.settle()
        return self._interval_s
