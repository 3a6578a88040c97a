"""The feedback listener takes what is ours, believes what is proved, and is no relay."""

import asyncio
import contextlib
import socket
import ssl

import pytest
import structlog
import uvloop

from mta.feedback.session import FeedbackLimits
from mta.model.errors import StoreError
from mta.model.traffic import DeliveryState
from mta.sandbox.inbox import ReceivedMessage
from mta.sandbox.reports import build_bounce, build_complaint
from tests.evil.certificates import Authority
from tests.integration.feedback_stand import DOMAIN, FeedbackStand
from tests.integration.queue_stand import Stand

ANA = "ana@example.com"
DATE = "Mon, 02 Mar 2026 09:00:00 -0500"
VACATION = b"Auto-Submitted: auto-replied\r\nSubject: Away\r\n\r\nBack on Monday\r\n"
LETTER = b"From: luis@example.com\r\nSubject: baja\r\n\r\nYa no me escriban\r\n"


@pytest.fixture
async def queue(tmp_path):
    made = await Stand.open(tmp_path)
    yield made
    await made.store.close()


@pytest.fixture
async def stand(queue, tmp_path):
    made = FeedbackStand(queue, tmp_path)
    await made.server.start()
    yield made
    await made.server.close()


def received(sender: str, recipient: str, headers: bytes = b"") -> ReceivedMessage:
    raw = headers + b"Subject: Oferta\r\n\r\nHola\r\n"
    return ReceivedMessage(
        id=1, at_ms=0, mail_from=sender, rcpt_to=(recipient,), subject="Oferta", from_header="",
        headers=(), size_bytes=len(raw), raw=raw,
    )  # fmt: skip


def bounce(stand, delivery, about: str = ANA) -> bytes:
    sender = stand.returns.address(delivery.id)
    return build_bounce(received(sender, about), about, "mx.example.com", DATE)


async def send(stand, recipient: str, content: bytes, sender: str = "") -> str:
    wire = await (await stand.connect()).greet()
    reply = await wire.send(recipient, content, sender)
    await wire.end()
    return reply


async def test_a_late_bounce_is_believed_and_repeated_without_effect(stand):
    delivery = await stand.delivered(ANA)
    to = stand.returns.address(delivery.id)
    assert await send(stand, to, bounce(stand, delivery)) == "250 2.0.0 Ok"
    assert await stand.state(delivery) is DeliveryState.BOUNCED
    assert await send(stand, to.upper(), bounce(stand, delivery)) == "250 2.0.0 Ok"
    assert stand.counts.results == {"bounced": 1, "repeated": 1}


async def test_a_notice_about_somebody_else_is_not_believed(stand):
    delivery = await stand.delivered(ANA)
    content = bounce(stand, delivery, "luis@elsewhere.example")
    assert (await send(stand, stand.returns.address(delivery.id), content))[:3] == "250"
    assert await stand.state(delivery) is DeliveryState.DELIVERED
    assert stand.counts.results == {"foreign": 1}


async def test_addresses_are_compared_without_regard_to_case(stand):
    delivery = await stand.delivered("Ana@Example.com")
    await send(
        stand, stand.returns.address(delivery.id), bounce(stand, delivery, "aNA@example.COM")
    )
    assert await stand.state(delivery) is DeliveryState.BOUNCED


async def test_delayed_notices_and_answers_of_machines_change_nothing(stand):
    delivery = await stand.delivered(ANA)
    to = stand.returns.address(delivery.id)
    delayed = bounce(stand, delivery).replace(b"Action: failed", b"Action: delayed")
    assert (await send(stand, to, delayed))[:3] == "250"
    assert (await send(stand, to, VACATION))[:3] == "250"
    assert await stand.state(delivery) is DeliveryState.DELIVERED
    assert stand.counts.results == {"delayed": 1, "auto-reply": 1}


async def test_what_is_under_way_is_asked_for_again(stand):
    flow = await stand.queue.flow()
    (delivery,) = await stand.queue.put(flow, address=ANA)
    to = stand.returns.address(delivery.id)
    assert (await send(stand, to, bounce(stand, delivery)))[:3] == "451"
    await stand.queue.finish(delivery, DeliveryState.DELIVERED, "250 ok")
    assert (await send(stand, to, bounce(stand, delivery)))[:3] == "250"
    assert await stand.state(delivery) is DeliveryState.BOUNCED


async def test_a_bounce_may_be_faster_than_the_settlement(stand):
    flow = await stand.queue.flow()
    (delivery,) = await stand.queue.put(flow, address=ANA, state=DeliveryState.CLAIMED)
    pauses = []

    async def settles(pause_s: float) -> None:
        pauses.append(pause_s)
        await stand.queue.finish(delivery, DeliveryState.DELIVERED, "250 ok")

    stand.server.desk._sleep = settles
    reply = await send(stand, stand.returns.address(delivery.id), bounce(stand, delivery))
    assert reply[:3] == "250"
    assert await stand.state(delivery) is DeliveryState.BOUNCED
    assert len(pauses) == 1


