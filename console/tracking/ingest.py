"""Takes hits and writes them in batches: event, hit, figures and roll-ups in one transaction.

What comes while a batch is written makes the next one, and a hit is answered when it is on the disk:
a reader whose picture has come is counted, whatever happens to the server in the next moment. Only
this task and the settling that it lets in between write these tables, so what it has read stays true
until it writes.
Of the same delivery, link and class one hit a minute is kept, and 500 in all: whoever fetches a
pixel without end fills neither the disk nor the figures.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import orjson
import structlog

from console.tracking.bookkeeping import Books, Place
from console.tracking.classifying import SETTLE_MS, Classifier, Signs, settled, with_bursts
from console.tracking.folding import REPEAT_MS
from console.tracking.hits import Hit, HitClass, HitKind
from mta.model.clock import Clock
from mta.model.errors import StoreError
from mta.model.traffic import DeliveryState
from mta.store.base import MAX_JOB_ROWS, Store
from mta.store.standing import StandingTask

INTERVAL_S = 0.02
WAIT_S = 1.0  # answers wait so long for the disk, or twice; the hit is written all the same
BATCH = 500  # hits of one transaction: an event, a hit and a row of figures each
MAX_WAITING = 50_000  # hits in memory; further ones are counted and lost
MAX_HITS = 500  # of one delivery
BACKOFF_S = (1.0, 5.0)  # after the store refused: what waits is only in memory


class RawHit(NamedTuple):
    """A request whose token was good."""

    kind: HitKind
    delivery: int  # 0: nobody in particular
    message: int
    link: int
    at_ms: int
    peer: str
    agent: str
    is_head: bool


class Tracked(NamedTuple):
    """What there is to know of a delivery."""

    place: Place
    account: int
    delivered_ms: int | None  # when its 250 was written down; 0: it has none yet


class IngestMetrics(Protocol):
    """Who wants to know what came in."""

    def hits(self, kind: str, klass: str, count: int) -> None:
        """So many hits were taken."""
        ...

    def hits_lost(self, count: int) -> None:
        """So many found no room."""
        ...


class HitIngest:
    """`start()`, `take()` or `keep()` for each hit, `stop()`."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        classifier: Classifier,
        metrics: IngestMetrics,
        *,
        interval_s: float = INTERVAL_S,
        batch: int = BATCH,
    ) -> None:
        self._store = store
        self._clock = clock
        self._classifier = classifier
        self._metrics = metrics
        self._batch = batch
        self._waiting: deque[RawHit] = deque()
        self._taken = self._kept = 0  # numbers of the last hit that came, and that is on the disk
        self._told: deque[tuple[int, asyncio.Future[None]]] = deque()  # who waits for which
        self._timer: asyncio.TimerHandle | None = None
        self._is_stuck = False  # the store refused the last batch
        self._alone = asyncio.Lock()  # one writer of the figures at a time
        self._log = structlog.get_logger("relevo.tracking")
        self._task = StandingTask(
            "tracking", self.flush, self._log, rest_s=interval_s, backoff_s=BACKOFF_S
        )

    async def start(self) -> None:
        """Write what comes, from now on."""
        await asyncio.to_thread(self._classifier.warm)
        self._task.start()

    async def stop(self) -> None:
        """Write what has come, and end."""
        await self._task.stop()
        try:
            await self.flush()
        except StoreError as error:
            self._log.warning("hits were lost", hits=len(self._waiting), error=str(error))

    def take(self, hit: RawHit) -> None:
        """One hit; it is written within a moment."""
        if len(self._waiting) >= MAX_WAITING:
            self._metrics.hits_lost(1)
            return
        self._taken += 1
        self._waiting.append(hit)
        self._task.wake()

    async def keep(self, hit: RawHit) -> None:
        """Take it, and return when it is on the disk; at once while the store takes nothing.

        No reader waits for more than two seconds.
        """
        self.take(hit)
        if self._is_stuck or not self._task.is_running:
            return
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._told.append((self._taken, done))
        if self._timer is None:  # one for all: an own one would cost each hit 10 µs
            self._timer = loop.call_later(WAIT_S, self._answer_late, self._taken)
        await done

    async def flush(self) -> None:
        """Write all that waits. Raises `StoreError`; then it still waits."""
        while self._waiting:
            async with self._alone:
                batch = [
                    self._waiting.popleft() for _ in range(min(self._batch, len(self._waiting)))
                ]
                try:
                    await self._write(batch)
                except BaseException:
                    self._waiting.extendleft(reversed(batch))
                    self._is_stuck = True
                    self._answer(self._taken)
                    raise
            self._is_stuck = False
            self._kept += len(batch)
            self._answer(self._kept)

    def _answer(self, last: int) -> None:
        """Whoever waits for hits up to this one waits no longer."""
        while self._told and self._told[0][0] <= last:
            _, done = self._told.popleft()
            if not done.done():  # who waited may have gone
                done.set_result(None)

    def _answer_late(self, last: int) -> None:
        """Those who came until the timer was set have waited long enough."""
        self._answer(last)
        self._timer = None
        if self._told:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(WAIT_S, self._answer_late, self._taken)

    async def settle(self, now_ms: int, count: int) -> int:
        """Give a class to what is due, of up to so many hits; how many deliveries had some."""
        async with self._alone:
            rows = await self._store.read("tracked_due", now_ms=now_ms, count=count)
            if not rows:
                return 0
            hits = await self._hits(orjson.dumps([row[0] for row in rows]).decode())
            books = Books()
            for delivery, *place in rows:
                before = hits[delivery]
                books.post(delivery, Place(*place), before, settled(before, now_ms))
            await self._store.submit(books.work(), bulk=True)
            return len(rows)

    async def _write(self, batch: Sequence[RawHit]) -> None:
        by_delivery: dict[int, list[RawHit]] = defaultdict(list)
        for raw in batch:
            by_delivery[raw.delivery].append(raw)
        nobody = by_delivery.pop(0, [])
        tracked, hits = await self._read(list(by_delivery))
        books = Books()
        counts: dict[tuple[int, int], int] = defaultdict(int)
        for delivery, raws in by_delivery.items():
            about = tracked.get(delivery)
            if about is not None:  # else its history has been removed
                self._add(books, delivery, about, hits[delivery], raws, counts)
        if nobody:
            await self._add_nobody(books, nobody, counts)
        work = books.work()
        if sum(len(rows.rows) for rows in work) > MAX_JOB_ROWS and len(batch) > 1:
            middle = len(batch) // 2
            await self._write(batch[:middle])
            await self._write(batch[middle:])
            return
        if work:
            await self._store.submit(work, bulk=True)
        for (kind, klass), count in counts.items():
            self._metrics.hits(HitKind(kind).name.lower(), HitClass(klass).shown, count)

    def _add(
        self,
        books: Books,
        delivery: int,
        about: Tracked,
        before: list[Hit],
        raws: Sequence[RawHit],
        counts: dict[tuple[int, int], int],
    ) -> None:
        """What is new of one delivery."""
        hits = list(before)
        told = []
        for raw in raws:
            since_ms = None if about.delivered_ms is None else raw.at_ms - about.delivered_ms
            if about.delivered_ms == 0:  # the recipient's server looks at it before it says 250
                since_ms = -1
            klass, is_open = self._classifier.classify(
                Signs(raw.kind, raw.agent, raw.is_head, since_ms)
            )
            counts[raw.kind, klass] += 1
            if len(hits) >= MAX_HITS or _is_repeated(hits, raw, klass):
                continue
            due_ms = raw.at_ms + SETTLE_MS if is_open else 0
            hit = Hit(len(hits) + 1, raw.kind, raw.link, raw.at_ms, klass, due_ms)
            hits.append(hit)
            told.append((hit.id, raw))
        if not told:
            return
        hits = with_bursts(hits, about.delivered_ms or 0)
        books.post(delivery, about.place, before, hits)
        for number, raw in told:
            data = _data(raw, HitClass(hits[number - 1].klass))
            place = about.place
            books.tell(
                raw.kind, raw.at_ms, about.account, place.flow, place.message, delivery, data
            )

    async def _add_nobody(
        self, books: Books, raws: Sequence[RawHit], counts: dict[tuple[int, int], int]
    ) -> None:
        """Hits of mail whose links name no recipient: totals, no event."""
        wanted = orjson.dumps(sorted({raw.message for raw in raws})).decode()
        rows = await self._store.read("tracked_messages", messages=wanted)
        places = {row[0]: Place(row[0], row[1], "", row[2]) for row in rows}
        for raw in raws:
            if raw.message in places:
                signs = Signs(raw.kind, raw.agent, raw.is_head, None)
                klass, _ = self._classifier.classify(signs)
                counts[raw.kind, klass] += 1
                books.count(places[raw.message], raw.kind, raw.link, klass, raw.at_ms)

    async def _read(
        self, deliveries: Sequence[int]
    ) -> tuple[dict[int, Tracked], dict[int, list[Hit]]]:
        """What is known of deliveries, and their hits in order."""
        if not deliveries:
            return {}, {}
        wanted = orjson.dumps(deliveries).decode()
        facts, hits = await asyncio.gather(
            self._store.read("tracked_deliveries", deliveries=wanted), self._hits(wanted)
        )
        return {row[0]: _tracked(row) for row in facts}, hits

    async def _hits(self, deliveries: str) -> dict[int, list[Hit]]:
        """The hits of deliveries, given as a JSON array."""
        hits: dict[int, list[Hit]] = defaultdict(list)
        for row in await self._store.read("tracked_hits", deliveries=deliveries):
            hits[row[0]].append(Hit(*row[1:]))
        return hits


def _tracked(row: Sequence[Any]) -> Tracked:
    _, account, state, changed_ms, *place = row
    delivered_ms: int | None = 0
    if state >= DeliveryState.DELIVERED:
        delivered_ms = changed_ms if state == DeliveryState.DELIVERED else None
    return Tracked(Place(*place), account, delivered_ms)


def _is_repeated(hits: Sequence[Hit], raw: RawHit, klass: HitClass) -> bool:
    return any(
        hit.kind == raw.kind
        and hit.link == raw.link
        and hit.klass == klass
        and 0 <= raw.at_ms - hit.at_ms < REPEAT_MS
        for hit in hits
    )


def _data(raw: RawHit, klass: HitClass) -> str:
    data: dict[str, object] = {"class": klass.shown}
    if raw.link >= 0:
        data["link"] = raw.link
    if raw.peer:
        data["peer"] = raw.peer
    if raw.agent:
        data["agent"] = raw.agent
    return orjson.dumps(data).decode()
