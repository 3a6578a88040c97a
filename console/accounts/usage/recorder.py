"""Writes what was counted at the doors: every few seconds, in one bulk job.

A crash loses what was counted since then, a stop nothing. Counting is not accounting: what a
message costs is in the ledger, in the message's own transaction.
"""

import asyncio

import structlog

from console.accounts.usage.counters import UsageCounters
from mta.model.errors import StoreError
from mta.store.base import Store
from mta.store.work import Rows, Scalar

INTERVAL_S = 5.0
ROWS_PER_JOB = 1000  # a bulk job's limit is 2,000; these rows are wide


class UsageRecorder:
    """`run()` is its long-lived task, `flush()` the last thing at a stop."""

    def __init__(
        self, store: Store, counters: UsageCounters, *, interval_s: float = INTERVAL_S
    ) -> None:
        self._store = store
        self._counters = counters
        self._interval_s = interval_s
        self._writing = asyncio.Lock()
        self._log = structlog.get_logger("relevo.usage")

    async def run(self) -> None:
        """Write until cancelled; what the store refuses is written the next time."""
        while True:
            await asyncio.sleep(self._interval_s)
            try:
                await self.flush()
            except StoreError as error:
                self._log.warning("usage_not_written", error=str(error))

    async def flush(self) -> None:
        """Write what was counted until now; what a report then reads is complete.

        Raises `StoreError` and keeps the counts when the store does not take them.
        """
        async with self._writing:
            taken = list(self._counters.take().items())
            for start in range(0, len(taken), ROWS_PER_JOB):
                part = taken[start : start + ROWS_PER_JOB]
                rows: list[tuple[Scalar, ...]] = [(*key, *counts) for key, counts in part]
                try:
                    await self._store.submit([Rows("usage_add", rows)], bulk=True)
                except StoreError:
                    self._counters.put_back(dict(taken[start:]))
                    raise
                except asyncio.CancelledError:  # the job goes on, those after it never began
                    self._counters.put_back(dict(taken[start + ROWS_PER_JOB :]))
                    raise
