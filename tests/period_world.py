"""Mail of several accounts with all that can happen to it, and its figures recomputed slowly.

The recount reads the events and hits one by one and follows the printed definitions; it shares no
code with the roll-ups.
"""

from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import orjson

from console.reports.counting import BATCH, FOLLOWED, NAME, FigureCounting
from console.reports.period import PeriodQuery, PeriodReader
from console.tracking.classifying import Classifier
from console.tracking.hits import HitKind
from console.tracking.ingest import HitIngest, RawHit
from mta.model.clock import ManualClock
from mta.model.traffic import DeliveryState, EventType
from mta.spool.follower import EventFollower
from mta.spool.jobs import JobBuilder
from mta.spool.rows import QueuedDelivery
from mta.store.sqlite import SqliteStore
from mta.store.statements import SqlFile, StatementPackage
from mta.store.work import Rows
from tests.integration.queue_stand import Stand
from tests.tracking_world import TrackingCounts

PACKAGES = (
    "mta.spool", "mta.feedback", "mta.suppression", "console.accounts", "console.campaigns",
    "console.tracking", "console.reports",
)  # fmt: skip
MAIN, BELOW, SCHOOL, PUPIL = 7, 8, 9, 10
PARENTS = {MAIN: None, BELOW: MAIN, SCHOOL: MAIN, PUPIL: SCHOOL}
SERVER_ZONE = ZoneInfo("America/Lima")
_TESTS = """
-- name: test_events
SELECT id, type, at_ms, account, flow, delivery, data FROM event ORDER BY id;
-- name: test_hits
SELECT h.delivery, h.kind, h.link, h.at_ms, h.class, e.flow
FROM hit AS h JOIN engagement AS e ON e.delivery = h.delivery ORDER BY h.delivery, h.at_ms, h.id;
-- name: test_campaign
-- order: 130
UPDATE campaign SET frozen = v.value->>1 FROM json_each(:rows) AS v WHERE campaign.id = v.value->>0;
-- name: test_zone
-- order: 131
UPDATE account SET timezone = v.value->>1 FROM json_each(:rows) AS v WHERE account.id = v.value->>0;
"""


TESTS = StatementPackage("tests", (SqlFile("tests", "", _TESTS),), ())


class Mail(NamedTuple):
    """A delivery, with the flow and account it belongs to."""

    row: QueuedDelivery
    flow: int
    account: int
    provider: str


class Fact(NamedTuple):
    """Something that counts: in which figure, how much, when, of what."""

    name: str
    n: int
    at_ms: int
    flow: int
    provider: str = ""
    klass: str = ""


