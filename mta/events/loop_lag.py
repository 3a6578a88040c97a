"""Measures how late the event loop runs: the first sign of overload and of blocking calls."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from mta.events.metrics import Metrics
from mta.model.clock import Clock

INTERVAL_S = 0.25  # four timers a second: too cheap to notice, dense enough for a histogram
WINDOW_S = 60.0  # the maximum shown covers the running and the last whole window
WARN_S = 1.0  # by then pauses and cancellations no longer take effect within a second


class LoopLagMonitor:
    """A long-lived coroutine that sleeps and sees how much later than asked it wakes."""

    def __init__(
        self,
        metrics: Metrics,
        clock: Clock,
        *,
        interval_s: float = INTERVAL_S,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._metrics = metrics
        self._clock = clock
        self._interval_s = interval_s
        self._sleep = sleep
        self._worst_s = 0.0
        self._worst_before_s = 0.0
        self._window_end_s = clock.monotonic_s() + WINDOW_S
        self._log = structlog.get_logger("relevo.loop")

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            due_s = self._clock.monotonic_s() + self._interval_s
            await self._sleep(self._interval_s)
            self.observe(max(0.0, self._clock.monotonic_s() - due_s))

    def observe(self, lag_s: float) -> None:
        """Take one measurement; the worst of a window that is beyond `WARN_S` is logged once."""
        now_s = self._clock.monotonic_s()
        if now_s >= self._window_end_s:
            self._worst_before_s, self._worst_s = self._worst_s, 0.0
            self._window_end_s = now_s + WINDOW_S
        if lag_s >= WARN_S > self._worst_s:
            self._log.warning("event loop was held up", lag_s=round(lag_s, 3))
        self._worst_s = max(self._worst_s, lag_s)
        self._metrics.observe_loop_lag(lag_s)
        self._metrics.set_loop_lag_max(max(self._worst_s, self._worst_before_s))
