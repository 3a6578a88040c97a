"""Keeps the record of runs while the server runs, and measures availability by it.

A run that ended without an orderly stop is known until its last sign of life; so is one whose machine
slept: a sign that comes much too late begins a new run. What was not recorded is not measured.
"""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import structlog

from console.reports.usage.data import Availability, Gap
from mta.model.clock import Clock
from mta.model.errors import StoreError
from mta.store.base import Store
from mta.store.work import Rows

BEAT_S = 30.0
LATE_MS = 120_000  # between two signs of life: the machine slept, or the store took nothing


class Run(NamedTuple):
    """One run; `ended_ms` 0: it has not stopped in order."""

    began_ms: int
    beat_ms: int
    ended_ms: int


class RunRecorder:
    """Writes a sign of life every `BEAT_S`; `run()` until it is cancelled, then `finish()`."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._began_ms = 0
        self._beat_ms = 0
        self._log = structlog.get_logger("relevo.runs")

    async def begin(self) -> None:
        """A new run. Raises `StoreError`."""
        self._began_ms = self._beat_ms = self._clock.now_ms()
        await self._store.submit([Rows("service_run_begin", [(self._began_ms,)])])

    async def beat(self) -> None:
        """A sign of life. Raises `StoreError`."""
        now_ms = self._clock.now_ms()
        if now_ms - self._beat_ms > LATE_MS:
            await self.begin()
            return
        await self._write(now_ms, 0)
        self._beat_ms = now_ms

    async def finish(self) -> None:
        """It stops in order. Raises `StoreError`."""
        if self._began_ms:
            now_ms = self._clock.now_ms()
            await self._write(now_ms, now_ms)

    async def run(self) -> None:
        """Signs of life until cancelled; one that cannot be written is one that is missing."""
        while True:
            await asyncio.sleep(BEAT_S)
            try:
                await self.beat()
            except StoreError as error:
                self._log.warning("sign of life not written", error=str(error))

    async def _write(self, beat_ms: int, ended_ms: int) -> None:
        row = (self._began_ms, beat_ms, ended_ms)
        await self._store.submit([Rows("service_run_beat", [row])])


class RunReader:
    """Measures."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def availability(self, from_ms: int, until_ms: int) -> Availability:
        """Of a time, as far as it is over and recorded."""
        ((since_ms,),) = await self._store.read("service_run_first")
        rows = await self._store.read("service_runs", from_ms=from_ms, until_ms=until_ms)
        runs = [Run(*row) for row in rows]
        return measured(runs, since_ms, from_ms, min(until_ms, self._clock.now_ms()))


def measured(runs: Sequence[Run], since_ms: int, from_ms: int, until_ms: int) -> Availability:
    """Running time and gaps between `from_ms` and `until_ms`; `runs` in the order of time.

    A last run with a recent sign of life is taken to run on.

    >>> measured([Run(0, 900, 900), Run(1000, 2000, 0)], 0, 0, 2000).gaps
    (Gap(from_ms=900, until_ms=1000, is_planned=True),)
    """
    begin = max(from_ms, since_ms)
    if not runs or begin >= until_ms:
        return Availability()
    gaps: list[Gap] = []
    for place, run in enumerate(runs):
        end = run.ended_ms or run.beat_ms
        is_last = place + 1 == len(runs)
        if is_last and not run.ended_ms and until_ms - run.beat_ms <= LATE_MS:
            continue
        next_ms = until_ms if is_last else runs[place + 1].began_ms
        first, last = max(end, begin), min(next_ms, until_ms)
        if first < last:
            gaps.append(Gap(first, last, bool(run.ended_ms)))
    down = sum(gap.until_ms - gap.from_ms for gap in gaps)
    return Availability(since_ms, until_ms - begin, until_ms - begin - down, tuple(gaps))
