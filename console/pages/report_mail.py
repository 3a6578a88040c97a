"""The mail that brings a report of consumption to its addressees, with text beside the HTML."""

from collections.abc import Mapping, Sequence

import jinja2
import structlog

from console.accounts.ports import MailAttachment, Mailer, SystemMail
from console.pages.texts import Texts, load_texts
from console.reports.usage.book import Report
from console.reports.usage.making import file_name
from console.reports.workbooks import XLSX
from mta.model.errors import RelevoError
from mta.store.base import Store

MAX_ATTACHED = 8_000_000  # octets: many mailboxes take no more than 10 MB, base64 adds a third
_TYPES = {"pdf": "application/pdf", "xlsx": XLSX}


class ReportMails:
    """Sends them through Relevo itself, free of charge."""

    def __init__(self, store: Store, mailer: Mailer, url: str) -> None:
        """`url` of the console, without a slash at the end."""
        self._store = store
        self._mailer = mailer
        self._url = url
        self._texts = load_texts()
        self._log = structlog.get_logger("relevo.mails")
        self._environment = jinja2.Environment(
            loader=jinja2.PackageLoader("console.pages", "documents"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
        )

    async def send(
        self, report: Report, digest: str, addressees: Sequence[str], files: Mapping[str, bytes]
    ) -> str:
        """One mail to each; gives why not all of them went out, "" when they did."""
        texts = self._texts[report.language]
        rows = await self._store.read("account_all")
        account = next((str(row[2]) for row in rows if row[0] == report.account), "")
        errors = []
        for address in addressees:
            try:
                await self._mailer.send(self._mail(report, digest, address, account, files, texts))
            except RelevoError as error:
                self._log.warning("mail was not sent", to=address, kind="report", error=str(error))
                errors.append(f"{address}: {error}")
        return "; ".join(errors)[:500]

    def _mail(
        self,
        report: Report,
        digest: str,
        address: str,
        account: str,
        files: Mapping[str, bytes],
        texts: Texts,
    ) -> SystemMail:
        chosen = [one for one in report.formats.split(",") if one in files]
        is_attached = sum(len(files[one]) for one in chosen) <= MAX_ATTACHED
        values = {
            "account": account,
            "number": report.number,
            "first": texts.date(report.first),
            "last": texts.date(report.last),
            "link": f"{self._url}/reports/usage/{report.id}",
            "digest": digest,
        }
        note = texts("report_mail.attached" if is_attached else "report_mail.too_large")
        text = texts("report_mail.text", note=note, **values)
        html = self._environment.get_template("report_mail.html").render(
            t=texts, note=note, subject=texts("report_mail.subject", **values), **values
        )
        word = texts("usage_report.file")
        attachments = tuple(
            MailAttachment(file_name(report, word, one), _TYPES[one], files[one]) for one in chosen
        )
        return SystemMail(
            address, texts.language, texts("report_mail.subject", **values), text, html,
            attachments if is_attached else (), kind="report",
        )  # fmt: skip
