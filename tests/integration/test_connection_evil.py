"""MxConnection against a server that misbehaves, on asyncio's loop and on uvloop."""

import asyncio
import socket

import pytest

from mta.delivery.connection import ConnectionConfig, MxConnection
from mta.delivery.target import Target, Timeouts, TlsMode
from mta.delivery.tls import TlsContexts
from mta.delivery.tls_memory import TlsMemory
from mta.delivery.transaction import OutgoingRecipient, Transaction
from mta.model.clock import ManualClock
from mta.model.envelope import Notify
from mta.model.errors import InternalError
from mta.model.outcome import Outcome, OutcomeKind, Phase
from tests.evil.behaviour import Behaviour, Fault
from tests.evil.loops import on_both_loops
from tests.evil.server import EvilServer

DELIVERED, DEFERRED, BOUNCED, UNCERTAIN, RETURNED = (
    OutcomeKind.DELIVERED,
    OutcomeKind.DEFERRED,
    OutcomeKind.BOUNCED,
    OutcomeKind.UNCERTAIN,
    OutcomeKind.RETURNED,
)
DEADLINE_S = 20.0  # of a test's own waiting, never reached
SHORT = Timeouts(**dict.fromkeys(Timeouts.__dataclass_fields__, 0.15))  # type: ignore[arg-type]
CONTENT = b"Subject: test\r\n\r\n.leading dot\r\n..\r\n"
CONTEXTS = TlsContexts()


class Owner:
    """Stands where the dispatcher will: opens, sends, collects."""

    def __init__(self, timeouts: Timeouts | None = None, *, keep: bool = False) -> None:
        self.config = ConnectionConfig(timeouts or Timeouts(), CONTEXTS, TlsMemory(ManualClock()))
        self.done: list[tuple[Transaction, list[Outcome]]] = []
        self.unsent: list[Transaction] = []
        self.slots = 0
        self.waiting: list[Transaction] = []
        self.keep = keep  # do not quit when all is done
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.progress = asyncio.Condition()

    async def open(self, server: EvilServer, **changes: object) -> MxConnection | Outcome:
        values: dict[str, object] = {
            "host_name": "mx.test",
            "address": "127.0.0.1",
            "port": server.port,
            "ehlo": "out.example.com",
            "tls_mode": TlsMode.OFF,
        }
        target = Target(**(values | changes))  # type: ignore[arg-type]
        async with asyncio.timeout(DEADLINE_S):
            return await MxConnection.open(
                target,
                self.config,
                on_done=self.on_done,
                on_slot=self.on_slot,
                on_closed=self.on_closed,
            )

    async def ready(self, server: EvilServer, **changes: object) -> MxConnection:
        connection = await self.open(server, **changes)
        assert isinstance(connection, MxConnection), connection
        return connection

    def on_done(
        self, connection: MxConnection, transaction: Transaction, outcomes: list[Outcome]
    ) -> None:
        assert not self.closed.done(), "on_done after on_closed"
        assert len(outcomes) == len(transaction.recipients)
        self.done.append((transaction, outcomes))

    def on_slot(self, connection: MxConnection) -> None:
        self.slots += 1
        while self.waiting and connection.slots_free:
            connection.send(self.waiting.pop(0))
        if connection.is_idle and not self.keep:
            connection.quit()

    def on_closed(self, connection: MxConnection, unsent: list[Transaction]) -> None:
        self.unsent += unsent
        self.closed.set_result(None)

    async def deliver(self, connection: MxConnection, *transactions: Transaction) -> None:
        """Send them all and wait until the connection is gone."""
        self.waiting = list(transactions)
        while self.waiting and connection.slots_free:
            connection.send(self.waiting.pop(0))
        async with asyncio.timeout(DEADLINE_S):
            await self.closed

    @property
    def kinds(self) -> list[list[OutcomeKind]]:
        return [[outcome.kind for outcome in outcomes] for _, outcomes in self.done]


