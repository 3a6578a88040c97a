"""Settles, a quarter of an hour later, who made the hits that were not clear at first.

What is due stands in the table, so a restart forgets nothing; the class, the figures and the
roll-ups change in one transaction.
"""

import asyncio

import structlog

from console.tracking.ingest import HitIngest
from mta.model.clock import Clock
from mta.model.errors import StoreError, StoreFailed

INTERVAL_S = 15.0
BATCH = 200  # hits; a few rows each


class Settler:
    """`start()`, then `stop()`."""

    def __init__(self, ingest: HitIngest, clock: Clock, interval_s: float = INTERVAL_S) -> None:
        self._ingest = ingest
        self._clock = clock
        self._interval_s = interval_s
        self._task: asyncio.Task[None] | None = None
        self._log = structlog.get_logger("relevo.tracking")

    def start(self) -> None:
        """Look for what is due, now and again."""
        self._task = asyncio.get_running_loop().create_task(self._run(), name="settle hits")

    async def stop(self) -> None:
        """End; what is due is settled at the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def settle(self) -> None:
        """All that is due. Raises `StoreError`."""
        while await self._ingest.settle(self._clock.now_ms(), BATCH):
            pass

    async def _run(self) -> None:
        while True:
            try:
                await self.settle()
            except StoreFailed:
                return  # the process ends
            except StoreError as error:
                self._log.warning("hits were not settled, it is tried again", error=str(error))
            except Exception:
                self._log.exception("hits were not settled")
            await asyncio.sleep(self._interval_s)
