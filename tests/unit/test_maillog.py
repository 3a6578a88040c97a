"""What the message log shows of an attempt, what it sends again, and how it looks for mail."""

import sqlite3

import pytest

from console.accounts.actor import Actor, ActorKind, NotPermitted, NotVisible
from console.accounts.audit import AuditTrail
from console.accounts.audit.chain import ChainKey
from console.accounts.permissions import PERMISSIONS
from console.accounts.values import Role
from console.content.rendering import Renderer
from console.maillog import service
from console.maillog.dialogue import Line, dialogue
from console.maillog.resending import _without
from console.maillog.search import Search, Standing
from console.maillog.service import MailLogService
from mta.model.clock import ManualClock
from mta.model.ids import IdGenerator
from mta.model.traffic import DeliveryState
from mta.spool.jobs import JobBuilder
from mta.spool.rows import ExpiryKind, MessageFlag, QueuedDelivery, QueuedMessage
from mta.store.sqlite import SqliteStore
from mta.store.statements import Catalogue, StatementPackage
from mta.store.work import ContentRef

ACCOUNT, OTHER = 7, 8


def person(role: Role, account: int = ACCOUNT) -> Actor:
    return Actor(ActorKind.USER, 3, "ana", {account: PERMISSIONS[role]})


async def _nothing(_) -> object:
    raise AssertionError("must not be called")


class World:
    def __init__(self, store: SqliteStore, clock: ManualClock) -> None:
        self.store, self.clock = store, clock
        self.ids = IdGenerator(clock_ns=lambda: clock.now_ms() * 1_000_000)
        trail = AuditTrail(store, self.ids, clock, ChainKey(bytes(32)))
        self.log = MailLogService(
            store, clock, trail, cancel=_nothing, submit=_nothing, renderer=Renderer()
        )

    async def mail(self, *addresses: str, account: int = ACCOUNT, subject: str = "s") -> list[int]:
        now_ms = self.clock.now_ms()
        flow, ids = self.ids.new(), self.ids.block(1 + len(addresses))
        message = QueuedMessage(
            ids[0], account, "app@x.test", ContentRef(1, 0, 0, 0), MessageFlag(0), "", "", ""
        )
        job = JobBuilder()
        job.add("flow_insert", (flow, account, f"f{flow}", "application", 1, now_ms))
        job.insert_message(message, flow, 3, subject, "", "", "")
        for n, address in enumerate(addresses):
            d = QueuedDelivery(ids[1 + n], message, n, flow, 1, ExpiryKind.RELAY, 1, "x", address)
            job.insert_delivery(d, now_ms, now_ms)
        await self.store.submit(job.work(now_ms))
        return list(ids[1:])


@pytest.fixture
async def world(tmp_path):
    packages = ("mta.spool", "console.accounts.audit", "console.maillog")
    clock = ManualClock()
    store = await SqliteStore.open(
        tmp_path, [StatementPackage.of(name) for name in packages], clock=clock
    )
    yield World(store, clock)
    await store.close()


async def test_pages_lead_to_every_delivery_of_the_account_once(world):
    mine = []
    for _ in range(7):
        mine += await world.mail("a@x.org", "b@x.org", "c@x.org")
        await world.mail("a@x.org", account=OTHER)
    seen, before = [], 0
    while True:
        page = await world.log.search(
            person(Role.VIEWER), ACCOUNT, Search(), before=before, limit=4
        )
        seen += [row.id for row in page.rows]
        before = page.next
        if not before:
            break
    assert seen == mine[::-1]
    to_one = await world.log.search(person(Role.VIEWER), ACCOUNT, Search(recipient="B@X.org"))
    assert [row.id for row in to_one.rows] == mine[1::3][::-1]


async def test_the_whole_log_goes_out_in_pieces_for_who_may_export(world, monkeypatch):
    monkeypatch.setattr(service, "MAX_PAGE", 4)
    mine = []
    for _ in range(7):
        mine += await world.mail("a@x.org", "b@x.org", "c@x.org")
        await world.mail("a@x.org", account=OTHER)
    world.clock.advance(1)
    owner = person(Role.OWNER)
    pieces = [rows async for rows in world.log.export(owner, ACCOUNT, Search())]
    assert [row.id for rows in pieces for row in rows] == mine[::-1]
    assert len(pieces) == 6
    wanted = Search(subject="nowhere")
    assert [rows async for rows in world.log.export(owner, ACCOUNT, wanted)] == []
    noted = await world.store.read("audit_unsealed", count=9)
    assert sum("mail.exported" in row for row in noted) == 2
    for actor, account in ((person(Role.VIEWER), ACCOUNT), (owner, OTHER)):
        with pytest.raises((NotPermitted, NotVisible)):
            await anext(world.log.export(actor, account, Search()))