def mail(*locals_: str, content: bytes = CONTENT, **changes: object) -> Transaction:
    recipients = tuple(OutgoingRecipient(f"{local}@x.test") for local in locals_ or ("ok",))
    return Transaction("a@example.com", recipients, content, **changes)  # type: ignore[arg-type]


# A server that behaves


@pytest.mark.parametrize("pipelining", [True, False])
@on_both_loops
async def test_messages_arrive_whole_and_in_order_over_one_connection(pipelining: bool):
    extensions = Behaviour().extensions if pipelining else Behaviour().without("PIPELINING")
    async with EvilServer(Behaviour(extensions=extensions)) as server:
        owner = Owner()
        connection = await owner.ready(server)
        assert connection.offers_pipelining is pipelining
        assert connection.slots_free == 2
        assert connection.peer == f"mx.test[127.0.0.1]:{server.port}"
        mails = [mail(content=b"Subject: %d\r\n\r\n.\r\n" % number) for number in range(7)]
        await owner.deliver(connection, *mails)
        assert [transaction for transaction, _ in owner.done] == mails
        assert owner.kinds == [[DELIVERED]] * 7
        assert [message.content for message in server.received] == [m.content for m in mails]
        assert len(server.dialogues) == 1
        assert connection.messages_sent == 7
        assert server.dialogues[0].commands[-1] == "QUIT"


@on_both_loops
async def test_no_service_extension_is_used_that_is_not_offered():
    async with EvilServer(Behaviour(extensions=())) as server:
        owner = Owner()
        await owner.deliver(await owner.ready(server), mail(ret="FULL", envelope_id="x"))
        assert server.received[0].mail == "MAIL FROM:<a@example.com>"


@on_both_loops
async def test_content_of_a_megabyte_passes_in_slices():
    content = b"Subject: big\r\n\r\n" + b".0123456789 abcdefghijklmnopqrstuvwxyz\r\n" * 30_000
    async with EvilServer() as server:
        owner = Owner()
        await owner.deliver(await owner.ready(server), mail(content=content), mail())
        assert owner.kinds == [[DELIVERED], [DELIVERED]]
        assert server.received[0].content == content
        assert server.received[1].content == CONTENT


@on_both_loops
async def test_recipients_get_mixed_verdicts():
    async with EvilServer() as server:
        owner = Owner()
        await owner.deliver(
            await owner.ready(server), mail("ok", "bounce", "later", "full", "many", "odd")
        )
        assert owner.kinds == [[DELIVERED, BOUNCED, DEFERRED, DEFERRED, RETURNED, DELIVERED]]
        assert len(server.received[0].recipients) == 2


@on_both_loops
async def test_recipients_beyond_the_servers_limit_come_back():
    async with EvilServer(Behaviour(max_recipients=2)) as server:
        owner = Owner()
        await owner.deliver(await owner.ready(server), mail("a", "b", "c", "d"))
        assert owner.kinds == [[DELIVERED, DELIVERED, RETURNED, RETURNED]]


@pytest.mark.parametrize("always_354", [True, False])
@on_both_loops
async def test_connection_goes_on_after_all_recipients_were_refused(always_354: bool):
    async with EvilServer(Behaviour(always_354=always_354)) as server:
        owner = Owner()
        await owner.deliver(await owner.ready(server), mail("bounce"), mail("ok"))
        assert owner.kinds == [[BOUNCED], [DELIVERED]]
        assert len(server.dialogues) == 1


@on_both_loops
async def test_send_on_a_connection_with_full_slots_is_our_own_fault():
    async with EvilServer() as server:
        owner = Owner()
        connection = await owner.ready(server)
        connection.send(mail())
        connection.send(mail())
        with pytest.raises(InternalError):
            connection.send(mail())
        await owner.deliver(connection)


@on_both_loops
async def test_transaction_for_a_connection_that_has_ended_is_returned():
    async with EvilServer() as server:
        owner = Owner()
        connection = await owner.ready(server)
        connection.quit()
        async with asyncio.timeout(DEADLINE_S):
            await owner.closed
        assert connection.slots_free == 0
        late: asyncio.Future[list[Outcome]] = asyncio.get_running_loop().create_future()
        connection._on_done = lambda _, __, outcomes: late.set_result(outcomes)
        connection.send(mail())
        assert [outcome.kind for outcome in await late] == [RETURNED]