class PeriodWorld:
    """A campaign and an application, a campaign of an account below, one of a training account."""

    def __init__(self, store: SqliteStore, clock: ManualClock, classifier: Classifier) -> None:
        self.stand = Stand.over(store, clock)
        self.store, self.clock = store, clock
        counting = FigureCounting(store)
        self.follower = EventFollower(
            store, NAME, FOLLOWED, counting.handle, clock=clock, batch=BATCH, from_beginning=True
        )
        self.ingest = HitIngest(store, clock, classifier, TrackingCounts(), batch=50)
        self.reader = PeriodReader(store, SERVER_ZONE)
        self.mails: list[Mail] = []
        self.owner: dict[int, int] = {}  # account by flow
        self.campaigns: dict[int, int] = {}  # campaign by flow

    async def fill(self, zone: str, each: int = 1) -> None:
        """Accounts in that zone (that of the main account), flows with one mail more than `each`."""
        now_ms = self.clock.now_ms()
        accounts = [
            (one, parent, f"a{one}", "training" if one == SCHOOL else "normal", "active", now_ms)
            for one, parent in PARENTS.items()
        ]
        await self.store.submit(
            [Rows("account_insert", accounts), Rows("test_zone", [(MAIN, zone)])]
        )
        google = await self.stand.site("google", "google")
        gob = await self.stand.site("mx.gob.pe", "gob.pe")
        await self._flow(MAIN, "campaign", google, each)
        await self._flow(MAIN, "application", gob, each)
        await self._flow(BELOW, "campaign", google, each)
        await self._flow(PUPIL, "campaign", google, each)
        await self.follower._find_cursor()

    async def _flow(self, account: int, kind: str, site: int, each: int) -> None:
        flow = await self.stand.flow(f"{kind} of {account}", account=account, kind=kind)
        self.owner[flow.id] = account
        rows = await self.stand.put(flow, each, site=site)
        rows += await self.stand.put(flow, 1, site=0)
        for n, row in enumerate(rows):
            known = ("google" if kind == "campaign" else "gob.pe") if n < each else ""
            self.mails.append(Mail(row, flow.id, account, known))
        urls = [(m, n, f"https://{n}.test") for m in {r.message.id for r in rows} for n in range(3)]
        work = [Rows("campaign_link_insert", urls)]
        if kind == "campaign":
            campaign = self.stand.ids.new()
            self.campaigns[flow.id] = campaign
            now_ms = self.clock.now_ms()
            row = (campaign, account, f"c{account}", "finished", "{}", "{}", "{}", 0, "", "user", 1,
                   "Ana", now_ms)  # fmt: skip
            work.append(Rows("campaign_insert", [row]))
            frozen = orjson.dumps({"flow": flow.id}).decode()
            work.append(Rows("test_campaign", [(campaign, frozen)]))
        await self.store.submit(work)

    async def settle(self, mail: Mail, state: DeliveryState, event: EventType, **data: Any) -> None:
        """The delivery is over, as the engine writes it; one that is over already stays as it is."""
        if mail.row.state.is_final:
            return
        job = JobBuilder()
        job.settle(mail.row, state, self.clock.now_ms(), reply="x", host="mx")
        await self._event(job, mail, event, data)
        mail.row.state = state

    async def late(self, mail: Mail) -> None:
        """A mail that was delivered comes back, as feedback writes it."""
        if mail.row.state is DeliveryState.DELIVERED:
            job = JobBuilder()
            job.add("delivery_reverse", (mail.row.id, self.clock.now_ms(), "x", ""), guarded=True)
            await self._event(job, mail, EventType.BOUNCED, {"class": "bad-mailbox", "late": True})
            mail.row.state = DeliveryState.BOUNCED

    async def happens(self, mail: Mail, event: EventType, **data: Any) -> None:
        """Only an event."""
        await self._event(JobBuilder(), mail, event, data)

    async def _event(self, job: JobBuilder, mail: Mail, kind: EventType, data: Any) -> None:
        now_ms = self.clock.now_ms()
        job.event(
            kind, now_ms, account=mail.account, flow=mail.flow, message=mail.row.message.id,
            delivery=mail.row.id, data=data,
        )  # fmt: skip
        await self.store.submit(job.work(now_ms))

    def hit(self, mail: Mail, link: int, agent: str, *, is_head: bool = False) -> None:
        """A hit now; it is written later."""
        kind = HitKind.OPEN if link < 0 else HitKind.CLICK
        at_ms, message = self.clock.now_ms(), mail.row.message.id
        self.ingest.take(RawHit(kind, mail.row.id, message, link, at_ms, "", agent, is_head))

    # -- the slow recount ----------------------------------------------------------------------

    async def facts(self, *, automatic: bool) -> list[Fact]:
        """Everything that counts, from the events and the hits."""
        providers = {mail.row.id: mail.provider for mail in self.mails}
        facts: list[Fact] = []
        people: set[tuple[str, int]] = set()
        for _, code, at_ms, _, flow, delivery, text in await self.store.read("test_events"):
            data = orjson.loads(text) if text else {}
            name = _OUTCOMES.get(code)
            if name is None or data.get("kind") == "not-spam":
                continue
            n, who = len(data.get("deliveries", ())) or 1, (name, delivery)
            if code == 24:
                who, n = ("unsubscribed", delivery), -1
                if who not in people:
                    continue
                people.discard(who)
                name = "unsubscribed"
            elif name in ("unsubscribed", "complained"):
                if who in people:
                    continue
                people.add(who)
            where = providers.get(delivery, "")
            facts.append(Fact(name, n, at_ms, flow, where, data.get("class", "")))
            if data.get("late"):
                facts.append(Fact("delivered", -1, at_ms, flow, where))
        hits: dict[int, list[Any]] = defaultdict(list)
        for delivery, *hit in await self.store.read("test_hits"):
            hits[delivery].append(hit)
        for delivery, those in hits.items():
            facts += _engaged(those, providers[delivery], automatic=automatic)
        return facts

    def counted(self, query: PeriodQuery) -> set[int]:
        """The accounts whose mail a query is about."""
        below = {a for a in PARENTS if query.account in _line(a)}
        chosen = below if query.subtree else {query.account}
        if SCHOOL in _line(query.account):
            return chosen
        return {a for a in chosen if (SCHOOL in _line(a)) == query.training}