@pytest.mark.parametrize("where", ["return path", "fbl"])
async def test_a_complaint_is_proved_by_a_token(stand, where):
    delivery = await stand.delivered(ANA)
    sender = stand.returns.address(delivery.id)
    proof = f"Return-Path: <{sender}>\r\n".encode()
    content = build_complaint(received(sender, ANA, proof), ANA, "loop.example", DATE)
    to = sender if where == "return path" else f"fbl+yahoo@{DOMAIN}"
    assert (await send(stand, to, content, "fbl@loop.example"))[:3] == "250"
    assert (await send(stand, to, content, "fbl@loop.example"))[:3] == "250"
    assert stand.counts.results == {"complained": 1, "repeated": 1}


async def test_a_complaint_without_a_token_of_ours_proves_nothing(stand):
    forged = f"b+1-{'0' * 20}@{DOMAIN}"
    content = build_complaint(received(forged, ANA), ANA, "loop.example", DATE)
    assert (await send(stand, f"fbl@{DOMAIN}", content))[:3] == "250"
    assert stand.counts.results == {"unproven": 1}


async def test_a_loop_may_send_the_mail_alone(stand):
    delivery = await stand.delivered(ANA)
    inner = f"List-Unsubscribe: <mailto:u+{stand.leaves.token(delivery.id)}@{DOMAIN}>\r\n\r\nx\r\n"
    content = b"Subject: complaint\r\nContent-Type: message/rfc822\r\n\r\n" + inner.encode()
    assert (await send(stand, f"fbl@{DOMAIN}", content, "staff@example.net"))[:3] == "250"
    assert stand.counts.results == {"complained": 1}


@pytest.mark.parametrize("prefix", ["u+", "baja+"])
async def test_a_person_unsubscribes_by_mail_and_a_machine_does_not(stand, prefix):
    delivery = await stand.delivered(ANA)
    to = f"{prefix}{stand.leaves.token(delivery.id)}@{DOMAIN}"
    assert (await send(stand, to, VACATION, ANA))[:3] == "250"
    assert (await send(stand, to, LETTER, ""))[:3] == "250"
    assert stand.counts.results == {"auto-reply": 2}
    assert (await send(stand, to, LETTER, ANA))[:3] == "250"
    assert (await send(stand, to, LETTER, ANA))[:3] == "250"
    assert stand.counts.results == {"auto-reply": 2, "unsubscribed": 1, "repeated": 1}


async def test_a_mail_program_may_say_that_it_unsubscribes_for_its_reader(stand):
    delivery = await stand.delivered(ANA)
    to = f"u+{stand.leaves.token(delivery.id)}@{DOMAIN}"
    content = b"Auto-Submitted: auto-generated\r\nSubject: unsubscribe\r\n\r\n"
    assert (await send(stand, to, content, ANA))[:3] == "250"
    assert stand.counts.results == {"unsubscribed": 1}


async def test_mail_to_people_is_kept(stand):
    assert (await send(stand, f"abuse@{DOMAIN}", LETTER, ANA))[:3] == "250"
    assert (await send(stand, "Postmaster", LETTER, ANA))[:3] == "250"
    first, second = stand.letters()
    assert first == f"Return-Path: <{ANA}>\r\nDelivered-To: abuse@{DOMAIN}\r\n".encode() + LETTER
    assert second.endswith(LETTER)


async def test_a_letter_that_finds_no_room_is_not_acknowledged(stand, monkeypatch):
    monkeypatch.setattr("mta.feedback.letters.MAX_FILES", 1)
    assert (await send(stand, f"abuse@{DOMAIN}", LETTER, ANA))[:3] == "250"
    assert (await send(stand, f"abuse@{DOMAIN}", LETTER, ANA))[:3] == "452"
    assert len(stand.letters()) == 1


async def test_what_could_not_be_written_is_not_acknowledged(stand, monkeypatch):
    delivery = await stand.delivered(ANA)

    def full(*_args, **_kwargs):
        future = asyncio.get_running_loop().create_future()
        future.set_exception(StoreError("disk full"))
        return future

    with monkeypatch.context() as patch:
        patch.setattr(stand.queue.store, "submit", full)
        to = stand.returns.address(delivery.id)
        assert (await send(stand, to, bounce(stand, delivery)))[:3] == "451"
    assert await stand.state(delivery) is DeliveryState.DELIVERED
    assert (await send(stand, to, bounce(stand, delivery)))[:3] == "250"


