"""Mail for domains whose site is not known yet: look them up, then move their rows by domain.

`250` never waits for DNS: rows of unknown domains enter at site 0. The first of them stay in
memory until the answer is there; the rest is read from disk in batches.
"""

import asyncio
from collections.abc import Callable

import structlog

from mta.delivery.board import Board
from mta.delivery.refill import shared_messages
from mta.delivery.routing import Route, Router
from mta.delivery.settlement import Settlement
from mta.delivery.sites import UNRESOLVED, SiteDirectory
from mta.model.clock import Clock
from mta.model.errors import StoreError
from mta.model.outcome import Outcome
from mta.spool.rows import QueuedDelivery
from mta.store.base import Store
from mta.store.work import Rows

WORKERS = 64  # look-ups under way; the resolver has a bound of its own
KEPT = 200  # deliveries of a domain that wait in memory
BATCH = 1_000
RETRY_S = 1.0


class _Waiting:
    __slots__ = ("deliveries", "more", "urgent")

    def __init__(self) -> None:
        self.deliveries: list[QueuedDelivery] = []
        self.more = False
        self.urgent = False


class Domains:
    """Resolves the domains of rows at site 0."""

    def __init__(
        self,
        *,
        store: Store,
        board: Board,
        sites: SiteDirectory,
        router: Router,
        settlement: Settlement,
        clock: Clock,
        arrived: Callable[[list[QueuedDelivery]], None],
        more_on_disk: Callable[[int, list[QueuedDelivery]], None],
    ) -> None:
        """`arrived`: these have a site now. `more_on_disk`: so have these rows, not in memory."""
        self._store = store
        self._board = board
        self._sites = sites
        self._router = router
        self._settlement = settlement
        self._clock = clock
        self._arrived = arrived
        self._more_on_disk = more_on_disk
        self._waiting: dict[str, _Waiting] = {}
        self._queue: asyncio.PriorityQueue[tuple[int, int, str]] = asyncio.PriorityQueue()
        self._order = 0
        self._log = structlog.get_logger("mta.delivery")

    def add(self, delivery: QueuedDelivery) -> None:
        """A ready delivery at site 0, just accepted."""
        waiting = self._ask(delivery.domain, delivery.klass)
        if len(waiting.deliveries) < KEPT and self._board.has_room:
            waiting.deliveries.append(delivery)
            self._board.load(delivery)
        else:
            waiting.more = True

    def add_stored(self, domain: str, klass: int = 3) -> None:
        """There are ready rows of the domain on disk."""
        self._ask(domain, klass).more = True

    def is_waiting(self, domain: str) -> bool:
        """Whether the domain is being looked up."""
        return domain in self._waiting

    async def run(self) -> None:
        """Serve until cancelled; start `WORKERS` of them."""
        while True:
            _, _, domain = await self._queue.get()
            try:
                await self._resolve(domain)
            except StoreError as error:
                self._log.warning("store failed while resolving", domain=domain, error=str(error))
                await asyncio.sleep(RETRY_S)
                self._requeue(domain)

    def _ask(self, domain: str, klass: int) -> _Waiting:
        waiting = self._waiting.get(domain)
        if waiting is None:
            waiting = self._waiting[domain] = _Waiting()
            self._order += 1
            self._queue.put_nowait((klass, self._order, domain))
        return waiting

    def _requeue(self, domain: str) -> None:
        self._order += 1
        self._queue.put_nowait((3, self._order, domain))

    async def _resolve(self, domain: str) -> None:
        waiting = self._waiting.get(domain)
        if waiting is None:
            return
        found = await self._router.find(domain, urgent=waiting.urgent)
        if isinstance(found, Outcome):
            await self._fail(domain, waiting, found)
        else:
            await self._assign(domain, waiting, found)

    async def _assign(self, domain: str, waiting: _Waiting, route: Route) -> None:
        site = await self._sites.ensure(route.site, route.provider)
        while True:
            deliveries, waiting.deliveries = waiting.deliveries, []
            if deliveries:
                await self._move([d.id for d in deliveries], site.id)
                for delivery in deliveries:
                    delivery.site = site.id
                self._arrived(deliveries)
            elif waiting.more:
                waiting.more = False
                await self._assign_stored(domain, site.id)
            else:
                break
        del self._waiting[domain]

    async def _assign_stored(self, domain: str, site_id: int) -> None:
        after = 0
        while rows := await self._store.read(
            "unresolved_rows", domain=domain, after=after, count=BATCH
        ):
            after = rows[-1][0]
            found = [d for d in shared_messages(rows, self._board) if d.site == UNRESOLVED]
            await self._move([d.id for d in found], site_id)
            for delivery in found:
                delivery.site = site_id
            self._more_on_disk(site_id, found)

    async def _move(self, ids: list[int], site_id: int) -> None:
        await self._store.submit([Rows("delivery_site", [(i, site_id) for i in ids])])

    async def _fail(self, domain: str, waiting: _Waiting, outcome: Outcome) -> None:
        while True:
            deliveries, waiting.deliveries = waiting.deliveries, []
            if not deliveries and waiting.more:
                rows = await self._store.read(
                    "unresolved_rows", domain=domain, after=0, count=BATCH
                )
                waiting.more = len(rows) == BATCH
                deliveries = shared_messages(rows, self._board)
            if not deliveries:
                break
            await self._settlement.attempted_all(deliveries, outcome)
        del self._waiting[domain]
