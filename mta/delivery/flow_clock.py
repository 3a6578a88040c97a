"""What time does to flows: they begin at their hour, keep to their rate, and have an end.

A flow that may not go now is closed by `Flow.is_open`; this clock opens it again at the right
moment (one timer for all flows), and after a campaign's end it cancels what was never attempted.
"""

import asyncio
from collections.abc import Callable
from heapq import heappop, heappush

from mta.model.clock import Clock
from mta.spool.flows import Flow, FlowDirectory

LONGEST_WAIT_S = 60.0  # a clock that was set must not put anything off for longer


class FlowClock:
    """Wakes flows; used from the event loop only."""

    def __init__(
        self,
        flows: FlowDirectory,
        clock: Clock,
        *,
        woken: Callable[[int], None],
        ended: Callable[[int], None],
    ) -> None:
        """`woken(flow id)`: it may go again. `ended(flow id)`: its end has passed."""
        self._flows = flows
        self._clock = clock
        self._woken = woken
        self._ended = ended
        self._moments: list[tuple[int, int]] = []  # (wall clock ms, flow id)
        self._armed: dict[int, int] = {}
        self._over: set[int] = set()  # flows whose end was told
        self._event = asyncio.Event()

    def served(self, flow: Flow) -> None:
        """The flow was served at its own rate: look at it at its next turn.

        That may have come meanwhile, and whoever found the flow closed has gone: it is woken, too.
        """
        now_ms = self._clock.now_ms()
        if 0 < flow.next_ms <= now_ms:
            self._arm(now_ms, flow.id)
        else:
            self._watch(flow, now_ms)

    def watch(self, flow: Flow) -> None:
        """Look at the flow again when its hour, its rate or its end says so."""
        self._watch(flow, self._clock.now_ms())

    def _watch(self, flow: Flow, now_ms: int) -> None:
        if flow.has_ended(now_ms):
            if flow.id not in self._over:
                self._over.add(flow.id)
                self._ended(flow.id)
            return
        self._over.discard(flow.id)
        moment = flow.next_change_ms(now_ms)
        if moment:
            self._arm(moment, flow.id)

    def _arm(self, moment: int, flow_id: int) -> None:
        if self._armed.get(flow_id, moment + 1) > moment:
            self._armed[flow_id] = moment
            heappush(self._moments, (moment, flow_id))
            self._event.set()

    def clock_was_set(self) -> None:
        """Forget all moments: they were those of another clock."""
        self._moments.clear()
        self._armed.clear()
        now_ms = self._clock.now_ms()
        for flow in self._flows:
            if flow.is_open(now_ms) and not flow.has_ended(now_ms):
                self._woken(flow.id)
            self.watch(flow)
        self._event.set()

    async def run(self) -> None:
        """Serve until cancelled."""
        for flow in self._flows:
            self.watch(flow)
        while True:
            self._event.clear()
            self._look()
            wait_s = LONGEST_WAIT_S
            if self._moments:
                wait_s = min(wait_s, (self._moments[0][0] - self._clock.now_ms()) / 1000)
            try:
                async with asyncio.timeout(max(0.001, wait_s)):
                    await self._event.wait()
            except TimeoutError:
                pass

    def _look(self) -> None:
        now_ms = self._clock.now_ms()
        while self._moments and self._moments[0][0] <= now_ms:
            moment, flow_id = heappop(self._moments)
            if self._armed.get(flow_id) == moment:
                del self._armed[flow_id]
            flow = self._flows.get(flow_id)
            if flow is None:
                continue
            if flow.is_open(now_ms) and not flow.has_ended(now_ms):
                self._woken(flow_id)
            self._watch(flow, now_ms)  # of the same moment: no turn comes in between
