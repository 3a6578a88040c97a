"""Following the events: each follower sees every event of its types once, in order, for ever.

What an event leads to is committed in one transaction with the cursor that moves past it, so a
crash repeats nothing and loses nothing. A follower sleeps until events were committed and then reads
what is new, at most once in half a second, however many commits there were: idle it costs nothing.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, NamedTuple, Protocol

import orjson
import structlog

from mta.events.record import EVENT_CODES, EVENT_TYPES
from mta.model.clock import Clock
from mta.model.errors import InternalError, StoreError
from mta.model.traffic import EventType
from mta.store.base import MAX_JOB_ROWS, Store
from mta.store.standing import BACKOFF_S, StandingTask
from mta.store.work import Rows

INTERVAL_S = 0.5  # between the beginnings of two passes
BATCH = 300  # events that are handled at once
SPAN = 20_000  # events that one read looks at: some 5 ms of a reader's thread
# A cursor that only passed events of other types may be a little behind on the disk: after a crash
# they are looked at again, which changes nothing.
LAZY_EVENTS = 20_000
LAZY_MS = 3_600_000  # but no longer than this: retention waits for what is on the disk
_EVENTS = "event_insert"


class FollowedEvent(NamedTuple):
    """One event as it stands in the table; 0 stands for "none", `data` is JSON text or empty."""

    id: int
    type: EventType
    at_ms: int
    account: int
    flow: int
    message: int
    delivery: int
    data: str

    def values(self) -> dict[str, Any]:
        """`data` as a mapping."""
        found: dict[str, Any] = orjson.loads(self.data) if self.data else {}
        return found


Handler = Callable[[Sequence[FollowedEvent]], Awaitable[Sequence[Rows]]]


class FollowerMetrics(Protocol):
    """Who wants to know how far behind a follower is."""

    def set_follower_lag(self, name: str, events: int) -> None:
        """So many events were not looked at when the follower last came by."""
        ...


class EventFollower:
    """Reads the events of some types in order and commits what its handler makes of them.

    `await handle(events)` gets up to `batch` events and gives rows, at most 1,999, which are
    committed together with the cursor. It may be called again with the same events, or some of
    them, when it or the commit failed or the process was stopped: effects outside of the store
    are its own concern. While it fails the follower waits (1 s, doubled up to 60 s) and hands in
    ever fewer events, so that those before a bad one get through; none is ever skipped.
    """

    def __init__(
        self,
        store: Store,
        name: str,
        types: Collection[EventType],
        handle: Handler,
        *,
        clock: Clock,
        metrics: FollowerMetrics | None = None,
        interval_s: float = INTERVAL_S,
        batch: int = BATCH,
        backoff_s: tuple[float, float] = BACKOFF_S,
        from_beginning: bool = False,
    ) -> None:
        """`name` is stored and never changes; a new one begins with what happens from now on,
        or with `from_beginning` at the oldest event there is.
        """
        self._store = store
        self._name = name
        self._types = orjson.dumps(sorted(EVENT_CODES[kind] for kind in types)).decode()
        self._handle = handle
        self._clock = clock
        self._metrics = metrics
        self._batch = self._size = batch
        self._from_beginning = from_beginning
        self._stored = self._position = self._newest = 0
        self._moved_ms = 0
        self._log = structlog.get_logger("mta.spool").bind(follower=name)
        self._task = StandingTask(
            f"follow {name}", self._work, self._log, rest_s=interval_s, backoff_s=backoff_s
        )

    @property
    def position(self) -> int:
        """The last event that is done."""
        return self._position

    async def start(self) -> None:
        """Read the cursor, make it if the name is new, and follow from there in a task.

        Whatever is committed after this returned will be seen. Raises `StoreError`.
        """
        await self._find_cursor()
        self._task.start(self._store, (_EVENTS,))

    async def stop(self) -> None:
        """End; what was handled but not committed is handled again at the next start."""
        if not self._task.is_running:
            return
        await self._task.stop()
        try:
            await self._find_cursor_and_move()
        except StoreError as error:
            self._log.warning("cursor was not written", error=str(error))

    def wake(self) -> None:
        """There may be new events."""
        self._task.wake()

    async def _work(self) -> None:
        try:
            await self.catch_up()
        except Exception:
            self._size = max(1, self._size // 2)
            self._log.info("events could not be handled", after=self._position)
            raise

    async def catch_up(self) -> None:
        """Handle everything there is. Raises what the handler or the store raise."""
        if self._stored < 0:
            await self._find_cursor()
        while await self._step():
            pass

    async def _step(self) -> bool:
        """Read and handle one piece; whether there is more."""
        rows = await self._store.read(
            "events_after", after=self._position, span=SPAN, types=self._types, count=self._size
        )
        upto, self._newest = rows[0][:2]
        self._tell()  # now: if this fails, it stays behind
        events = [
            FollowedEvent(row[2], EVENT_TYPES[row[3]], *row[4:])
            for row in rows
            if row[2] is not None
        ]
        target = events[-1].id if len(events) == self._size else max(upto, self._position)
        if events:
            await self._commit(await self._handle(events), target)
            self._size = min(2 * self._size, self._batch)
        elif target - self._stored > LAZY_EVENTS or (
            target > self._stored and self._clock.now_ms() - self._moved_ms > LAZY_MS
        ):
            await self._commit((), target)
        self._position = target
        self._tell()
        return target < self._newest

    async def _commit(self, work: Sequence[Rows], target: int) -> None:
        size = sum(len(rows.rows) for rows in work)
        if size >= MAX_JOB_ROWS:
            raise InternalError(f"{size} rows of {self._name}: {MAX_JOB_ROWS - 1} is the most")
        move = (self._name, self._stored, target, self._clock.now_ms())
        before, self._stored = self._stored, -1  # until it is known whether it moved
        await self._store.submit([*work, Rows("event_cursor_move", [move], expect=1)], bulk=True)
        self._stored, self._moved_ms = max(before, target), move[3]

    async def _find_cursor(self) -> None:
        found = await self._store.read("event_cursor", name=self._name)
        if not found:
            first = 0
            if not self._from_beginning:
                ((first,),) = await self._store.read("event_last")
            row = (self._name, first, self._clock.now_ms())
            await self._store.submit([Rows("event_cursor_insert", [row])])
            found = await self._store.read("event_cursor", name=self._name)
        self._stored = self._position = found[0][0]
        self._moved_ms = self._clock.now_ms()

    async def _find_cursor_and_move(self) -> None:
        """Write what was passed over lazily."""
        if 0 <= self._stored < self._position:
            await self._commit((), self._position)

    def _tell(self) -> None:
        if self._metrics is not None:
            self._metrics.set_follower_lag(self._name, max(0, self._newest - self._position))
