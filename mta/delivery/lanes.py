"""All lanes: made when a site first has mail, pumped when something changed, and their shared bounds."""

import asyncio
from collections.abc import Callable

import structlog

from mta.delivery.board import Board, SiteBoard
from mta.delivery.lane import Lane, LaneHooks
from mta.delivery.lane_memory import LaneMemory, source_name
from mta.delivery.limits import LaneLimits
from mta.delivery.opening import Opener, Source
from mta.delivery.parts import DispatcherParts
from mta.delivery.room import ConnectionRoom
from mta.delivery.tasks import Tasks
from mta.model.errors import StoreError
from mta.model.traffic import EventType
from mta.shaping.deadhosts import DeadHosts
from mta.shaping.limiter import TotalLimiter
from mta.shaping.rules import Shaping
from mta.shaping.throttle import ShapingChange
from mta.spool.jobs import JobBuilder

IDLE_SWEEP_S = 5.0
MEMORY_S = 60.0
SWEEP_STEP = 200  # sites looked at in one turn of the loop
FORGET_S = 600.0  # longer than any burst of a pace counts


class Lanes:
    """Lanes by site; one for each egress source."""

    def __init__(self, parts: DispatcherParts, board: Board, tasks: Tasks) -> None:
        """`hooks` is set before the first lane is made."""
        self._parts = parts
        self._store = parts.store
        self._clock = parts.clock
        self._board = board
        self._tasks = tasks
        self.hooks: LaneHooks
        self.by_site: dict[int, list[Lane]] = {}
        self.held_sites: dict[int, str] = {}
        self.memory = LaneMemory(parts.store, parts.clock)
        self.room = ConnectionRoom(
            parts.max_connections, parts.clock, parts.metrics, lanes=self.all, kick=self.kick
        )
        self.is_stopping = False
        self.warm_ups = parts.warm_ups
        self.warm_ups.changed = self._follow_warm_ups
        self._totals: dict[int, TotalLimiter] = {}
        self._used_s: dict[int, float] = {}  # when a sweep last saw a site in use
        self._kicked: set[int] = set()
        self._opener = Opener(
            router=parts.router,
            config=parts.connections,
            dead_hosts=DeadHosts(),
            clock=parts.clock,
            sessions=parts.sessions_per_attempt,
            default_tls=parts.default_tls,
            smarthost_login=parts.smarthost_login,
        )
        self._log = structlog.get_logger("mta.delivery")

    def kick(self, site_id: int) -> None:
        """Let the lanes of a site look at their queue, once in the next turn of the loop."""
        if not self._kicked:
            asyncio.get_running_loop().call_soon(self._pump_kicked)
        self._kicked.add(site_id)

    def _pump_kicked(self) -> None:
        kicked, self._kicked = self._kicked, set()
        if self.is_stopping:
            return
        for site_id in kicked:
            for lane in self.of(site_id):
                lane.pump()

    def of(self, site_id: int) -> list[Lane]:
        """The lanes of a site, made when they are first needed."""
        lanes = self.by_site.get(site_id)
        if lanes is None:
            lanes = self.by_site[site_id] = self._make_lanes(self._board.site(site_id))
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
                self._board,
                board,
                source,
                limits,
                router=parts.router,
                opener=self._opener,
                clock=self._clock,
                hooks=self.hooks,
            )
            lane.held_reason = self.held_sites.get(board.site.id, "")
            self.memory.restore(lane)
            self._warm_up(lane)
            lane.picker.holds_bulk = limits.holds_bulk
            lanes.append(lane)
        if len(lanes) > 1:
            by_source = {lane.source.address: lane.picker for lane in lanes}
            for lane in lanes:
                lane.picker.by_source = by_source
                lane.picker.woken = lane.pump_soon
        return lanes

    @property
    def shaping(self) -> Shaping:
        """The rules in use."""
        return self._parts.shaping

    async def begin_warm_ups(self) -> None:
        """Read how far warm-ups are, before the first mail goes. Raises `StoreError`."""
        self.warm_ups.sources = tuple(map(source_name, self._parts.sources))
        await self.warm_ups.load(self._parts.shaping)

    def _warm_up(self, lane: Lane) -> None:
        """Hold the lane to what its source, and senders' domains, may send to the provider by now."""
        provider = Shaping.warm_up_group(lane.limits.policy)
        lane.limits.warm_up = self.warm_ups.of_source(source_name(lane.source), provider)
        lane.site.queue.warming = self.warm_ups.of_senders(provider)

    def _follow_warm_ups(self) -> None:
        for lane in self.all():
            self._warm_up(lane)
            self.kick(lane.site.site.id)

    def _shaping_changed(self, board: SiteBoard, source: Source) -> Callable[[ShapingChange], None]:
        def changed(change: ShapingChange) -> None:
            now_ms = self._clock.now_ms()
            job = JobBuilder()
            data = {"site": board.site.name, "source": source.address, **change.record()}
            job.event(EventType.SHAPING_CHANGED, now_ms, data=data)
            self._log.info("shaping changed", **data)
            self._tasks.spawn(self._write(job))
            self.kick(board.site.id)

        return changed

    async def _write(self, job: JobBuilder) -> None:
        await self._store.submit(job.work(self._clock.now_ms()))

    @property
    def connections_open(self) -> int:
        """Connections of all lanes, those being opened included."""
        return self.room.open

    def all(self) -> list[Lane]:
        """Every lane there is."""
        return [lane for lanes in self.by_site.values() for lane in lanes]

    def change_shaping(self, shaping: Shaping) -> None:
        """Other rules from now on; what was used of the old limits counts on."""
        self._parts.shaping = shaping
        self.warm_ups.follow(shaping)
        now_s = self._clock.monotonic_s()
        for site_id, lanes in self.by_site.items():
            for lane in lanes:
                policy = shaping.policy(lane.site.site.name, lane.source.pool)
                lane.limits.change(policy, now_s)
                self._warm_up(lane)
            self._totals[site_id].change(lanes[0].limits.policy, now_s)
            self.kick(site_id)

    def hold_site(self, site_id: int, reason: str) -> None:
        """Begin no attempt to the site; an empty reason ends that. The mark on disk is the caller's."""
        if reason:
            self.held_sites[site_id] = reason
        else:
            self.held_sites.pop(site_id, None)
        for lane in self.by_site.get(site_id, ()):
            lane.held_reason = reason
        self.kick(site_id)

    def insist(self, site_id: int) -> None:
        """Let the next attempt to the site wait for no host that failed lately."""
        for lane in self.of(site_id):
            lane.insist()

    async def sweep(self) -> None:
        """Close idle connections and let time-bound limits end, for ever."""
        while True:
            await asyncio.sleep(IDLE_SWEEP_S)
            await self.sweep_now()

    async def sweep_now(self) -> None:
        """One look at every lane: also a safety net, should a wake-up have been missed."""
        await self._judge_warm_ups()
        now_s = self._clock.monotonic_s()
        for number, site_id in enumerate(list(self._board.sites)):
            if number % SWEEP_STEP == SWEEP_STEP - 1:
                await asyncio.sleep(0)  # there may be tens of thousands: others have their turn
            board = self._board.sites.get(site_id)
            if board is not None:
                self._sweep_site(board, now_s)
        self._board.forget_idle()

    async def _judge_warm_ups(self) -> None:
        try:
            await self.warm_ups.tick()
            self._parts.metrics.set_warm_ups(self.warm_ups.numbers)
        except StoreError as error:
            self._log.warning("the day of a warm-up was not written", error=str(error))

    def _sweep_site(self, board: SiteBoard, now_s: float) -> None:
        lanes = self.by_site.get(board.site.id, [])
        for lane in lanes:
            lane.limits.tick(now_s)
            lane.sweep_idle(now_s)
        self.hooks.refill(board)
        board.queue.wake_aside()
        if board.waiting or any(lane.picker.parked for lane in lanes):
            self.kick(board.site.id)
        self._forget_unused(board, lanes, now_s)

    def _forget_unused(self, board: SiteBoard, lanes: list[Lane], now_s: float) -> None:
        """Drop a site that had no mail for long and has nothing to remember."""
        site_id = board.site.id
        is_used = bool(board.streams or board.waiting)
        if is_used or not all(lane.is_idle and now_s > lane.rest_until_s for lane in lanes):
            self._used_s[site_id] = now_s
        elif now_s - self._used_s.setdefault(site_id, now_s) > FORGET_S and all(
            self.memory.is_clear(lane) for lane in lanes
        ):
            self.by_site.pop(site_id, None)
            self._totals.pop(site_id, None)
            del self._used_s[site_id], self._board.sites[site_id]

    async def remember(self) -> None:
        """Write what lanes have to remember, for ever."""
        while True:
            await asyncio.sleep(MEMORY_S)
            await self.save()

    async def save(self) -> None:
        """Write it now."""
        try:
            await self.memory.save(self.all())
            await self.warm_ups.save()
        except StoreError as error:
            self._log.warning("lane states were not written", error=str(error))
