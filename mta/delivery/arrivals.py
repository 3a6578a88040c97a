"""How ready mail comes into memory: fresh from the door, due again, resolved, or read from disk."""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from mta.delivery.ahead import Ahead
from mta.delivery.board import Board, SiteBoard
from mta.delivery.domains import Domains
from mta.delivery.lanes import Lanes
from mta.delivery.parts import DispatcherParts
from mta.delivery.refill import Refiller
from mta.delivery.sites import UNRESOLVED
from mta.delivery.tasks import Tasks
from mta.model.errors import StoreError
from mta.model.traffic import DeliveryState, Gate
from mta.scheduler.stream import Stream
from mta.spool.flows import flow_from_row
from mta.spool.rows import QueuedDelivery

RETRY_S = 1.0


class Arrivals:
    """Puts deliveries into the windows of their streams."""

    def __init__(self, parts: DispatcherParts, board: Board, lanes: Lanes, tasks: Tasks) -> None:
        """`domains`, `ahead` and `cancelled` are set before the first mail arrives."""
        self._store = parts.store
        self._clock = parts.clock
        self._board = board
        self._lanes = lanes
        self._tasks = tasks
        self.domains: Domains
        self.ahead: Ahead
        self.cancelled: Callable[[int], None]  # told of a cancelled flow that got mail
        self.refiller = Refiller(parts.store, board, parts.clock, lanes.kick)
        self._log = structlog.get_logger("mta.delivery")

    def arrived(self, deliveries: Sequence[QueuedDelivery]) -> None:
        """Ready deliveries come into memory, or stay on disk for later."""
        now_ms = self._clock.now_ms()
        for delivery in deliveries:
            if delivery.state == DeliveryState.CLAIMED:
                self.ahead.committed(delivery)
                continue
            flow = self._board.flows.get(delivery.flow)
            if delivery.site == UNRESOLVED:
                self.domains.add(delivery)
            elif flow is None:
                self._board.release(delivery)
                self.more_on_disk(delivery.site, [delivery])
            else:
                self._see_to(self._board.offer(delivery, flow, now_ms))
                self._lanes.kick(delivery.site)

    def more_on_disk(self, site_id: int, deliveries: list[QueuedDelivery]) -> None:
        """These rows are ready on disk and not in memory."""
        for delivery in deliveries:
            if site_id == UNRESOLVED:
                self.domains.add_stored(delivery.domain, delivery.klass)
            else:
                self._on_disk(site_id, delivery.klass, delivery.flow, delivery.id)

    def left_on_disk(self, delivery: QueuedDelivery) -> None:
        """That row may be ready on disk: to be looked at some time."""
        flow = self._board.flows.get(delivery.flow)
        if delivery.site == UNRESOLVED:
            self.domains.add_stored(delivery.domain, delivery.klass)
        elif flow is not None:
            self._board.stream(delivery.site, delivery.klass, flow).rewind(delivery.id)

    def promoted(self, rows: Sequence[tuple[int, int, int, int, str]]) -> None:
        """Rows (id, site, class, flow, domain) became ready on disk."""
        for delivery_id, site_id, klass, flow_id, domain in rows:
            if site_id == UNRESOLVED:
                self.domains.add_stored(domain, klass)
            else:
                self._on_disk(site_id, klass, flow_id, delivery_id)

    def _on_disk(self, site_id: int, klass: int, flow_id: int, delivery_id: int) -> None:
        """That row is ready on disk; its flow may not be in memory."""
        if self._board.flows.get(flow_id) is None:
            self._tasks.spawn(self.stored(site_id, klass, flow_id, before=delivery_id))
        else:
            self._rewind(site_id, klass, flow_id, delivery_id)

    def _rewind(self, site_id: int, klass: int, flow_id: int, delivery_id: int) -> None:
        flow = self._board.flows.get(flow_id)
        assert flow is not None
        stream = self._board.stream(site_id, klass, flow)
        stream.rewind(delivery_id)
        self._see_to(stream)

    def _see_to(self, stream: Stream) -> None:
        """There may be something to read for the stream, or to end."""
        if stream.flow.gate == Gate.CANCELLED:
            self.cancelled(stream.flow.id)
        else:
            self.refiller.want(stream)

    async def stored(self, site_id: int, klass: int, flow_id: int, before: int = 1) -> None:
        """There are ready rows of a flow that may not be in memory; tries until it can be read."""
        while self._board.flows.get(flow_id) is None:
            try:
                rows = await self._store.read("flow_by_id", flow=flow_id)
            except StoreError as error:
                self._log.warning("flow cannot be read, trying again", error=str(error))
                await asyncio.sleep(RETRY_S)
                continue
            if not rows:
                self._log.error("ready mail of a flow that does not exist", flow=flow_id)
                return
            self._board.flows.add(flow_from_row(rows[0]))
        self._rewind(site_id, klass, flow_id, before)

    def ready_again(self, delivery: QueuedDelivery) -> None:
        """A claim was given up: the delivery goes to the head of its window, or stays on disk."""
        flow = self._board.flows.get(delivery.flow)
        if self._board.loaded.get(delivery.id) is not delivery:
            return
        if flow is None or flow.gate != Gate.OPEN:
            self._board.release(delivery)
            self.more_on_disk(delivery.site, [delivery])
            return
        self._board.put_back(delivery, self._board.stream(delivery.site, delivery.klass, flow))
        self._lanes.kick(delivery.site)

    def refill(self, board: SiteBoard) -> None:
        """Read ahead for the streams of a site that run low."""
        for stream in board.streams.values():
            self.refiller.want(stream)
