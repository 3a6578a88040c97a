"""What a campaign's mail says to mailbox providers, and what a webhook hears of its readers."""

import asyncio
import datetime as dt
import json
import re
from email import message_from_bytes, policy

from console.campaigns.values import AudienceSpec, Content
from console.tracking.hits import HitKind
from console.tracking.ingest import RawHit
from console.tracking.tokens import Purpose
from mta.dkim.keyfiles import KeyType, generate_key, put_in_use
from tests.accounts_world import OPERATOR
from tests.campaign_world import ANY
from tests.webhook_world import receiver
from tests.whole_server import run_server

WAIT_S = 30.0
SETTINGS = {
    "RELEVO_SERVER__PUBLIC_URL": "https://t.example.org",
    "RELEVO_WEBHOOKS__ALLOW_PRIVATE_ADDRESSES": "true",
}
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
LINK = "https://a.example/bases.pdf"
UNSUBSCRIBES = {"list-unsubscribe", "list-unsubscribe-post"}


async def mail_of_a_campaign(server, account: int) -> bytes:
    """As the recipient's server got it."""
    services = server.services
    await services.areas.domains.service.add(OPERATOR, "example.org", account)
    contacts = services.contacts.contacts
    members = await contacts.add_list(OPERATOR, account, "Boletín")
    ana = await contacts.put(OPERATOR, account, "ana@example.com", {"nombre": "Ana"})
    await contacts.enlist(OPERATOR, members.id, [ana.id])
    content = Content(
        from_address="hola@example.org", subject="Bases", source=f'<p><a href="{LINK}">x</a></p>'
    )
    campaigns = services.campaigns.service
    draft = await campaigns.create(
        OPERATOR, account, "Bases", content, AudienceSpec(include=(members.id,))
    )
    await campaigns.start(OPERATOR, draft.id, ANY)
    inbox = server.simulator.inbox
    async with asyncio.timeout(WAIT_S):
        while not inbox.list():
            await asyncio.sleep(0.02)
    return inbox.list()[0].raw


async def test_T_i_readers_of_a_campaign_are_told_and_its_unsubscribe_fields_are_signed(tmp_path):
    keys = tmp_path / "keys"
    keys.mkdir(mode=0o700)
    generate_key(
        keys, "example.org", today=dt.date(2026, 3, 1), selector="s1", key_type=KeyType.ED25519
    )
    put_in_use(keys, "example.org", "s1")
    settings = {**SETTINGS, "RELEVO_SERVER__DKIM_DIR": str(keys)}
    async with run_server(tmp_path / "server", settings) as server, receiver() as sink:
        services = server.services
        account = (await services.accounts.add(OPERATOR, "Agencia")).id
        types = ["message.opened", "message.clicked"]
        await services.areas.webhooks.service.add(OPERATOR, account, sink.url, types=types)
        mail = message_from_bytes(await mail_of_a_campaign(server, account), policy=policy.default)

        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert "https://t.example.org/" in mail["List-Unsubscribe"]
        (signature,) = mail.get_all("DKIM-Signature")
        tags = dict(tag.strip().split("=", 1) for tag in signature.split(";") if "=" in tag)
        signed = re.sub(r"\s", "", tags["h"]).lower().split(":")
        assert set(signed) >= UNSUBSCRIBES

        html = mail.get_body(("html",)).get_content()
        tracking = services.areas.tracking
        now_ms = services.foundation.clock.now_ms()
        for kind, purpose, pattern, link in (
            (HitKind.OPEN, Purpose.OPEN, r"/o/([\w-]+)\.gif", -1),
            (HitKind.CLICK, Purpose.CLICK, r'/c/([\w-]+)"', 0),
        ):
            seen = tracking.tokens.target(purpose, re.search(pattern, html)[1])
            hit = RawHit(
                kind, seen.delivery, seen.message, link, now_ms + 60_000, "192.0.2.1", FIREFOX,
                is_head=False,
            )  # fmt: skip
            tracking.ingest.take(hit)
        await tracking.ingest.flush()
        told = {}
        for count in (1, 2):
            if len(told) < 2:
                await sink.until(count)
            told = {e["type"]: e for _, body in sink.got for e in json.loads(body)["data"]}
        assert set(told) == set(types)
        assert {event["account"] for event in told.values()} == {str(account)}
        assert told["message.clicked"]["data"]["link"] == 0
