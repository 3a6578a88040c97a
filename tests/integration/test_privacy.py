"""Everything about a person can be had and forgotten; what is old is shortened; figures stay."""

from typing import Any

import orjson
import pytest

from console.accounts.actor import Actor, ActorKind, NotPermitted, NotVisible
from console.accounts.audit import AuditTrail
from console.accounts.audit.chain import ChainKey
from console.accounts.permissions import PERMISSIONS
from console.accounts.values import Role
from console.privacy.persons import PersonService
from console.privacy.retention import Retention
from mta.engine.verify import verify
from mta.model.clock import ManualClock
from mta.model.errors import ContentDamaged, PermanentError
from mta.model.ids import IdGenerator
from mta.model.traffic import DeliveryState, EventType, TrafficClass
from mta.spool.jobs import JobBuilder
from mta.spool.rows import ExpiryKind, MessageFlag, QueuedDelivery, QueuedMessage
from mta.store.sqlite import SqliteStore
from mta.store.statements import StatementPackage
from mta.store.work import Rows
from mta.suppression.entries import put
from mta.suppression.lists import SuppressionLists
from mta.suppression.values import NewEntry, Reason, Scope

OPERATOR = Actor.command()
ACCOUNT, OTHER = 7, 8
PACKAGES = (
    "mta.spool",
    "mta.feedback",
    "mta.suppression",
    "console.accounts.audit",
    "console.privacy",
)
ANA = "Ana.Perez@example.org"
REPLY = "550 5.1.1 <{}>: no such user"


class World:
    def __init__(self, folder, store: SqliteStore, clock: ManualClock) -> None:
        self.folder, self.store, self.clock = folder, store, clock
        self.ids = IdGenerator(clock_ns=lambda: clock.now_ms() * 1_000_000)
        self.lists = SuppressionLists(store, clock, bytes(32))
        trail = AuditTrail(store, self.ids, clock, ChainKey(bytes(32)))
        self.persons = PersonService(store, clock, self.lists, trail)

    async def mail(
        self,
        *addresses: str,
        account: int = ACCOUNT,
        state: DeliveryState = DeliveryState.BOUNCED,
        body: bytes = b"Estimada Ana",
    ) -> tuple[QueuedMessage, list[QueuedDelivery]]:
        """One message that is over, with an event for each recipient."""
        now_ms = self.clock.now_ms()
        flow = self.ids.new()
        content = self.store.reserve(body, 0)
        ids = self.ids.block(1 + len(addresses))
        message = QueuedMessage(
            ids[0], account, "app@sender.test", content.ref, MessageFlag(0), "", "", "<1@s.test>"
        )
        job = JobBuilder()
        row = (flow, account, f"f{flow}", "application", 1, now_ms)
        job.add("flow_insert", row)
        job.insert_message(message, flow, 3, "Su factura, Ana", "192.0.2.77", "", '{"dni":"1"}')
        deliveries = []
        for n, address in enumerate(addresses):
            d = QueuedDelivery(
                ids[1 + n], message, n, flow, TrafficClass.TRANSACTIONAL, ExpiryKind.RELAY, 1,
                address.rpartition("@")[2], address, state=DeliveryState.READY,
            )  # fmt: skip
            job.insert_delivery(d, now_ms, now_ms)
            deliveries.append(d)
        job.event(EventType.ACCEPTED, now_ms, account=account, flow=flow, message=message.id)
        await self.store.submit(job.work(now_ms), (content,))
        if state.is_final:
            end = JobBuilder()
            for d in deliveries:
                end.settle(
                    d,
                    state,
                    now_ms,
                    reply=REPLY.format(d.address),
                    host="mx1.example.org[192.0.2.1]",
                )
                end.event(
                    EventType.BOUNCED, now_ms, account=account, flow=flow, message=message.id,
                    delivery=d.id, data={"reply": REPLY.format(d.address), "phase": "rcpt", "class": "bad-mailbox",
                                         "host": "mx1.example.org[192.0.2.1]", "address": d.address,
                                         "peer": "198.51.100.23", "agent": "Firefox"},
                )  # fmt: skip
            await self.store.submit(end.work(now_ms))
        return message, deliveries

    async def suppress(self, address: str, account: int = ACCOUNT) -> None:
        entry = NewEntry(account, address, Reason.COMPLAINT, Scope.ALL, "relevo", "Ana Pérez")
        await self.store.submit([put(self.lists.digest, [entry], self.clock.now_ms())])
        self.lists.added([entry])

    async def counts(self) -> list[tuple[Any, ...]]:
        rows = await self.store.read("state_counts")
        return sorted(rows)

    async def events(self) -> list[dict]:
        rows = await self.store.read("privacy_old_events", after=0, count=1000)
        return [orjson.loads(row[4]) for row in rows if row[4]]

    def on_disk(self) -> bytes:
        """Every byte of the data directory."""
        return b"".join(p.read_bytes() for p in sorted(self.folder.rglob("*")) if p.is_file())


