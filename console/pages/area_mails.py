"""Mails about an account: a webhook disabled, a domain's records, an incident, a campaign, a decision."""

import json
from collections.abc import Callable, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import structlog

from console.accounts.actor import ActorKind
from console.accounts.approvals.values import Approval
from console.accounts.incidents.entries import Registered
from console.accounts.incidents.values import Incident
from console.accounts.ports import MailAttachment, Mailer, SystemMail
from console.accounts.sending.values import DomainStatus, RecordState
from console.accounts.values import Role
from console.campaigns.values import Campaign
from console.pages.approvals import INBOX, place_of
from console.pages.documents_sent import document_html
from console.pages.pdf import make_pdf
from console.pages.texts import Texts, load_texts
from console.privacy.closing.values import AccountErasure
from console.tracking.accounts import TrackingAccount
from console.webhooks.values import Webhook
from mta.model.address import parse_address
from mta.model.clock import Clock, SystemClock
from mta.model.errors import AddressSyntaxError, RelevoError
from mta.store.base import Store


class AreaMails:
    """Writes to the people of the account who look after it; what cannot be sent is in the log."""

    def __init__(
        self,
        store: Store,
        mailer: Mailer,
        *,
        language: str,
        url: str,
        support: str = "",
        timezone: str = "UTC",
        clock: Clock | None = None,
    ) -> None:
        """`language` of the installation; `url` of the console, without a slash at the end;
        `support`: the support's address, empty for none; `timezone` of the installation.
        """
        self._zone = ZoneInfo(timezone)
        self._clock = clock or SystemClock()
        self._support = support
        self._store = store
        self._mailer = mailer
        self._language = language
        self._all_texts = load_texts()
        self._url = url
        self._log = structlog.get_logger("relevo.mails")

    async def webhook_disabled(self, webhook: Webhook) -> None:
        """To owners, administrators and integrators."""

        def written(texts: Texts) -> tuple[str, str]:
            text = texts(
                "area_mail.webhook_text",
                webhook=webhook.description or webhook.url,
                url=webhook.url,
                why=texts(f"webhooks.why.{webhook.reason}"),
                link=f"{self._url}/webhooks/{webhook.id}",
            )
            return texts("area_mail.webhook"), text

        rows = await self._store.read("webhook_people", account=webhook.account)
        await self._send(rows, written, "webhook")

    async def domain_changed(self, status: DomainStatus, is_back: bool) -> None:
        """To owners and administrators, when records went and when they are back."""
        link = f"{self._url}/domains/{status.name}"
        failing = [
            record
            for record in status.records
            if record.is_needed and record.state is RecordState.FAILING
        ]

        def written(texts: Texts) -> tuple[str, str]:
            gone = "\n".join(
                f"- {one.name} ({one.type}): {'; '.join(map(texts.said, one.problems))}"
                for one in failing
            )
            name = status.name
            if is_back:
                text = texts("area_mail.domain_back_text", domain=name, link=link)
                return texts("area_mail.domain_back", domain=name), text
            text = texts("area_mail.domain_text", domain=name, records=gone, link=link)
            return texts("area_mail.domain", domain=name), text

        rows = await self._store.read("sending_domain_people", account=status.domain.account)
        await self._send(rows, written, "domain")

    async def tracking_changed(self, chosen: TrackingAccount) -> None:
        """To owners and administrators, when a domain of links broke and when it works again."""
        link, name = f"{self._url}/tracking", chosen.domain

        def written(texts: Texts) -> tuple[str, str]:
            if not chosen.problem:
                text = texts("area_mail.tracking_back_text", domain=name, link=link)
                return texts("area_mail.tracking_back", domain=name), text
            why = texts(f"tracking.problems.{chosen.problem}")
            text = texts("area_mail.tracking_text", domain=name, why=why, link=link)
            return texts("area_mail.tracking", domain=name), text

        rows = await self._store.read("sending_domain_people", account=chosen.account)
        await self._send(rows, written, "domain")

    async def incident_news(self, incident: Incident, news: str) -> None:
        """To the support and to who opened it, if that is an address."""
        contact = parse_contact(incident.contact) or parse_contact(incident.opened_by_name)
        people = [address for address in (self._support, contact) if address]

        def written(texts: Texts) -> tuple[str, str]:
            subject = texts("area_mail.incident", number=incident.number, subject=incident.subject)
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
            return subject, text

        known = dict(await self._store.read("account_people_languages", account=incident.account))
        chosen = [(one, known.get(one, "")) for one in dict.fromkeys(people)]
        await self._send(chosen, written, "incident")

    async def incident_due(self, one: Registered, deadline_ms: int) -> None:
        """To owners and administrators of the account and above, and the support: time runs out."""
        incident = one.incident
        left_ms = deadline_ms - self._clock.now_ms()

        def written(texts: Texts) -> tuple[str, str]:
            key = "warn_subject" if left_ms > 0 else "over_subject"
            time = texts.duration(max(0, left_ms) / 1000)
            text = texts(
                "incidents.warn_text",
                number=incident.number,
                subject=incident.subject,
                severity=texts(f"incidents.severity.{one.judgement.severity}"),
                known=texts.moment(one.judgement.known_ms, self._zone),
                deadline=texts.moment(deadline_ms, self._zone),
                zone=self._zone,
                link=f"{self._url}/incidents/{incident.number}",
            )
            return texts(f"incidents.{key}", number=incident.number, time=time), text

        roles = json.dumps([Role.OWNER.value, Role.ADMINISTRATOR.value])
        rows = await self._store.read(
            "account_deciders", account=incident.account, besides=0, roles=roles
        )
        chosen = dict(rows)
        if self._support:
            chosen.setdefault(self._support, "")
        await self._send(list(chosen.items()), written, "incident")

    async def chain_heads(
        self, address: str, ends: Sequence[tuple[str, int, str]], day: str
    ) -> None:
        """To an auditor: chain, number of entries and last hash of each."""
        rows = await self._store.read("account_person_language", email=address.lower())

        def written(texts: Texts) -> tuple[str, str]:
            lines = "\n\n".join(
                texts(f"area_mail.chain.{chain}") + f": {texts.number(entries)}\n{digest}"
                for chain, entries, digest in ends
            )
            subject = texts("area_mail.heads", day=day)
            return subject, texts("area_mail.heads_text", day=day, lines=lines)

        await self._send([(address, rows[0][0] if rows else "")], written, "audit")

    async def account_erased(self, done: AccountErasure) -> None:
        """The certificate, to who asked for it and who confirmed: they may have no page any more."""
        zone = self._zone
        for person in dict.fromkeys((done.asked_by, done.confirmed_by)):
            if not (address := parse_contact(person)):
                continue
            rows = await self._store.read("account_person_language", email=address.lower())
            language = rows[0][0] if rows else ""
            texts = self._all_texts[language or self._language]
            html = document_html("closing_certificate.html", texts, zone, {"done": done})
            pdf = await make_pdf(html)
            data = (pdf, "application/pdf", "pdf") if pdf else (html.encode(), "text/html", "html")
            named = {"name": " ".join(done.name.split()), "number": done.number}
            mail = SystemMail(
                address, texts.language, texts("closing.mail_subject", **named),
                texts("closing.mail_text", **named, sha256=done.sha256), kind="erasure",
                attachments=(MailAttachment(f"erasure-{done.number}.{data[2]}", data[1], data[0]),),
            )  # fmt: skip
            await self._mailer.send(mail)

    async def campaign_stopped(self, campaign: Campaign) -> None:
        """To owners, administrators and senders: it paused or failed by itself."""
        name = " ".join(campaign.name.split())

        def written(texts: Texts) -> tuple[str, str]:
            text = texts(
                "area_mail.campaign_text",
                name=name,
                why=texts(f"campaign.reason.{campaign.reason}"),
                note=texts.said(campaign.note),
                link=f"{self._url}/campaigns/{campaign.id}",
            )
            return texts("area_mail.campaign", name=name), text

        rows = await self._store.read("account_senders", account=campaign.account)
        await self._send(rows, written, "campaign")

    async def approval_asked(self, asked: Approval, roles: frozenset[Role]) -> None:
        """To who may decide on it, in the account and above, and has not asked for it himself."""

        def written(texts: Texts) -> tuple[str, str]:
            what = texts(f"approvals.kinds.{asked.kind.replace('.', '_')}")
            text = texts(
                "area_mail.approval_text",
                what=what,
                who=asked.asked_by_name,
                link=f"{self._url}{place_of(asked)}",
                inbox=f"{self._url}{INBOX}",
            )
            return texts("area_mail.approval", what=what), text

        asker = asked.asked_by if asked.asked_by_kind == ActorKind.USER else 0
        try:
            rows = await self._store.read(
                "account_deciders", account=asked.account, besides=asker,
                roles=json.dumps(sorted(roles)),
            )  # fmt: skip
        except RelevoError as error:
            self._log.warning("mail was not sent", kind="approval", error=str(error))
            return
        await self._send(rows, written, "approval")

    async def _send(
        self,
        people: Sequence[tuple[Any, ...]],
        written: Callable[[Texts], tuple[str, str]],
        kind: str,
    ) -> None:
        """To each (address, language; "" is the installation's) subject and text in theirs."""
        for person, language in people:
            texts = self._all_texts[language or self._language]
            subject, text = written(texts)
            mail = SystemMail(person, texts.language, subject, text, kind=kind)
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
