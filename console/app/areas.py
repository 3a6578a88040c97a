"""Areas that stand beside accounts and queue, put together; each has its services."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from console.accounts.audit import AuditTrail
from console.accounts.authenticator import CredentialAuthenticator
from console.accounts.exporting.operations import ExportOperations
from console.accounts.incidents.operations import IncidentOperations
from console.accounts.incidents.register import IncidentRegister
from console.accounts.incidents.service import IncidentService
from console.accounts.incidents.watch import DeadlineWatch
from console.accounts.ports import Mailer
from console.app.audit_heads import HeadMail
from console.app.domains import DomainParts
from console.app.filed import FiledParts
from console.app.privacy import PrivacyParts
from console.app.reports import ReportParts
from console.app.suppressions import SuppressionParts
from console.app.templates import TemplateParts
from console.app.tracking import TrackingParts
from console.app.webhooks import WebhookParts
from console.pages.area_mails import AreaMails
from console.tracking.ingest import IngestMetrics
from mta.engine.foundation import Foundation
from mta.intake.return_path import ReturnPathHosts
from mta.spool.follower import FollowerMetrics

Operation = Callable[[Mapping[str, Any]], Awaitable[object]]
AccountFinder = Callable[[str | None], Awaitable[int]]  # by name or id; None: the only one


class AreaMetrics(FollowerMetrics, IngestMetrics, Protocol):
    """What is counted in the areas."""


class Areas:
    """Their services, and what commands can ask of them."""

    def __init__(
        self,
        foundation: Foundation,
        trail: AuditTrail,
        authenticator: CredentialAuthenticator,
        key: bytes,
        find_account: AccountFinder,
    ) -> None:
        """`key`: the installation's secret."""
        self._foundation = foundation
        self.domains = DomainParts(foundation, trail, authenticator, key, find_account)
        self.webhooks = WebhookParts(foundation, trail, key, find_account)
        self.incidents = IncidentService(foundation.store, foundation.ids, foundation.clock, trail)
        due = foundation.loaded.settings.incidents
        self.register = IncidentRegister(
            foundation.store, foundation.ids, foundation.clock, trail, notice_s=due.notice
        )
        self.deadlines = DeadlineWatch(
            foundation.store, foundation.clock, self.register, (due.warn, due.warn_again)
        )
        settings = foundation.loaded.settings
        self.heads = HeadMail(
            foundation.store, foundation.clock, settings.audit.mail, settings.server.timezone
        )
        self.suppressions = SuppressionParts(foundation, trail, find_account)
        self.tracking = TrackingParts(foundation, trail, key, find_account)
        self.privacy = PrivacyParts(foundation, trail, find_account)
        self.reports = ReportParts(foundation, trail)
        self.filed = FiledParts(foundation, trail, find_account)
        self.templates = TemplateParts(foundation, trail)
        self.operations: Mapping[str, Operation] = {
            **self.domains.operations,
            **self.tracking.operations,
            **self.webhooks.operations,
            **self.suppressions.operations,
            **self.privacy.operations,
            **ExportOperations(trail, find_account).operations(),
            **self.filed.operations,
            **IncidentOperations(self.incidents, find_account).operations(),
        }

    async def start(
        self,
        mailer: Mailer,
        metrics: AreaMetrics,
        on_key: Callable[[], None],
        hosts: ReturnPathHosts | None,
    ) -> None:
        """The server runs: send webhooks, ask for DNS records. Raises `StoreError`.

        `on_key` is called when a DKIM key is to be used; `hosts` learns return paths of domains.
        """
        server = self._foundation.loaded.settings.server
        mails = self.mails = AreaMails(
            self._foundation.store, mailer, language=server.language,
            url=str(server.public_url).rstrip("/"),
            support=self._foundation.loaded.settings.support.email or "",
            timezone=server.timezone, clock=self._foundation.clock,
        )  # fmt: skip
        self.incidents.on_news = mails.incident_news
        self.deadlines.on_due = mails.incident_due
        self.heads.send = mails.chain_heads
        await self.webhooks.start(mails.webhook_disabled, metrics)
        await self.reports.start(metrics)
        self.filed.start()
        self.templates.start(mailer)
        await self.tracking.start(metrics, mails.tracking_changed)
        await self.domains.start(on_key, mails.domain_changed, hosts)

    async def close(self) -> None:
        """End what runs."""
        await self.domains.close()
        await self.filed.close()
        await self.reports.close()
        await self.tracking.close()
        await self.webhooks.close()
