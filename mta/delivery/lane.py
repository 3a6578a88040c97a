"""A lane is (egress source, site): its connections, its limits, and who goes next on them.

`pump` is called when something changed: mail arrived, a connection got a slot, a limit's time has
come. It gives attempts to free slots, opens connections by need and arms one timer for the next
limit. Nothing here waits; opening a connection is a task of the dispatcher's group.
"""

import asyncio
import weakref
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import structlog

from mta.delivery import warming
from mta.delivery.attempt import Attempt
from mta.delivery.board import Board, SiteBoard
from mta.delivery.connection import MxConnection
from mta.delivery.limits import LaneLimits, limit_of
from mta.delivery.link import MAX_ATTEMPTS, Link
from mta.delivery.metering import DeliveryMetrics
from mta.delivery.opening import Opened, Opener, Source
from mta.delivery.picker import Picker
from mta.delivery.routing import Route, Router
from mta.delivery.transaction import Transaction
from mta.model.clock import Clock
from mta.model.outcome import Outcome, OutcomeKind, Phase
from mta.model.reply import Reply
from mta.scheduler.site_queue import FIRST_BULK
from mta.scheduler.stream import Stream
from mta.spool.flows import Flow
from mta.spool.rows import QueuedDelivery

REST_AFTER_FAILURE_S = 5.0  # no connection is tried again sooner after one failed
MAX_WAIT_S = 3_600.0
CLOSED = Reply.of(451, "4.4.2", "the connection ended before the mail was sent")


@dataclass(slots=True)
class LaneHooks:
    """What a lane asks of the dispatcher."""

    spawn: Callable[[Coroutine[Any, Any, None]], None]
    prepare: Callable[["Lane", Attempt], None]
    done: Callable[["Lane", Attempt, list[Outcome]], None]
    refused: Callable[["Lane", list[QueuedDelivery], Outcome], None]
    read_ahead: Callable[[Stream], None]
    refill: Callable[[SiteBoard], None]
    may_connect: Callable[[int, bool], bool]
    connected: Callable[[int], None]
    companions: Callable[[], int]
    find_route: Callable[["Lane", str], None]
    metrics: DeliveryMetrics
    paced: Callable[[Flow], None]


