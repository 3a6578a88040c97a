"""The simulator over real connections."""

import asyncio
import base64
import datetime as dt
import ssl
from dataclasses import dataclass

import aiosmtplib
import dkim
import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from mta.sandbox.inbox import Inbox
from mta.sandbox.simulator import Simulator

CONTENT = b"From: =?utf-8?q?Tienda_=C3=91?= <app@example.org>\r\nSubject: Hola\r\n\r\nBody\r\n"
DEADLINE_S = 20


@pytest.fixture(scope="module")
def tls_files(tmp_path_factory):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sandbox.invalid")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    path.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


def server_context(path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def client(simulator, **options):
    host, port = simulator.addresses[0]
    return aiosmtplib.SMTP(hostname=host, port=port, timeout=DEADLINE_S, start_tls=False, **options)


async def send(simulator, *recipients, sender="app@example.org", content=CONTENT):
    async with client(simulator) as smtp:
        return await smtp.sendmail(sender, recipients, content)


async def refused(simulator, recipient):
    with pytest.raises(aiosmtplib.SMTPRecipientsRefused) as caught:
        await send(simulator, recipient)
    reply = caught.value.recipients[0]
    return f"{reply.code} {reply.message}"


async def test_what_is_accepted_is_kept_as_it_arrived():
    async with Simulator() as simulator:
        content = CONTENT + b"..dots\r\n" + "ñandú\r\n".encode()
        await send(simulator, "ana@example.net", "eva@example.net", content=content)
        (message,) = simulator.inbox.list()
        assert message.mail_from == "app@example.org"
        assert message.rcpt_to == ("ana@example.net", "eva@example.net")
        assert message.raw == content
        assert message.subject == "Hola"
        assert message.from_header == "Tienda Ñ <app@example.org>"
        assert message.size_bytes == len(content)
        assert message.peer == "127.0.0.1"
        assert message.tls == ""
        assert message.dkim == ""


async def test_ehlo_offers_what_our_client_uses():
    async with Simulator(max_message_bytes=5000) as simulator, client(simulator) as smtp:
        await smtp.ehlo()
        assert smtp.esmtp_extensions["size"] == "5000"
        for extension in ("8bitmime", "smtputf8", "pipelining"):
            assert smtp.supports_extension(extension)
        for extension in ("starttls", "auth"):
            assert not smtp.supports_extension(extension)


async def test_the_null_sender_is_kept_as_empty():
    async with Simulator() as simulator:
        await send(simulator, "ana@example.net", sender="")
        assert simulator.inbox.list()[0].mail_from == ""


async def test_addresses_that_ask_for_a_refusal_are_refused():
    async with Simulator() as simulator:
        assert (await refused(simulator, "bounce@example.net")).startswith("550 5.1.1")
        assert (await refused(simulator, "full@example.net")).startswith("452 4.2.2")
        assert (await refused(simulator, "policy@example.net")).startswith("550 5.7.1")
        assert (await refused(simulator, "x@bounce.example")).startswith("550 5.1.1")
        assert simulator.inbox.total == 0


async def test_greylisting_refuses_once():
    async with Simulator() as simulator:
        assert (await refused(simulator, "greylist@example.net")).startswith("451 4.7.1")
        await send(simulator, "greylist@example.net")
        assert (await refused(simulator, "x@greylist.example")).startswith("451 4.7.1")
        assert simulator.inbox.total == 1


async def test_one_bad_recipient_does_not_spoil_the_others():
    async with Simulator() as simulator:
        errors, _ = await send(simulator, "ok@example.net", "bounce@example.net")
        assert list(errors) == ["bounce@example.net"]
        assert simulator.inbox.list()[0].rcpt_to == ("ok@example.net",)


async def test_slow_waits_before_it_answers():
    slept = []

    async def sleep(seconds):
        slept.append(seconds)

    async with Simulator(sleep=sleep) as simulator:
        await send(simulator, "slow@example.net")
        assert slept == [5.0]
        assert simulator.inbox.total == 1


async def test_drop_closes_after_the_content_without_an_answer():
    async with Simulator() as simulator:
        reader, writer = await asyncio.open_connection(*simulator.addresses[0])
        writer.write(
            b"EHLO me\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<drop@example.net>\r\nDATA\r\n"
        )
        writer.write(b"Subject: x\r\n\r\n.\r\n")
        async with asyncio.timeout(DEADLINE_S):
            replies = await reader.read()
        assert replies.endswith(b"354 End data with <CR><LF>.<CR><LF>\r\n")
        writer.close()
        assert simulator.inbox.total == 1


async def test_pipelined_transactions_are_answered_in_order():
    async with Simulator() as simulator:
        reader, writer = await asyncio.open_connection(*simulator.addresses[0])
        one = (
            b"MAIL FROM:<a@example.org> BODY=8BITMIME SIZE=20\r\nRCPT TO:<ok@example.net>\r\n"
            b"DATA\r\nSubject: x\r\n\r\n.\r\n"
        )
        writer.write(b"EHLO me\r\n" + one * 3 + b"QUIT\r\n")
        async with asyncio.timeout(DEADLINE_S):
            replies = (await reader.read()).split(b"\r\n")
        writer.close()
        assert sum(line.startswith(b"354") for line in replies) == 3
        assert sum(b"kept by the sandbox" in line for line in replies) == 3
        assert replies[-2] == b"221 Bye"


async def test_a_message_over_the_limit_is_refused():
    async with Simulator(max_message_bytes=200) as simulator:
        with pytest.raises(aiosmtplib.SMTPSenderRefused) as caught:
            await send(simulator, "ok@example.net", content=CONTENT + b"x" * 300 + b"\r\n")
        assert caught.value.code == 552
        assert simulator.inbox.total == 0


async def test_a_complaint_comes_back_to_the_return_path():
    async with Simulator() as simulator:
        await send(simulator, "complain@example.net", sender="token@return.example.org")
        await simulator.settle()
        (report,) = simulator.feedback
        assert report.rcpt_to == "token@return.example.org"
        assert report.mail_from == "fbl@sandbox.invalid"
        assert b"Feedback-Type: abuse" in report.content


async def test_a_late_bounce_is_handed_to_who_sends_feedback():
    sent = []

    async def send_feedback(mail_from, rcpt_to, content):
        sent.append((mail_from, rcpt_to, content))

    async with Simulator(send_feedback=send_feedback) as simulator:
        await send(simulator, "late-bounce@example.net", sender="token@return.example.org")
        await simulator.settle()
        ((mail_from, rcpt_to, content),) = sent
        assert (mail_from, rcpt_to) == ("", "token@return.example.org")
        assert b"Action: failed" in content
        assert not simulator.feedback


async def test_nothing_is_sent_back_to_the_null_sender():
    async with Simulator() as simulator:
        await send(simulator, "complain@example.net", "late-bounce@example.net", sender="")
        await simulator.settle()
        assert not simulator.feedback


async def test_open_fetches_the_pixel_and_click_the_first_link():
    fetched = []

    async def fetch(url):
        fetched.append(url)

    content = (
        b"Content-Type: text/html\r\nMIME-Version: 1.0\r\n\r\n"
        b'<a href="https://elsewhere.example/">x</a><a href="https://correo.example.org/c/1">y</a>'
        b'<img src="https://correo.example.org/o/1.gif">\r\n'
    )
    host = "correo.example.org"
    async with Simulator(fetch=fetch, public_host=host, read_after_s=0.05) as simulator:
        await send(simulator, "open@example.net", content=content)
        await send(simulator, "click@example.net", content=content)
        await send(simulator, "open@example.net")
        await simulator.settle()
    assert fetched == ["https://correo.example.org/o/1.gif", "https://correo.example.org/c/1"]


async def test_a_follow_up_that_fails_does_not_stop_the_next():
    calls = []

    async def send_feedback(_mail_from, rcpt_to, _content):
        calls.append(rcpt_to)
        if len(calls) == 1:
            raise OSError("unreachable")

    async with Simulator(send_feedback=send_feedback) as simulator:
        await send(simulator, "complain@example.net", "complain+2@example.net")
        await simulator.settle()
    assert len(calls) == 2


async def test_follow_ups_of_messages_that_gave_way_are_counted_as_skipped():
    gate = asyncio.Event()

    async def send_feedback(*_args):
        await gate.wait()

    async with Simulator(inbox=Inbox(max_messages=1), send_feedback=send_feedback) as simulator:
        await send(simulator, "complain@example.net")
        await send(simulator, "complain@example.net")
        await send(simulator, "ok@example.net")
        gate.set()
        await simulator.settle()
        assert simulator.counts["skipped"] == 1
        assert simulator.counts["complain"] == 2


async def test_signatures_are_checked_with_the_keys_supplied():
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    records = {b"relevo._domainkey.example.org.": b"v=DKIM1; p=" + base64.b64encode(public)}
    signature = dkim.sign(CONTENT, b"relevo", b"example.org", private)
    async with Simulator(dkim_keys=records.get) as simulator:
        await send(simulator, "ok@example.net", content=signature + CONTENT)
        await send(simulator, "ok@example.net", content=signature + CONTENT + b"more\r\n")
        await send(simulator, "ok@example.net", content=CONTENT)
        await send(
            simulator,
            "ok@example.net",
            content=signature.replace(b"s=relevo", b"s=other") + CONTENT,
        )
        await simulator.settle()
        unknown, none, broken, good = simulator.inbox.list()
        assert good.dkim == "pass"
        assert good.dkim_signatures == ("pass d=example.org s=relevo a=rsa-sha256",)
        assert broken.dkim == "fail"
        assert none.dkim == "none"
        assert unknown.dkim == "fail"


async def test_closing_ends_open_connections_and_frees_the_port():
    simulator = Simulator()
    await simulator.start()
    address = simulator.addresses[0]
    reader, writer = await asyncio.open_connection(*address)
    await reader.readline()
    await simulator.close()
    async with asyncio.timeout(DEADLINE_S):
        assert await reader.read() == b""
    writer.close()
    async with Simulator([address]):
        pass


@dataclass
class Seen:
    tls: str = ""
    total: int = 0


@pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_starttls_works_on_both_event_loops(tls_files, loop_factory):
    seen = Seen()

    async def main():
        async with Simulator(tls_context=server_context(tls_files)) as simulator:
            async with client(simulator, validate_certs=False) as smtp:
                await smtp.starttls(validate_certs=False)
                await smtp.sendmail("a@example.org", ["ok@example.net"], CONTENT)
                await smtp.sendmail("a@example.org", ["ok@example.net"], CONTENT)
            seen.total = simulator.inbox.total
            seen.tls = simulator.inbox.list()[0].tls

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    assert seen.total == 2
    assert seen.tls.startswith("TLSv1.3 TLS_")