@pytest.fixture
async def world(tmp_path):
    clock = ManualClock()
    store = await SqliteStore.open(
        tmp_path, [StatementPackage.of(name) for name in PACKAGES], clock=clock
    )
    yield World(tmp_path, store, clock)
    await store.close()


def person(role: Role, account: int = ACCOUNT) -> Actor:
    return Actor(ActorKind.USER, 3, "luis", {account: PERMISSIONS[role]})


async def test_T_t_an_export_has_all_mail_to_a_person_in_every_writing_and_nobody_elses(world):
    await world.mail(ANA)
    await world.mail("ana.perez@example.org", "luis@example.org")
    await world.mail("xana.perez@example.org", "ana.perez@sub.example.org")
    await world.suppress(ANA)
    told = await world.persons.export(OPERATOR, "ANA.PEREZ@example.org")
    assert [d["address"] for d in told["deliveries"]] == [ANA, "ana.perez@example.org"]
    first = told["deliveries"][0]
    assert (first["subject"], first["metadata"]) == ("Su factura, Ana", {"dni": "1"})
    assert [e["type"] for e in first["events"]] == ["message.bounced"]
    assert [s["reason"] for s in told["suppressions"]] == ["complaint"]
    assert "luis@" not in orjson.dumps(told).decode()


async def test_T_t_an_erased_person_is_nowhere_on_the_disk_and_the_figures_stay(world):
    await world.mail(ANA)
    shared, _ = await world.mail(ANA, "luis@example.org", body=b"Para todos")
    await world.suppress(ANA)
    counted = await world.counts()
    done = await world.persons.erase(OPERATOR, ANA.lower(), "solicitud 12")
    assert (done.deliveries, done.contents, done.suppressions) == (2, 1, 1)
    assert await world.counts() == counted
    # The content that Luis got too stays.
    assert await world.store.read_content(shared.ref) == b"Para todos"
    assert world.lists.reason_of(ACCOUNT, ANA, TrafficClass.URGENT) == "complaint"
    fresh = SuppressionLists(world.store, world.clock, bytes(32))
    await fresh.load()
    assert fresh.reason_of(ACCOUNT, ANA, TrafficClass.URGENT) == "complaint"
    told = await world.persons.export(OPERATOR, ANA)
    assert told["deliveries"] == []
    assert [s["address"] for s in told["suppressions"]] == [""]
    await world.store.close()
    left = world.on_disk()
    for trace in (b"Estimada Ana", b"na.perez@example", b"na.Perez@example", "Ana Pérez".encode()):
        assert trace not in left, trace
    assert b"luis@example.org" in left


async def test_verify_finds_no_damage_after_an_erasure(world, tmp_path):
    message, _ = await world.mail(ANA)
    await world.mail("luis@example.org")
    await world.persons.erase(OPERATOR, ANA, "x")
    with pytest.raises(ContentDamaged):
        await world.store.read_content(message.ref)
    await world.store.close()
    report = verify(tmp_path, (*PACKAGES, "mta.engine"), lambda *_: None)
    damage = [f.text for f in report.findings if f.severity == "damage"]
    assert damage == []


async def test_what_a_crash_left_to_be_overwritten_is_overwritten_later(world):
    message, _ = await world.mail(ANA, body=b"Estimada Ana")
    place = (message.ref.segment, message.ref.offset, message.ref.length, message.ref.checksum)
    await world.store.submit([Rows("privacy_erasing_insert", [place])])
    assert await world.persons.overwrite() == 1
    assert await world.persons.overwrite() == 0
    assert b"Estimada" not in world.on_disk()