@on_both_loops
async def test_unfit_message_is_told_but_not_within_send():
    async with EvilServer(Behaviour(extensions=("PIPELINING", "SIZE 10"))) as server:
        owner = Owner()
        connection = await owner.ready(server)
        connection.send(mail())
        assert owner.done == []
        await owner.deliver(connection)
        ((_, (outcome,)),) = owner.done
        assert (outcome.kind, outcome.phase) == (BOUNCED, Phase.LOCAL)


@on_both_loops
async def test_abort_leaves_no_transaction_without_an_end():
    async with EvilServer(Behaviour(faults={"DOT": Fault.NEVER_REPLY})) as server:
        owner = Owner()
        connection = await owner.ready(server)
        connection.send(mail())
        connection.send(mail())
        connection.abort()
        async with asyncio.timeout(DEADLINE_S):
            await owner.closed
        assert len(owner.done) + len(owner.unsent) == 2


# Extensions that are missing


@pytest.mark.parametrize(
    ("missing", "changes", "status"),
    [
        ("8BITMIME", {"is_eight_bit": True}, "5.6.3"),
        ("SMTPUTF8", {"needs_utf8": True}, "5.6.7"),
    ],
)
@on_both_loops
async def test_missing_extension_bounces_what_needs_it(
    missing: str, changes: dict[str, object], status: str
):
    async with EvilServer(Behaviour(extensions=Behaviour().without(missing))) as server:
        owner = Owner()
        await owner.deliver(await owner.ready(server), mail(**changes), mail())
        assert sorted(owner.kinds) == [[BOUNCED], [DELIVERED]]
        (bounce,) = [o for _, (o,) in owner.done if o.kind is BOUNCED]
        assert bounce.reply.enhanced == status
        assert len(server.received) == 1


@on_both_loops
async def test_dsn_wishes_are_passed_on():
    async with EvilServer() as server:
        owner = Owner()
        connection = await owner.ready(server)
        assert connection.offers_dsn
        recipient = OutgoingRecipient("ok@x.test", Notify.FAILURE, "rfc822;first@x.test")
        wish = Transaction("a@example.com", (recipient,), CONTENT, ret="HDRS", envelope_id="id 1")
        await owner.deliver(connection, wish)
        assert [outcome.takes_dsn for _, (outcome,) in owner.done] == [True]
        assert server.received[0].mail.endswith(" RET=HDRS ENVID=id+201")
        assert server.received[0].recipients == [
            "RCPT TO:<ok@x.test> NOTIFY=FAILURE ORCPT=rfc822;first@x.test"
        ]


@on_both_loops
async def test_message_above_the_announced_size_bounces_and_the_next_goes():
    async with EvilServer(Behaviour(extensions=("PIPELINING", "SIZE 100"))) as server:
        owner = Owner()
        big = mail(content=CONTENT + b"x" * 100 + b"\r\n")
        await owner.deliver(await owner.ready(server), big, mail())
        by_mail = {transaction: outcomes[0] for transaction, outcomes in owner.done}
        assert by_mail.pop(big).reply.enhanced == "5.3.4"
        assert [outcome.kind for outcome in by_mail.values()] == [DELIVERED]


# Faults while opening


OPENING_FAULTS = [
    ("GREETING", Fault.NEVER_REPLY, Phase.GREETING),
    ("GREETING", Fault.DROP, Phase.GREETING),
    ("GREETING", Fault.RESET, Phase.GREETING),
    ("GREETING", Fault.ENDLESS, Phase.GREETING),
    ("GREETING", Fault.ENDLESS_LINE, Phase.GREETING),
    ("GREETING", Fault.NO_CODE, Phase.GREETING),
    ("GREETING", Fault.BINARY, Phase.GREETING),
    ("GREETING", Fault.CLOSING, Phase.GREETING),
    ("EHLO", Fault.NEVER_REPLY, Phase.EHLO),
    ("EHLO", Fault.DROP, Phase.EHLO),
    ("EHLO", Fault.ENDLESS, Phase.EHLO),
    ("EHLO", Fault.CLOSING, Phase.EHLO),
]


