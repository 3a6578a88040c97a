"""The bound on all outgoing connections: who may open one, and who gives one up for it.

A twentieth is kept for urgent and transactional mail. When the bound is reached, a connection that
has nothing to do is ended for whoever waits, and each one that ends makes room for the next in
line, mail that is not bulk first.
"""

from collections.abc import Callable, Iterable

from mta.delivery.lane import Lane
from mta.delivery.link import Link
from mta.delivery.metering import DeliveryMetrics
from mta.model.clock import Clock

RESERVED_SHARE = 0.05
LOOK_AGAIN_S = 0.2  # after no idle connection was found
SETTLED_S = 1.0  # idle for so long, although its lane has mail: a rate holds that


class ConnectionRoom:
    """Counts the connections of all lanes."""

    def __init__(
        self,
        limit: int,
        clock: Clock,
        metrics: DeliveryMetrics,
        *,
        lanes: Callable[[], Iterable[Lane]],
        kick: Callable[[int], None],
    ) -> None:
        """`kick(site)`: there may be room for it now."""
        self._limits = (max(1, int(limit * (1 - RESERVED_SHARE))), limit)
        self._clock = clock
        self._metrics = metrics
        self._lanes = lanes
        self._kick = kick
        self._waiting: tuple[dict[int, None], dict[int, None]] = ({}, {})  # bulk, and not; in order
        self._look_again_s = 0.0
        self.open = 0

    def may_open(self, site_id: int, urgent: bool) -> bool:
        """Whether one more connection fits; if not, the site is told when that changes."""
        if self.open < self._limits[urgent]:
            return True
        self._waiting[urgent][site_id] = None
        self._end_one()
        return False

    def changed(self, difference: int) -> None:
        """A connection was begun (+1) or ended (-1)."""
        self.open += difference
        if difference > 0:
            self._metrics.connection_opened("out")
            return
        self._metrics.connection_closed("out")
        for urgent in (True, False):
            waiting = self._waiting[urgent]
            if waiting and self.open < self._limits[urgent]:
                site_id = next(iter(waiting))
                del waiting[site_id]
                self._kick(site_id)
                return

    def _end_one(self) -> None:
        """End the connection that has been idle longest, in lanes without mail if there is one."""
        now_s = self._clock.monotonic_s()
        if now_s < self._look_again_s:
            return
        best: tuple[bool, float] | None = None
        found: tuple[Lane, Link] | None = None
        for lane in self._lanes():
            is_busy = lane.picker.waiting > 0
            for link in lane.links:
                if link.attempts or link.is_retiring:
                    continue
                if is_busy and now_s - link.idle_since_s < SETTLED_S:
                    continue
                if best is None or (is_busy, link.idle_since_s) < best:
                    best, found = (is_busy, link.idle_since_s), (lane, link)
        if found is None:
            self._look_again_s = now_s + LOOK_AGAIN_S
        else:
            found[0].retire(found[1])
