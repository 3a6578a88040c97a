"""Automatic messages in the running server: from a list or an event to the receiver's mailbox (T-j)."""

import asyncio
import json
import re
from dataclasses import replace
from email import message_from_bytes, policy

import aiohttp
import pytest
from standardwebhooks import Webhook as Verifier

from console.accounts.values import Limits, Scope
from console.app.server import Server
from console.automations.definition import DefinitionError
from console.campaigns.values import AudienceSpec, Content
from console.content.source import SourceKind
from console.templates.values import Draft
from console.tracking.hits import HitKind
from console.tracking.ingest import RawHit
from console.tracking.tokens import Purpose
from tests.accounts_world import OPERATOR
from tests.campaign_world import ANY
from tests.webhook_world import receiver
from tests.whole_server import run_server

WAIT_S = 30.0
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
async def server(tmp_path):
    async with run_server(tmp_path, {"RELEVO_SERVER__PUBLIC_URL": "http://t.example.org"}) as made:
        yield made


async def received(server: Server, count: int) -> list[str]:
    """The subjects of the first mails at the simulator, in the order of their arrival."""
    inbox = server.simulator.inbox
    async with asyncio.timeout(WAIT_S):
        while len(found := inbox.list()) < count:
            await asyncio.sleep(0.02)
    return sorted(f"{mail.rcpt_to[0]}: {mail.subject}" for mail in found)


def document(trigger, *steps):
    return json.dumps({"trigger": trigger, "steps": steps})


async def test_T_j_who_comes_onto_a_list_or_has_an_event_gets_the_mail(server):
    services = server.services
    account = (await services.accounts.add(OPERATOR, "Agencia")).id
    await services.areas.domains.service.add(OPERATOR, "example.org", account)
    contacts = services.contacts.contacts
    members = await contacts.add_list(OPERATOR, account, "Boletín")
    other = await contacts.add_list(OPERATOR, account, "Clientes")
    ana = await contacts.put(OPERATOR, account, "ana@example.com", {"nombre": "Ana"})
    service = services.automations.service
    welcome = document(
        {"kind": "list_joined", "list": members.id},
        {"kind": "send", "id": "hola", "subject": "Hola {{ nombre }}", "text": "Bienvenida"},
        {"kind": "list_add", "id": "more", "list": other.id},
    )
    bought = document(
        {"kind": "event", "name": "compra"},
        {"kind": "send", "id": "gracias", "subject": "Pedido {{ n }}", "html": "<p>Gracias</p>"},
    )
    for name, definition in (("Bienvenida", welcome), ("Compra", bought)):
        made = await service.create(OPERATOR, account, name, definition, sender="hola@example.org")
        await service.activate(OPERATOR, made.id)

    await contacts.enlist(OPERATOR, members.id, [ana.id])
    assert await received(server, 1) == ["ana@example.com: Hola Ana"]
    assert [one.id for one, _ in await contacts.members(OPERATOR, other.id)] == [ana.id]

    key = await services.accounts.credentials.add(
        OPERATOR, account, "tienda", Limits(frozenset({Scope.SEND}))
    )
    host, port = server.console.addresses[0]
    async with aiohttp.ClientSession(f"http://{host}:{port}/") as client:
        headers = {"Authorization": f"Bearer {key.secret}"}
        event = {"name": "compra", "email": "ANA@example.com", "values": {"n": 7}, "id": "o-7"}
        for expected in (202, 202):  # told twice, sent once
            answer = await client.post("/api/v1/events", json=event, headers=headers)
            assert (answer.status, (await answer.json())["automations"]) == (expected, 1)
        event["email"] = "nadie@example.com"
        assert (await client.post("/api/v1/events", json=event, headers=headers)).status == 404
    assert "ana@example.com: Pedido 7" in await received(server, 2)


async def test_T_j_a_saved_template_is_the_mail_and_another_accounts_is_refused(server):
    services = server.services
    account, other = [(await services.accounts.add(OPERATOR, n)).id for n in ("Agencia", "Otra")]
    await services.areas.domains.service.add(OPERATOR, "example.org", account)
    contacts = services.contacts.contacts
    members = await contacts.add_list(OPERATOR, account, "Boletín")
    ana = await contacts.put(OPERATOR, account, "ana@example.com", {"nombre": "Ana"})
    templates = services.areas.templates.service
    draft = Draft(SourceKind.HTML, "Hola {{ nombre }}", source="<p>Uno</p>")
    saved = await templates.create(OPERATOR, account, "Saludo", draft)
    foreign = await templates.create(OPERATOR, other, "Ajena", draft)
    service, trigger = services.automations.service, {"kind": "list_joined", "list": members.id}
    with pytest.raises(DefinitionError, match="there is no template"):
        await service.create(
            OPERATOR, account, "x",
            document(trigger, {"kind": "send", "id": "a", "template": foreign.id}),
            sender="hola@example.org",
        )  # fmt: skip
    made = await service.create(
        OPERATOR, account, "Saludo", document(
            trigger, {"kind": "send", "id": "last", "template": saved.id},
            {"kind": "send", "id": "first", "template": saved.id, "version": 1},
        ), sender="hola@example.org",
    )  # fmt: skip
    await service.activate(OPERATOR, made.id)
    await templates.save(OPERATOR, saved.id, replace(draft, subject="Buenas, {{ nombre }}"), base=1)
    await contacts.enlist(OPERATOR, members.id, [ana.id])
    found = await received(server, 2)
    assert found == ["ana@example.com: Buenas, Ana", "ana@example.com: Hola Ana"]