async def test_nothing_is_relayed(stand):
    own = stand.returns.address(1)
    wire = await (await stand.connect()).greet()
    assert (await wire.say(f"MAIL FROM:<ana@{DOMAIN}>"))[:3] == "250"
    for recipient, status in [
        ("ana@example.com", "550 5.7.1"),
        (f"ana@{DOMAIN}", "550 5.1.1"),
        (f"b+1-{'0' * 20}@{DOMAIN}", "550 5.1.1"),
        (own.replace("@", "%example.com@"), "550 5.1.1"),
        (f"ana%example.com@{DOMAIN}", "550 5.1.1"),
    ]:
        assert (await wire.say(f"RCPT TO:<{recipient}>")).startswith(status)
    assert (await wire.say("DATA"))[:3] == "503"
    assert (await wire.say("AUTH PLAIN AGEAYg=="))[:3] == "500"
    assert (await wire.say("VRFY postmaster"))[:1] in "25"
    await wire.end()


@pytest.fixture
async def strict(queue, tmp_path):
    """A listener with tight limits."""
    limits = FeedbackLimits(max_recipients=2, max_errors=3, max_per_address=2, max_commands=20)
    made = FeedbackStand(queue, tmp_path, limits)
    await made.server.start()
    yield made
    await made.server.close()


async def test_recipients_and_errors_are_limited(strict):
    wire = await (await strict.connect()).greet()
    await wire.say("MAIL FROM:<>")
    for expected in ("250", "250", "452", "452", "452"):
        assert (await wire.say("RCPT TO:<postmaster>"))[:3] == expected
    assert (await wire.reply())[:3] == "421"
    assert await wire.reply() == ""
    await wire.end()


async def test_commands_are_limited(strict):
    wire = await (await strict.connect()).greet()
    replies = [(await wire.say("NOOP"))[:3] for _ in range(21)]
    assert replies == ["250"] * 20 + ["421"]
    assert await wire.reply() == ""
    await wire.end()


async def test_connections_from_one_address_are_limited(strict):
    first, second = [await (await strict.connect()).greet() for _ in range(2)]
    refused = await strict.connect()
    assert (await refused.reply())[:3] == "421"
    assert await refused.reply() == ""
    await first.say("QUIT")
    assert await first.reply() == ""
    again = await (await strict.connect()).greet()
    for wire in (first, second, refused, again):
        await wire.end()


async def test_a_mail_that_is_too_large_is_refused_and_the_session_goes_on(stand):
    wire = await (await stand.connect()).greet()
    assert (await wire.say("MAIL FROM:<> SIZE=1048577"))[:3] == "552"
    reply = await wire.send("postmaster", b"X: y\r\n\r\n" + b"x" * 998 + b"\r\n" * 600_000)
    assert reply[:3] == "552"
    assert (await wire.send("postmaster", LETTER))[:3] == "250"
    assert len(stand.letters()) == 1
    await wire.end()


ENDINGS = [
    b"\n.\n", b"\n.\r", b"\r.\n", b"\r.\r", b"\n.\r\n", b"\r.\r\n", b"\r\n.\n", b"\r\n.\r",
    b"\r\n.\r\r\n", b"\r\r\n.\r\r\n", b"\r\n\0.\r\n", b"\r\n.\0\r\n", b"\n\n.\r\n", b"\r\n.\x0b\r\n",
    b"\r\n.\x0c\r\n", b"\r\n.\xc2\x85", b"\r\n. \r\n", b"\x85.\x85", b"\n\r.\n\r",
]  # fmt: skip


@pytest.mark.parametrize("ending", ENDINGS)
async def test_only_one_sequence_ends_a_mail(stand, ending):
    wire = await (await stand.connect()).greet()
    smuggled = b"MAIL FROM:<evil@example.net>\r\nRCPT TO:<postmaster>\r\nDATA\r\nSubject: evil\r\n"
    content = b"Subject: one\r\n\r\ntext" + ending + smuggled
    await wire.say("MAIL FROM:<>")
    await wire.say("RCPT TO:<postmaster>")
    await wire.say("DATA")
    assert (await wire.say(content + b"\r\n.\r\n"))[:3] == "250"
    assert (await wire.say("NOOP"))[:3] == "250"
    assert len(stand.letters()) == 1
    await wire.end()


async def test_tls_begins_once_and_forgets_what_came_before(queue, tmp_path):
    server = Authority(tmp_path).issue("relevo.example.org").server_context()
    stand = FeedbackStand(queue, tmp_path, tls=server)
    await stand.server.start()
    wire = await (await stand.connect()).greet()
    injected = b"STARTTLS\r\nMAIL FROM:<evil@example.net>\r\n"
    assert (await wire.say(injected))[:3] == "220"
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    await wire.writer.start_tls(trusting)
    assert "STARTTLS" not in await wire.say("EHLO mx.example.com")
    assert (await wire.say("RCPT TO:<postmaster>"))[:3] == "503"
    assert (await wire.say("STARTTLS"))[:3] == "503"
    assert (await wire.send("postmaster", LETTER))[:3] == "250"
    await wire.end()
    await stand.server.close()


