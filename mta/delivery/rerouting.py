"""Domains whose route is not known or has aged: looked up again, and their mail may change lanes."""

from mta.delivery.board import Board
from mta.delivery.lane import Lane
from mta.delivery.lanes import Lanes
from mta.delivery.parts import DispatcherParts
from mta.delivery.sending import Sending
from mta.delivery.tasks import Tasks
from mta.model.outcome import Outcome
from mta.spool.jobs import JobBuilder
from mta.spool.rows import QueuedDelivery


class Rerouting:
    """Finds routes for lanes that ask."""

    def __init__(
        self, parts: DispatcherParts, board: Board, lanes: Lanes, sending: Sending, tasks: Tasks
    ) -> None:
        self._store = parts.store
        self._clock = parts.clock
        self._router = parts.router
        self._sites = parts.sites
        self._board = board
        self._lanes = lanes
        self._sending = sending
        self._tasks = tasks
        self._routing: set[str] = set()

    def find_route(self, lane: Lane, domain: str) -> None:
        """Look the domain up, unless that is under way."""
        if domain not in self._routing:
            self._routing.add(domain)
            self._tasks.spawn(self._route(lane, domain))

    async def _route(self, lane: Lane, domain: str) -> None:
        """Look up a domain whose route is not in memory; its mail may turn out to change lanes."""
        try:
            found = await self._router.find(domain)
        finally:
            self._routing.discard(domain)
        site_id = lane.site.site.id
        if isinstance(found, Outcome):
            self._sending.refused(lane, lane.picker.take_domain(domain), found)
            return
        site = await self._sites.ensure(found.site, found.provider)
        if site.id != site_id:
            await self._change_lane(lane.picker.take_domain(domain), site.id)
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
            flow = self._board.flows.get(delivery.flow)
            if flow is not None:
                self._board.put_back(delivery, self._board.stream(site_id, delivery.klass, flow))
        self._lanes.kick(site_id)
