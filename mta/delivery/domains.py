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
from mta.delivery.sites import SiteDirectory
from mta.model.clock import Clock
from mta.model.errors import StoreError
from mta.model.outcome import Outcome
from mta.model.traffic import TrafficClass
from mta.spool.rows import QueuedDelivery
from mta.store.base import Store
from mta.store.work import Rows

WORKERS = 64  # look-ups under way; the resolver has a bound of its own
URGENT_WORKERS = (
    8  # beside them, for urgent mail alone: as many places as the resolver keeps for it
)
KEPT = 200  # deliveries of a domain that wait in memory
BATCH = 1_000
RETRY_S = 1.0


class _Waiting:
    __slots__ = ("deliveries", "is_asked", "klass", "more")

    def __init__(self, klass: int) -> None:
        self.deliveries: list[QueuedDelivery] = []
        self.more = False  # further rows are on disk
        self.klass = klass  # the most urgent that waits
        self.is_asked = False  # a worker looks it up


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
        self._urgent: asyncio.Queue[str] = (
            asyncio.Queue()
        )  # the same domains once more, urgent ones
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

    def withdraw(self, delivery: QueuedDelivery) -> bool:
        """Take a delivery out of those that wait; False when it is not among them."""
        waiting = self._waiting.get(delivery.domain)
        if waiting is None or delivery not in waiting.deliveries:
            return False
        waiting.deliveries.remove(delivery)
        return True

    async def run(self) -> None:
        """Serve until cancelled; start `WORKERS` of them."""
        while True:
            _, _, domain = await self._queue.get()
            await self._work_on(domain)

    async def run_urgent(self) -> None:
        """Serve urgent mail until cancelled, while all others wait for DNS; start `URGENT_WORKERS`."""
        while True:
            await self._work_on(await self._urgent.get())

    async def _work_on(self, domain: str) -> None:
        waiting = self._waiting.get(domain)
        if waiting is None or waiting.is_asked:
            return  # another worker has it: it was asked for again, more urgently
        waiting.is_asked = True
        try:
            await self._resolve(domain, waiting)
        except StoreError as error:
            self._log.warning("store failed while resolving", domain=domain, error=str(error))
            await asyncio.sleep(RETRY_S)
            waiting.is_asked = False
            self._enqueue(domain, waiting)

    def _ask(self, domain: str, klass: int) -> _Waiting:
        waiting = self._waiting.get(domain)
        if waiting is None:
            waiting = self._waiting[domain] = _Waiting(klass)
            self._enqueue(domain, waiting)
        elif klass < waiting.klass:
            waiting.klass = klass
            if not waiting.is_asked:
                self._enqueue(domain, waiting)
        return waiting

    def _enqueue(self, domain: str, waiting: _Waiting) -> None:
        self._order += 1
        self._queue.put_nowait((waiting.klass, self._order, domain))
        if waiting.klass == TrafficClass.URGENT:
            self._urgent.put_nowait(domain)

    async def _resolve(self, domain: str, waiting: _Waiting) -> None:
        urgent = waiting.klass == TrafficClass.URGENT
        found = await self._router.find(domain, urgent=urgent)
        if isinstance(found, Outcome):
            await self._fail(domain, waiting, found)
        else:
            await self._assign(domain, waiting, found)
        del self._waiting[domain]

    async def _assign(self, domain: str, waiting: _Waiting, route: Route) -> None:
        """Give the rows of the domain their site. Raises `StoreError`; then nobody is forgotten."""
        site = await self._sites.ensure(route.site, route.provider)
        while waiting.deliveries or waiting.more:
            deliveries, waiting.deliveries = waiting.deliveries, []
            is_stored = not deliveries
            try:
                if is_stored:
                    deliveries = await self._stored(domain, waiting)
                await self._move([d.id for d in deliveries], site.id)
            except StoreError:
                if is_stored:
                    waiting.more = True
                else:
                    waiting.deliveries[:0] = deliveries
                raise
            for delivery in deliveries:
                delivery.site = site.id
            if is_stored:
                self._more_on_disk(site.id, deliveries)
            else:
                self._arrived(deliveries)

    async def _fail(self, domain: str, waiting: _Waiting, outcome: Outcome) -> None:
        """All mail of the domain has that outcome. Raises `StoreError` with the rest still waiting."""
        while waiting.deliveries or waiting.more:
            deliveries, waiting.deliveries = waiting.deliveries, []
            if not deliveries:
                deliveries = await self._stored(domain, waiting)
            await self._settlement.attempted_all(deliveries, outcome)

    async def _stored(self, domain: str, waiting: _Waiting) -> list[QueuedDelivery]:
        """The next rows on disk, without those in memory: they have just come and wait here too."""
        waiting.more = False  # whoever adds to the disk meanwhile sets it again
        try:
            rows = await self._store.read("unresolved_rows", domain=domain, after=0, count=BATCH)
        except StoreError:
            waiting.more = True
            raise
        if len(rows) == BATCH:
            waiting.more = True
        return [d for d in shared_messages(rows, self._board) if d.id not in self._board.loaded]

    async def _move(self, ids: list[int], site_id: int) -> None:
        if ids:
            await self._store.submit([Rows("delivery_site", [(i, site_id) for i in ids])])
