"""The heart of delivery: takes ready mail, gives it to lanes, settles what comes back.

Theory of operation. Ready rows are in the windows of streams (`Board`), a few of them at a time;
lanes pick from the windows when a connection has a slot, `Preparation` claims and signs, the
connection sends, `Settlement` commits what became of it. Everything that decides runs on the event
loop and is called back when something changed; nothing polls. After a crash the database alone says
what is left to do.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence

import structlog

from mta.delivery.ahead import Ahead
from mta.delivery.arrivals import Arrivals
from mta.delivery.board import Board
from mta.delivery.domains import URGENT_WORKERS, WORKERS, Domains
from mta.delivery.flow_clock import FlowClock
from mta.delivery.lane import LaneHooks
from mta.delivery.lanes import Lanes
from mta.delivery.parts import DispatcherParts
from mta.delivery.recovery import Recovery
from mta.delivery.refill import READERS
from mta.delivery.rerouting import Rerouting
from mta.delivery.sending import Sending
from mta.delivery.settlement import Settlement
from mta.delivery.sites import UNRESOLVED
from mta.delivery.tasks import Tasks
from mta.delivery.timekeeper import Timekeeper
from mta.model.traffic import Gate
from mta.spool.flows import Flow
from mta.spool.rows import QueuedDelivery
from mta.store.work import Rows

SETTLE_S = 3.0  # for what is still to be written at the stop, after the deadline
LOOK_AGAIN_S = 0.02


class Dispatcher:
    """Delivers what is ready."""

    def __init__(self, parts: DispatcherParts) -> None:
        self._store = parts.store
        self._clock = parts.clock
        self._tasks = Tasks()
        self.board = Board(parts.sites, parts.flows)
        self.settlement = Settlement(
            store=parts.store,
            board=self.board,
            clock=parts.clock,
            plan=parts.plan,
            notices=parts.notices,
            hooks=parts.hooks,
            rng=parts.rng,
        )
        self.lanes = Lanes(parts, self.board, self._tasks)
        self.sending = Sending(parts, self.board, self.lanes, self.settlement)
        self.arrivals = Arrivals(parts, self.board, self.lanes, self._tasks)
        self.ahead = self.arrivals.ahead = Ahead(self.board, self.lanes, self.sending, parts.clock)
        self.domains = self.arrivals.domains = Domains(
            store=parts.store,
            board=self.board,
            sites=parts.sites,
            router=parts.router,
            settlement=self.settlement,
            clock=parts.clock,
            arrived=self.arrivals.arrived,
            more_on_disk=self.arrivals.more_on_disk,
        )
        self.timekeeper = Timekeeper(
            store=parts.store,
            board=self.board,
            settlement=self.settlement,
            clock=parts.clock,
            now_ready=self.arrivals.promoted,
            elsewhere=self._withdraw_elsewhere,
        )
        self.arrivals.cancelled = self.timekeeper.note_cancelled
        self.flow_clock = FlowClock(
            parts.flows, parts.clock, woken=self.gate_changed, ended=self.timekeeper.note_ended
        )
        rerouting = Rerouting(parts, self.lanes, self.sending, self._tasks, self.arrivals.arrived)
        parts.hooks.ready_again = self.arrivals.ready_again
        parts.hooks.accepted = self.accepted
        parts.hooks.scheduled = self.timekeeper.note_due
        self.lanes.hooks = LaneHooks(
            spawn=self._tasks.spawn,
            prepare=self.sending.prepare,
            done=self.sending.done,
            refused=self.sending.refused,
            read_ahead=self.arrivals.refiller.want,
            refill=self.arrivals.refill,
            may_connect=self.lanes.room.may_open,
            connected=self.lanes.room.changed,
            companions=lambda: parts.transactions.companions,
            find_route=rerouting.find_route,
            metrics=parts.metrics,
            paced=self.flow_clock.served,
        )
        self._log = structlog.get_logger("mta.delivery")

    def accepting(self, deliveries: Sequence[QueuedDelivery]) -> None:
        """Deliveries that are about to become durable (`ReadyListener`)."""
        self.ahead.take(deliveries)

    def refused(self, deliveries: Sequence[QueuedDelivery]) -> None:
        """They did not become durable (`ReadyListener`)."""
        self.ahead.refused(deliveries)

    def accepted(self, deliveries: Sequence[QueuedDelivery], due_ms: int) -> None:
        """Deliveries that have just become durable (`ReadyListener`)."""
        if due_ms:
            self.timekeeper.note_due(due_ms)
        else:
            self.arrivals.arrived(deliveries)

    def stored(self, rows: Sequence[tuple[int, int, int, int, str]]) -> None:
        """Rows are ready on disk from these on (`ReadyListener`): id, site, class, flow, domain."""
        self.arrivals.promoted(rows)

    # -- life ----------------------------------------------------------------------------------

    async def run(self, started: Callable[[], None]) -> None:
        """Recover, then deliver until cancelled; `started` is called when it is ready."""
        await self.lanes.memory.load()
        await self.lanes.begin_warm_ups()
        await Recovery(self._store, self.settlement, self._clock, self.board.flows).run()
        async with asyncio.TaskGroup() as group:
            self._tasks.begin(group)
            await self._look_at_queue()
            for _ in range(READERS):
                group.create_task(self.arrivals.refiller.run(), name="refill")
            for _ in range(WORKERS):
                group.create_task(self.domains.run(), name="resolve")
            for _ in range(URGENT_WORKERS):
                group.create_task(self.domains.run_urgent(), name="resolve urgent")
            group.create_task(self.timekeeper.promote(), name="promote")
            group.create_task(self.timekeeper.expire(), name="expire")
            group.create_task(self.timekeeper.cancel(), name="cancel")
            group.create_task(self.lanes.sweep(), name="sweep")
            group.create_task(self.flow_clock.run(), name="flow clock")
            group.create_task(self.lanes.remember(), name="lane memory")
            started()

    async def _look_at_queue(self) -> None:
        """Find the streams that have ready rows; nothing else of the queue is read."""
        for row in await self._store.read("streams_ready", deadline_s=60.0):
            site_id, klass, flow_id = row
            if site_id != UNRESOLVED:
                await self.arrivals.stored(site_id, klass, flow_id)
        for (domain,) in await self._store.read(
            "unresolved_domains", count=100_000, deadline_s=60.0
        ):
            self.domains.add_stored(domain)

    async def stop(self, deadline_s: float, hurry: asyncio.Event | None = None) -> None:
        """Begin nothing new; finish what is on the wire, or drop it at the deadline or on `hurry`."""
        self.lanes.is_stopping = True
        if not await self._wait_until(self._is_finished, deadline_s, hurry):
            self._log.warning(
                "connections dropped at the stop deadline",
                count=self.lanes.connections_open,
                is_hurried=hurry is not None and hurry.is_set(),
            )
            for lane in self.lanes.all():
                lane.abort()
            # What is being claimed comes back: else it would be uncertain at the next start.
            await self._wait_until(lambda: not self.sending.is_busy, SETTLE_S)
        try:
            async with asyncio.timeout(SETTLE_S):
                await self.settlement.drained()
        except TimeoutError:
            self._log.error("settlements were not written; the deliveries will be uncertain")
        await self.sending.preparation.close()
        await self.lanes.save()

    def _is_finished(self) -> bool:
        """Nothing is on the wire; connections end as soon as their attempts have."""
        for lane in self.lanes.all():
            lane.stop()
        return not self.sending.is_busy and not self.lanes.connections_open

    @staticmethod
    async def _wait_until(
        condition: Callable[[], bool], deadline_s: float, hurry: asyncio.Event | None = None
    ) -> bool:
        """Look until it holds; False after the deadline. For the stop only, where all ends."""
        end_s = asyncio.get_running_loop().time() + deadline_s
        while not condition():
            is_hurried = hurry is not None and hurry.is_set()
            if is_hurried or asyncio.get_running_loop().time() >= end_s:
                return False
            await asyncio.sleep(LOOK_AGAIN_S)
        return True

    def clock_was_set(self, step_ms: int, before_ms: int) -> None:
        """The wall clock jumped by so much from `before_ms`, the disk has been told: memory follows."""
        for flow in self.board.flows:
            flow.clock_was_set(step_ms, before_ms)
        self.flow_clock.clock_was_set()
        self.timekeeper.note_due(0)

    # -- what operators do ---------------------------------------------------------------------

    async def plan_flow(
        self, flow: Flow, *, not_before_ms: int = 0, rate_per_hour: int = 0, end_ms: int = 0
    ) -> None:
        """Give a flow its hour, its own rate and its end, durably; 0 means none.

        The end comes later by all time that the flow is on hold from now on. Raises `StoreError`;
        then nothing has changed.
        """
        if end_ms:  # kept in the flow's own time, like every deadline
            now_ms = self._clock.now_ms()
            end_ms = max(1, end_ms - (now_ms - flow.time_ms(now_ms)))
        row = (flow.id, not_before_ms, rate_per_hour, end_ms)
        await self._store.submit([Rows("flow_plan", [row], expect=1)])
        flow.not_before_ms, flow.rate_per_hour, flow.end_ms = row[1:]
        flow.next_ms = 0.0
        self.gate_changed(flow.id)

    def gate_changed(self, flow_id: int) -> None:
        """A flow's gate was changed and committed; the change holds from now on."""
        flow = self.board.flows.get(flow_id)
        if flow is None:
            return
        self.flow_clock.watch(flow)
        if flow.gate == Gate.OPEN:
            for stream in self.board.by_flow.get(flow_id, ()):
                self.arrivals.refiller.want(stream)
                self.board.sites[stream.site].queue.wake(stream)
                self.lanes.kick(stream.site)
            return
        for stream in self.board.by_flow.get(flow_id, ()):
            for lane in self.lanes.by_site.get(stream.site, ()):
                lane.picker.give_back()
        self.board.unload(flow_id)
        if flow.gate == Gate.CANCELLED:
            self.timekeeper.note_cancelled(flow_id)

    def withdraw(self, deliveries: Collection[int]) -> None:
        """Forget those that wait in memory: the disk will say what is true of them.

        What is under way stays. Called before the change is written, so the disk is looked at when
        the lane next reads ahead, not at once.
        """
        for delivery_id in deliveries:
            delivery = self.board.loaded.get(delivery_id)
            if delivery is not None and self.timekeeper.withdraw(delivery):
                self.board.release(delivery)
                self.arrivals.left_on_disk(delivery)

    def _withdraw_elsewhere(self, delivery: QueuedDelivery) -> bool:
        """Take a delivery out of what waits for DNS or for a connection to its own hosts."""
        return self.domains.withdraw(delivery) or any(
            lane.picker.withdraw(delivery) for lane in self.lanes.by_site.get(delivery.site, ())
        )
