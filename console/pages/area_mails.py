"""Mails about an account: a webhook disabled, a domain's records, an incident, a campaign."""

from collections.abc import Sequence

import structlog

from console.accounts.incidents.values import Incident
from console.accounts.ports import Mailer, SystemMail
from console.accounts.sending.values import DomainStatus, RecordState
from console.campaigns.values import Campaign
from console.pages.texts import load_texts
from console.webhooks.values import Webhook
from mta.model.address import parse_address
from mta.model.errors import AddressSyntaxError, RelevoError
from mta.store.base import Store


class AreaMails:
    """Writes to the people of the account who look after it; what cannot be sent is in the log."""

    def __init__(
        self, store: Store, mailer: Mailer, *, language: str, url: str, support: str = ""
    ) -> None:
        """`language` of the installation; `url` of the console, without a slash at the end;
        `support`: the support's address, empty for none.
        """
        self._support = support
        self._store = store
        self._mailer = mailer
        self._texts = load_texts()[language]
        self._url = url
        self._log = structlog.get_logger("relevo.mails")

    async def webhook_disabled(self, webhook: Webhook) -> None:
        """To owners, administrators and integrators."""
        rows = await self._store.read("webhook_people", account=webhook.account)
        texts = self._texts
        text = texts(
            "area_mail.webhook_text",
            webhook=webhook.description or webhook.url,
            url=webhook.url,
            why=texts(f"webhooks.why.{webhook.reason}"),
            link=f"{self._url}/webhooks/{webhook.id}",
        )
        await self._send([row[0] for row in rows], texts("area_mail.webhook"), text, "webhook")

    async def domain_changed(self, status: DomainStatus, is_back: bool) -> None:
        """To owners and administrators, when records went and when they are back."""
        rows = await self._store.read("sending_domain_people", account=status.domain.account)
        texts = self._texts
        link = f"{self._url}/domains/{status.name}"
        gone = "\n".join(
            f"- {record.name} ({record.type}): {record.problem}"
            for record in status.records
            if record.is_needed and record.state is RecordState.FAILING
        )
        if is_back:
            subject = texts("area_mail.domain_back", domain=status.name)
            text = texts("area_mail.domain_back_text", domain=status.name, link=link)
        else:
            subject = texts("area_mail.domain", domain=status.name)
            text = texts("area_mail.domain_text", domain=status.name, records=gone, link=link)
        await self._send([row[0] for row in rows], subject, text, "domain")

    async def incident_news(self, incident: Incident, news: str) -> None:
        """To the support and to who opened it, if that is an address."""
        texts = self._texts
        contact = parse_contact(incident.contact) or parse_contact(incident.opened_by_name)
        people = [address for address in (self._support, contact) if address]
        text = texts(
            "area_mail.incident_text",
            number=incident.number,
            subject=incident.subject,
            state=texts(f"support.states.{incident.state}"),
            who=incident.opened_by_name,
            contact=incident.contact,
            news=news,
            link=f"{self._url}/support/{incident.number}",
        )
        subject = texts("area_mail.incident", number=incident.number, subject=incident.subject)
        await self._send(list(dict.fromkeys(people)), subject, text, "incident")

    async def campaign_stopped(self, campaign: Campaign) -> None:
        """To owners, administrators and senders: it paused or failed by itself."""
        rows = await self._store.read("account_senders", account=campaign.account)
        texts = self._texts
        name = " ".join(campaign.name.split())
        text = texts(
            "area_mail.campaign_text",
            name=name,
            why=texts(f"campaign.reason.{campaign.reason}"),
            note=campaign.note,
            link=f"{self._url}/campaigns/{campaign.id}",
        )
        subject = texts("area_mail.campaign", name=name)
        await self._send([row[0] for row in rows], subject, text, "campaign")

    async def _send(self, people: Sequence[str], subject: str, text: str, kind: str) -> None:
        for person in people:
            mail = SystemMail(person, self._texts.language, subject, text, kind=kind)
            try:
                await self._mailer.send(mail)
            except RelevoError as error:
                self._log.warning("mail was not sent", to=person, kind=kind, error=str(error))


def parse_contact(text: str) -> str:
    """The mail address that a text is, empty for a telephone number or anything else."""
    try:
        return str(parse_address(text.strip()))
    except AddressSyntaxError:
        return ""
