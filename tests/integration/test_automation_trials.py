"""An automation tried with one contact: mails to who asks, every step told, nothing changed (T-j)."""

import asyncio
import json

import pytest

from console.accounts.actor import Actor, ActorKind, NotPermitted, NotVisible
from console.accounts.permissions import Permission
from console.accounts.values import Role
from mta.model.errors import PermanentError
from tests.accounts_world import OPERATOR
from tests.whole_server import run_server

ANA, LUIS = "ana@staff.example.org", "luis@staff.example.org"
STEPS = (
    {"kind": "send", "id": "hola", "subject": "Hola {{ nombre }}", "text": "Hola"},
    {"kind": "wait", "id": "day", "minutes": 1440},
    {"kind": "condition", "id": "vip", "filter": {"plan": "oro"}, "then": "oro", "otherwise": "lo"},
    {"kind": "send", "id": "lo", "subject": "Ahorre", "text": "x"},
    {"kind": "end", "id": "over"},
    {"kind": "send", "id": "oro", "subject": "Gracias {{ nombre }}", "text": "x"},
)


@pytest.fixture
async def server(tmp_path):
    async with run_server(tmp_path) as made:
        yield made


async def test_T_j_a_trial_sends_to_who_asks_tells_each_step_and_changes_nothing(server):
    services = server.services
    account = (await services.accounts.add(OPERATOR, "Agencia")).id
    await services.areas.domains.service.add(OPERATOR, "example.org", account)
    numbers = [
        (
            await services.accounts.users.add(
                OPERATOR, email, Role.EDITOR, account, "correcto caballo"
            )
        )[0]
        for email in (ANA, LUIS)
    ]
    contacts = services.contacts.contacts
    gold = await contacts.put(
        OPERATOR, account, "eva@example.com", {"nombre": "Eva", "plan": "oro"}
    )
    members = await contacts.add_list(OPERATOR, account, "Boletín")
    trial = [*STEPS, {"kind": "list_add", "id": "more", "list": members.id}]
    definition = json.dumps({"trigger": {"kind": "event", "name": "x"}, "steps": trial})
    service = services.automations.service
    made = await service.create(OPERATOR, account, "Serie", definition, sender="hola@example.org")
    may = frozenset({Permission.CAMPAIGN_VIEW, Permission.CAMPAIGN_TEST, Permission.CONTACT_VIEW})
    ana = Actor(ActorKind.USER, int(numbers[0]), ANA, {account: may})

    way = await service.test(ana, made.id, ANA, contact=gold.id)
    assert [(one.step, one.outcome.value, one.next) for one in way] == [
        ("hola", "sent", "day"), ("day", "waits", "vip"), ("vip", "met", "oro"),
        ("oro", "sent", "more"), ("more", "left_out", ""),
    ]  # fmt: skip
    assert way[1].at_ms - way[0].at_ms == 86_400_000
    async with asyncio.timeout(30):
        while len(mails := server.simulator.inbox.list()) < 2:
            await asyncio.sleep(0.02)
    assert sorted((mail.rcpt_to[0], mail.subject) for mail in mails) == [
        (ANA, "[Prueba] Gracias Eva"), (ANA, "[Prueba] Hola Eva"),
    ]  # fmt: skip
    assert all(b"X-Automation-Test: 1" in mail.raw for mail in mails)
    assert await service.get(OPERATOR, made.id) == made
    assert await service.enrolments(OPERATOR, made.id) == []
    assert {one.done + one.waiting for one in await service.figures(OPERATOR, made.id)} == {0}
    assert await contacts.members(OPERATOR, members.id) == []

    way = await service.test(ana, made.id, ANA)  # no contact of that address
    assert [one.step for one in way] == ["hola", "day", "vip", "lo", "over"]
    for elsewhere in (LUIS, "eva@example.com"):
        with pytest.raises(PermanentError, match="who asks"):
            await service.test(ana, made.id, elsewhere)
    with pytest.raises(NotVisible, match="no contact"):
        await service.test(ana, made.id, ANA, address="nadie@example.com")
    blind = Actor(ActorKind.USER, int(numbers[0]), ANA, {account: may - {Permission.CONTACT_VIEW}})
    with pytest.raises(NotPermitted):
        await service.test(blind, made.id, ANA, contact=gold.id)
