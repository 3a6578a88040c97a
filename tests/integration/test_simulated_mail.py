"""The sandbox's mail is shown to those whose it is."""

from dataclasses import replace

import pytest

from console.accounts.actor import Actor, ActorKind, expand_grants
from console.accounts.permissions import Permission
from console.accounts.values import Role
from console.maillog.simulated import SimulatedMail
from mta.intake.trace import TraceWriter
from mta.model.envelope import Origin
from mta.sandbox.content import split_headers
from mta.sandbox.inbox import Inbox, ReceivedMessage
from tests.accounts_world import OPERATOR, open_world
from tests.intake_stand import CONTENT, ME, Stand, submission

HOST = "mail.example.org"
VIEW = frozenset((Permission.MAIL_VIEW,))


class Ground:
    """Two accounts that have sent, and a simulator's inbox."""

    def __init__(self, world) -> None:
        self.world = world
        self.stand = Stand(world.store)
        self.inbox = Inbox()
        self.mail = SimulatedMail(self.inbox, world.store, HOST)
        self.trace = TraceWriter(HOST)
        self.number = 0

    async def sent(self, account: int, credential: int, above: str = "") -> int:
        """A mail of that account arrives with what Relevo wrote at its top; its number."""
        identity = replace(ME, account_id=account, credential_id=credential)
        receipt = await self.stand.send(identity=identity)
        assert receipt.message_id, receipt.reply
        origin = Origin("ESMTPSA", "192.0.2.7", "app.example.org")
        return self.arrive(
            self.trace.received(origin, receipt.message_id, "a@b.example", 0) + above
        )

    def arrive(self, headers: str) -> int:
        self.number += 1
        raw = headers.encode() + b"Subject: x\r\n\r\nx\r\n"
        self.inbox.add(
            ReceivedMessage(
                id=self.number, at_ms=0, mail_from="app@example.org", rcpt_to=("a@b.example",),
                subject="x", from_header="", headers=split_headers(raw), size_bytes=len(raw), raw=raw,
            )
        )  # fmt: skip
        return self.number

    async def seen(self, actor: Actor) -> list[int]:
        return [message.id for message in await self.mail.list(actor, limit=100)]


@pytest.fixture
async def ground(tmp_path):
    async with open_world(tmp_path) as world:
        made = Ground(world)
        made.own = (await world.accounts.add(OPERATOR, "Ministerio")).id
        made.other = (await world.accounts.add(OPERATOR, "Otra")).id
        await world.bag.refresh()
        yield made


def person(account: int, permissions=VIEW) -> Actor:
    return Actor(ActorKind.USER, 1, "ana", {account: permissions})


async def test_each_account_sees_and_forgets_its_own(ground):
    mine, theirs = await ground.sent(ground.own, 70), await ground.sent(ground.other, 71)
    ana, luis = person(ground.own), person(ground.other)
    assert (await ground.seen(ana), await ground.seen(luis)) == ([mine], [theirs])
    assert await ground.mail.get(ana, theirs) is None
    assert await ground.mail.kept(ana) == 1
    assert await ground.mail.clear(ana) == 1
    assert (await ground.seen(ana), await ground.seen(luis)) == ([], [theirs])


async def test_a_key_sees_what_it_sent_and_with_mail_view_all_of_its_account(ground):
    first, second = await ground.sent(ground.own, 70), await ground.sent(ground.own, 71)
    send = frozenset((Permission.MAIL_SEND,))
    key = Actor(ActorKind.CREDENTIAL, 70, "app", {ground.own: send})
    assert await ground.seen(key) == [first]
    assert await ground.seen(replace(key, grants={ground.own: send | VIEW})) == [second, first]
    assert await ground.seen(person(ground.own, send)) == []


async def test_what_a_sender_writes_below_makes_no_other_its_owner(ground):
    mine = await ground.sent(ground.own, 70)
    received = ground.inbox.get(mine).raw.partition(b"Subject")[0].decode()
    forged = await ground.sent(ground.other, 71, above=received)
    assert await ground.seen(person(ground.own)) == [mine]
    assert await ground.seen(person(ground.other)) == [forged]


async def test_a_personalised_mail_is_known_by_its_message_id(ground):
    deliveries: list[int] = []

    def note(_message: int, outcomes):
        deliveries.extend(outcome.delivery for outcome in outcomes)
        return []

    identity = replace(ME, account_id=ground.own)
    await ground.stand.intake.submit(submission(CONTENT, identity=identity), note)
    (delivery,) = deliveries
    number = ground.arrive(f"Message-ID: {ground.trace.message_id(delivery)}\r\n")
    assert await ground.seen(person(ground.own)) == [number]
    assert await ground.seen(person(ground.other)) == []


async def test_what_is_nobodys_is_for_who_may_see_all_and_manages_people(ground):
    ground.arrive("")
    ground.arrive(f"Message-ID: <{2**60:x}.relevo@{HOST}>\r\n")
    accounts = await ground.world.accounts.list(OPERATOR)
    both = [ground.own, ground.other]

    def everywhere(role: Role, where: list[int]) -> Actor:
        grants = expand_grants([(account, role) for account in where], accounts)
        return Actor(ActorKind.USER, 1, "eva", grants)

    assert len(await ground.seen(everywhere(Role.ADMINISTRATOR, both))) == 2
    assert await ground.seen(everywhere(Role.VIEWER, both)) == []
    assert await ground.seen(everywhere(Role.OWNER, both[:1])) == []
    assert len(await ground.seen(OPERATOR)) == 2
