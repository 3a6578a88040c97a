"""What Relevo itself writes: two parts, the reader's language, a header for machines, nothing in logs."""

import ast
import asyncio
import email
import email.policy
import logging
import re
from pathlib import Path

import pytest

from console.accounts.approvals.values import Approval, ApprovalKind, ApprovalState
from console.accounts.incidents.entries import Registered
from console.accounts.incidents.values import Category, Incident, IncidentState
from console.accounts.mailer import _IDENTITY, compose
from console.accounts.ports import SystemMail
from console.accounts.sending.values import DomainRecord, DomainStatus, RecordKind, RecordState
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
from console.privacy.closing.values import AccountErasure, ErasureState
from console.tracking.accounts import TrackingAccount, TrackingMode
from console.webhooks.values import Webhook, WebhookState
from mta.engine.alerts import wording
from mta.engine.alerts.book import Alert, AlertState, Severity
from mta.model.address import parse_address
from mta.store.work import Rows
from tests.accounts_world import OPERATOR, open_world
from tests.whole_server import open_whole

ROOT = Path(__file__).parents[2]
SENDER = parse_address("relevo@mx.example.org")
# Where mails are written; a new place is added here with its test.
PLACES = {
    "console/accounts/quota/alert_mail.py", "console/pages/area_mails.py",
    "console/pages/invitations.py", "console/pages/report_mail.py",
    "console/pages/template_editor.py", "console/public/confirmation_mail.py",
}  # fmt: skip


def incident(account: int) -> Incident:
    return Incident(
        1, 12, account, Category.SECURITY, "Fuga", "Ayer.", "ada@example.org",
        IncidentState.WORKING, "", "user", 5, "ada@example.org", 0, 0, 0,
    )  # fmt: skip


async def every_area_mail(mails: AreaMails, account: int) -> None:
    """Calls each method of `AreaMails` once."""
    hook = Webhook(
        7, account, "https://app.example.org/x", "ERP", (), WebhookState.DISABLED, "failing", 1,
        0, 0, 0, 0, 0, 0, 0,
    )  # fmt: skip
    await mails.webhook_disabled(hook)
    record = DomainRecord(
        RecordKind.SPF, "example.org", "TXT", "v=spf1 …", True, RecordState.FAILING, (), "x"
    )
    status = DomainStatus(
        SendingDomain("example.org", account, True, State.ACTIVE, 0), "", 0, 0, 1, 1, (record,)
    )
    await mails.domain_changed(status, False)
    await mails.domain_changed(status, True)
    link = TrackingAccount(account, TrackingMode.FULL, "l.example.org", True)
    await mails.tracking_changed(link._replace(problem="no_cname"))
    await mails.tracking_changed(link)
    one = Registered.of((*_row(incident(account)), *[None] * 11, None))
    await mails.incident_news(incident(account), "Lo revisamos.")
    await mails.incident_due(one, 10**13)
    await mails.incident_due(one, 1)
    campaign = Campaign(
        9, account, "Aviso", CampaignStatus.PAUSED, Reason.LATE, "x", 1, Content(), AudienceSpec(),
        Plan(), 0, 0, Origin.NONE, Frozen(), Figures(), False, "user", 1, "ana", 0, 0, Acceptance(),
    )  # fmt: skip
    await mails.campaign_stopped(campaign)
    for kind in ApprovalKind:
        asked = Approval(
            3, kind, account, "4", {}, ApprovalState.PENDING, "user", 99, "eva@example.org", 0,
            10**13, "", 0, "", 0, "",
        )  # fmt: skip
        await mails.approval_asked(asked, frozenset(Role))
    await mails.chain_heads("ada@example.org", [("audit", 12, "ab" * 32)], "2027-01-15")
    done = AccountErasure(
        1, 1, account, "Prensa", ErasureState.DONE, "fin", "ada@example.org", 1, "x", 2, 3, "", 4,
        {"contacts": 1}, (account,), "", "00" * 32,
    )  # fmt: skip
    await mails.account_erased(done)