async def test_a_person_to_whom_mail_waits_is_not_forgotten_yet(world):
    await world.mail(ANA, state=DeliveryState.READY)
    with pytest.raises(PermanentError, match="1 deliveries to that address are not over"):
        await world.persons.erase(OPERATOR, ANA, "x")
    assert len((await world.persons.export(OPERATOR, ANA))["deliveries"]) == 1


async def test_T_t_an_account_reaches_only_what_it_has_of_a_person(world):
    await world.mail(ANA)
    await world.mail(ANA, account=OTHER)
    await world.suppress(ANA)
    await world.suppress(ANA, OTHER)
    owner = person(Role.OWNER)
    told = await world.persons.export(owner, ANA)
    assert {d["account"] for d in told["deliveries"]} == {str(ACCOUNT)}
    assert {s["account"] for s in told["suppressions"]} == {str(ACCOUNT)}
    done = await world.persons.erase(owner, ANA, "x")
    assert (done.deliveries, done.suppressions) == (1, 1)
    left = await world.persons.export(OPERATOR, ANA)
    assert [d["account"] for d in left["deliveries"]] == [str(OTHER)]
    assert [s["address"] for s in left["suppressions"]] == ["", ANA]
    with pytest.raises(NotVisible):
        await world.persons.export(owner, ANA, OTHER)
    for role in (Role.ADMINISTRATOR, Role.SENDER, Role.VIEWER, Role.AUDITOR, Role.INTEGRATOR):
        with pytest.raises(NotPermitted):
            await world.persons.export(person(role), ANA)
        with pytest.raises(NotPermitted):
            await world.persons.erase(person(role), ANA, "x", ACCOUNT)


async def test_T_t_the_trail_tells_that_somebody_was_forgotten_but_not_who(world):
    await world.mail(ANA)
    await world.persons.export(OPERATOR, ANA)
    await world.persons.erase(OPERATOR, ANA, "solicitud 12")
    with pytest.raises(PermanentError, match="say why"):
        await world.persons.erase(OPERATOR, ANA, "")
    entries = await world.store.read("audit_unsealed", count=10)
    assert [next(v for v in e if str(v).startswith("person.")) for e in entries] == [
        "person.exported", "person.erased",
    ]  # fmt: skip
    assert "perez" not in str(entries).lower()


async def test_T_t_words_of_servers_and_addresses_of_clients_go_after_their_time(world):
    _, (delivery,) = await world.mail(ANA)
    retention = Retention(
        world.store, world.clock, dialogues_s=30 * 86_400, addresses_s=90 * 86_400
    )
    world.clock.advance(30 * 86_400 - 1)
    assert await retention.run() == 0
    world.clock.advance(2)
    assert await retention.run() == 2
    (data,) = await world.events()
    assert data["reply"] == "550 5.1.1"
    assert "host" not in data
    assert data["class"] == "bad-mailbox"
    assert data["peer"] == "198.51.100.23"
    (row,) = await world.store.read("privacy_deliveries", deliveries=f"[{delivery.id}]")
    assert row[7:9] == ("550 5.1.1", "")
    assert row[6] == ANA
    world.clock.advance(60 * 86_400)
    await retention.run()
    (data,) = await world.events()
    assert data["peer"] == "198.51.100.0"
    assert "agent" not in data
    rows = await world.store.read("privacy_old_events", after=0, count=10)
    assert {row[6] for row in rows} == {"192.0.2.0"}
    assert await retention.run() == 0


async def test_mail_that_is_under_way_keeps_what_its_server_said(world):
    _, (delivery,) = await world.mail(ANA, state=DeliveryState.READY)
    job = JobBuilder()
    now_ms = world.clock.now_ms()
    job.settle(delivery, DeliveryState.SCHEDULED, now_ms, reply="451 4.7.1 later", host="mx")
    job.event(EventType.DEFERRED, now_ms, message=delivery.message.id, delivery=delivery.id,
              data={"reply": "451 4.7.1 later"})  # fmt: skip
    await world.store.submit(job.work(now_ms))
    world.clock.advance(31 * 86_400)
    await Retention(world.store, world.clock, dialogues_s=86_400, addresses_s=0).run()
    (row,) = await world.store.read("privacy_deliveries", deliveries=f"[{delivery.id}]")
    assert row[7:9] == ("451 4.7.1 later", "mx")
