"""What goes next on a lane's connections, and what was picked and waits for other hosts.

Domains rolled up into one site may have different MX hosts: a delivery goes only over a connection
to one of its own. What the site's queue gives and does not fit is parked, a bounded number, until
a connection to its hosts has a slot.
"""

from collections import deque
from collections.abc import Callable
from itertools import chain, islice

from mta.delivery.board import Board, SiteBoard
from mta.delivery.link import Link
from mta.delivery.routing import Route, Router
from mta.scheduler.site_queue import FIRST_BULK
from mta.scheduler.stream import Stream
from mta.spool.rows import MessageFlag, QueuedDelivery

MAX_PARKED = 200
MAX_OVERTAKEN = 4  # of 15 turns of a site twelve are urgent's and transactional's
_PERSONAL = int(MessageFlag.TEMPLATE | MessageFlag.UNSUBSCRIBE | MessageFlag.MARKED)

Picked = tuple[Stream, QueuedDelivery]


class Picker:
    """The site's queue as one lane sees it."""

    def __init__(
        self, board: Board, site: SiteBoard, router: Router, find_route: Callable[[str], None]
    ) -> None:
        """`find_route(domain)` is asked for a domain whose route is not known, aged, or elsewhere."""
        self._board = board
        self._site = site
        self._router = router
        self._find_route = find_route
        self._parked: list[Picked] = []  # a list: most sites never park anything
        self._overtaken = 0  # times that better mail went before parked bulk mail
        # Lanes of the site by egress address, where there are several: set when all are made.
        self.by_source: dict[str, Picker] = {}
        self.woken: Callable[[], None] = lambda: None
        self.holds_bulk: Callable[[], bool] = lambda: False  # the source is being warmed up

    @property
    def parked(self) -> int:
        """Deliveries that were picked and wait for a connection to their own hosts."""
        return len(self._parked)

    @property
    def waiting(self) -> int:
        """Deliveries in memory that wait for a connection."""
        return self._site.waiting + len(self._parked)

    def next_for(self, link: Link, now_ms: int, *, bulk: bool) -> Picked | None:
        """Take what goes next over that connection; `bulk`: campaigns may use it."""
        if not self._parked:
            return self._pick(link, now_ms, bulk=bulk)
        first_bulk = None
        for index, (stream, delivery) in enumerate(self._parked):
            is_bulk = stream.klass >= FIRST_BULK
            if is_bulk and (not bulk or first_bulk is not None or self._is_cold(delivery, now_ms)):
                continue
            if self.fits(link, delivery):
                if not is_bulk:
                    return self._parked.pop(index)
                first_bulk = index
        if first_bulk is None:
            return self._pick(link, now_ms, bulk=bulk)
        if self._overtaken < MAX_OVERTAKEN:
            better = self._pick(link, now_ms, bulk=False)
            if better is not None:
                self._overtaken += 1
                return better
        self._overtaken = 0
        return self._parked.pop(first_bulk)

    def _pick(self, link: Link, now_ms: int, *, bulk: bool) -> Picked | None:
        """What is next in the site's queue and fits; what does not is parked.

        Parked bulk mail takes no place from better mail: that has as many places again.
        """
        places = MAX_PARKED if bulk else 2 * MAX_PARKED
        while len(self._parked) < places:
            found = self._site.queue.pick(now_ms, bulk=bulk)
            if found is None:
                return None
            self._site.waiting -= 1
            if self.by_source and self._belongs_elsewhere(found):
                continue
            if self.fits(link, found[1]):
                return found
            self._parked.append(found)
        return None

    def _is_cold(self, delivery: QueuedDelivery, now_ms: int) -> bool:
        queue = self._site.queue
        return bool(queue.warming) and not queue.may_pass(delivery, now_ms)

    def give_back_cold(self, now_ms: int) -> None:
        """Parked bulk mail that a warm-up does not let go now returns: other sources may take it."""
        is_held = self.holds_bulk()
        kept: list[Picked] = []
        while self._parked:
            stream, delivery = self._parked.pop()
            is_bulk = stream.klass >= FIRST_BULK
            if is_bulk and (is_held or self._is_cold(delivery, now_ms)):
                self._board.put_back(delivery, stream)
            else:
                kept.append((stream, delivery))
        kept.reverse()
        self._parked = kept

    def _belongs_elsewhere(self, found: Picked) -> bool:
        """Who greylists wants to see the same address again: a first retry keeps its source."""
        delivery = found[1]
        if delivery.attempts != 1 or not delivery.source:
            return False
        other = self.by_source.get(delivery.source)
        if other is None or other is self or other.parked >= MAX_PARKED:
            return False
        if found[0].klass >= FIRST_BULK and other.holds_bulk():
            return False
        other._parked.append(found)
        other.woken()
        return True

    def fits(self, link: Link, delivery: QueuedDelivery) -> bool:
        """Whether the connection goes to one of the domain's own hosts."""
        route = self._route(delivery.domain)
        return route is not None and link.host in route.hosts and link.port == route.port

    def _route(self, domain: str) -> Route | None:
        """The route by this site; None when it is not known, too old, or the domain has moved.

        Then, and when it has aged a little, it is asked for.
        """
        route = self._router.known(domain)
        if route is None or route.site != self._site.site.name:
            self._find_route(domain)
            return None
        if self._router.is_fresh(route):
            return route
        self._find_route(domain)
        return route if self._router.is_usable(route) else None

    def fits_any(self, link: Link) -> bool:
        """Whether anything parked could go over that connection."""
        return any(self.fits(link, delivery) for _, delivery in self._parked)

    def add_companions(self, stream: Stream, deliveries: list[QueuedDelivery], limit: int) -> None:
        """Other recipients of the same message at the same domain go in the same transaction."""
        first, window = deliveries[0], stream.window
        if first.message.flags & _PERSONAL:
            return  # each has a content of its own
        while (
            window
            and len(deliveries) < limit
            and window[0].message is first.message
            and window[0].domain == first.domain
        ):
            deliveries.append(window.popleft())
        extra = len(deliveries) - 1
        if extra:
            self._site.waiting -= extra
            self._site.queue.charge(stream, extra)

    def route_to_open(self) -> Route | None:
        """Where a connection is wanted; None when nothing waits that may go, or its route is asked for."""
        better_first = sorted(self._parked, key=lambda picked: picked[0].klass >= FIRST_BULK)
        waiting = (delivery.domain for _, delivery in better_first)
        heads = (s.window[0].domain for s in self._site.queue.streams() if s.window)
        for domain in islice(chain(waiting, heads), MAX_PARKED):
            route = self._route(domain)
            if route is not None:
                return route
        return None

    def take_for(self, route: Route, now_ms: int) -> list[QueuedDelivery]:
        """Take what is in memory for those hosts, which could not be reached; others stay."""
        taken: list[Picked] = []
        kept: list[Picked] = []
        while (picked := self._site.queue.pick(now_ms)) is not None:
            self._site.waiting -= 1
            self._parked.append(picked)
        for stream, delivery in self._parked:
            known = self._router.known(delivery.domain)
            same = delivery.domain == route.domain or (known and known.hosts == route.hosts)
            (taken if same else kept).append((stream, delivery))
        self._parked = kept
        self.give_back()
        return [delivery for _, delivery in taken]

    def take_domain(self, domain: str) -> list[QueuedDelivery]:
        """Take what waits in memory for a domain; it leaves the lane."""
        taken = [d for _, d in self._parked if d.domain == domain]
        self._parked = [(s, d) for s, d in self._parked if d.domain != domain]
        for stream in self._site.streams.values():
            mine = [d for d in stream.window if d.domain == domain]
            if mine:
                stream.window = deque(d for d in stream.window if d.domain != domain)
                self._site.waiting -= len(mine)
                taken += mine
        return taken

    def withdraw(self, delivery: QueuedDelivery) -> bool:
        """Take a delivery out of what is parked; False when it is not among it."""
        for index, (_, parked) in enumerate(self._parked):
            if parked is delivery:
                del self._parked[index]
                return True
        return False

    def give_back(self, domain: str = "") -> None:
        """What is parked (for a domain) goes to the heads of its windows again, in its order.

        What waited for its route only: parked it would go before mail of better classes.
        """
        kept: list[Picked] = []
        while self._parked:
            stream, delivery = self._parked.pop()
            if domain and delivery.domain != domain:
                kept.append((stream, delivery))
            else:
                self._board.put_back(delivery, stream)
        kept.reverse()
        self._parked = kept