@pytest.mark.parametrize(("step", "fault", "phase"), OPENING_FAULTS)
@on_both_loops
async def test_fault_while_opening_is_the_hosts(step: str, fault: Fault, phase: Phase):
    timeouts = SHORT if fault is Fault.NEVER_REPLY else None
    async with EvilServer(Behaviour(faults={step: fault})) as server:
        outcome = await Owner(timeouts).open(server)
        assert isinstance(outcome, Outcome)
        assert (outcome.kind, outcome.phase, outcome.host_fault) == (DEFERRED, phase, True)
        assert outcome.host == "mx.test[127.0.0.1]"


@pytest.mark.parametrize("step", ["GREETING", "EHLO"])
@pytest.mark.parametrize("fault", [Fault.DRIP, Fault.LONG, Fault.NO_TEXT, Fault.BARE_LF])
@on_both_loops
async def test_clumsy_opening_is_tolerated(step: str, fault: Fault):
    async with EvilServer(Behaviour(faults={step: fault})) as server:
        owner = Owner()
        await owner.deliver(await owner.ready(server), mail())
        assert owner.kinds == [[DELIVERED]]


@pytest.mark.parametrize("greeting", [b"554 5.7.1 Blocked\r\n", b"521 Not here\r\n"])
@on_both_loops
async def test_refusing_greeting_asks_for_the_next_host(greeting: bytes):
    async with EvilServer(Behaviour(replies={"GREETING": greeting})) as server:
        outcome = await Owner().open(server)
        assert isinstance(outcome, Outcome)
        assert (outcome.kind, outcome.host_fault) == (DEFERRED, True)
        assert outcome.reply.code == int(greeting[:3])


@on_both_loops
async def test_server_without_ehlo_is_greeted_with_helo():
    async with EvilServer(Behaviour(replies={"EHLO": b"500 What?\r\n"})) as server:
        owner = Owner()
        await owner.deliver(await owner.ready(server), mail())
        assert owner.kinds == [[DELIVERED]]
        assert server.dialogues[0].commands[:2] == ["EHLO out.example.com", "HELO out.example.com"]


@on_both_loops
async def test_refused_connection_is_the_hosts_fault():
    async with EvilServer() as server:
        port = server.port
    server.port = port  # closed now
    outcome = await Owner().open(server)
    assert isinstance(outcome, Outcome)
    assert (outcome.kind, outcome.phase, outcome.host_fault) == (DEFERRED, Phase.CONNECT, True)
    assert outcome.reply.enhanced == "4.4.2"


@on_both_loops
async def test_address_that_does_not_answer_is_given_up():
    # A full accept queue drops SYNs: a host that does not answer, without leaving loopback.
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        server = EvilServer()
        server.port = full.getsockname()[1]
        outcome = await Owner(Timeouts(connect=0.2)).open(server)
        for filler in fillers:
            filler.close()
    assert isinstance(outcome, Outcome)
    assert (outcome.phase, outcome.host_fault) == (Phase.CONNECT, True)
    assert outcome.reply.enhanced == "4.4.1"


@on_both_loops
async def test_source_address_that_is_not_ours_is_our_fault():
    async with EvilServer() as server:
        outcome = await Owner().open(server, source_address="192.0.2.77")
        assert isinstance(outcome, Outcome)
        assert (outcome.kind, outcome.phase, outcome.host_fault) == (DEFERRED, Phase.CONNECT, False)
        assert "192.0.2.77" in outcome.reply.text


@on_both_loops
async def test_source_address_is_used():
    async with EvilServer() as server:
        owner = Owner()
        connection = await owner.ready(server, source_address="127.0.0.2")
        transport = connection._transport
        assert transport is not None
        assert transport.get_extra_info("sockname")[0] == "127.0.0.2"
        await owner.deliver(connection, mail())


