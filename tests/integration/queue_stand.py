"""A queue on disk, without a server, for the tests of what operators do."""

import random
from pathlib import Path

from mta.delivery.board import Board
from mta.delivery.settlement import Hooks, Settlement
from mta.delivery.sites import SiteDirectory
from mta.delivery.timekeeper import Timekeeper
from mta.engine.operations import QueueOperations
from mta.engine.port import SiteView
from mta.model.clock import ManualClock
from mta.model.ids import IdGenerator
from mta.model.traffic import DeliveryState, EventType, TrafficClass
from mta.scheduler.retry import RetryPlan
from mta.spool.flows import Flow, FlowDirectory
from mta.spool.jobs import JobBuilder
from mta.spool.rows import ExpiryKind, MessageFlag, QueuedDelivery, QueuedMessage
from mta.store.sqlite import SqliteStore
from mta.store.statements import StatementPackage
from mta.store.work import ContentRef, Rows

PLAN = RetryPlan((300,), (30,), dict.fromkeys(ExpiryKind, 86_400), 900, 360)


class Stand:
    """Store, directories and operations over one data directory."""

    def __init__(self, store: SqliteStore, clock: ManualClock, sites: SiteDirectory) -> None:
        self.store = store
        self.clock = clock
        self.ids = IdGenerator(clock_ns=lambda: clock.now_ms() * 1_000_000)
        self.flows = FlowDirectory()
        self.sites = sites
        self.operations = QueueOperations(
            store=store, clock=clock, flows=self.flows, sites=sites
        ).operations

    @classmethod
    async def open(cls, directory: Path) -> "Stand":
        clock = ManualClock()
        store = await SqliteStore.open(
            directory,
            [StatementPackage.of(f"mta.{name}") for name in ("spool", "feedback", "suppression")],
            clock=clock,
        )
        return cls.over(store, clock)

    @classmethod
    def over(cls, store: SqliteStore, clock: ManualClock) -> "Stand":
        """The same over a store that is open, with whatever packages."""
        ids = IdGenerator(clock_ns=lambda: clock.now_ms() * 1_000_000)
        return cls(store, clock, SiteDirectory(store, ids))

    def with_port(self, port) -> "Stand":
        """The same queue, with a server running."""
        self.operations = QueueOperations(
            store=self.store, clock=self.clock, flows=self.flows, sites=self.sites, port=port
        ).operations
        return self

    async def ask(self, name: str, **arguments: object):
        return await self.operations[name](arguments)

    async def site(self, name: str = "google", provider: str = "google") -> int:
        return (await self.sites.ensure(name, provider)).id

    async def flow(
        self, name: str = "shop", *, account: int = 7, kind: str = "application"
    ) -> Flow:
        klass = TrafficClass.CAMPAIGN if kind == "campaign" else TrafficClass.TRANSACTIONAL
        flow = Flow(self.ids.new(), account, name, kind, klass)
        row = (flow.id, account, name, kind, int(klass), self.clock.now_ms())
        await self.store.submit([Rows("flow_insert", [row], expect=1)])
        return self.flows.add(flow)

    async def put(
        self,
        flow: Flow,
        count: int = 1,
        *,
        site: int = 0,
        state: DeliveryState = DeliveryState.READY,
        due_in_s: float = 0,
        address: str = "user{n}@example.org",
        source: str = "192.0.2.7",
        expires_ms: int = 0,
    ) -> list[QueuedDelivery]:
        """One message to `count` recipients, all in `state`."""
        now_ms = self.clock.now_ms()
        ids = self.ids.block(1 + count)
        ref = ContentRef(1, 0, 10, 0)
        message = QueuedMessage(
            ids[0], flow.account, "ana@sender.example", ref, MessageFlag.RELAY, "", "ENV",
            f"<{ids[0]}@sender.example>",
        )  # fmt: skip
        job = JobBuilder()
        job.insert_message(message, flow.id, 3, "Factura", source, '["a","b"]', "")
        deliveries = []
        for n in range(count):
            where = address.format(n=n)
            delivery = QueuedDelivery(
                ids[1 + n], message, n, flow.id, flow.klass, ExpiryKind.RELAY, site,
                where.rpartition("@")[2], where, expires_ms=expires_ms, state=state,
            )  # fmt: skip
            job.insert_delivery(delivery, now_ms + round(due_in_s * 1000), now_ms)
            deliveries.append(delivery)
        job.event(
            EventType.ACCEPTED, now_ms, account=flow.account, flow=flow.id, message=message.id
        )
        await self.store.submit(job.work(now_ms))
        return deliveries

    async def defer(self, delivery: QueuedDelivery, reply: str, after_s: float = 300) -> None:
        """The delivery was tried and put off."""
        now_ms = self.clock.now_ms()
        job = JobBuilder()
        delivery.attempts += 1
        job.settle(
            delivery, DeliveryState.SCHEDULED, now_ms, due_ms=now_ms + round(after_s * 1000),
            reply=reply, host="mx1.example.org[192.0.2.1]",
        )  # fmt: skip
        job.event(
            EventType.DEFERRED, now_ms, account=delivery.message.account, flow=delivery.flow,
            message=delivery.message.id, delivery=delivery.id, data={"reply": reply},
        )  # fmt: skip
        await self.store.submit(job.work(now_ms))
        delivery.state = DeliveryState.SCHEDULED

    async def finish(self, delivery: QueuedDelivery, state: DeliveryState, reply: str) -> None:
        """The delivery is over."""
        now_ms = self.clock.now_ms()
        job = JobBuilder()
        job.settle(delivery, state, now_ms, reply=reply)
        await self.store.submit(job.work(now_ms))

    async def row(self, delivery: QueuedDelivery):
        (found,) = await self.store.read("row_of_id", id=delivery.id)
        return found

    async def counts(self, flow: Flow) -> dict[DeliveryState, int]:
        found = await self.store.read("flow_states", flow=flow.id)
        return {DeliveryState(state): n for state, n in found}