def _row(one: Incident) -> tuple:
    return tuple(getattr(one, name) for name in one.__slots__)


class Outbox:
    def __init__(self) -> None:
        self.mails: list[SystemMail] = []

    async def send(self, mail: SystemMail) -> int:
        self.mails.append(mail)
        return len(self.mails)


@pytest.mark.parametrize("language", ["es", "en"])
async def test_T_t_each_mail_has_two_parts_in_the_readers_language_and_says_what_wrote_it(
    tmp_path, language
):
    async with open_world(tmp_path) as world:
        account = (await world.accounts.add(OPERATOR, "Ministerio")).id
        users = world.accounts.users
        await users.add(OPERATOR, "ada@example.org", Role.OWNER, account, "correcto caballo")
        ada = (await world.store.read("user_by_email", email="ada@example.org"))[0][0]
        await world.store.submit([Rows("profile_put", [(ada, "", language, "")])])
        outbox = Outbox()
        other = "en" if language == "es" else "es"  # the installation's
        mails = AreaMails(world.store, outbox, language=other, url="https://c.example.org")
        await every_area_mail(mails, account)
    called = {name for name in vars(AreaMails) if not name.startswith("_")}
    assert called == {
        "webhook_disabled", "domain_changed", "tracking_changed", "incident_news", "incident_due",
        "campaign_stopped", "approval_asked", "account_erased", "chain_heads",
    }  # fmt: skip
    assert len(outbox.mails) == 13 + len(ApprovalKind) - 2
    for mail in outbox.mails:
        check(compose(mail, SENDER), language)


def check(content: bytes, language: str) -> None:
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Content-Language"] == language
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    text, markup = plain.get_content(), html.get_content()
    assert f'<html lang="{language}"' in markup
    assert re.search(r"\{[a-z_]+\}", text + markup) is None
    links = re.findall(r"https://c\.example\.org/\S*", text)
    assert all(f'href="{link}"' in markup for link in links)


def test_T_t_system_mail_costs_nothing_and_is_written_in_known_places():
    assert _IDENTITY.is_free
    found = set()
    for path in (ROOT / "console").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "SystemMail":
                found.add(path.relative_to(ROOT).as_posix())
    assert found == PLACES


def test_T_t_what_the_text_of_a_mail_holds_is_no_markup():
    mail = SystemMail(
        "a@example.org",
        "es",
        "<Hola>",
        "1 < 2 & <script>x</script>\n\nVea https://c.example.org/a?b=1&c=2.",
    )
    markup = (
        email.message_from_bytes(compose(mail, SENDER), policy=email.policy.default)
        .get_body(("html",))
        .get_content()
    )
    assert "<script>" not in markup
    assert "&lt;script&gt;" in markup
    assert 'href="https://c.example.org/a?b=1&amp;c=2"' in markup


def test_T_t_an_alert_of_the_server_has_two_parts_too():
    alert = Alert("disk", AlertState.RAISED, Severity.CRITICAL, "disk is <full>", 1, 1, True)
    content = wording.mail(
        alert, sender="relevo@mx.example.org", to=("ops@example.org",), server="mx.example.org",
        language="es", timezone="America/Lima",
    )  # fmt: skip
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_body(("plain",)) is not None
    assert "&lt;full&gt;" in message.get_body(("html",)).get_content()


async def test_T_t_an_invitation_arrives_is_free_and_its_secret_is_in_no_log(tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    async with open_whole(tmp_path / "s") as whole:
        services = whole.services
        await services.people.invitations.invite(
            OPERATOR, "nuevo@example.net", Role.VIEWER, whole.account, name="Eva", language="en"
        )
        inbox = whole.server.simulator.inbox
        for _ in range(500):
            found = [m for m in inbox.list() if "nuevo@example.net" in m.rcpt_to]
            if found:
                break
            await asyncio.sleep(0.02)
        content = found[0].raw
    token = re.search(rb"/link/([A-Za-z0-9_-]{20,})", content.replace(b"=\r\n", b""))
    assert token is not None
    check(content, "en")
    assert token[1].decode() not in caplog.text
