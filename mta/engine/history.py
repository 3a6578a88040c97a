"""Removes the history that is past its retention, a little at a time.

A message may have one delivery or a million, so no read looks at more than some ten thousand rows:
each has the store's deadline, and while it lasts the log of the database grows.
"""

from collections.abc import AsyncIterator, Sequence

import orjson
import structlog

from mta.store.base import Store
from mta.store.work import Rows

BATCH = 500  # messages
CURSOR_MS = 30 * 86_400_000  # how long beyond the retention events wait for one who follows them
ROWS = 250  # a row with its indexes takes 20 µs: what interactive mail has to wait for
MANY = 1_000  # deliveries of one message that are looked at by themselves
PART = 20_000  # deliveries that one read looks at: some 20 ms of a reader's thread


class History:
    """What is told of messages that are over."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._told_late: set[str] = set()  # followers that stand still, each told once
        self._log = structlog.get_logger("mta.engine")

    async def drop(self, before_ms: int) -> None:
        """Forget messages all of whose deliveries have been final since before then."""
        followed = await self._followed(before_ms)
        async for candidates, is_over in self._candidates(before_ms):
            old = await self._store.read(
                "history_old",
                messages=orjson.dumps(candidates).decode(),
                is_over=is_over,
                changed_ms=before_ms,
                followed=followed,
            )
            if old:
                messages = orjson.dumps([row[0] for row in old]).decode()
                await self._drop("history_deliveries", "history_delete_deliveries", messages)
                await self._drop("history_events", "history_delete_events", messages)
                await self._store.submit([Rows("history_delete", old)], bulk=True)
        keys = await self._store.read("idempotency_old", before_ms=before_ms, count=BATCH)
        if keys:
            await self._store.submit([Rows("idempotency_delete", keys)], bulk=True)

    async def _candidates(self, before_ms: int) -> AsyncIterator[tuple[Sequence[int], bool]]:
        """Messages in groups that have some ten thousand deliveries together at the most.

        One of many deliveries comes alone, and only when they are known to be final and old.
        """
        after = 0
        while rows := await self._store.read(
            "history_candidates",
            before=before_ms * 1_000_000,
            after=after,
            many=MANY,
            count=BATCH,
        ):
            after = rows[-1][0]
            group: list[int] = []
            weight = 0
            for message, count in rows:
                if count >= MANY:
                    if await self._is_over(message, before_ms):
                        yield [message], True
                    continue
                if weight + count > PART:
                    yield group, False
                    group, weight = [], 0
                group.append(message)
                weight += count
            if group:
                yield group, False

    async def _is_over(self, message: int, before_ms: int) -> bool:
        """Whether all deliveries of a message are final and old; most often the first part tells."""
        after = 0
        while True:
            ((count, last, is_over),) = await self._store.read(
                "history_part", message=message, after=after, changed_ms=before_ms, count=PART
            )
            if count and not is_over:
                return False
            if count < PART:
                return True
            after = last

    async def _followed(self, before_ms: int) -> int:
        """The last event that every follower is done with: what comes after it is kept.

        One that has not moved for `CURSOR_MS` beyond the retention is not waited for any more.
        """
        cursors = await self._store.read("event_cursors")
        late = [name for name, _, moved_ms in cursors if moved_ms < before_ms - CURSOR_MS]
        positions = [position for name, position, _ in cursors if name not in late]
        ((newest,),) = await self._store.read("event_last")
        for name, position, _ in cursors:
            if name in late and position < newest and name not in self._told_late:
                self._told_late.add(name)
                self._log.warning(
                    "old events are removed unseen by a follower that stands still",
                    follower=name, after=position,
                )  # fmt: skip
        return int(min((newest, *positions)))

    async def _drop(self, found: str, delete: str, messages: str) -> None:
        """Delete what belongs to messages, a little at a time: one may have a million deliveries."""
        while rows := await self._store.read(found, messages=messages, count=ROWS):
            await self._store.submit([Rows(delete, rows)], bulk=True)
            if len(rows) < ROWS:
                break