async def test_T_c_mail_of_others_is_not_there_and_a_viewer_cancels_nothing(world):
    (mine,) = await world.mail("a@x.org")
    (others,) = await world.mail("a@x.org", account=OTHER)
    viewer = person(Role.VIEWER)
    with pytest.raises(NotVisible):
        await world.log.search(viewer, OTHER, Search())
    for method in (world.log.show, world.log.cancel, world.log.resend):
        with pytest.raises(NotVisible):
            await method(person(Role.OWNER), others)
    for method in (world.log.cancel, world.log.resend):
        with pytest.raises(NotPermitted):
            await method(viewer, mine)
    assert (await world.log.show(viewer, mine)).state is DeliveryState.READY


@pytest.mark.parametrize("recipient", ["", "a@x.org"])
async def test_what_waits_for_another_attempt_is_not_scheduled_by_anybody(
    world, tmp_path, recipient
):
    (later,) = await world.mail("a@x.org")
    (deferred,) = await world.mail("a@x.org")
    (ready,) = await world.mail("a@x.org")
    with sqlite3.connect(tmp_path / "relevo.db") as connection:
        connection.execute("UPDATE delivery SET state = 0 WHERE id IN (?, ?)", (later, deferred))
        connection.execute("UPDATE delivery SET attempts = 1 WHERE id IN (?, ?)", (deferred, ready))
    connection.close()

    async def found(standing: Standing) -> list[int]:
        wanted = Search(recipient=recipient, standing=standing)
        page = await world.log.search(person(Role.VIEWER), ACCOUNT, wanted)
        assert {row.standing for row in page.rows} <= {standing}
        return [row.id for row in page.rows]

    assert await found(Standing.SCHEDULED) == [later]
    assert await found(Standing.DEFERRED) == [deferred]
    assert await found(Standing.READY) == [ready]
    assert (await world.log.show(person(Role.VIEWER), deferred)).standing is Standing.DEFERRED


@pytest.mark.parametrize("recipient", ["", "a@x.org"])
async def test_a_page_is_found_by_an_index_whatever_is_looked_for(world, tmp_path, recipient):
    """At four million deliveries a walk over the table would take seconds."""
    wanted = Search(recipient=recipient, subject="x", standing=Standing.BOUNCED, tag="t")
    catalogue = Catalogue([StatementPackage.of("console.maillog")], "sqlite")
    statement = catalogue.reads[wanted.statement].sql
    connection = sqlite3.connect(tmp_path / "relevo.db")
    try:
        plan = [
            row[3]
            for row in connection.execute(
                f"EXPLAIN QUERY PLAN {statement}", wanted.parameters(ACCOUNT, 0, 50)
            )
        ]
    finally:
        connection.close()
    assert not [line for line in plan if line.startswith(("SCAN m", "SCAN d"))], plan
    index = "delivery_address" if recipient else "message_account"
    assert any(index in line for line in plan), plan


def test_an_attempt_is_a_conversation_up_to_what_decided_it():
    data = {"phase": "rcpt", "reply": "550 5.1.1 no", "host": "mx[192.0.2.1]"}
    assert dialogue(data, "a@x.org", "b@y.org") == [
        Line(is_ours=True, text="EHLO"), Line(is_ours=False, text=""),
        Line(is_ours=True, text="MAIL FROM:<a@x.org>"), Line(is_ours=False, text=""),
        Line(is_ours=True, text="RCPT TO:<b@y.org>"), Line(is_ours=False, text="550 5.1.1 no"),
    ]  # fmt: skip
    greeting = {"phase": "greeting", "reply": "554 no", "host": "mx"}
    assert dialogue(greeting, "", "b@y.org") == [Line(is_ours=False, text="554 no")]
    assert dialogue({"phase": "local", "reply": "554 5.4.7 late"}, "", "b@y.org") == []
    assert dialogue({"phase": "later release", "reply": "x", "host": "y"}, "", "") == []


def test_folded_fields_go_as_a_whole_and_the_body_stays():
    content = b"Received: a\r\n\tb\r\nSubject: x\r\n y\r\nMessage-ID: <1>\r\n\r\nReceived: body\r\n"
    assert _without(content, ("received", "message-id")) == (
        b"Subject: x\r\n y\r\n\r\nReceived: body\r\n"
    )
    assert _without(b"Received: a\r\n\r\n", ("received",)) == b"\r\n\r\n"
