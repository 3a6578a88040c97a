"""Keeps the disk small and the figures fresh: gauges, free space, old segments, old history.

Retention never touches what is not final: a segment goes when everything in it is final and past
its retention, a message's history when all of its deliveries are final and old.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import structlog

from mta.engine.gauges import QueueGauges
from mta.engine.history import History
from mta.model.clock import Clock
from mta.model.errors import StoreError
from mta.model.reply import Reply
from mta.settings.schema import Settings
from mta.store.base import SegmentUse, Store
from mta.store.space import free_space
from mta.store.work import ContentRef, Rows

GAUGES_S = 10.0
SPACE_S = 1.0
SWEEP_S = 60.0
DOUBT_S = 86_400.0  # a clock that was set forward by mistake can be set back within a day
SURVIVOR_BATCH = 100

DISK_LOW = Reply.of(452, "4.3.1", "Insufficient system storage, try again later")
STOPPING = Reply.of(421, "4.3.2", "Service is shutting down, try again later")


class Capacity:
    """Whether new mail can be taken; asked at every MAIL, so it only looks at two flags."""

    def __init__(self, data_dir: Path, settings: Settings) -> None:
        self._data_dir = data_dir
        self._settings = settings.store
        self.is_low = False
        self.is_stopping = False

    def refusal(self) -> Reply | None:
        """Why no mail is taken now."""
        if self.is_stopping:
            return STOPPING
        return DISK_LOW if self.is_low else None

    def look(self) -> None:
        """Ask the file system."""
        limits = self._settings
        self.is_low = free_space(
            self._data_dir,
            min_free_bytes=limits.min_free_bytes,
            min_free_ratio=limits.min_free_percent / 100,
            min_free_inode_ratio=limits.min_free_inodes_percent / 100,
        ).is_low


class Housekeeping:
    """Long-lived loops of the engine."""

    def __init__(
        self,
        *,
        store: Store,
        gauges: QueueGauges,
        capacity: Capacity,
        settings: Settings,
        clock: Clock,
        is_in_memory: Callable[[int], bool],
        chores: Sequence[Callable[[], Awaitable[object]]] = (),
    ) -> None:
        """`is_in_memory`: whether deliveries of a message are being sent, or soon will be.

        `chores` are called in every pass; one that fails is called again in the next.
        """
        self._store = store
        self._is_in_memory = is_in_memory
        self._chores = chores
        self._gauges = gauges
        self._capacity = capacity
        self._queue = settings.queue
        self._clock = clock
        self._history_stays_until_s = 0.0
        self._history = History(store)
        self._log = structlog.get_logger("mta.engine")

    def clock_was_set(self, step_ms: int) -> None:
        """The wall clock jumped: after a jump forward no history is removed for a day."""
        if step_ms > 0:
            self._history_stays_until_s = self._clock.monotonic_s() + DOUBT_S

    async def measure(self) -> None:
        """Refresh the queue's gauges, for ever."""
        while True:
            try:
                await self._gauges.measure()
            except StoreError as error:
                self._log.warning("queue could not be measured", error=str(error))
            await asyncio.sleep(GAUGES_S)

    async def watch_space(self) -> None:
        """Look at the free space once a second, for ever."""
        was_low = False
        while True:
            self._capacity.look()
            if self._capacity.is_low != was_low:
                was_low = self._capacity.is_low
                self._log.warning("disk space is low" if was_low else "disk space is enough again")
            await asyncio.sleep(SPACE_S)

    async def sweep(self) -> None:
        """Remove what is past its retention, for ever."""
        while True:
            await asyncio.sleep(SWEEP_S)
            try:
                await self.sweep_now()
            except StoreError as error:
                self._log.warning("old mail could not be removed", error=str(error))

    async def sweep_now(self) -> None:
        """One pass over segments and history."""
        now_ms = self._clock.now_ms()
        await self._store.sweep_segments(now_ms, self._queue.content_retention * 1000)
        for sparse in await self._store.sparse_segments():
            await self._move_survivors(sparse)
        if self._clock.monotonic_s() >= self._history_stays_until_s:
            await self._history.drop(now_ms - self._queue.history_retention * 1000)
        for chore in self._chores:
            await chore()

    async def _move_survivors(self, sparse: SegmentUse) -> None:
        """Copy what still lives in an almost empty segment, so that the segment can go."""
        now_ms = self._clock.now_ms()
        rows = await self._store.read(
            "live_in_segment", segment=sparse.segment, count=SURVIVOR_BATCH
        )
        for message_id, segment, offset, length, checksum, live in rows:
            if self._is_in_memory(message_id):
                continue  # being sent: what is settled is still counted where it lies
            ref = ContentRef(segment, offset, length, checksum)
            content = self._store.reserve(await self._store.read_content(ref), sparse.kind)
            await self._store.submit(
                [
                    Rows(
                        "message_content",
                        [(message_id, content.ref.segment, content.ref.offset, segment)],
                    ),
                    Rows(
                        "segment_live",
                        [(content.ref.segment, live, now_ms), (segment, -live, now_ms)],
                    ),
                ],
                (content,),
                bulk=True,
            )
