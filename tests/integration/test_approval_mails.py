"""Who may decide hears that something waits: once, in his language, with the link; nobody else."""

import pytest

from console.accounts.actor import Actor, ActorKind
from console.accounts.approvals import ApprovalKind, ApprovalService
from console.accounts.permissions import PERMISSIONS
from console.accounts.ports import SystemMail
from console.accounts.values import Role
from console.pages.area_mails import AreaMails
from mta.model.ids import IdGenerator
from mta.store.work import Rows
from tests.accounts_world import OPERATOR, open_world


class Outbox:
    """Keeps system mail."""

    def __init__(self) -> None:
        self.mails: list[SystemMail] = []

    async def send(self, mail: SystemMail) -> int:
        self.mails.append(mail)
        return len(self.mails)


@pytest.fixture
async def ground(tmp_path):
    async with open_world(tmp_path) as world:
        main = (await world.accounts.add(OPERATOR, "Ministerio")).id
        below = (await world.accounts.add(OPERATOR, "Prensa", parent=main)).id
        people = {}
        for email, role, where in (
            ("ada@example.org", Role.OWNER, main),
            ("eva@example.org", Role.EDITOR, below),
            ("ivan@example.org", Role.INTEGRATOR, below),
            ("sol@example.org", Role.SENDER, below),
        ):
            number, *_ = await world.accounts.users.add(
                OPERATOR, email, role, where, "correcto caballo"
            )
            people[email] = number
        await world.store.submit([Rows("profile_put", [(people["ada@example.org"], "", "en", "")])])
        outbox = Outbox()
        mails = AreaMails(world.store, outbox, language="es", url="https://c.example.org")
        approvals = ApprovalService(world.store, IdGenerator(), world.clock, world.trail)
        approvals.on_asked = mails.approval_asked
        yield world, approvals, below, people, outbox


def person(people, email: str, role: Role, account: int) -> Actor:
    return Actor(ActorKind.USER, people[email], email, {account: PERMISSIONS[role]})


async def test_T_q_who_may_decide_hears_of_it_in_his_language_with_the_link(ground):
    _, approvals, account, people, outbox = ground
    eva = person(people, "eva@example.org", Role.EDITOR, account)
    await approvals.request(eva, ApprovalKind.CAMPAIGN_SEND, account, "17", {"name": "Abril"})
    assert [(m.to, m.language) for m in outbox.mails] == [
        ("ada@example.org", "en"),
        ("sol@example.org", "es"),
    ]
    to_sol = outbox.mails[1]
    assert to_sol.subject == "Espera su decisión: Enviar una campaña"
    assert "eva@example.org pidió" in to_sol.text
    assert "https://c.example.org/campaigns/17" in to_sol.text


async def test_who_asked_hears_nothing_of_his_own_request(ground):
    _, approvals, account, people, outbox = ground
    sol = person(people, "sol@example.org", Role.SENDER, account)
    await approvals.request(sol, ApprovalKind.CAMPAIGN_SEND, account, "17", {})
    assert [mail.to for mail in outbox.mails] == ["ada@example.org"]


async def test_requests_of_one_hour_make_one_mail_while_the_first_waits(ground):
    world, approvals, account, people, outbox = ground
    eva = person(people, "eva@example.org", Role.EDITOR, account)
    for number in range(5):
        await approvals.request(eva, ApprovalKind.CAMPAIGN_SEND, account, str(number), {})
    again = await approvals.request(eva, ApprovalKind.CAMPAIGN_SEND, account, "0", {})
    assert again.object == "0"
    assert len(outbox.mails) == 2, "one to each who may decide"
    world.clock.advance(3_601)
    await approvals.request(eva, ApprovalKind.CAMPAIGN_SEND, account, "later", {})
    assert len(outbox.mails) == 4
