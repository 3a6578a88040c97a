"""Reads windows from disk: a few readers take the streams that asked, in the order they asked."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress

import structlog

from mta.delivery.board import Board
from mta.model.errors import StoreError
from mta.scheduler.stream import Stream
from mta.spool.rows import QueuedDelivery, QueuedMessage, delivery_from_row, message_from_row
from mta.store.base import Store

READERS = 2
RETRY_S = 1.0


class Refiller:
    """Fills windows of streams in the background."""

    def __init__(self, store: Store, board: Board, woken: Callable[[int], None]) -> None:
        """`woken(site_id)` is called when a stream of that site got rows."""
        self._store = store
        self._board = board
        self._woken = woken
        self._waiting: deque[Stream] = deque()
        self._event = asyncio.Event()
        self._log = structlog.get_logger("mta.delivery")

    def want(self, stream: Stream) -> None:
        """Fill the stream's window soon."""
        if not stream.is_refilling:
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
        count = stream.next_count
        after = stream.cursor
        stream.more = False  # whoever rewinds while we read sets it again
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
            stream.more = True
            await asyncio.sleep(RETRY_S)
            self._waiting.append(stream)
            return
        rewound = stream.more
        fresh = self._build(rows)
        board = self._board.site(stream.site)
        stream.filled(fresh, rows[-1][0] if rows else after, is_end=len(rows) < count)
        if rewound:
            stream.rewind(min(after, stream.cursor) + 1)
        stream.is_refilling = False
        board.waiting += len(fresh)
        if fresh:
            board.queue.wake(stream)
            self._woken(stream.site)
        elif stream.more and self._board.has_room:
            self.want(stream)

    def _build(self, rows: list[tuple[object, ...]]) -> list[QueuedDelivery]:
        """Objects for rows that are not in memory yet."""
        board = self._board
        fresh: list[QueuedDelivery] = []
        for row in rows:
            if row[0] in board.loaded:
                continue
            message = board.messages.get(row[1])  # type: ignore[call-overload]  # ids are int
            if message is None:
                message = message_from_row(row)
            delivery = delivery_from_row(row, message)
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
            message = messages[row[1]] = message_from_row(row)
        found.append(delivery_from_row(row, message))
    return found
