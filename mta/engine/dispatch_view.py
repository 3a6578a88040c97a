"""The running dispatcher as the queue operations see it (`DispatcherPort`)."""

from collections.abc import Collection, Sequence
from typing import Any

from mta.delivery import warming
from mta.delivery.board import SiteBoard
from mta.delivery.dispatcher import Dispatcher
from mta.delivery.lane import Lane
from mta.engine.port import SiteView
from mta.model.clock import Clock
from mta.model.traffic import DeliveryState
from mta.shaping.throttle import Stage


class DispatchView:
    """Shows sites and passes on what operators changed."""

    def __init__(self, dispatcher: Dispatcher, clock: Clock) -> None:
        self._dispatcher = dispatcher
        self._clock = clock

    # -- changes -------------------------------------------------------------------------------

    def gate_changed(self, flow_id: int) -> None:
        """A flow's gate was changed and committed."""
        self._dispatcher.gate_changed(flow_id)

    def note_due(self, due_ms: int) -> None:
        """Scheduled rows are due then."""
        self._dispatcher.timekeeper.note_due(due_ms)

    def withdraw(self, deliveries: Collection[int]) -> None:
        """Forget those that wait in memory; the disk says what is true of them.

        What is under way stays.
        """
        self._dispatcher.withdraw(deliveries)

    async def cancel(self, rows: list[tuple[Any, ...]]) -> int:
        """End those of these rows that are not under way."""
        return await self._dispatcher.timekeeper.cancel_rows(rows)

    def hold_site(self, site_id: int, reason: str) -> None:
        """Begin no further attempt to the site; an empty reason releases it."""
        self._dispatcher.lanes.hold_site(site_id, reason)

    def insist(self, site_id: int) -> None:
        """Let the next attempt to the site wait for no host that failed lately."""
        self._dispatcher.lanes.insist(site_id)

    # -- views ---------------------------------------------------------------------------------

    def is_under_way(self, delivery_id: int) -> bool:
        """Whether the delivery was picked for a connection."""
        delivery = self._dispatcher.board.loaded.get(delivery_id)
        if delivery is None:
            return False
        if delivery.state == DeliveryState.CLAIMED:
            return True
        board = self._dispatcher.board.sites.get(delivery.site)
        stream = board.streams.get((delivery.klass, delivery.flow)) if board else None
        return stream is None or delivery not in stream.window

    def site_view(self, site_id: int) -> SiteView | None:
        """The site as it is now, None when nothing is known of it in memory."""
        board = self._dispatcher.board.sites.get(site_id)
        return None if board is None else self._view(board)

    def site_views(self) -> Sequence[SiteView]:
        """All sites with anything in memory."""
        return [self._view(board) for board in self._dispatcher.board.sites.values()]

    def _view(self, board: SiteBoard) -> SiteView:
        site = board.site
        lanes = self._dispatcher.lanes.by_site.get(site.id, [])
        held = self._dispatcher.lanes.held_sites.get(site.id, "")
        if not lanes:
            return SiteView(site.id, site.name, waiting=board.waiting, hold_reason=held)
        # The lane that has most to say speaks for the site; numbers are of all.
        lane = max(lanes, key=self._trouble)
        now_s, now_ms = self._clock.monotonic_s(), self._clock.now_ms()

        def wall(moment_s: float) -> int:
            return round(now_ms + (moment_s - now_s) * 1000) if moment_s > now_s else 0

        backoff = lane.limits.backoff
        warm_up, warm_up_until_ms = self._warm_up(board, lanes, now_ms)
        return SiteView(
            site.id,
            site.name,
            waiting=board.waiting + sum(one.picker.parked for one in lanes),
            claimed=sum(link.attempts for one in lanes for link in one.links),
            connections=sum(len(one.links) for one in lanes),
            limit=sum(one.limits.limiter.connection_limit for one in lanes),
            rate=sum(one.limits.rate_per_s for one in lanes),
            hold_reason=held,
            wait_reason=lane.wait_reason,
            wait_until_ms=wall(lane.wait_until_s) if lane.wait_reason else 0,
            rest_until_ms=wall(lane.rest_until_s),
            rest_reply=str(lane.rest_outcome.reply) if lane.rest_outcome else "",
            stage=backoff.stage.value,
            stage_reply=lane.limits.cause,
            stage_until_ms=wall(backoff.until_s) if backoff.stage is Stage.RESTING else 0,
            warm_up=warm_up,
            warm_up_until_ms=warm_up_until_ms,
            cold=warming.senders_told(board, now_ms),
        )

    @staticmethod
    def _warm_up(board: SiteBoard, lanes: Sequence[Lane], now_ms: int) -> tuple[str, int]:
        """What holds bulk mail: nothing does where one of the sources may send it."""
        told = [warming.source_told(lane.limits, now_ms) for lane in lanes] if board.waiting else []
        if not told or not all(reason for reason, _ in told):
            return "", 0
        return min(told, key=lambda one: one[1])

    @staticmethod
    def _trouble(lane: Lane) -> tuple[bool, bool, float]:
        return (
            lane.limits.backoff.stage is not Stage.NORMAL,
            lane.rest_outcome is not None,
            lane.wait_until_s if lane.wait_reason else 0.0,
        )
