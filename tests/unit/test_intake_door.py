"""What becomes durable of a submission on a real store: content, rows, class, release, owner."""

import email
import re
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from mta.intake.admission import MAX_RECIPIENTS
from mta.intake.intake import REVOKED, TOO_MANY
from mta.model.address import parse_address
from mta.model.envelope import Identity, Notify, Origin, Recipient
from mta.model.traffic import DeliveryState, TrafficClass
from mta.spool.rows import ExpiryKind, MessageFlag
from tests.intake_stand import (
    CONTENT,
    ME,
    Stand,
    StandMaker,
    code,
    nothing_is_kept,
    open_stand,
    with_fields,
)

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
WEB = Origin("HTTP", "198.51.100.4")


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[StandMaker]:
    async with open_stand(tmp_path) as maker:
        yield maker


@pytest.fixture
async def stand(make: StandMaker) -> Stand:
    return make()


# Taking


async def test_an_accepted_message_is_durable_with_all_that_belongs_to_it(stand):
    receipt = await stand.send(CONTENT, "b@example.net", ret="HDRS", envelope_id="E1")
    assert str(receipt.reply) == f"250 2.0.0 {receipt.message_id} queued"
    (message,) = await stand.messages()
    assert (message["id"], message["account"], message["credential"]) == (receipt.message_id, 7, 70)
    assert (message["sender"], message["ret"], message["envelope_id"]) == (
        "app@example.org",
        "HDRS",
        "E1",
    )
    assert (message["subject"], message["source"]) == ("Hola", "192.0.2.7")
    assert message["flags"] == MessageFlag.RELAY
    (delivery,) = await stand.deliveries()
    assert (delivery["message"], delivery["address"], delivery["domain"]) == (
        receipt.message_id, "b@example.net", "example.net",
    )  # fmt: skip
    assert (delivery["state"], delivery["kind"]) == (DeliveryState.READY, ExpiryKind.RELAY)
    (flow,) = await stand.rows("test_flows", ("id", "account", "name", "kind", "class"))
    assert (flow["name"], flow["kind"], flow["class"]) == (
        "app",
        "application",
        TrafficClass.TRANSACTIONAL,
    )
    assert await stand.store.read("test_counts") == [(flow["id"], DeliveryState.READY, 1)]
    ((_, account, of, about, data),) = await stand.store.read("test_events")
    assert (account, of, about) == (7, flow["id"], receipt.message_id)
    assert orjson.loads(data) == {"recipients": 1, "size": message["length"]}
    (((ready,), due_ms),) = stand.ready.told
    assert (ready.id, ready.message.id, due_ms) == (delivery["id"], message["id"], 0)
    assert stand.counters.taken == [(TrafficClass.TRANSACTIONAL, "smtp", 1)]


async def test_the_content_gets_a_trace_field_and_what_it_lacks(stand):
    receipt = await stand.send()
    content = await stand.content()
    assert content.endswith(CONTENT)
    added = content[: -len(CONTENT)].decode()
    assert re.fullmatch(
        r"Received: from client.example.org \(\[192.0.2.7\]\)\r\n"
        rf"\tby relevo.example.org \(Relevo\) with ESMTPSA id {receipt.message_id}\r\n"
        r"\tfor <b@example.net>;\r\n\tFri, 15 Jan 2027 08:00:00 \+0000\r\n"
        r"Date: Fri, 15 Jan 2027 08:00:00 \+0000\r\n"
        r"Message-ID: <[0-9a-f]+.relevo@relevo.example.org>\r\n",
        added,
    )
    (message,) = await stand.messages()
    assert message["header_id"] == email.message_from_bytes(content)["Message-ID"]


async def test_nothing_is_added_to_what_is_there_or_signed(stand):
    whole = b"Date: Fri, 15 Jan 2027 07:00:00 +0000\r\nMessage-ID: <a@b.example>\r\n" + CONTENT
    await stand.send(whole)
    assert (await stand.content()).partition(b"+0000\r\n")[2] == whole
    signed = b"DKIM-Signature: v=1; d=example.org\r\n" + CONTENT
    await stand.send(signed)
    assert (await stand.content()).partition(b"+0000\r\n")[2] == signed
    assert [m["header_id"] for m in await stand.messages()] == ["<a@b.example>", ""]


@pytest.mark.parametrize(
    "content", [b"", b"\r\nHola\r\n", b"Hola\r\n", b"Subject: x\r\n", b" x\r\n"]
)
async def test_a_message_without_an_author_gets_the_envelope_sender(stand, content):
    assert code(await stand.send(content)) == "250 2.0.0"
    parsed = email.message_from_bytes(await stand.content())
    assert parsed["From"] == "<app@example.org>"
    assert not parsed.defects