async def test_a_webhook_step_is_signed_with_the_secret_that_its_page_shows(tmp_path):
    settings = {"RELEVO_WEBHOOKS__ALLOW_PRIVATE_ADDRESSES": "true"}
    async with run_server(tmp_path, settings) as server, receiver() as sink:
        services = server.services
        account = (await services.accounts.add(OPERATOR, "Agencia")).id
        contacts = services.contacts.contacts
        members = await contacts.add_list(OPERATOR, account, "Boletín")
        ana = await contacts.put(OPERATOR, account, "ana@example.com", {"nombre": "Ana"})
        service = services.automations.service
        made = await service.create(
            OPERATOR, account, "CRM", document(
                {"kind": "list_joined", "list": members.id},
                {"kind": "webhook", "id": "crm", "url": sink.url},
            ), sender="hola@example.org",
        )  # fmt: skip
        await service.activate(OPERATOR, made.id)
        await contacts.enlist(OPERATOR, members.id, [ana.id])
        await sink.until(1)
        headers, body = sink.got[0]
        secret = await service.webhook_secret(OPERATOR, made.id)
        assert Verifier(secret).verify(body, headers)["automation"] == str(made.id)
        new = await service.rotate_secret(OPERATOR, made.id)
        assert new != secret
        eva = await contacts.put(OPERATOR, account, "eva@example.com", {"nombre": "Eva"})
        await contacts.enlist(OPERATOR, members.id, [eva.id])
        await sink.until(2)
        headers, body = sink.got[1]
        for known in (secret, new):  # who receives it changes his own in his own time
            assert Verifier(known).verify(body, headers)["recipient"] == "eva@example.com"


async def test_T_j_who_opens_a_campaign_gets_the_next_mail(server):
    services = server.services
    account = (await services.accounts.add(OPERATOR, "Agencia")).id
    await services.areas.domains.service.add(OPERATOR, "example.org", account)
    contacts = services.contacts.contacts
    members = await contacts.add_list(OPERATOR, account, "Boletín")
    for name in ("ana", "luis"):
        made = await contacts.put(OPERATOR, account, f"{name}@example.com", {"nombre": name})
        await contacts.enlist(OPERATOR, members.id, [made.id])
    content = Content(
        from_address="hola@example.org", subject="Boletín", source="<p>Hola {{ nombre }}</p>"
    )
    campaigns = services.campaigns.service
    campaign = await campaigns.create(
        OPERATOR, account, "Boletín 1", content, AudienceSpec(include=(members.id,))
    )
    automation = await services.automations.service.create(
        OPERATOR,
        account,
        "Al abrir",
        document(
            {"kind": "opened", "campaign": campaign.id},
            {"kind": "send", "id": "more", "subject": "Más, {{ nombre }}", "text": "x"},
        ),
        sender="hola@example.org",
    )
    await services.automations.service.activate(OPERATOR, automation.id)
    await campaigns.start(OPERATOR, campaign.id, ANY)
    assert await received(server, 2) == ["ana@example.com: Boletín", "luis@example.com: Boletín"]

    (mail,) = [one for one in server.simulator.inbox.list() if one.rcpt_to[0].startswith("ana@")]
    token = re.search(r"/o/([\w-]+)\.gif", html_of(mail.raw))[1]
    tracking = services.areas.tracking
    seen = tracking.tokens.target(Purpose.OPEN, token)
    now_ms = services.foundation.clock.now_ms()
    for later_ms, agent in ((500, "scanner"), (60_000, FIREFOX)):
        hit = RawHit(
            HitKind.OPEN, seen.delivery, seen.message, -1, now_ms + later_ms, "192.0.2.1", agent,
            is_head=False,
        )  # fmt: skip
        tracking.ingest.take(hit)
        await tracking.ingest.flush()
        if agent != FIREFOX:  # what no person did starts nothing
            await services.automations.caught_up()
            assert await services.automations.service.enrolments(OPERATOR, automation.id) == []
    assert (await received(server, 3))[1] == "ana@example.com: Más, ana"


def html_of(raw: bytes) -> str:
    return message_from_bytes(raw, policy=policy.default).get_body(("html",)).get_content()