_OUTCOMES = {
    2: "delivered", 4: "bounced", 5: "expired", 6: "suppressed", 7: "cancelled",
    22: "complained", 23: "unsubscribed", 24: "resubscribed",
}  # fmt: skip


def day_of(at_ms: int, zone: str) -> date:
    """The day of a moment, by the calendar of a zone."""
    moment = datetime.fromtimestamp(at_ms / 1000, UTC)
    return moment.astimezone(ZoneInfo(zone) if zone else SERVER_ZONE).date()


def _line(account: int | None) -> set[int]:
    found = set()
    while account is not None:
        found.add(account)
        account = PARENTS[account]
    return found


def _engaged(hits: list[Any], provider: str, *, automatic: bool) -> list[Fact]:
    """What one recipient's hits count for; `hits`: kind, link, at, class, flow in order of time."""
    flow, facts = hits[0][4], []

    def tell(name: str, at_ms: int, klass: str = "") -> None:
        facts.append(Fact(name, 1, at_ms, flow, provider, klass))

    clicks = _kept([(at, link, c >= 10) for kind, link, at, c, _ in hits if kind == 2])
    people = [at for at, _, is_auto in clicks if not is_auto]
    opens = [(at, -1, c >= 10, False) for kind, _, at, c, _ in hits if kind == 1]
    if people and not [o for o in opens if not o[2] and o[0] <= people[0]]:
        opens.append((people[0], -1, False, True))
        opens.sort(key=lambda o: (o[0], not o[3]))
    links: set[tuple[int, bool]] = set()
    for at, link, is_auto in clicks:
        if automatic or not is_auto:
            tell("total_clicks", at)
            tell("link_total", at, f"https://{link}.test")
            if (link, is_auto) not in links:
                tell("link_unique", at, f"https://{link}.test")
                links.add((link, is_auto))
    firsts = [at for at, _, is_auto in clicks if automatic or not is_auto]
    if firsts:
        tell("unique_clicks", firsts[0])
    taken = _kept(opens)
    shown = [o for o in taken if automatic or not o[2]]
    for o in shown:
        tell("total_opens", o[0])
    if shown:
        tell("unique_opens", shown[0][0])
    read = [o for o in taken if not o[2]]
    if read and read[0][3]:
        tell("inferred_opens", read[0][0])
    again = [o for o in read if o[0] >= read[0][0] + 600_000]
    if again:
        tell("opened_again", again[0][0])
    return facts


def _kept(hits: list[Any]) -> list[Any]:
    """Without those that come within a minute of the last one like them: same link, same side."""
    last: dict[Any, int] = {}
    kept = []
    for hit in hits:
        if hit[0] - last.get(hit[1:3], -60_000) >= 60_000:
            last[hit[1:3]] = hit[0]
            kept.append(hit)
    return kept


@asynccontextmanager
async def period_world(
    folder: Path, clock: ManualClock, classifier: Classifier
) -> AsyncIterator[PeriodWorld]:
    """Opened, with nothing in it."""
    packages = [StatementPackage.of(name) for name in PACKAGES]
    packages.append(TESTS)
    store = await SqliteStore.open(folder, packages, clock=clock)
    try:
        yield PeriodWorld(store, clock, classifier)
    finally:
        await store.close()