async def test_a_null_sender_needs_permission_and_is_no_author(stand):
    assert code(await stand.send(b"\r\nx\r\n", sender=None)) == "550 5.7.1"
    bouncer = Identity(7, 70, "app", may_use_null_sender=True)
    assert code(await stand.send(b"\r\nx\r\n", sender=None, identity=bouncer)) == "250 2.0.0"
    assert (
        email.message_from_bytes(await stand.content())["From"]
        == "<MAILER-DAEMON@relevo.example.org>"
    )
    assert (await stand.messages())[0]["sender"] == ""


async def test_for_is_written_for_one_recipient_only(stand):
    await stand.send(CONTENT, "b@example.net", "c@example.net")
    assert b"\tfor <" not in await stand.content()
    assert b"c@example.net" not in await stand.content()


async def test_recipients_are_rows_in_the_order_of_their_domains_and_each_address_once(stand):
    await stand.send(
        CONTENT, "z@b.example", "a@a.example", "b@b.example", "z@B.example", "Z@b.example"
    )
    found = await stand.deliveries()
    assert [d["address"] for d in found] == [
        "a@a.example",
        "z@b.example",
        "b@b.example",
        "Z@b.example",
    ]
    assert [d["n"] for d in found] == [0, 1, 2, 3]
    assert len({d["id"] for d in found}) == 4
    assert min(d["id"] for d in found) > found[0]["message"]
    await stand.send()
    ids = [d["id"] for d in await stand.deliveries()] + [m["id"] for m in await stand.messages()]
    assert len(ids) == len(set(ids))


async def test_a_thousand_recipients_are_one_message(stand):
    people = [f"p{n}@d{n % 7}.example" for n in range(1000)]
    assert code(await stand.send(CONTENT, *people)) == "250 2.0.0"
    assert {d["address"] for d in await stand.deliveries()} == set(people)
    assert len(await stand.messages()) == 1


async def test_more_recipients_than_a_job_can_hold_are_told_at_rcpt_and_refused(stand):
    recipient = Recipient(parse_address("b@example.net"))
    assert stand.intake.check_recipient(ME, recipient, MAX_RECIPIENTS) is None
    assert stand.intake.check_recipient(ME, recipient, MAX_RECIPIENTS + 1) == TOO_MANY
    people = [f"p{n}@example.net" for n in range(MAX_RECIPIENTS + 1)]
    assert code(await stand.send(CONTENT, *people)) == "452 4.5.3"
    assert code(await stand.send(CONTENT, *people[:-1])) == "250 2.0.0"


async def test_notify_and_original_recipient_are_kept(stand):
    given = Recipient(parse_address("b@example.net"), Notify.NEVER, "rfc822;x@example.org")
    await stand.send(recipients=(given,))
    (delivery,) = await stand.deliveries()
    assert (delivery["notify"], delivery["original"]) == (Notify.NEVER, "rfc822;x@example.org")


async def test_flags_tell_what_delivery_needs(stand):
    eight_bit = CONTENT + "señor\r\n".encode()
    await stand.send(eight_bit)
    await stand.send(
        "Subject: ñ\r\n".encode() + CONTENT.replace(b"Subject: Hola\r\n", b""), smtputf8=True
    )
    await stand.send("To: ñ@x.example\r\n".encode() + CONTENT, smtputf8=True)
    await stand.send(CONTENT, sender="ñandú@example.org", smtputf8=True)
    await stand.send(with_fields("X-Relevo-Class: campaign\r\nX-Relevo-Track: opens, clicks"))
    await stand.send(origin=WEB)
    assert [m["flags"] for m in await stand.messages()] == [
        MessageFlag.RELAY | MessageFlag.EIGHT_BIT,
        MessageFlag.RELAY,
        MessageFlag.RELAY | MessageFlag.EIGHT_BIT | MessageFlag.NEEDS_UTF8,
        MessageFlag.RELAY | MessageFlag.NEEDS_UTF8,
        MessageFlag.TRACK_OPENS | MessageFlag.TRACK_CLICKS,
        0,
    ]


async def test_the_log_tells_of_accepted_mail(stand):
    receipt = await stand.send()
    stand.mail_log.flush()
    entry = orjson.loads(stand.log.lines[0])
    assert (entry["event"], entry["message"]) == ("message.accepted", str(receipt.message_id))


# Whose mail


