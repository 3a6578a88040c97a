"""What goes on the wire: signatures, international mail, notices to the sender."""

import datetime as dt
import email
import email.policy

import dkim
import pytest

from mta.delivery import board
from mta.dkim.keyfiles import KeyType, generate_key
from mta.dkim.records import record_text
from mta.model.errors import StoreError
from tests.evil.behaviour import Behaviour
from tests.integration.relay import Relay
from tests.integration.relay_network import Network

TODAY = dt.date(2026, 11, 22)


def verifies(content: bytes, records: dict[bytes, bytes]) -> bool:
    return bool(
        dkim.verify(content, dnsfunc=lambda name, timeout=5: records.get(name.rstrip(b".")))
    )


@pytest.mark.parametrize("kept", [64 << 20, 0], ids=["from memory", "from disk"])
async def test_mail_is_signed_with_all_keys_of_its_author(tmp_path, monkeypatch, kept):
    monkeypatch.setattr(board, "MAX_CONTENT_BYTES", kept)
    keys = tmp_path / "keys"
    keys.mkdir(mode=0o700)
    records = {}
    for kind in (KeyType.RSA2048, KeyType.ED25519):
        key, _ = generate_key(keys, "sender.test", today=TODAY, key_type=kind)
        records[key.record_name.encode().rstrip(b".")] = record_text(key).encode()
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await network.receiver(2)
        network.domain("one.test", mx)
        body = ".leading dot\n..two\n\n\nlast\n"
        for n in range(5):
            await relay.send(f"u{n}@one.test", body=body)
        await relay.send("other@one.test", sender="app@unsigned.test")
        await relay.until_states(delivered=6)
        for message in mx.received:
            signatures = message.content.lower().count(b"dkim-signature:")
            if b"other@one.test" in message.recipients[0].encode():
                assert signatures == 0
            else:
                assert signatures == 2
                assert verifies(message.content, records)


async def test_a_message_to_many_is_signed_once_and_is_the_same_for_all(tmp_path):
    keys = tmp_path / "keys"
    keys.mkdir(mode=0o700)
    generate_key(keys, "sender.test", today=TODAY)
    async with Network() as network, Relay(tmp_path, network) as relay:
        one, two = await network.receiver(2), await network.receiver(3)
        network.domain("one.test", one)
        network.domain("two.test", two)
        await relay.send("ana@one.test", "ben@one.test", "cyd@two.test")
        await relay.until_states(delivered=3)
        assert len(one.received) == 1
        assert one.received[0].content == two.received[0].content


async def test_international_mail_needs_a_server_that_takes_it(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        modern = await network.receiver(2)
        plain = Behaviour()
        plain = Behaviour(extensions=plain.without("SMTPUTF8"))
        old = await network.receiver(3, plain)
        network.domain("modern.test", modern)
        network.domain("old.test", old)
        await relay.send("ñandú@modern.test", mail=["SMTPUTF8"])
        await relay.send("ñandú@old.test", mail=["SMTPUTF8"])
        await relay.send("ana@old.test", mail=["SMTPUTF8"])  # asked for, and not needed
        network.domain("sender.test", modern)
        await relay.until(lambda: relay.row("ñandú@old.test")["state"] == "bounced")
        assert relay.row("ñandú@old.test")["last_reply"].startswith("5")
        await relay.until(lambda: len(old.received) == 1)
        await relay.until(lambda: "ñandú@modern.test" in modern.recipients)
        assert "SMTPUTF8" in next(m.mail for m in modern.received if "ñandú" in m.recipients[0])
        assert "SMTPUTF8" not in old.received[0].mail
        await relay.until(lambda: not relay.states()["ready"])


async def test_a_bounce_is_told_to_the_sender(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await network.receiver(2)
        network.domain("one.test", mx)
        network.domain("sender.test", mx)
        await relay.send("ana@one.test", "bounce1@one.test", "gone@nowhere.test")
        await relay.until_states(delivered=3, bounced=2)
        notices = [m for m in mx.received if m.mail.startswith("MAIL FROM:<>")]
        assert len(notices) == 2
        told = b"".join(m.content for m in notices)
        assert b"rfc822;bounce1@one.test" in told.replace(b" ", b"")
        assert b"rfc822;gone@nowhere.test" in told.replace(b" ", b"")
        for notice in notices:
            assert notice.recipients == ["RCPT TO:<app@sender.test> NOTIFY=NEVER"]
            parsed = email.message_from_bytes(notice.content, policy=email.policy.default)
            assert parsed.get_content_type() == "multipart/report"


async def test_a_notice_that_bounces_is_told_to_nobody(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        await relay.send("ana@nowhere.test", sender="app@gone.test")
        await relay.until_states(bounced=2)
        await relay.quiet()


async def test_hundreds_of_bounces_at_once_are_all_told(tmp_path):
    async with Network() as network, Relay(tmp_path, network) as relay:
        mx = await network.receiver(2)
        network.domain("sender.test", mx)
        network.dns.pause()
        many = [
            relay.hand_in(f"u{n}@nowhere.test", protocol="ESMTPSA", account=n % 350 + 1)
            for n in range(700)
        ]
        for task in many:
            await task
        network.dns.resume()
        await relay.until_states(bounced=700, delivered=700)
        assert len(mx.received) == 700


async def test_a_message_whose_content_is_damaged_bounces_and_the_rest_goes_on(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(board, "MAX_CONTENT_BYTES", 0)
    async with Network() as network, Relay(tmp_path, network) as relay:
        relay.expected_errors = ("message cannot be prepared",)
        mx = await network.receiver(2)
        network.domain("one.test", mx)
        await relay.submit("first@one.test")
        await relay.until_states(delivered=1)
        await relay.ask("queue.hold", site="mx2.test")
        await relay.submit("bad@one.test", body="damage me\r\n")
        await relay.submit("good@one.test")
        segment = tmp_path / "queue" / "content"
        (path,) = segment.glob("*.seg")
        data = path.read_bytes()
        path.write_bytes(data.replace(b"damage me", b"DAMAGED!!"))
        await relay.ask("queue.release", site="mx2.test")
        await relay.until_states(delivered=2, bounced=1)
        assert relay.row("bad@one.test")["state"] == "bounced"


async def test_a_store_that_cannot_read_a_content_defers_the_mail(tmp_path, monkeypatch):
    monkeypatch.setattr(board, "MAX_CONTENT_BYTES", 0)
    async with Network() as network, Relay(tmp_path, network) as relay:
        relay.expected_errors = ("message cannot be prepared",)
        network.domain("one.test", await network.receiver(2))
        relay.store.fail("read_content", StoreError("input/output error"))
        await relay.submit("ana@one.test")
        await relay.until_states(scheduled=1)
        assert relay.row("ana@one.test")["last_reply"].startswith("451 4.3.0")
        relay.advance(600)
        await relay.until_states(delivered=1)
