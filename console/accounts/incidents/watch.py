"""Warns before the time for telling the authority of a security incident is over, and when it is."""

import json
from collections.abc import Awaitable, Callable, Sequence

from console.accounts.actor import Actor
from console.accounts.incidents.entries import Registered
from console.accounts.incidents.register import IncidentRegister
from mta.model.clock import Clock
from mta.store.base import Store
from mta.store.work import Rows

OVERDUE = "overdue"

Warn = Callable[[Registered, int], Awaitable[None]]  # the incident, its deadline


async def _nobody(_one: Registered, _deadline_ms: int) -> None:
    pass


class DeadlineWatch:
    """Each warning goes out once, also over restarts."""

    def __init__(
        self, store: Store, clock: Clock, register: IncidentRegister, warn_s: Sequence[float]
    ) -> None:
        """`warn_s`: how long before the deadline; 0 is left out, for then it is over."""
        self._store = store
        self._clock = clock
        self._register = register
        self._steps = sorted((s for s in warn_s if s > 0), reverse=True)
        self.on_due: Warn = _nobody  # tells the people in charge

    async def run(self) -> None:
        """One pass. Raises `StoreError`."""
        now_ms = self._clock.now_ms()
        for number, known_ms, sent in await self._store.read("register_due"):
            deadline_ms = known_ms + round(self._register.notice_s * 1000)
            due = self._due(deadline_ms - now_ms)
            new = [step for step in due if step not in json.loads(sent)]
            if not new:
                continue
            # Noted before it is sent: a mail that is lost in a crash is followed by the next step.
            rows = [(number, step, now_ms) for step in new]
            await self._store.submit([Rows("register_alert", rows, expect=len(rows))])
            await self.on_due(await self._register.get(Actor.command(), number), deadline_ms)

    def _due(self, left_ms: int) -> list[str]:
        due = [f"{round(step)}s" for step in self._steps if left_ms <= step * 1000]
        return [*due, OVERDUE] if left_ms <= 0 else due