@pytest.mark.parametrize(
    "content",
    [
        b"From: ceo@victim.example\r\n\r\nx\r\n",
        b"From: App <app@example.org.victim.example>\r\n\r\n",
        b'From: "app@example.org" <ceo@victim.example>\r\n\r\n',
        b"From: app@example.org\r\nSender: ceo@victim.example\r\n\r\n",
        b"From: app@example.org\r\nsender :\r\n <ceo@victim.example>\r\n\r\n",
        b"From: app@example.org\r\nResent-From: ceo@victim.example\r\n\r\n",
        b"From: app@example.org\r\nResent-Sender: ceo@victim.example\r\n\r\n",
        b"From: app@sub.example.org\r\n\r\n",
        b"From: app@xn--and-6ma2c.example\r\n\r\n",
    ],
)
@pytest.mark.parametrize("origin", [Origin("ESMTPSA"), WEB])
async def test_mail_in_anothers_name_is_refused(stand, content, origin):
    assert code(await stand.send(content, origin=origin)) == "550 5.7.1"
    assert await nothing_is_kept(stand)


async def test_a_foreign_envelope_sender_is_refused_by_check_and_by_submit(stand):
    foreign = parse_address("ceo@victim.example")
    refusal = stand.intake.check_sender(ME, foreign)
    assert (refusal.code, refusal.enhanced) == (550, "5.7.1")
    assert stand.intake.check_sender(ME, parse_address("x@EXAMPLE.org")) is None
    assert code(await stand.send(sender="ceo@victim.example", origin=WEB)) == "550 5.7.1"
    assert await nothing_is_kept(stand)


async def test_replies_may_go_anywhere(stand):
    assert (
        code(await stand.send(b"Reply-To: Any <any@elsewhere.example>\r\n" + CONTENT))
        == "250 2.0.0"
    )


async def test_an_operator_may_send_as_anyone(stand):
    operator = Identity(1, 1, "op", any_sender=True)
    content = b"From: a@one.example\r\nSender: b@two.example\r\n\r\n"
    assert (
        code(await stand.send(content, identity=operator, sender="c@three.example")) == "250 2.0.0"
    )


async def test_a_revoked_credential_stops_at_mail(make):
    stand = make(still_valid=lambda identity: identity.credential_id != 70)
    assert stand.intake.check_sender(ME, parse_address("app@example.org")) == REVOKED


async def test_a_loop_is_broken(stand):
    hop = b"Received: from x by y; z\r\n"
    assert code(await stand.send(hop * 49 + CONTENT)) == "250 2.0.0"
    assert code(await stand.send(hop * 50 + CONTENT)) == "554 5.4.6"


@pytest.mark.parametrize(
    "content",
    [b"Subject: a\nBcc: b\r\n\r\n", b"Subject: a\rBcc: b\r\n\r\n", b"a\0\r\n", b"x" * 1200 + b"\r\n", b"x",
     b"\r\n.\n\r\nMAIL FROM:<>\r\n"],
)  # fmt: skip
async def test_other_doors_cannot_hand_in_what_would_be_smuggled_out(stand, content):
    receipt = await stand.send(content, origin=WEB)
    assert receipt.reply.is_permanent
    assert await nothing_is_kept(stand)


async def test_a_web_clients_address_is_kept_and_not_sent(stand):
    await stand.send(origin=WEB)
    assert (await stand.messages())[0]["source"] == "198.51.100.4"
    assert b"198.51.100.4" not in await stand.content()


# Class, release, expiry