class Lane:
    """One source's connections to one site."""

    def __init__(
        self,
        board: Board,
        site: SiteBoard,
        source: Source,
        limits: LaneLimits,
        *,
        router: Router,
        opener: Opener,
        clock: Clock,
        hooks: LaneHooks,
    ) -> None:
        self.board = board
        self.site = site
        self.source = source
        self.limits = limits
        self.links: list[Link] = []
        self.opening = 0
        self.held_reason = ""
        self.rest_until_s = 0.0
        self.rest_outcome: Outcome | None = None
        self.wait_reason = ""
        self.wait_until_s = 0.0
        self._insists = False
        self._router = router
        self._opener = opener
        self._clock = clock
        self._hooks = hooks
        self.picker = Picker(board, site, router, lambda domain: hooks.find_route(self, domain))
        self._by_connection: dict[MxConnection, Link] = {}
        self._unused: weakref.WeakSet[MxConnection] | None = None  # ended before any mail
        self._timer: asyncio.TimerHandle | None = None
        self._is_stopping = False
        self._log = structlog.get_logger("mta.delivery")

    @property
    def is_idle(self) -> bool:
        """Whether the lane may be forgotten: nothing waits, nothing is open."""
        return not (self.links or self.opening or self.picker.parked or self._timer)

    # -- giving out mail -----------------------------------------------------------------------

    def pump(self) -> None:
        """Give what may go now to connections, and see to it that there are enough of them."""
        if self._is_stopping or self.held_reason or not self.picker.waiting:
            return
        now_s, now_ms = self._clock.monotonic_s(), self._clock.now_ms()
        is_throttled = self._give(now_s, now_ms)
        while self.site.queue.paced:
            self._hooks.paced(self.site.queue.paced.pop())
        if not is_throttled and not warming.holds_all(self.limits, self.site, self.picker, now_ms):
            self._open_more(now_s)

    def _give(self, now_s: float, now_ms: int) -> bool:
        """Fill free slots; True when a rate holds the lane: then more connections help nothing."""
        per_connection = self.limits.messages_per_connection
        for link in list(self.links):
            while link.has_slot(per_connection):
                wait_s = self.limits.message_wait_s(now_s)
                if wait_s > 0:
                    if self.picker.waiting:
                        self._arm(wait_s, now_s, self.limits.limiter.held_by(now_s))
                    return True
                picked = self.picker.next_for(link, now_ms, bulk=self._may_take_bulk(link))
                if picked is None:
                    break
                self._start(link, *picked, now_s)
            if link.given >= per_connection:
                self.retire(link)
        return False

    def _start(self, link: Link, stream: Stream, delivery: QueuedDelivery, now_s: float) -> None:
        deliveries = [delivery]
        if stream.window and stream.window[0].message is delivery.message:
            most = warming.companions(self.limits, self.site, self._hooks.companions())
            self.picker.add_companions(stream, deliveries, most)
        if stream.wants_refill:
            self._hooks.read_ahead(stream)
        self._hooks.prepare(self, self._attempt(link, stream, deliveries, now_s))

    def _attempt(
        self, link: Link, stream: Stream, deliveries: list[QueuedDelivery], now_s: float
    ) -> Attempt:
        attempt = Attempt(deliveries[0].message, deliveries, stream)
        attempt.started_s = now_s
        attempt.connection = link.connection
        self.limits.take_message(now_s)
        warming.count(self.limits, self.site, deliveries, self._clock)
        link.attempts += 1
        link.given += 1
        if stream.klass >= FIRST_BULK:
            link.bulk += 1
        return attempt

    def take_ahead(self, stream: Stream, delivery: QueuedDelivery) -> Attempt | None:
        """A slot for a mail that is being accepted, if nothing waits and no limit is reached."""
        now_s = self._clock.monotonic_s()
        if self._is_stopping or self.held_reason or self.picker.waiting:
            return None
        if self.limits.message_wait_s(now_s) > 0:
            return None
        if not warming.may_pass(self.site, delivery, self._clock):
            return None
        per_connection = self.limits.messages_per_connection
        best: Link | None = None
        fewest = MAX_ATTEMPTS
        for link in self.links:
            if (
                link.attempts < fewest
                and link.has_slot(per_connection)
                and (stream.klass < FIRST_BULK or self._may_take_bulk(link))
                and self.picker.fits(link, delivery)
            ):
                best, fewest = link, link.attempts
                if not fewest:
                    break
        return None if best is None else self._attempt(best, stream, [delivery], now_s)

    def _may_take_bulk(self, link: Link) -> bool:
        """One connection is kept for urgent and transactional mail, where there are two."""
        if link.bulk or self.limits.holds_bulk():
            return not self.limits.holds_bulk()
        return sum(1 for one in self.links if one.bulk) < self.limits.bulk_connections

    # -- what comes back -----------------------------------------------------------------------

    def send(self, attempt: Attempt, transaction: Transaction) -> bool:
        """Write the transaction; False when its connection is gone meanwhile."""
        link = self._by_connection.get(attempt.connection) if attempt.connection else None
        if link is None or not link.connection.slots_free:
            return False
        link.has_sent = True
        link.connection.send(transaction)
        return True

    def never_sent(self, attempt: Attempt) -> Outcome | None:
        """Why its connection took no mail at all, if it ended so while the attempt was prepared."""
        is_unused = self._unused is not None and attempt.connection in self._unused
        return self.rest_outcome if is_unused else None

    def link_of(self, attempt: Attempt) -> Link | None:
        """The link an attempt was picked for, while it is open."""
        return self._by_connection.get(attempt.connection) if attempt.connection else None

    def ended(self, attempt: Attempt) -> None:
        """The attempt is settled (or was given back): its slot is free."""
        if (link := self.link_of(attempt)) is None:
            return
        link.attempts -= 1
        if attempt.stream.klass >= FIRST_BULK:
            link.bulk -= 1
        if not link.attempts:
            link.idle_since_s = self._clock.monotonic_s()
            if link.given >= self.limits.messages_per_connection:
                self.retire(link)

    def _on_done(
        self,
        connection: MxConnection,  # noqa: ARG002
        transaction: Transaction,
        outcomes: list[Outcome],
    ) -> None:
        attempt = transaction.tag
        assert isinstance(attempt, Attempt)
        self._hooks.done(self, attempt, outcomes)

    def _on_slot(self, connection: MxConnection) -> None:
        """Slots are counted by settlements, not by replies: nothing to do here."""

    def _on_closed(self, connection: MxConnection, unsent: list[Transaction]) -> None:
        link = self._by_connection.pop(connection)
        self.links.remove(link)
        self._hooks.connected(-1)
        self.limits.limiter.release_connection()
        for transaction in unsent:
            attempt = transaction.tag
            assert isinstance(attempt, Attempt)
            reply = Outcome(OutcomeKind.RETURNED, CLOSED, Phase.MAIL, host=connection.target.host)
            self._hooks.done(self, attempt, [reply] * len(attempt.deliveries))
        if link.given and not link.has_sent and not link.is_retiring:
            self._ended_unused(connection)
        self.pump_soon()

    def _ended_unused(self, connection: MxConnection) -> None:
        """The peer greeted and left before the first mail was ready: that is no service, so rest.

        Else the next connection would follow at once, and so on, dozens of times a second.
        """
        self._unused = self._unused or weakref.WeakSet()
        self._unused.add(connection)
        host = connection.target.host
        outcome = Outcome(OutcomeKind.DEFERRED, CLOSED, Phase.MAIL, host=host, host_fault=True)
        self._rest(outcome, self._clock.monotonic_s())

    def pump_soon(self) -> None:
        """`pump` in the next turn of the loop."""
        asyncio.get_running_loop().call_soon(self.pump)

    # -- connections ---------------------------------------------------------------------------

    def _open_more(self, now_s: float) -> None:
        waiting = self.picker.waiting
        if not waiting or now_s < self.rest_until_s:
            if waiting:
                self._arm(self.rest_until_s - now_s, now_s, "rest")
            return
        free = sum(1 for k in self.links if k.has_slot(self.limits.messages_per_connection))
        urgent = self.site.queue.has_work(bulk=False)
        open_now = len(self.links) + self.opening
        more = self.limits.limiter.connections_wanted(waiting, open_now)
        if free and not self.picker.parked:
            return
        is_cold = self.limits.warm_up is not None and not urgent
        at_once = 1 - self.opening if is_cold else more  # else most would end without any mail
        for _ in range(min(more, at_once)):
            wait_s = self.limits.limiter.connection_wait_s(now_s, open_now, waiting)
            if wait_s > 0:
                if wait_s < MAX_WAIT_S:
                    self._arm(wait_s, now_s, "connections_per_minute")
                return
            route = self.picker.route_to_open()
            if route is None:
                return
            if not self._hooks.may_connect(self.site.site.id, urgent):
                self._arm(1.0, now_s, "max_connections")
                return
            self.limits.limiter.take_connection(now_s)
            self.opening += 1
            open_now += 1
            self._hooks.connected(1)
            self._hooks.spawn(self._open(route))
        if self.picker.parked and not more:
            self._make_room()

    def _make_room(self) -> None:
        """All connections go to other hosts than what is parked: end one that is idle."""
        for link in self.links:
            if not link.attempts and not self.picker.fits_any(link):
                self.retire(link)
                return

    async def _open(self, route: Route) -> None:
        opened: Opened | Outcome | None = None
        insists, self._insists = self._insists, False
        try:
            opened = await self._opener.open(
                route,
                self.source,
                self.limits.tls,
                insists=insists,
                on_done=self._on_done,
                on_slot=self._on_slot,
                on_closed=self._on_closed,
            )
        finally:
            self.opening -= 1
            if not isinstance(opened, Opened):
                self._hooks.connected(-1)
                self.limits.limiter.release_connection()
        if isinstance(opened, Outcome):
            self._could_not_open(route, opened)
            return
        link = Link(opened.connection, opened.candidate.host, route.port, route.domain)
        link.idle_since_s = self._clock.monotonic_s()
        if opened.connection.tls:
            self._hooks.metrics.tls_session("out", opened.connection.tls.partition(" ")[0])
        self._by_connection[opened.connection] = link
        self.links.append(link)
        self.rest_outcome = None
        if self._is_stopping:
            self.retire(link)
        self.pump()

    def _could_not_open(self, route: Route, outcome: Outcome) -> None:
        now_s = self._clock.monotonic_s()
        self._rest(outcome, now_s)
        served = any(link.host in route.hosts for link in self.links)
        if served or self.opening:
            self._arm(REST_AFTER_FAILURE_S, now_s, "rest")
            return
        self._hooks.refused(self, self.picker.take_for(route, self._clock.now_ms()), outcome)
        self._hooks.refill(self.site)
        self.pump_soon()

    def _rest(self, outcome: Outcome, now_s: float) -> None:
        self._hooks.metrics.connection_failed(outcome.phase)
        self.limits.observe(outcome, now_s)
        self.rest_until_s = max(self.rest_until_s, now_s + REST_AFTER_FAILURE_S)
        self.rest_outcome = outcome

    def insist(self) -> None:
        """An operator wants it tried now: connect next even to hosts that failed lately."""
        self.rest_until_s = 0.0
        self._insists = True
        if self._timer is not None and self.wait_reason == "rest":
            self._timer.cancel()
            self._wake()

    def sweep_idle(self, now_s: float) -> None:
        """Close connections that had nothing to do for the site's idle time."""
        for link in list(self.links):
            if not link.attempts and now_s - link.idle_since_s >= self.limits.idle_timeout_s:
                self.retire(link)

    def retire(self, link: Link) -> None:
        """End a connection, unless it has attempts."""
        if not link.is_retiring and not link.attempts:
            link.is_retiring = True
            link.connection.quit()

    def _arm(self, wait_s: float, now_s: float, reason: str) -> None:
        """Pump again after `wait_s`, or sooner if a sooner moment is armed already."""
        until_s = now_s + wait_s
        if self._timer is not None:
            if until_s >= self.wait_until_s:
                return
            self._timer.cancel()
        self._hooks.metrics.throttle_wait(limit_of(reason))
        self.wait_reason, self.wait_until_s = reason, until_s
        self._timer = asyncio.get_running_loop().call_later(max(wait_s, 0.001), self._wake)

    def _wake(self) -> None:
        self._timer = None
        self.wait_reason = ""
        self.pump()

    def stop(self) -> None:
        """Begin no further attempt; connections end when what is under way has ended."""
        self._is_stopping = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.picker.give_back()
        for link in list(self.links):
            self.retire(link)

    def abort(self) -> None:
        """Drop the connections; what was under way is uncertain or comes back."""
        for link in list(self.links):
            link.connection.abort()
