"""Mails about what stopped working in an account: a webhook that was disabled, a domain's records."""

from collections.abc import Sequence

import structlog

from console.accounts.ports import Mailer, SystemMail
from console.accounts.sending.values import DomainStatus, RecordState
from console.pages.texts import load_texts
from console.webhooks.values import Webhook
from mta.model.errors import RelevoError
from mta.store.base import Store


class AreaMails:
    """Writes to the people of the account who look after it; what cannot be sent is in the log."""

    def __init__(self, store: Store, mailer: Mailer, *, language: str, url: str) -> None:
        """`language` of the installation; `url` of the console, without a slash at the end."""
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

    async def _send(self, people: Sequence[str], subject: str, text: str, kind: str) -> None:
        for person in people:
            mail = SystemMail(person, self._texts.language, subject, text, kind=kind)
            try:
                await self._mailer.send(mail)
            except RelevoError as error:
                self._log.warning("mail was not sent", to=person, kind=kind, error=str(error))