@pytest.mark.parametrize(
    ("fields", "klass", "kind", "lifetime_ms"),
    [
        ("X-A: b", TrafficClass.TRANSACTIONAL, ExpiryKind.RELAY, 0),
        (
            "X-Relevo-Class: transactional",
            TrafficClass.TRANSACTIONAL,
            ExpiryKind.TRANSACTIONAL,
            DAY_MS,
        ),
        ("X-Relevo-Class: urgent", TrafficClass.URGENT, ExpiryKind.URGENT, HOUR_MS // 4),
        ("X-Relevo-Class: automated", TrafficClass.AUTOMATED, ExpiryKind.AUTOMATED, 0),
        ("X-Relevo-Class: campaign", TrafficClass.CAMPAIGN, ExpiryKind.CAMPAIGN, 0),
    ],
)
async def test_a_class_decides_expiry(stand, fields, klass, kind, lifetime_ms):
    urgent = Identity(7, 70, "app", frozenset({"example.org"}), may_send_urgent=True)
    assert code(await stand.send(with_fields(fields), identity=urgent)) == "250 2.0.0"
    (delivery,) = await stand.deliveries()
    assert (delivery["class"], delivery["kind"]) == (klass, kind)
    assert delivery["expires_ms"] == (stand.clock.now_ms() + lifetime_ms if lifetime_ms else 0)
    assert b"X-Relevo" not in await stand.content()


async def test_urgent_needs_a_permission(stand):
    assert code(await stand.send(with_fields("X-Relevo-Class: urgent"))) == "550 5.7.1"
    assert await nothing_is_kept(stand)


async def test_a_default_class_is_the_credentials(stand):
    news = Identity(7, 71, "news", frozenset({"example.org"}), default_class=TrafficClass.CAMPAIGN)
    await stand.send(identity=news)
    assert (await stand.deliveries())[0]["kind"] == ExpiryKind.CAMPAIGN


@pytest.mark.parametrize("way", ["header", "envelope"])
async def test_a_release_in_the_future_schedules_and_its_expiry_counts_from_there(stand, way):
    at_ms = stand.clock.now_ms() + 10 * HOUR_MS
    if way == "header":
        fields = "X-Relevo-Send-At: 2027-01-15T13:00:00-05:00\r\nX-Relevo-Class: transactional"
        await stand.send(with_fields(fields))
    else:
        await stand.send(with_fields("X-Relevo-Class: transactional"), release_at_ms=at_ms)
    (delivery,) = await stand.deliveries()
    assert (delivery["state"], delivery["due_ms"]) == (DeliveryState.SCHEDULED, at_ms)
    assert delivery["expires_ms"] == at_ms + DAY_MS
    assert stand.ready.told[0][1] == at_ms


async def test_a_release_in_the_past_means_now(stand):
    await stand.send(with_fields("X-Relevo-Send-At: 2020-01-01T00:00:00Z"))
    (delivery,) = await stand.deliveries()
    assert (delivery["state"], delivery["due_ms"]) == (DeliveryState.READY, stand.clock.now_ms())


async def test_a_release_in_sixty_days_is_taken_and_a_later_one_is_not(stand):
    assert (
        code(await stand.send(with_fields("X-Relevo-Send-At: 2027-03-16T08:00:00Z"))) == "250 2.0.0"
    )
    assert (
        code(await stand.send(with_fields("X-Relevo-Send-At: 2027-03-16T08:00:01Z"))) == "550 5.5.4"
    )
    late_ms = stand.clock.now_ms() + 61 * DAY_MS
    assert code(await stand.send(release_at_ms=late_ms, origin=WEB)) == "550 5.5.4"


async def test_tags_and_metadata_are_kept(stand):
    await stand.send(
        with_fields('X-Relevo-Tag: a\r\nX-Relevo-Tag: ñ\r\nX-Relevo-Metadata: {"n": 1}')
    )
    (message,) = await stand.messages()
    assert (orjson.loads(message["tags"]), message["metadata"]) == (["a", "ñ"], '{"n":1}')


# Suppression


async def test_a_suppressed_recipient_is_accepted_final_and_not_sent(stand):
    stand.suppressed.keys = {"b@example.net"}
    receipt = await stand.send(CONTENT, '"B"@example.net', "c@known.example")
    assert code(receipt) == "250 2.0.0"
    assert [(d["address"], d["state"], d["site"]) for d in await stand.deliveries()] == [
        ('"B"@example.net', DeliveryState.SUPPRESSED, 0), ("c@known.example", DeliveryState.READY, 5),
    ]  # fmt: skip
    assert [[d.address for d in told] for told, _ in stand.ready.told] == [["c@known.example"]]
    events = await stand.store.read("test_events")
    assert orjson.loads(events[0][4]) == {"deliveries": [str((await stand.deliveries())[0]["id"])]}


async def test_a_message_whose_recipients_are_all_suppressed_is_kept_and_nobody_is_told(stand):
    stand.suppressed.keys = {"b@example.net"}
    assert code(await stand.send()) == "250 2.0.0"
    assert len(await stand.messages()) == 1
    assert stand.ready.told == []


@pytest.mark.parametrize(
    "value",
    [
        "b@other.example",
        "Banco <b@OTHER.example>",
        "a@gmail.example, b@other.example",
        "a@gmail.example,\r\n <b@other.example>",
        "a: b@other.example;",
        "<b@other.example> x",
        '"a" <b@other.example',
        "=?utf-8?q?b=40other.example?=",
        "b@other.example.",
        "=?utf-8?q?b=40other=EF=BC=8Eexample?=",
    ],
)
async def test_replies_go_to_no_domain_of_another_account(stand, value):
    content = f"Reply-To: {value}\r\n".encode() + CONTENT
    receipt = await stand.send(content)
    assert code(receipt) == "550 5.7.1"
    assert "other.example belongs to another account" in receipt.reply.text
    assert not await stand.messages()
    operator = Identity(7, 70, "op", any_sender=True)
    assert code(await stand.send(content, identity=operator)) == "250 2.0.0"


@pytest.mark.parametrize(
    "value", ["a@gmail.example", '"b@other.example" <a@gmail.example>', "", "nobody", "a: ;", "<>"]
)
async def test_replies_may_go_to_whoever_has_no_account_here(stand, value):
    content = f"Reply-To: {value}\r\n".encode() + CONTENT
    assert code(await stand.send(content)) == "250 2.0.0"
