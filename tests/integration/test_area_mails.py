"""The people who look after an account hear when a webhook is disabled or a domain's records go."""

from dataclasses import replace

import pytest

from console.accounts.actor import ActorKind
from console.accounts.incidents.values import Category, Incident, IncidentState
from console.accounts.ports import SystemMail
from console.accounts.sending.values import (
    DomainRecord,
    DomainStatus,
    RecordKind,
    RecordState,
)
from console.accounts.values import Role, SendingDomain, State
from console.campaigns.states import CampaignStatus, Origin, Reason
from console.campaigns.values import (
    Acceptance,
    AudienceSpec,
    Campaign,
    Content,
    Figures,
    Frozen,
    Plan,
)
from console.pages.area_mails import AreaMails
from console.webhooks.values import Webhook, WebhookState
from mta.model.errors import TransientError
from mta.store.work import Rows
from tests.accounts_world import OPERATOR, open_world


class Outbox:
    """Keeps system mail; can refuse it."""

    def __init__(self) -> None:
        self.mails: list[SystemMail] = []
        self.refused: set[str] = set()

    async def send(self, mail: SystemMail) -> int:
        if mail.to in self.refused:
            raise TransientError("disk low")
        self.mails.append(mail)
        return len(self.mails)


@pytest.fixture
async def ground(tmp_path):
    async with open_world(tmp_path) as world:
        account = (await world.accounts.add(OPERATOR, "Ministerio")).id
        other = (await world.accounts.add(OPERATOR, "Otra")).id
        for email, role, where in (
            ("ada@example.org", Role.ADMINISTRATOR, account),
            ("ivan@example.org", Role.INTEGRATOR, account),
            ("eva@example.org", Role.VIEWER, account),
            ("otra@example.org", Role.OWNER, other),
        ):
            await world.accounts.users.add(OPERATOR, email, role, where, "correcto caballo")
        outbox = Outbox()
        mails = AreaMails(
            world.store,
            outbox,
            language="es",
            url="https://c.example.org",
            support="soporte@example.org",
        )
        yield account, mails, outbox


async def test_owners_administrators_and_integrators_hear_of_a_disabled_webhook(ground):
    account, mails, outbox = ground
    hook = Webhook(
        7, account, "https://app.example.org/x", "ERP", (), WebhookState.DISABLED, "failing", 1,
        0, 0, 0, 0, 0, 0, 0,
    )  # fmt: skip
    await mails.webhook_disabled(hook)
    assert [mail.to for mail in outbox.mails] == ["ada@example.org", "ivan@example.org"]
    mail = outbox.mails[0]
    assert mail.subject == "Un webhook se desactivó"
    assert "«ERP»" in mail.text
    assert "no respondió durante tres días" in mail.text
    assert "https://c.example.org/webhooks/7" in mail.text


async def test_each_reads_it_in_the_language_of_the_profile_or_of_the_account(ground):
    account, mails, outbox = ground
    store = mails._store
    ivan = (await store.read("user_by_email", email="ivan@example.org"))[0][0]
    await store.submit([Rows("profile_put", [(ivan, "", "en", "")])])
    hook = Webhook(
        7, account, "https://app.example.org/x", "", (), WebhookState.DISABLED, "gone", 1,
        0, 0, 0, 0, 0, 0, 0,
    )  # fmt: skip
    await mails.webhook_disabled(hook)
    told = {mail.to: (mail.language, mail.subject) for mail in outbox.mails}
    assert told["ada@example.org"] == ("es", "Un webhook se desactivó")
    assert told["ivan@example.org"][0] == "en"
    assert told["ivan@example.org"][1] != told["ada@example.org"][1]


async def test_who_sends_hears_of_a_campaign_that_stopped_by_itself(ground):
    account, mails, outbox = ground
    campaign = Campaign(
        9, account, "Aviso", CampaignStatus.PAUSED, Reason.LATE, "two hours", 1, Content(),
        AudienceSpec(), Plan(), 0, 0, Origin.NONE, Frozen(), Figures(), False, ActorKind.USER, 1,
        "ana", 0, 0, Acceptance(),
    )  # fmt: skip
    await mails.campaign_stopped(campaign)
    (mail,) = outbox.mails
    assert mail.to == "ada@example.org"
    assert mail.subject == "La campaña «Aviso» se detuvo"
    assert "Pasó su hora por más de lo permitido\ntwo hours" in mail.text
    assert "https://c.example.org/campaigns/9" in mail.text


async def test_administrators_hear_which_records_went_and_that_they_are_back(ground):
    account, mails, outbox = ground
    record = DomainRecord(
        RecordKind.SPF, "example.org", "TXT", "v=spf1 …", True, RecordState.FAILING, (),
        "there is no SPF record",
    )  # fmt: skip
    domain = SendingDomain("example.org", account, True, State.ACTIVE, 0)
    status = DomainStatus(domain, "", 0, 0, 1, 1, (record,))
    await mails.domain_changed(status, False)
    (mail,) = outbox.mails
    assert mail.to == "ada@example.org"
    assert mail.subject == "Faltan registros DNS de example.org"
    assert "- example.org (TXT): no hay un registro SPF" in mail.text
    await mails.domain_changed(replace(status, records=()), True)
    assert outbox.mails[1].subject == "Los registros DNS de example.org están completos"


async def test_a_mail_that_is_not_taken_keeps_nobody_else_from_theirs(ground):
    account, mails, outbox = ground
    outbox.refused = {"ada@example.org"}
    hook = Webhook(
        7, account, "https://app.example.org/x", "", (), WebhookState.DISABLED, "gone", 1,
        0, 0, 0, 0, 0, 0, 0,
    )  # fmt: skip
    await mails.webhook_disabled(hook)
    assert [mail.to for mail in outbox.mails] == ["ivan@example.org"]


async def test_T_u_the_support_and_who_reported_hear_of_an_incident(ground):
    account, mails, outbox = ground
    incident = Incident(
        1, 12, account, Category.FAILED_SENDS, "No llegó", "Ayer.", "leo@example.org",
        IncidentState.WORKING, "", "user", 5, "leo@example.org", 0, 0, 0,
    )  # fmt: skip
    outbox.refused.add("soporte@example.org")  # one who cannot be told does not keep the others
    await mails.incident_news(incident, "Lo revisamos.")
    outbox.refused.clear()
    await mails.incident_news(replace(incident, contact="anexo 101", opened_by_name="x"), "Listo.")
    assert [mail.to for mail in outbox.mails] == ["leo@example.org", "soporte@example.org"]
    mail = outbox.mails[0]
    assert mail.subject == "Incidente n.º 12: No llegó"
    assert "Estado: En atención" in mail.text
    assert "Lo revisamos." in mail.text
    assert "https://c.example.org/support/12" in mail.text
