"""Reads windows from disk: a few readers take the streams that asked, in the order they asked."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress

import structlog

from mta.delivery.board import Board
from mta.model.clock import Clock
from mta.model.errors import StoreError
from mta.scheduler.stream import Stream
from mta.spool.flows import Flow
from mta.spool.rows import QueuedDelivery, QueuedMessage, delivery_from_row, message_from_row
from mta.store.base import Store

READERS = 2
RETRY_S = 1.0
LEAST = 2  # rows that a stream with an empty window gets even when memory is full: all go on


class Refiller:
    """Fills windows of streams in the background."""

    def __init__(
        self, store: Store, board: Board, clock: Clock, woken: Callable[[int], None]
    ) -> None:
        """`woken(site_id)` is called when a stream of that site got rows."""
        self._store = store
        self._board = board
        self._clock = clock
        self._woken = woken
        self._waiting: deque[Stream] = deque()
        self._event = asyncio.Event()
        self._log = structlog.get_logger("mta.delivery")

    def want(self, stream: Stream) -> None:
        """Fill the stream's window soon, if there is anything to fill it with.

        Where memory is full, only empty windows are filled, a little: a window that is not empty
        asks again when mail is taken out of it.
        """
        if (
            stream.wants_refill
            and self._may_be_read(stream.flow)
            and (self._board.has_room or not stream.window)
        ):
            stream.is_refilling = True
            self._waiting.append(stream)
            self._event.set()

    async def run(self) -> None:
        """Serve until cancelled; start `READERS` of them."""
        while True:
            await self._event.wait()
            while self._waiting:
                await self._fill(self._waiting.popleft())
            self._event.clear()

    async def _fill(self, stream: Stream) -> None:
        count = stream.next_count if self._board.has_room else min(LEAST, stream.next_count)
        after = stream.begin_reading()
        try:
            rows = await self._store.read(
                "window",
                site=stream.site,
                **{"class": stream.klass},
                flow=stream.flow.id,
                after=after,
                count=count,
            )
        except StoreError as error:
            self._log.warning("queue cannot be read, trying again", error=str(error))
            await asyncio.sleep(RETRY_S)
            stream.not_filled(after)
            self.want(stream)
            return
        if not self._may_be_read(stream.flow):
            stream.not_filled(after)  # held while we read: whoever opens it asks again
            return
        fresh = self._build(rows, stream)
        stream.filled(fresh, rows[-1][0] if rows else after, is_end=len(rows) < count)
        if fresh:
            board = self._board.site(stream.site)
            board.waiting += len(fresh)
            board.queue.wake(stream)
            self._woken(stream.site)
        else:
            self.want(stream)

    def _may_be_read(self, flow: Flow) -> bool:
        """Whether the flow's mail may go, but for its pace: held mail stays on disk."""
        return flow.lets_out(self._clock.now_ms())

    def _build(self, rows: list[tuple[object, ...]], stream: Stream) -> list[QueuedDelivery]:
        """Objects for rows that are not in memory yet and did not end while they were read.

        An ended row would be picked, use up a turn under the site's limits, and only then be found out.
        """
        board, overtaken = self._board, stream.overtaken or ()
        fresh: list[QueuedDelivery] = []
        for row in rows:
            if row[0] in board.loaded or row[0] in overtaken:
                continue
            message = board.messages.get(row[1])  # type: ignore[call-overload]  # ids are int
            if message is None:
                message = message_from_row(row)
            delivery = delivery_from_row(row, message)
            if row[27] is not None:
                delivery.merge = row[27]  # type: ignore[assignment]  # as above
            board.load(delivery)
            fresh.append(delivery)
        return fresh


def shared_messages(rows: list[tuple[object, ...]], board: Board) -> list[QueuedDelivery]:
    """Deliveries of rows that are looked at but not loaded (sweeps, resolving)."""
    messages: dict[object, QueuedMessage] = {}
    found = []
    for row in rows:
        with suppress(KeyError):
            found.append(board.loaded[row[0]])  # type: ignore[index]  # ids are int
            continue
        message = messages.get(row[1])
        if message is None:
            known = board.messages.get(row[1])  # type: ignore[call-overload]  # ids are int
            message = messages[row[1]] = known or message_from_row(row)
        found.append(delivery_from_row(row, message))
    return found
