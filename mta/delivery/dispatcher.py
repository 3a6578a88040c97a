"""The heart of delivery: takes ready mail, gives it to lanes, settles what comes back.

Theory of operation. Ready rows are in the windows of streams (`Board`), a few of them at a time;
lanes pick from the windows when a connection has a slot, `Preparation` claims and signs, the
connection sends, `Settlement` commits what became of it. Everything that decides runs on the event
loop and is called back when something changed; nothing polls. After a crash the database alone says
what is left to do.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from random import Random
from typing import Any

import structlog

from mta.delivery.attempt import Attempt
from mta.delivery.board import Board, SiteBoard
from mta.delivery.connection import ConnectionConfig
from mta.delivery.domains import WORKERS, Domains
from mta.delivery.lane import Lane, LaneHooks
from mta.delivery.limits import LaneLimits
from mta.delivery.opening import Opener, Source
from mta.delivery.preparation import Preparation
from mta.delivery.recovery import Recovery
from mta.delivery.refill import READERS, Refiller
from mta.delivery.routing import Router
from mta.delivery.settlement import Hooks, Notices, Settlement
from mta.delivery.signing import Keys, SignBatch
from mta.delivery.sites import UNRESOLVED, SiteDirectory
from mta.delivery.target import Credentials, TlsMode
from mta.delivery.timekeeper import CANCELLED, Timekeeper
from mta.delivery.transactions import TransactionBuilder
from mta.model.clock import Clock
from mta.model.outcome import Outcome, OutcomeKind, Phase, local_outcome
from mta.model.traffic import DeliveryState, EventType, Gate
from mta.scheduler.retry import RetryPlan
from mta.shaping.deadhosts import DeadHosts
from mta.shaping.limiter import TotalLimiter
from mta.shaping.rules import Shaping
from mta.shaping.throttle import ShapingChange
from mta.spool.flows import FlowDirectory, flow_from_row
from mta.spool.jobs import JobBuilder
from mta.spool.rows import QueuedDelivery
from mta.store.base import Store

RESERVED_SHARE = 0.05  # of all connections, kept for urgent and transactional mail
IDLE_SWEEP_S = 5.0
COMPANIONS = 50  # recipients of one relay message in one transaction


@dataclass(slots=True)
class DispatcherParts:
    """What the dispatcher is built from; the engine makes it."""

    store: Store
    clock: Clock
    flows: FlowDirectory
    sites: SiteDirectory
    router: Router
    shaping: Shaping
    connections: ConnectionConfig
    sources: Sequence[Source]
    transactions: TransactionBuilder
    plan: RetryPlan
    notices: Notices
    hooks: Hooks
    executor: Executor
    threads: int
    keys: Callable[[bytes], Keys]
    sign_batch: SignBatch
    max_connections: int
    sessions_per_attempt: int
    default_tls: TlsMode
    smarthost_login: Credentials | None
    is_suppressed: Callable[[QueuedDelivery], str]
    connected: Callable[[int], None]
    throttled: Callable[[str], None]
    rng: Random


class Dispatcher:
    """Delivers what is ready."""

    def __init__(self, parts: DispatcherParts) -> None:
        self._parts = parts
        self._store = parts.store
        self._clock = parts.clock
        self.board = Board(parts.sites, parts.flows)
        parts.hooks.ready_again = self._ready_again
        parts.hooks.accepted = self.accepted
        self.settlement = Settlement(
            store=parts.store,
            board=self.board,
            clock=parts.clock,
            plan=parts.plan,
            notices=parts.notices,
            hooks=parts.hooks,
            rng=parts.rng,
        )
        self.timekeeper = Timekeeper(
            store=parts.store,
            board=self.board,
            settlement=self.settlement,
            clock=parts.clock,
            now_ready=self._promoted,
        )
        parts.hooks.scheduled = self.timekeeper.note_due
        self.domains = Domains(
            store=parts.store,
            board=self.board,
            sites=parts.sites,
            router=parts.router,
            settlement=self.settlement,
            clock=parts.clock,
            arrived=self._arrived,
            more_on_disk=self._more_on_disk,
        )
        self._refiller = Refiller(parts.store, self.board, self._kick)
        self.preparation = Preparation(
            store=parts.store,
            board=self.board,
            clock=parts.clock,
            executor=parts.executor,
            threads=parts.threads,
            keys=parts.keys,
            sign_batch=parts.sign_batch,
            ready=self._send,
            unclaimed=self._unclaimed,
            broken=self._broken,
        )
        self.dead_hosts = DeadHosts()
        self._opener = Opener(
            router=parts.router,
            config=parts.connections,
            dead_hosts=self.dead_hosts,
            clock=parts.clock,
            sessions=parts.sessions_per_attempt,
            default_tls=parts.default_tls,
            smarthost_login=parts.smarthost_login,
        )
        self.lanes: dict[int, list[Lane]] = {}
        self._totals: dict[int, TotalLimiter] = {}
        self.held_sites: dict[int, str] = {}
        self._lane_of: dict[Attempt, Lane] = {}
        self.connections_open = 0
        self._kicked: set[int] = set()
        self._routing: set[str] = set()
        self._group: asyncio.TaskGroup | None = None
        self._is_stopping = False
        self._log = structlog.get_logger("mta.delivery")
        self._lane_hooks = LaneHooks(
            spawn=self._spawn,
            prepare=self._prepare,
            done=self._done,
            refused=self._refused,
            refill=self._refill,
            may_connect=self._may_connect,
            connected=self._connected,
            companions=lambda: parts.transactions.companions,
            find_route=self._find_route,
            throttled=parts.throttled,
        )

    # -- life ----------------------------------------------------------------------------------

    async def run(self, started: Callable[[], None]) -> None:
        """Recover, then deliver until cancelled; `started` is called when it is ready."""
        await Recovery(self._store, self.settlement, self._clock, self.board.flows).run()
        async with asyncio.TaskGroup() as group:
            self._group = group
            await self._look_at_queue()
            for _ in range(READERS):
                group.create_task(self._refiller.run(), name="refill")
            for _ in range(WORKERS):
                group.create_task(self.domains.run(), name="resolve")
            group.create_task(self.timekeeper.promote(), name="promote")
            group.create_task(self.timekeeper.expire(), name="expire")
            group.create_task(self.timekeeper.cancel(), name="cancel")
            group.create_task(self._sweep(), name="sweep")
            started()

    async def _look_at_queue(self) -> None:
        """Find the streams that have ready rows; nothing else of the queue is read."""
        for row in await self._store.read("streams_ready", deadline_s=60.0):
            site_id, klass, flow_id = row
            if site_id != UNRESOLVED:
                await self._stored(site_id, klass, flow_id)
        for (domain,) in await self._store.read(
            "unresolved_domains", count=100_000, deadline_s=60.0
        ):
            self.domains.add_stored(domain)

    async def stop(self, deadline_s: float) -> None:
        """Begin nothing new; finish what is on the wire until the deadline, then drop it."""
        self._is_stopping = True
        for lane in self._all_lanes():
            lane.stop()
        try:
            async with asyncio.timeout(deadline_s):
                while self._lane_of or self.connections_open:
                    for lane in self._all_lanes():
                        lane.stop()
                    await asyncio.sleep(0.02)
        except TimeoutError:
            self._log.warning(
                "connections dropped at the stop deadline", count=self.connections_open
            )
            for lane in self._all_lanes():
                lane.abort()
            await asyncio.sleep(0)
        try:
            async with asyncio.timeout(5.0):
                await self.settlement.drained()
        except TimeoutError:
            self._log.error("settlements were not written; the deliveries will be uncertain")
        await self.preparation.close()

    # -- mail comes in -------------------------------------------------------------------------

    def accepted(self, deliveries: Sequence[QueuedDelivery], due_ms: int) -> None:
        """Deliveries that have just become durable (`ReadyListener`)."""
        if due_ms:
            self.timekeeper.note_due(due_ms)
            return
        self._arrived(deliveries)

    def _arrived(self, deliveries: Sequence[QueuedDelivery]) -> None:
        now_ms = self._clock.now_ms()
        for delivery in deliveries:
            flow = self.board.flows.get(delivery.flow)
            if delivery.site == UNRESOLVED:
                self.domains.add(delivery)
            elif flow is None:
                self._more_on_disk(delivery.site, [delivery])
            else:
                stream = self.board.offer(delivery, flow, now_ms)
                if stream.wants_refill:
                    self._refiller.want(stream)
                self._kick(delivery.site)

    def _more_on_disk(self, site_id: int, deliveries: list[QueuedDelivery]) -> None:
        for delivery in deliveries:
            self._on_disk(site_id, delivery.klass, delivery.flow, delivery.id)

    def _promoted(self, rows: list[tuple[int, int, int, int, str]]) -> None:
        for delivery_id, site_id, klass, flow_id, domain in rows:
            if site_id == UNRESOLVED:
                self.domains.add_stored(domain, klass)
            else:
                self._on_disk(site_id, klass, flow_id, delivery_id)

    def _on_disk(self, site_id: int, klass: int, flow_id: int, delivery_id: int) -> None:
        """That row is ready on disk; its flow may not be in memory."""
        if self.board.flows.get(flow_id) is None:
            self._spawn(self._stored(site_id, klass, flow_id, before=delivery_id))
        else:
            self._rewind(site_id, klass, flow_id, delivery_id)

    def _rewind(self, site_id: int, klass: int, flow_id: int, delivery_id: int) -> None:
        flow = self.board.flows.get(flow_id)
        assert flow is not None
        stream = self.board.stream(site_id, klass, flow)
        stream.rewind(delivery_id)
        if stream.wants_refill and flow.is_open(self._clock.now_ms()):
            self._refiller.want(stream)

    async def _stored(self, site_id: int, klass: int, flow_id: int, before: int = 1) -> None:
        """There are ready rows of a flow that may not be in memory."""
        if self.board.flows.get(flow_id) is None:
            rows = await self._store.read("flow_by_id", flow=flow_id)
            if not rows:
                self._log.error("ready mail of a flow that does not exist", flow=flow_id)
                return
            self.board.flows.add(flow_from_row(rows[0]))
        self._rewind(site_id, klass, flow_id, before)

    def _ready_again(self, delivery: QueuedDelivery) -> None:
        flow = self.board.flows.get(delivery.flow)
        if flow is not None and delivery.id in self.board.loaded:
            stream = self.board.stream(delivery.site, delivery.klass, flow)
            self.board.put_back(delivery, stream)
            self._kick(delivery.site)

    # -- lanes ---------------------------------------------------------------------------------

    def _kick(self, site_id: int) -> None:
        """Let the lanes of a site look at their queue, once in the next turn of the loop."""
        if not self._kicked:
            asyncio.get_running_loop().call_soon(self._pump_kicked)
        self._kicked.add(site_id)

    def _pump_kicked(self) -> None:
        kicked, self._kicked = self._kicked, set()
        if self._is_stopping:
            return
        for site_id in kicked:
            for lane in self.lanes_of(site_id):
                lane.pump()

    def lanes_of(self, site_id: int) -> list[Lane]:
        """The lanes of a site, made when they are first needed."""
        lanes = self.lanes.get(site_id)
        if lanes is None:
            lanes = self.lanes[site_id] = self._make_lanes(self.board.site(site_id))
        return lanes

    def _make_lanes(self, board: SiteBoard) -> list[Lane]:
        parts = self._parts
        lanes = []
        for source in parts.sources:
            policy = parts.shaping.policy(board.site.name, source.pool)
            total = self._totals.setdefault(board.site.id, TotalLimiter(policy))
            limits = LaneLimits(
                policy, total, clock=self._clock, changed=self._shaping_changed(board, source)
            )
            lane = Lane(
                self.board,
                board,
                source,
                limits,
                router=parts.router,
                opener=self._opener,
                clock=self._clock,
                hooks=self._lane_hooks,
            )
            lane.held_reason = self.held_sites.get(board.site.id, "")
            lanes.append(lane)
        return lanes

    def _shaping_changed(self, board: SiteBoard, source: Source) -> Callable[[ShapingChange], None]:
        def changed(change: ShapingChange) -> None:
            now_ms = self._clock.now_ms()
            job = JobBuilder()
            data = {"site": board.site.name, "source": source.address, **change.record()}
            job.event(EventType.SHAPING_CHANGED, now_ms, data=data)
            self._log.info("shaping changed", **data)
            self._spawn(self._write(job))
            self._kick(board.site.id)

        return changed

    async def _write(self, job: JobBuilder) -> None:
        await self._store.submit(job.work(self._clock.now_ms()))

    def _all_lanes(self) -> list[Lane]:
        return [lane for lanes in self.lanes.values() for lane in lanes]

    def _refill(self, board: SiteBoard) -> None:
        if self.board.has_room:
            for stream in self.board.wanting(board, self._clock.now_ms()):
                self._refiller.want(stream)

    def _may_connect(self, urgent: bool) -> bool:
        limit = self._parts.max_connections
        if not urgent:
            limit = max(1, int(limit * (1 - RESERVED_SHARE)))
        return self.connections_open < limit

    def _connected(self, difference: int) -> None:
        self.connections_open += difference
        self._parts.connected(difference)

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        if self._group is None:
            coroutine.close()
            return
        self._group.create_task(self._guarded(coroutine))

    async def _guarded(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """A failure of one lane or look-up must not end the others."""
        try:
            await coroutine
        except Exception:
            self._log.exception("delivery task failed")

    def _find_route(self, lane: Lane, domain: str) -> None:
        if domain not in self._routing:
            self._routing.add(domain)
            self._spawn(self._route(lane, domain))

    async def _route(self, lane: Lane, domain: str) -> None:
        """Look up a domain whose route is not in memory; its mail may turn out to change lanes."""
        try:
            found = await self._parts.router.find(domain)
        finally:
            self._routing.discard(domain)
        site_id = lane.site.site.id
        if isinstance(found, Outcome):
            self._refused(lane, lane.take_domain(domain), found)
            return
        site = await self._parts.sites.ensure(found.site, found.provider)
        if site.id != site_id:
            await self._change_lane(lane.take_domain(domain), site.id)
        lane.pump()

    async def _change_lane(self, deliveries: list[QueuedDelivery], site_id: int) -> None:
        now_ms = self._clock.now_ms()
        job = JobBuilder()
        for delivery in deliveries:
            job.add("delivery_site", (delivery.id, site_id))
        if not deliveries:
            return
        await self._store.submit(job.work(now_ms))
        for delivery in deliveries:
            delivery.site = site_id
            flow = self.board.flows.get(delivery.flow)
            if flow is not None:
                self.board.put_back(delivery, self.board.stream(site_id, delivery.klass, flow))
        self._kick(site_id)

    # -- one attempt ---------------------------------------------------------------------------

    def _prepare(self, lane: Lane, attempt: Attempt) -> None:
        self._lane_of[attempt] = lane
        self.preparation.prepare(attempt)

    def _send(self, attempt: Attempt) -> None:
        """Claimed and signed: look once more at gate, deadline and suppression, then write."""
        lane = self._lane_of[attempt]
        now_ms = self._clock.now_ms()
        flow = attempt.stream.flow
        if not flow.is_open(now_ms) or lane.held_reason or self._is_stopping:
            self._give_up_claim(lane, attempt, flow.gate == Gate.CANCELLED)
            return
        flow_time_ms = flow.time_ms(now_ms)
        attempt.deliveries = [d for d in attempt.deliveries if self._may_go(d, flow_time_ms)]
        if not attempt.deliveries:
            self._end(lane, attempt)
            return
        if not lane.send(attempt, self._parts.transactions.build(attempt)):
            self._give_up_claim(lane, attempt, is_cancelled=False)

    def _may_go(self, delivery: QueuedDelivery, flow_time_ms: int) -> bool:
        if delivery.expires_ms and delivery.expires_ms <= flow_time_ms:
            outcome = local_outcome(
                OutcomeKind.BOUNCED, 554, "5.4.7", "Delivery time expired", Phase.LOCAL
            )
            self.settlement.finish(delivery, DeliveryState.EXPIRED, outcome)
            return False
        reason = self._parts.is_suppressed(delivery)
        if reason:
            outcome = local_outcome(OutcomeKind.BOUNCED, 554, "5.7.1", reason, Phase.LOCAL)
            self.settlement.finish(delivery, DeliveryState.SUPPRESSED, outcome)
            return False
        return True

    def _give_up_claim(self, lane: Lane, attempt: Attempt, is_cancelled: bool) -> None:
        """The attempt does not go out: its rows are ready again, or cancelled."""
        state = DeliveryState.CANCELLED if is_cancelled else DeliveryState.READY
        left = len(attempt.deliveries)

        def told() -> None:
            nonlocal left
            left -= 1
            if not left:
                self._end(lane, attempt)

        for delivery in attempt.deliveries:
            self.settlement.finish(delivery, state, CANCELLED, told)

    def _unclaimed(self, attempt: Attempt) -> None:
        """The claim did not commit: the rows are ready on disk, look at them again later."""
        lane = self._lane_of[attempt]
        for delivery in attempt.deliveries:
            self.board.release(delivery)
            attempt.stream.rewind(delivery.id)
        self._end(lane, attempt, pump=False)
        asyncio.get_running_loop().call_later(1.0, self._kick, lane.site.site.id)

    def _broken(self, attempt: Attempt, error: BaseException) -> None:
        """The content cannot be read or signed: a fault of ours, told as such."""
        lane = self._lane_of[attempt]
        self._log.error("message cannot be prepared", message=attempt.message.id, error=repr(error))
        kind, code, status = self._parts.transactions.fault(error)
        outcome = local_outcome(kind, code, status, str(error)[:200], Phase.LOCAL)
        self._settle_all(lane, attempt, [outcome] * len(attempt.deliveries))

    def _done(self, lane: Lane, attempt: Attempt, outcomes: list[Outcome]) -> None:
        lane.limits.observe(outcomes[0], self._clock.monotonic_s())
        self._settle_all(lane, attempt, outcomes)

    def _settle_all(self, lane: Lane, attempt: Attempt, outcomes: list[Outcome]) -> None:
        left = len(outcomes)

        def told() -> None:
            nonlocal left
            left -= 1
            if not left:
                self._end(lane, attempt)

        for delivery, outcome in zip(attempt.deliveries, outcomes, strict=True):
            delivery.source = lane.source.address
            self.settlement.attempted(delivery, outcome, told)

    def _end(self, lane: Lane, attempt: Attempt, *, pump: bool = True) -> None:
        """Everything about the attempt is on disk: its slot is free."""
        self._lane_of.pop(attempt, None)
        lane.ended(attempt)
        if pump:
            self._kick(lane.site.site.id)

    def _refused(self, lane: Lane, deliveries: list[QueuedDelivery], outcome: Outcome) -> None:
        """No connection could be had for these: an attempt that ended before it began."""
        for delivery in deliveries:
            self.settlement.attempted(delivery, outcome)
        if deliveries:
            self._log.info(
                "site cannot be reached",
                site=lane.site.site.name,
                deliveries=len(deliveries),
                reply=str(outcome.reply),
            )

    def change_shaping(self, shaping: Shaping) -> None:
        """Other rules from now on; what was used of the old limits counts on."""
        self._parts.shaping = shaping
        now_s = self._clock.monotonic_s()
        for site_id, lanes in self.lanes.items():
            for lane in lanes:
                policy = shaping.policy(lane.site.site.name, lane.source.pool)
                lane.limits.change(policy, now_s)
            self._totals[site_id].change(lanes[0].limits.policy, now_s)
            self._kick(site_id)

    # -- what operators do ---------------------------------------------------------------------

    def gate_changed(self, flow_id: int) -> None:
        """A flow's gate was changed and committed; the change holds from now on."""
        flow = self.board.flows.get(flow_id)
        if flow is None:
            return
        if flow.gate == Gate.OPEN:
            for stream in self.board.by_flow.get(flow_id, ()):
                if stream.wants_refill:
                    self._refiller.want(stream)
                self.board.sites[stream.site].queue.wake(stream)
                self._kick(stream.site)
            return
        self.board.unload(flow_id)
        if flow.gate == Gate.CANCELLED:
            self.timekeeper.note_cancelled(flow_id)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(IDLE_SWEEP_S)
            now_s = self._clock.monotonic_s()
            for site_id, lanes in list(self.lanes.items()):
                for lane in lanes:
                    lane.limits.tick(now_s)
                    lane.sweep_idle(now_s)
                board = self.board.sites.get(site_id)
                if board is not None and board.waiting:
                    self._kick(site_id)
            self.board.forget_idle()