async def test_sockets_of_systemd_replace_the_addresses(queue, tmp_path):
    stand = FeedbackStand(queue, tmp_path)
    opened = socket.create_server(("127.0.0.1", 0))
    await stand.server.start([opened])
    assert stand.server.addresses == [opened.getsockname()]
    assert (await send(stand, "postmaster", LETTER))[:3] == "250"
    await stand.server.close()


async def test_a_reply_of_many_lines_comes_in_one_piece(stand):
    wire = await stand.connect()
    await wire.reply()
    wire.writer.write(b"EHLO mx.example.com\r\n")
    piece = await wire.reader.read(4096)
    assert piece.startswith(b"250-")
    assert b"\r\n250 PIPELINING\r\n" in piece
    assert b"AUTH" not in piece
    await wire.end()


async def test_a_session_ends_however_busy_it_is(queue, tmp_path):
    stand = FeedbackStand(queue, tmp_path, FeedbackLimits(session_s=0.3))
    await stand.server.start()
    wire = await stand.connect()
    assert (await wire.reply())[:3] == "220"
    assert (await wire.reply())[:3] == "421"
    assert await wire.reply() == ""
    await wire.end()
    await stand.server.close()


@pytest.mark.parametrize("verb", ["GET", "POST", "OPTIONS"])
async def test_http_is_told_once_that_this_is_smtp(stand, verb):
    wire = await stand.connect()
    await wire.reply()
    smuggled = "HELO a\r\nMAIL FROM:<>\r\nRCPT TO:<postmaster>\r\nDATA\r\nSubject: x\r\n\r\n.\r\n"
    wire.writer.write(f"{verb} / HTTP/1.1\r\nHost: a\r\n\r\n{smuggled}".encode())
    assert (await wire.reply()).startswith("421 4.7.0")
    with contextlib.suppress(ConnectionError):
        assert await wire.reply() == ""
    assert not stand.letters()
    await wire.end()


async def test_nothing_is_carried_out_behind_too_many_errors(strict):
    wire = await strict.connect()
    await wire.reply()
    smuggled = b"HELO a\r\nMAIL FROM:<>\r\nRCPT TO:<postmaster>\r\nDATA\r\nSubject: x\r\n\r\n.\r\n"
    wire.writer.write(b"X\r\n" * 3 + smuggled)
    assert [(await wire.reply())[:3] for _ in range(4)] == ["500", "500", "500", "421"]
    await wire.end()
    assert not strict.letters()


BROKEN = [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00", b""]


@pytest.mark.parametrize("octets", BROKEN)
def test_a_broken_handshake_is_no_line_of_the_log(tmp_path, caplog, octets):
    async def talk() -> None:
        queue = await Stand.open(tmp_path)
        server = Authority(tmp_path).issue("relevo.example.org").server_context()
        stand = FeedbackStand(queue, tmp_path, tls=server)
        await stand.server.start()
        wire = await (await stand.connect()).greet()
        assert (await wire.say("STARTTLS"))[:3] == "220"
        wire.writer.write(octets)
        wire.writer.write_eof()
        with contextlib.suppress(ConnectionError):
            async with asyncio.timeout(20):
                await wire.reader.read()
        await wire.end()
        assert (await send(stand, "postmaster", LETTER))[:3] == "250"
        assert stand.counts.results == {"tls": 1, "kept": 1}
        await stand.server.close()
        await queue.store.close()

    for run in (asyncio.run, uvloop.run):
        with structlog.testing.capture_logs() as lines:
            run(talk())
        assert not [line for line in lines if line["log_level"] in ("warning", "error")]
    assert not [record for record in caplog.records if record.levelname != "INFO"]


def test_places_and_time_are_limited_on_the_loop_that_serves(tmp_path):
    async def talk() -> None:
        queue = await Stand.open(tmp_path)
        limits = FeedbackLimits(max_per_address=1, session_s=0.3)
        stand = FeedbackStand(queue, tmp_path, limits)
        await stand.server.start()
        wire = await stand.connect()
        assert (await wire.reply())[:3] == "220"
        refused = await stand.connect()
        assert (await refused.reply())[:3] == "421"
        assert await refused.reply() == ""
        assert (await wire.reply())[:3] == "421"
        assert await wire.reply() == ""
        await wire.end()
        await refused.end()
        await stand.server.close()
        await queue.store.close()

    uvloop.run(talk())
