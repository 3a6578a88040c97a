"""Tracking over a real store, with a clock that tests move."""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from console.tracking.classifying import Classifier
from console.tracking.hits import HitKind
from console.tracking.ingest import HitIngest, RawHit
from mta.model.clock import ManualClock
from mta.model.ids import IdGenerator
from mta.model.traffic import DeliveryState
from mta.spool.jobs import JobBuilder
from mta.spool.rows import ExpiryKind, QueuedDelivery, QueuedMessage
from mta.store.sqlite import SqliteStore
from mta.store.statements import SqlFile, StatementPackage
from mta.store.work import ContentRef, Rows

ACCOUNT = 7
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
YAHOO = "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html"
APPLE = "Mozilla/5.0"
PREFETCH = (
    "Mozilla/5.0 (Windows NT 6.1; WOW64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/42.0.2311.135 Safari/537.36 Edge/12.246 Mozilla/5.0"
)
CURL = "curl/8.5.0"
OUTLOOK = "Microsoft Office/16.0 (Windows NT 10.0; Microsoft Outlook 16.0.12026; Pro)"
STRANGE = "Zzyzx"


_MERGE = """
-- name: test_merge
-- order: 99
UPDATE delivery SET merge = v.merge
FROM (SELECT value->>0 AS id, value->>1 AS merge FROM json_each(:rows)) AS v
WHERE delivery.id = v.id
"""


class TrackingCounts:
    """Counts what is told."""

    def __init__(self) -> None:
        self.taken: Counter[tuple[str, str]] = Counter()
        self.lost = 0

    def hits(self, kind: str, klass: str, count: int) -> None:
        self.taken[kind, klass] += count

    def hits_lost(self, count: int) -> None:
        self.lost += count


class TrackingWorld:
    """Mail that was delivered, and the ingest of what recipients do with it."""

    def __init__(self, store: SqliteStore, clock: ManualClock, classifier: Classifier) -> None:
        self.store, self.clock = store, clock
        self.ids = IdGenerator(clock_ns=lambda: clock.now_ms() * 1_000_000)
        self.counts = TrackingCounts()
        self.ingest = HitIngest(store, clock, classifier, self.counts, batch=50)
        self.messages: dict[int, int] = {}  # by delivery
        self.flows: dict[int, int] = {}  # by message

    async def mail(
        self,
        count: int = 1,
        *,
        links: tuple[str, ...] = ("https://a.example/", "https://b.example/", "https://c.example/"),
        state: DeliveryState = DeliveryState.DELIVERED,
        flow: int = 0,
        content: bytes = b"",
        flags: int = 0,
    ) -> list[int]:
        """Deliveries of one message, with their 250 now."""
        now_ms = self.clock.now_ms()
        ids = self.ids.block(1 + count)
        places = [self.store.reserve(content, 3)] if content else []
        ref = places[0].ref if places else ContentRef(1, 0, 0, 0)
        message = QueuedMessage(ids[0], ACCOUNT, "app@x.test", ref, flags, "", "", "")
        job = JobBuilder()
        if not flow:
            flow = self.ids.new()
            job.add("flow_insert", (flow, ACCOUNT, f"f{flow}", "campaign", 2, now_ms))
        job.insert_message(message, flow, 3, "s", "", "", "")
        for n, delivery in enumerate(ids[1:]):
            row = QueuedDelivery(
                delivery, message, n, flow, 2, ExpiryKind.CAMPAIGN, 1, "x.test", f"r{n}@x.test"
            )
            row.state = state
            job.insert_delivery(row, now_ms, now_ms)
        work = job.work(now_ms)
        if links:
            rows = [(message.id, n, url) for n, url in enumerate(links)]
            work.append(Rows("campaign_link_insert", rows))
        await self.store.submit(work, places)
        self.messages.update(dict.fromkeys(ids[1:], message.id))
        self.flows[message.id] = flow
        return list(ids[1:])

    async def merge(self, delivery: int, values: str) -> None:
        """The delivery's values are these."""
        await self.store.submit([Rows("test_merge", [(delivery, values)])])

    def hit(
        self,
        delivery: int,
        link: int = -1,
        *,
        agent: str = FIREFOX,
        is_head: bool = False,
        message: int = 0,
        peer: str = "192.0.2.7",
    ) -> None:
        """A hit now."""
        kind = HitKind.OPEN if link < 0 else HitKind.CLICK
        message = message or self.messages[delivery]
        now_ms = self.clock.now_ms()
        self.ingest.take(RawHit(kind, delivery, message, link, now_ms, peer, agent, is_head))

    async def classes(self, delivery: int) -> list[int]:
        """Of its hits, in order."""
        rows = await self.store.read("tracked_hits", deliveries=f"[{delivery}]")
        return [row[5] for row in rows]

    async def hours(self) -> dict[tuple[int, ...], tuple[int, ...]]:
        """The roll-ups that are not zero."""
        rows = await self.store.read("engagement_hours_all")
        return {tuple(row[:4]): tuple(row[4:]) for row in rows if any(row[4:])}

    async def recomputed(self) -> dict[tuple[int, ...], tuple[int, ...]]:
        """The same from the hits, slowly and by the printed definitions."""
        found: dict[tuple[int, ...], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        for delivery, message in self.messages.items():
            rows = await self.store.read("tracked_hits", deliveries=f"[{delivery}]")
            hits = sorted((row[4], row[1], row[2], row[3], row[5]) for row in rows)
            clicks = [(at, link, klass) for at, _, kind, link, klass in hits if kind == 2]
            opens = [(at, -1, klass) for at, _, kind, _, klass in hits if kind == 1]
            people = [at for at, _, klass in clicks if klass < 10]
            if people and not [at for at, _, klass in opens if klass < 10 and at <= people[0]]:
                place = len([at for at, _, _ in opens if at < people[0]])
                opens.insert(place, (people[0], -1, 5))
            for kind, told in ((1, opens), (2, clicks)):
                self._recount(found, self.flows[message], kind, told)
        return {key: tuple(counts) for key, counts in found.items() if any(counts)}

    @staticmethod
    def _recount(found, flow: int, kind: int, told) -> None:
        kept: list[tuple[int, int, int]] = []
        for at, link, klass in told:
            same = [k for k in kept if k[1] == link and (k[2] < 10) == (klass < 10)]
            if not same or at - same[-1][0] >= 60_000:
                kept.append((at, link, klass))
        again = 0
        for place, (at, _, klass) in enumerate(kept):
            counts = found[flow, at // 3_600_000, kind, klass]
            before = [k for k in kept[:place] if (k[2] < 10) == (klass < 10)]
            counts[0] += 1
            counts[1] += not before
            counts[2] += place == 0
            if kind == 1 and klass < 10 and before and not again and at - before[0][0] >= 600_000:
                counts[3] += 1
                again = 1


@asynccontextmanager
async def tracking_world(
    folder: Path, clock: ManualClock | None = None
) -> AsyncIterator[TrackingWorld]:
    """Opened, with what was written before in that folder."""
    clock = clock or ManualClock()
    packages = [StatementPackage.of(name) for name in ("mta.spool", "console.tracking")]
    packages.append(StatementPackage("tests", (SqlFile("tests", "", _MERGE),), ()))
    store = await SqliteStore.open(folder, packages, clock=clock)
    try:
        yield TrackingWorld(store, clock, Classifier())
    finally:
        await store.close()
