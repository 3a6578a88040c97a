"""One attempt from the pick to the settled outcome."""

import asyncio

import structlog

from mta.delivery import warming
from mta.delivery.attempt import Attempt
from mta.delivery.board import Board
from mta.delivery.lane import Lane
from mta.delivery.lanes import Lanes
from mta.delivery.parts import DispatcherParts
from mta.delivery.preparation import Preparation
from mta.delivery.settlement import Settlement
from mta.delivery.timekeeper import CANCELLED
from mta.model.outcome import Outcome, OutcomeKind, Phase, local_outcome
from mta.model.traffic import DeliveryState, Gate
from mta.spool.rows import QueuedDelivery

RETRY_S = 1.0


class Sending:
    """Claims, signs, checks once more, hands to the connection, settles."""

    def __init__(
        self, parts: DispatcherParts, board: Board, lanes: Lanes, settlement: Settlement
    ) -> None:
        self._parts = parts
        self._clock = parts.clock
        self._board = board
        self._lanes = lanes
        self._settlement = settlement
        self._lane_of: dict[Attempt, Lane] = {}
        self._log = structlog.get_logger("mta.delivery")
        self.preparation = Preparation(
            store=parts.store,
            board=board,
            clock=parts.clock,
            executor=parts.executor,
            threads=parts.threads,
            keys=parts.keys,
            sign_batch=parts.sign_batch,
            rendering=parts.rendering,
            ready=self._send,
            unclaimed=self._unclaimed,
            broken=self._broken,
        )

    @property
    def is_busy(self) -> bool:
        """Whether any attempt is under way."""
        return bool(self._lane_of)

    def prepare(self, lane: Lane, attempt: Attempt) -> None:
        """A lane picked the attempt for one of its connections."""
        self._lane_of[attempt] = lane
        self.preparation.prepare(attempt)

    def prepare_ahead(self, lane: Lane, attempt: Attempt) -> None:
        """As `prepare`, while the transaction that accepts the mail claims it."""
        self._lane_of[attempt] = lane
        self.preparation.prepare_ahead(attempt)

    def drop(self, lane: Lane, attempt: Attempt) -> None:
        """The mail was not accepted after all."""
        self.preparation.drop(attempt)
        self._end(lane, attempt)

    def _send(self, attempt: Attempt) -> None:
        """Claimed and signed: look once more at gate, deadline and suppression, then write."""
        lane = self._lane_of[attempt]
        now_ms = self._clock.now_ms()
        flow = attempt.stream.flow
        if not flow.lets_out(now_ms) or lane.held_reason or self._lanes.is_stopping:
            self._give_up_claim(lane, attempt, flow.gate == Gate.CANCELLED)
            return
        flow_time_ms = flow.time_ms(now_ms)
        attempt.deliveries = [d for d in attempt.deliveries if self._may_go(d, flow_time_ms)]
        if not attempt.deliveries:
            self._end(lane, attempt)
            return
        if lane.send(attempt, self._parts.transactions.build(attempt)):
            return
        unused = lane.never_sent(attempt)
        if unused is None:
            self._give_up_claim(lane, attempt, is_cancelled=False)
        else:  # or a peer that greets and leaves would be tried for ever without a retry counted
            self._settle_all(lane, attempt, [unused] * len(attempt.deliveries))

    def _may_go(self, delivery: QueuedDelivery, flow_time_ms: int) -> bool:
        if delivery.expires_ms and delivery.expires_ms <= flow_time_ms:
            outcome = local_outcome(
                OutcomeKind.BOUNCED, 554, "5.4.7", "Delivery time expired", Phase.LOCAL
            )
            self._settlement.finish(delivery, DeliveryState.EXPIRED, outcome)
            return False
        reason = self._parts.is_suppressed(delivery)
        if reason:
            outcome = local_outcome(
                OutcomeKind.BOUNCED, 554, "5.7.1", f"Recipient suppressed: {reason}", Phase.LOCAL
            )
            self._settlement.finish(delivery, DeliveryState.SUPPRESSED, outcome)
            return False
        return True

    def _give_up_claim(self, lane: Lane, attempt: Attempt, is_cancelled: bool) -> None:
        """The attempt does not go out: its rows are ready again, or cancelled."""
        state = DeliveryState.CANCELLED if is_cancelled else DeliveryState.READY
        left = len(attempt.deliveries)

        def told() -> None:
            nonlocal left
            left -= 1
            if not left:
                self._end(lane, attempt)

        for delivery in attempt.deliveries:
            self._settlement.finish(delivery, state, CANCELLED, told)

    def _unclaimed(self, attempt: Attempt) -> None:
        """The claim did not commit: the rows are ready on disk, look at them again later."""
        lane = self._lane_of[attempt]
        for delivery in attempt.deliveries:
            self._board.release(delivery)
            self._board.current(attempt.stream).rewind(delivery.id)
        self._end(lane, attempt, pump=False)
        asyncio.get_running_loop().call_later(RETRY_S, self._look_again, lane)

    def _look_again(self, lane: Lane) -> None:
        self._lanes.hooks.refill(lane.site)
        self._lanes.kick(lane.site.site.id)

    def _broken(self, attempt: Attempt, error: BaseException) -> None:
        """The content cannot be read or signed: a fault of ours, told as such."""
        lane = self._lane_of[attempt]
        self._log.error("message cannot be prepared", message=attempt.message.id, error=repr(error))
        kind, code, status = self._parts.transactions.fault(error)
        outcome = local_outcome(kind, code, status, str(error)[:200], Phase.LOCAL)
        self._settle_all(lane, attempt, [outcome] * len(attempt.deliveries))

    def done(self, lane: Lane, attempt: Attempt, outcomes: list[Outcome]) -> None:
        """The connection has answered for every recipient."""
        lane.limits.observe(outcomes[0], self._clock.monotonic_s())
        warming.learn(lane.limits, lane.site, attempt, outcomes, self._clock)
        self._settle_all(lane, attempt, outcomes)

    def _settle_all(self, lane: Lane, attempt: Attempt, outcomes: list[Outcome]) -> None:
        left = len(outcomes)

        def told() -> None:
            nonlocal left
            left -= 1
            if not left:
                self._end(lane, attempt)

        for delivery, outcome in zip(attempt.deliveries, outcomes, strict=True):
            delivery.source = lane.source.address
            self._settlement.attempted(delivery, outcome, told)

    def _end(self, lane: Lane, attempt: Attempt, *, pump: bool = True) -> None:
        """Everything about the attempt is on disk: its slot is free."""
        self._lane_of.pop(attempt, None)
        lane.ended(attempt)
        if pump:
            self._lanes.kick(lane.site.site.id)

    def refused(self, lane: Lane, deliveries: list[QueuedDelivery], outcome: Outcome) -> None:
        """No connection could be had for these: an attempt that ended before it began."""
        for delivery in deliveries:
            self._settlement.attempted(delivery, outcome)
        if deliveries:
            self._log.info(
                "site cannot be reached",
                site=lane.site.site.name,
                deliveries=len(deliveries),
                reply=str(outcome.reply),
            )
