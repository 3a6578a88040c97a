"""Builds the API over the running engine and the services."""

from collections.abc import Sequence
from importlib import metadata

from console.accounts.actor import Actor
from console.accounts.quota.meter import Meter
from console.accounts.quota.policy import is_free
from console.api.accounts import AccountEndpoints
from console.api.acting import ActorOf
from console.api.application import Api, RouteGroup
from console.api.automations import AutomationEndpoints
from console.api.campaign_report import CampaignReportEndpoints
from console.api.campaigns import CampaignEndpoints
from console.api.contact_details import ContactDetailEndpoints
from console.api.contacts import ContactEndpoints
from console.api.credentials import CredentialEndpoints
from console.api.documents import DocumentEndpoints
from console.api.domains import DomainEndpoints
from console.api.exports import ExportEndpoints
from console.api.guides import GuideEndpoints
from console.api.imports import ImportEndpoints
from console.api.incidents import IncidentEndpoints
from console.api.media import MediaEndpoints
from console.api.messages.endpoint import MessageEndpoints
from console.api.messages.log import MessageLog
from console.api.messages.service import SendService
from console.api.queue import QueueEndpoints
from console.api.quota import QuotaEndpoints
from console.api.refunds import RefundEndpoints
from console.api.reports import ReportEndpoints
from console.api.routes import Call
from console.api.sandbox import SandboxEndpoints
from console.api.segments import SegmentEndpoints
from console.api.suppressions import SuppressionEndpoints
from console.api.templates import TemplateEndpoints
from console.api.tracking import TrackingEndpoints
from console.api.usage import UsageEndpoints
from console.api.users import UserEndpoints
from console.api.webhooks import WebhookEndpoints
from console.app.maillog import make_mail_log
from console.app.services import Services
from console.maillog.simulated import SimulatedMail
from console.tracking.reader import EngagementReader
from mta.engine.engine import Engine
from mta.model.envelope import Identity
from mta.model.errors import InternalError
from mta.settings.schema import Settings
from mta.spool.inspection import QueueReader


def build_send_service(engine: Engine, services: Services) -> SendService:
    """What the API and its dialects send with."""
    if engine.batches is None:
        raise InternalError("the API needs an engine with a renderer")
    return SendService(
        engine.intake,
        engine.batches,
        services.foundation.store,
        max_message_bytes=int(engine.settings.submission.max_message_bytes),
        templates=services.areas.templates.service,
        template_files=services.areas.templates.media.attachments,
        tracking=services.areas.tracking.accounts.options,
        left=_BagLeft(services.quota.meter),
    )


class _BagLeft:
    """What is left of the bags, as far as memory knows."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def took(self, identity: Identity, charged: int) -> None:
        if not is_free(identity):
            self._meter.took(identity.account_id, charged)

    def remaining(self, identity: Identity) -> int | None:
        return None if is_free(identity) else self._meter.remaining(identity.account_id)


def build_api(engine: Engine, services: Services, simulated: SimulatedMail | None) -> Api:
    """The API; `simulated` is None unless in sandbox mode."""
    store, clock = services.foundation.store, services.foundation.clock
    settings = engine.settings
    reader = QueueReader(store, clock)
    log = MessageLog(store, reader)
    send = build_send_service(engine, services)

    def actor_of(call: Call) -> Actor:
        return services.actors.of_identity(call.identity, address=call.origin.peer)

    cancel = services.queue.operations["queue.cancel"]
    mail_log = make_mail_log(engine, services.trail, cancel)

    async def resend(call: Call, delivery: int) -> int:
        return await mail_log.resend(actor_of(call), delivery)

    groups: list[RouteGroup] = [
        MessageEndpoints(send, log, cancel, resend),
        UsageEndpoints(services.usage_reports, services.actors),
        SuppressionEndpoints(
            services.areas.suppressions.service,
            lambda call: services.actors.of_identity(call.identity, address=call.origin.peer),
        ),
        *_of_accounts(services, actor_of),
        *_of_campaigns(services, actor_of),
        QueueEndpoints(reader, log, services.queue.operations["queue.why"]),
        SandboxEndpoints(simulated, actor_of),
    ]
    return Api(
        groups,
        store=store,
        clock=clock,
        language=settings.server.language,
        server=server_url(settings),
        version=metadata.version("relevo"),
        max_message_bytes=int(settings.submission.max_message_bytes),
    )


def _of_accounts(services: Services, actor_of: ActorOf) -> Sequence[RouteGroup]:
    """Accounts, their people and bags, and what is set up in them."""
    reports, filed = services.reports, services.areas.filed
    return (
        CredentialEndpoints(services.accounts.credentials, actor_of),
        AccountEndpoints(services.accounts, actor_of),
        UserEndpoints(services.accounts.users, services.people.invitations.invite, actor_of),
        GuideEndpoints(services.accounts.users, services.people.invitations, actor_of),
        IncidentEndpoints(services.areas.incidents, actor_of),
        QuotaEndpoints(services.quota, actor_of),
        RefundEndpoints(services.quota, actor_of),
        ExportEndpoints(services.closing.exports, actor_of),
        ReportEndpoints(reports.book, reports, actor_of, reports.maker.wake),
        DocumentEndpoints(filed.book, actor_of, filed.maker.wake),
        WebhookEndpoints(services.areas.webhooks.service, actor_of),
        DomainEndpoints(services.areas.domains.service, actor_of),
        TrackingEndpoints(services.areas.tracking.service, actor_of),
    )


def _of_campaigns(services: Services, actor_of: ActorOf) -> Sequence[RouteGroup]:
    """Campaigns, what they say and to whom."""
    campaigns, contacts = services.campaigns.service, services.contacts
    templates = services.areas.templates
    engagement = EngagementReader(services.foundation.store)
    return (
        AutomationEndpoints(services.automations.service, services.automations.events, actor_of),
        CampaignEndpoints(campaigns, actor_of),
        CampaignReportEndpoints(campaigns, services.areas.reports.figures, engagement, actor_of),
        TemplateEndpoints(templates.service, actor_of),
        MediaEndpoints(templates.media, actor_of, templates.public_url),
        ContactEndpoints(contacts.contacts, actor_of),
        ContactDetailEndpoints(contacts.contacts, contacts.optin, actor_of),
        SegmentEndpoints(contacts.segments, actor_of),
        ImportEndpoints(contacts.uploads, contacts.removal, actor_of),
    )


def server_url(settings: Settings) -> str:
    """Where clients find the console, as the document says it."""
    return str(settings.server.public_url).rstrip("/") or "/"
