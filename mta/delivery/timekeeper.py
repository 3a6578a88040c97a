"""What happens because time passed: due rows become ready, expired ones end, cancelled flows empty.

Each is a long-lived loop that waits for its next moment or an event, and works in small jobs.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from mta.delivery.board import Board
from mta.delivery.refill import shared_messages
from mta.delivery.settlement import Settlement
from mta.model.clock import Clock
from mta.model.errors import JobRefused, StoreError
from mta.model.outcome import OutcomeKind, Phase, local_outcome
from mta.model.traffic import DeliveryState, Gate
from mta.spool.jobs import JobBuilder
from mta.spool.rows import QueuedDelivery
from mta.store.base import Store

BATCH = 300
ATTEMPTS = 9  # the column in the reads of whole rows
LONGEST_WAIT_S = 60.0  # a clock that was set must not put anything off for longer
EXPIRY_STEP_S = 5.0
RETRY_S = 1.0
FOREVER_MS = 1 << 62

EXPIRED = local_outcome(
    OutcomeKind.BOUNCED, 554, "5.4.7", "Delivery time expired: the mail was given up", Phase.LOCAL
)
CANCELLED = local_outcome(
    OutcomeKind.BOUNCED, 554, "5.7.0", "Cancelled before it was sent", Phase.LOCAL
)


class Timekeeper:
    """Promotes, expires and cancels rows."""

    def __init__(
        self,
        *,
        store: Store,
        board: Board,
        settlement: Settlement,
        clock: Clock,
        now_ready: Callable[[list[tuple[int, int, int, int, str]]], None],
        elsewhere: Callable[[QueuedDelivery], bool] = lambda _: False,
    ) -> None:
        """`now_ready` gets (id, site, class, flow, domain) of rows that became ready on disk.

        `elsewhere` takes a delivery out of what waits for DNS or for a connection, if it is there.
        """
        self._store = store
        self._board = board
        self._settlement = settlement
        self._clock = clock
        self._now_ready = now_ready
        self._elsewhere = elsewhere
        self._due_ms = 0
        self._due_event = asyncio.Event()
        self._cancelled: dict[int, None] = {}  # in the order in which they are worked on
        self._cancel_event = asyncio.Event()
        self._log = structlog.get_logger("mta.delivery")

    def note_due(self, due_ms: int) -> None:
        """A row is due then: wake up in time."""
        if due_ms < self._due_ms:
            self._due_ms = due_ms
            self._due_event.set()

    def note_cancelled(self, flow_id: int) -> None:
        """The flow was cancelled: finish its rows."""
        self._cancelled[flow_id] = None
        self._cancel_event.set()

    def note_ended(self, flow_id: int) -> None:
        """A campaign's own end has passed: what was never attempted is cancelled."""
        self.note_cancelled(flow_id)

    # -- rows whose time has come --------------------------------------------------------------

    async def promote(self) -> None:
        """Make due rows ready, for ever."""
        while True:
            self._due_event.clear()
            try:
                self._due_ms = await self._promote_due()
            except StoreError as error:
                self._log.warning("due mail cannot be read, trying again", error=str(error))
                await asyncio.sleep(RETRY_S)
                continue
            wait_s = min(LONGEST_WAIT_S, max(0.0, (self._due_ms - self._clock.now_ms()) / 1000))
            try:
                async with asyncio.timeout(wait_s):
                    await self._due_event.wait()
            except TimeoutError:
                pass

    async def _promote_due(self) -> int:
        """Promote what is due now; gives when the next row is."""
        while True:
            now_ms = self._clock.now_ms()
            self._due_ms = FOREVER_MS  # what is noted from here on is lower
            rows = await self._store.read("due", now_ms=now_ms, count=BATCH)
            if rows:
                await self._make_ready(rows, now_ms)
            if len(rows) < BATCH:
                break
        found = await self._store.read("next_due")
        next_ms = found[0][0] if found and found[0][0] is not None else FOREVER_MS
        return min(next_ms, self._due_ms)

    async def _make_ready(self, rows: Sequence[tuple[Any, ...]], now_ms: int) -> None:
        """Promote those of the rows that are still scheduled: some may have ended meanwhile."""
        job = JobBuilder()
        for row in rows:
            job.add("delivery_promote", (row[0], now_ms), guarded=True)
            job.count(row[3], DeliveryState.SCHEDULED, -1)
            job.count(row[3], DeliveryState.READY, 1)
        try:
            await self._store.submit(job.work(now_ms))
        except JobRefused:
            if len(rows) > 1:
                middle = len(rows) // 2
                await self._make_ready(rows[:middle], now_ms)
                await self._make_ready(rows[middle:], now_ms)
            return
        self._now_ready([(r[0], r[1], r[2], r[3], r[5]) for r in rows])

    # -- rows whose time is over ---------------------------------------------------------------

    async def expire(self) -> None:
        """End rows past their deadline, in every state but claimed, for ever."""
        while True:
            await asyncio.sleep(EXPIRY_STEP_S)
            try:
                await self.expire_now()
            except StoreError as error:
                self._log.warning("expired mail cannot be read", error=str(error))

    async def expire_now(self) -> int:
        """One pass; gives how many deliveries it ended."""
        now_ms = self._clock.now_ms()
        ended = flow = expires_ms = after = 0
        while True:
            rows = await self._store.read(
                "expired",
                now_ms=now_ms,
                flow=flow,
                expires_ms=expires_ms,
                after=after,
                count=BATCH,
            )
            batch = self._take(rows, lambda d: self._is_past(d, now_ms))
            await self._end_all(batch, DeliveryState.EXPIRED)
            ended += len(batch)
            if len(rows) < BATCH:
                return ended
            flow, expires_ms, after = rows[-1][3], rows[-1][11], rows[-1][0]

    def _is_past(self, delivery: QueuedDelivery, now_ms: int) -> bool:
        flow = self._board.flows.get(delivery.flow)
        return delivery.expires_ms <= (flow.time_ms(now_ms) if flow else now_ms)

    def _take(
        self,
        rows: list[tuple[Any, ...]],
        fits: Callable[[QueuedDelivery], bool] = lambda _: True,
    ) -> list[QueuedDelivery]:
        """Deliveries of rows that fit and that no attempt is working on, out of their windows."""
        taken = []
        for delivery in shared_messages(rows, self._board):
            if delivery.state == DeliveryState.CLAIMED or not fits(delivery):
                continue
            if delivery.id not in self._board.loaded:
                self._board.load(delivery)  # so that no window is filled with it meanwhile
            elif not self.withdraw(delivery):
                continue
            taken.append(delivery)
        return taken

    def withdraw(self, delivery: QueuedDelivery) -> bool:
        """Take a loaded delivery out of where it waits; False when it is on its way out."""
        site = self._board.sites.get(delivery.site)
        stream = site.streams.get((delivery.klass, delivery.flow)) if site else None
        if site is None or stream is None or delivery not in stream.window:
            return self._elsewhere(delivery)
        stream.window.remove(delivery)
        site.waiting -= 1
        return True

    # -- cancelled flows -----------------------------------------------------------------------

    async def cancel(self) -> None:
        """Finish the rows of cancelled flows, for ever."""
        for flow in self._board.flows:
            if flow.gate == Gate.CANCELLED:
                self._cancelled[flow.id] = None
        while True:
            while self._cancelled:
                flow_id = next(iter(self._cancelled))
                del self._cancelled[flow_id]  # whoever notes it again meanwhile is heard
                try:
                    left = await self.cancel_flow(flow_id)
                except StoreError as error:
                    self._log.warning("cancelled mail cannot be read", error=str(error))
                    left = True
                if left:
                    self._cancelled[flow_id] = None
                    await asyncio.sleep(RETRY_S)
            self._cancel_event.clear()
            await self._cancel_event.wait()

    async def cancel_flow(self, flow_id: int) -> bool:
        """Finish what can be finished now; True when something was on its way out.

        Of a flow that was not cancelled but has ended, only what was never attempted.
        """
        flow = self._board.flows.get(flow_id)
        is_cancelled = flow is None or flow.gate == Gate.CANCELLED
        after, left = 0, False
        while rows := await self._store.read(
            "flow_open_rows", flow=flow_id, after=after, count=BATCH
        ):
            after = rows[-1][0]
            rows = rows if is_cancelled else [row for row in rows if not row[ATTEMPTS]]
            batch = self._take(rows)
            left = left or len(batch) < len(rows)
            await self._end_all(batch, DeliveryState.CANCELLED)
        return left

    async def cancel_rows(self, rows: list[tuple[Any, ...]]) -> int:
        """Finish single rows (an operator's command); gives how many."""
        batch = self._take(rows)
        await self._end_all(batch, DeliveryState.CANCELLED)
        return len(batch)

    async def _end_all(self, deliveries: list[QueuedDelivery], state: DeliveryState) -> None:
        if not deliveries:
            return
        left = len(deliveries)
        done = asyncio.Event()

        def told() -> None:
            nonlocal left
            left -= 1
            if not left:
                done.set()

        outcome = EXPIRED if state is DeliveryState.EXPIRED else CANCELLED
        for delivery in deliveries:
            self._settlement.finish(delivery, state, outcome, told)
        await done.wait()