class RunningPort:
    """A dispatcher that sends nothing, with the real board, settlement and timekeeper behind it."""

    def __init__(self, stand: Stand) -> None:
        self.board = Board(stand.sites, stand.flows)
        hooks = Hooks(
            ready_again=lambda _: None,
            scheduled=lambda _: None,
            accepted=lambda _d, _m: None,
            counted=lambda _d, _s, _o: None,
        )
        settlement = Settlement(
            store=stand.store, board=self.board, clock=stand.clock, plan=PLAN, notices=_Silent(),
            hooks=hooks, rng=random.Random(1),
        )  # fmt: skip
        self._timekeeper = Timekeeper(
            store=stand.store, board=self.board, settlement=settlement, clock=stand.clock,
            now_ready=lambda _: None,
        )  # fmt: skip
        self.gates: list[int] = []
        self.due: list[int] = []
        self.withdrawn: list[int] = []
        self.insisted: list[int] = []
        self.held: dict[int, str] = {}
        self.under_way: set[int] = set()
        self.views: dict[int, SiteView] = {}

    def gate_changed(self, flow_id):
        self.gates.append(flow_id)

    def note_due(self, due_ms):
        self.due.append(due_ms)

    def withdraw(self, deliveries):
        self.withdrawn += deliveries

    async def cancel(self, rows):
        return await self._timekeeper.cancel_rows(rows)

    def insist(self, site_id):
        self.insisted.append(site_id)

    def hold_site(self, site_id, reason):
        self.held[site_id] = reason

    def is_under_way(self, delivery_id):
        return delivery_id in self.under_way

    def site_view(self, site_id):
        return self.views.get(site_id)

    def site_views(self):
        return list(self.views.values())


class _Silent:
    def settled(self, job, delivery, state, outcome, now_ms, due_ms=0):
        return None