@on_both_loops
async def test_cancelled_opening_leaves_nothing_open():
    async with EvilServer(Behaviour(faults={"GREETING": Fault.NEVER_REPLY})) as server:
        task = asyncio.ensure_future(Owner().open(server))
        while not server.dialogues:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


# Faults in a transaction

IN_TRANSACTION = [
    ("MAIL", Fault.NEVER_REPLY, DEFERRED, Phase.MAIL),
    ("RCPT", Fault.NEVER_REPLY, DEFERRED, Phase.RCPT),
    ("DATA", Fault.NEVER_REPLY, DEFERRED, Phase.DATA),
    ("DOT", Fault.NEVER_REPLY, UNCERTAIN, Phase.DOT),
    ("MAIL", Fault.DROP, DEFERRED, Phase.MAIL),
    ("RCPT", Fault.DROP, DEFERRED, Phase.RCPT),
    ("DATA", Fault.DROP, DEFERRED, Phase.DATA),
    ("DOT", Fault.DROP, UNCERTAIN, Phase.DOT),
    ("DOT", Fault.RESET, UNCERTAIN, Phase.DOT),
    ("MAIL", Fault.CLOSING, DEFERRED, Phase.MAIL),
    ("RCPT", Fault.CLOSING, DEFERRED, Phase.RCPT),
    ("DATA", Fault.CLOSING, DEFERRED, Phase.DATA),
    ("DOT", Fault.CLOSING, DEFERRED, Phase.DOT),
    ("MAIL", Fault.ENDLESS, DEFERRED, Phase.MAIL),
    ("RCPT", Fault.ENDLESS_LINE, DEFERRED, Phase.RCPT),
    ("DOT", Fault.ENDLESS, UNCERTAIN, Phase.DOT),
    ("MAIL", Fault.NO_CODE, DEFERRED, Phase.MAIL),
    ("RCPT", Fault.BINARY, DEFERRED, Phase.RCPT),
    ("DATA", Fault.NO_CODE, DEFERRED, Phase.DATA),
    ("DOT", Fault.BINARY, UNCERTAIN, Phase.DOT),
]


@pytest.mark.parametrize(("step", "fault", "kind", "phase"), IN_TRANSACTION)
@pytest.mark.parametrize("pipelining", [True, False])
@on_both_loops
async def test_fault_in_the_first_transaction(
    step: str, fault: Fault, kind: OutcomeKind, phase: Phase, pipelining: bool
):
    extensions = Behaviour().extensions if pipelining else Behaviour().without("PIPELINING")
    timeouts = SHORT if fault is Fault.NEVER_REPLY else None
    async with EvilServer(Behaviour(faults={step: fault}, extensions=extensions)) as server:
        owner = Owner(timeouts)
        await owner.deliver(await owner.ready(server), mail(), mail())
        _, (outcome,) = owner.done[0]
        assert (outcome.kind, outcome.phase, outcome.host_fault) == (kind, phase, True)
        assert len(owner.done) + len(owner.unsent) == 2
        if len(owner.done) == 2:
            assert owner.kinds[1] == [RETURNED]


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "DATA", "DOT"])
@pytest.mark.parametrize(
    "fault", [Fault.DRIP, Fault.LONG, Fault.NO_TEXT, Fault.BARE_LF, Fault.BINARY_TEXT]
)
@on_both_loops
async def test_clumsy_reply_in_a_transaction_is_tolerated(step: str, fault: Fault):
    async with EvilServer(Behaviour(faults={step: fault})) as server:
        owner = Owner()
        await owner.deliver(await owner.ready(server), mail(), mail())
        assert owner.kinds == [[DELIVERED], [DELIVERED]]


