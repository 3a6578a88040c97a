"""What has to follow when the machine's wall clock is set by a minute or more while mail is queued.

Deadlines are kept in each flow's own time, which stands still on hold; a jump counts as time on
hold, forward as backward, so nothing expires by it and nothing lives longer. Retries of a clock that
was set back come as far off as they were; after a jump forward they are due at once. What people
chose as a time of day (a campaign's hour, a mail to be sent at a time) stays as they chose it.
Everything is on the disk before the new time is shown to anyone (`SteadyClock`).
"""

import asyncio
from collections.abc import Callable

import structlog

from mta.delivery.dispatcher import Dispatcher
from mta.model.clock import SteadyClock
from mta.model.errors import StoreError
from mta.scheduler.retry import RetryPlan, longest_wait_s
from mta.store.base import Store
from mta.store.work import Rows

LOOK_S = 1.0
BATCH = 500


class ClockSteps:
    """Takes the jumps of the wall clock over."""

    def __init__(
        self,
        store: Store,
        clock: SteadyClock,
        dispatcher: Dispatcher,
        plan: RetryPlan,
        told: Callable[[int], None],
    ) -> None:
        """`plan` tells how far off a retry can be; `told` gets each jump that was taken over, in ms."""
        self._told = told
        self._store = store
        self._clock = clock
        self._dispatcher = dispatcher
        self._longest_ms = longest_wait_s(plan) * 1000
        self._step_ms = 0  # the jump that is being taken over
        self._place = (0, 0)  # due time and id of the last retry that was moved
        self._log = structlog.get_logger("mta.delivery")

    async def run(self) -> None:
        """Look once a second, for ever."""
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                await self.look()
            except StoreError as error:
                self._log.warning("a jump of the clock cannot be taken over yet", error=str(error))

    async def look(self) -> int:
        """Take over a jump if there is one; gives its milliseconds. Raises `StoreError`.

        After an error the next call goes on where this one ended.
        """
        if not self._step_ms:
            self._step_ms = self._clock.step_ms()
            if not self._step_ms:
                return 0
            self._place = (self._clock.now_ms(), 0)
            self._log.warning("the machine's clock was set", by_s=round(self._step_ms / 1000))
        if self._step_ms < 0:
            await self._move_retries()
        before_ms = self._clock.now_ms()
        await self._store.submit([Rows("flow_clock_step", [(self._step_ms, before_ms)])])
        step_ms, self._step_ms = self._step_ms, 0
        self._clock.take_over(step_ms)
        self._dispatcher.clock_was_set(step_ms, before_ms)
        self._told(step_ms)
        return step_ms

    async def _move_retries(self) -> None:
        """Bring the retries nearer that a clock set back would put off."""
        until_ms = self._clock.now_ms() + self._longest_ms
        while True:
            due_ms, after = self._place
            rows = await self._store.read(
                "retries", due_ms=due_ms, after=after, until_ms=until_ms, count=BATCH
            )
            if not rows:
                return
            moved = [(row[0], row[1], row[1] + self._step_ms) for row in rows]
            await self._store.submit([Rows("delivery_due_moved", moved)], bulk=True)
            self._place = (rows[-1][1], rows[-1][0])
