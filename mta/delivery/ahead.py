"""Mail that is being accepted goes straight to a free connection: claimed as it is accepted.

When nothing waits for its site and a connection has a slot, the row is written as `claimed` by the
transaction that accepts it. That saves the claim's own commit, and the time it takes; signing goes
on beside it. All that a claim promises holds: the row is claimed durably before anything is
written to the connection, and never more than two for each connection. Where mail waits already,
or a limit says not now, nothing is done here and the mail queues.
"""

from collections.abc import Sequence

from mta.delivery.attempt import Attempt
from mta.delivery.board import Board
from mta.delivery.lane import Lane
from mta.delivery.lanes import Lanes
from mta.delivery.sending import Sending
from mta.delivery.sites import UNRESOLVED
from mta.model.clock import Clock
from mta.model.traffic import DeliveryState
from mta.spool.rows import QueuedDelivery


class Ahead:
    """Attempts whose deliveries are on their way to the disk."""

    def __init__(self, board: Board, lanes: Lanes, sending: Sending, clock: Clock) -> None:
        self._board = board
        self._lanes = lanes
        self._sending = sending
        self._clock = clock
        self._attempts: dict[QueuedDelivery, tuple[Lane, Attempt]] = {}

    def take(self, deliveries: Sequence[QueuedDelivery]) -> None:
        """Give a mail that is about to be stored to a free connection, if there is one.

        Then its state is CLAIMED, and `committed` or `refused` follows. Mail with more recipients
        queues: they may share a transaction.
        """
        delivery = deliveries[0]
        if len(deliveries) > 1 or delivery.state != DeliveryState.READY:
            return
        lane = self._lane(delivery)
        flow = self._board.flows.get(delivery.flow)
        if lane is None or flow is None or flow.rate_per_hour or not self._board.has_room:
            return
        if not flow.is_open(self._clock.now_ms()):
            return
        stream = self._board.stream(delivery.site, delivery.klass, flow)
        if stream.window or stream.more or stream.is_refilling:
            return
        self._board.load(delivery)
        attempt = None
        if delivery.message.content is not None:  # else bodies fill their share of the memory
            attempt = lane.take_ahead(stream, delivery)
        if attempt is None:
            self._board.release_kept(delivery)
            return
        delivery.state = DeliveryState.CLAIMED
        self._attempts[delivery] = (lane, attempt)
        self._sending.prepare_ahead(lane, attempt)

    def _lane(self, delivery: QueuedDelivery) -> Lane | None:
        """The one lane of its site; with several sources the queue decides between them."""
        if delivery.site == UNRESOLVED:
            return None
        lanes = self._lanes.by_site.get(delivery.site)
        return lanes[0] if lanes is not None and len(lanes) == 1 else None

    def committed(self, delivery: QueuedDelivery) -> None:
        """The row is on disk, claimed."""
        _, attempt = self._attempts.pop(delivery)
        self._sending.preparation.claimed(attempt)

    def refused(self, deliveries: Sequence[QueuedDelivery]) -> None:
        """The mail was not accepted: its slot is free again."""
        for delivery in deliveries:
            found = self._attempts.pop(delivery, None)
            if found is not None:
                lane, attempt = found
                self._board.release(delivery)
                self._sending.drop(lane, attempt)