@pytest.mark.parametrize("step", ["MAIL", "RCPT"])
@on_both_loops
async def test_one_reply_too_many_is_noticed_before_the_body(step: str):
    async with EvilServer(Behaviour(faults={step: Fault.TWICE})) as server:
        owner = Owner()
        await owner.deliver(await owner.ready(server), mail())
        ((_, (outcome,)),) = owner.done
        assert outcome.kind is DEFERRED
        assert outcome.reply.enhanced == "4.5.0"
        assert server.received == []


@on_both_loops
async def test_one_reply_too_many_after_the_body_ends_the_connection():
    async with EvilServer(Behaviour(faults={"DOT": Fault.TWICE})) as server:
        owner = Owner()
        await owner.deliver(await owner.ready(server), mail(), mail())
        assert owner.kinds[0] == [DELIVERED]
        assert owner.kinds[1][0] in {DEFERRED, RETURNED}


# Faults between transactions of a kept connection


@on_both_loops
async def test_silent_close_after_some_messages_is_no_attempt():
    async with EvilServer(Behaviour(max_messages=2)) as server:
        owner = Owner()
        await owner.deliver(await owner.ready(server), *(mail() for _ in range(4)))
        assert owner.kinds == [[DELIVERED], [DELIVERED], [RETURNED]]
        assert len(owner.unsent) <= 1
        (outcome,) = owner.done[2][1]
        assert not outcome.host_fault


@on_both_loops
async def test_close_while_idle_is_told_and_harms_nobody():
    behaviour = Behaviour(faults={"DOT": Fault.THEN_DROP})
    async with EvilServer(behaviour) as server:
        owner = Owner(keep=True)
        connection = await owner.ready(server)
        await owner.deliver(connection, mail())
        assert owner.kinds == [[DELIVERED]]
        assert connection.slots_free == 0
        assert not connection.is_idle


@pytest.mark.parametrize("fault", [Fault.DROP, Fault.RESET])
@on_both_loops
async def test_kept_connection_dropped_at_mail_is_no_attempt(fault: Fault):
    behaviour = Behaviour(
        faults={"MAIL": fault}, from_message=1, extensions=Behaviour().without("PIPELINING")
    )
    async with EvilServer(behaviour) as server:
        owner = Owner()
        await owner.deliver(await owner.ready(server), mail(), mail())
        assert owner.kinds == [[DELIVERED], [RETURNED]]


@on_both_loops
async def test_421_at_a_recipient_defers_and_returns_what_is_behind():
    async with EvilServer() as server:
        owner = Owner()
        await owner.deliver(await owner.ready(server), mail("ok", "bye", "ok"), mail())
        assert owner.kinds == [[DEFERRED, DEFERRED, DEFERRED]]
        assert len(owner.unsent) == 1


@pytest.mark.parametrize("fault", [Fault.NEVER_REPLY, Fault.DROP, Fault.NO_CODE])
@on_both_loops
async def test_lost_reply_to_quit_changes_no_result(fault: Fault):
    timeouts = Timeouts(quit=0.1)
    async with EvilServer(Behaviour(faults={"QUIT": fault})) as server:
        owner = Owner(timeouts)
        await owner.deliver(await owner.ready(server), mail())
        assert owner.kinds == [[DELIVERED]]


# Slow peers


@on_both_loops
async def test_peer_that_stops_reading_in_a_big_body_is_given_up():
    content = b"x" * 76 + b"\r\n"
    async with EvilServer(Behaviour(stops_reading=True)) as server:
        owner = Owner(Timeouts(block=0.2))
        await owner.deliver(await owner.ready(server), mail(content=content * 300_000), mail())
        assert owner.kinds == [[DEFERRED], [RETURNED]]
        assert "sending the message" in owner.done[0][1][0].reply.text


@on_both_loops
async def test_cap_of_a_transaction_ends_it_before_a_longer_wait():
    timeouts = Timeouts(transaction=0.3)
    async with EvilServer(Behaviour(faults={"RCPT": Fault.NEVER_REPLY})) as server:
        owner = Owner(timeouts)
        await owner.deliver(await owner.ready(server), mail())
        assert owner.kinds == [[DEFERRED]]
