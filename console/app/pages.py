"""Which areas of pages the console has, over the services."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from aiohttp import web

from console.app.account_pages import account_area
from console.app.maillog import make_mail_log
from console.app.services import Services
from console.pages.activity import ActivityPages
from console.pages.automations import AutomationPages
from console.pages.campaign_words import CampaignLines
from console.pages.credentials import CredentialPages
from console.pages.domains import DomainPages
from console.pages.first_mail import FirstMailPages
from console.pages.home import HomePage
from console.pages.home_alerts import WorkAlerts
from console.pages.incidents import IncidentPages
from console.pages.media import MediaLibraryPages
from console.pages.rendering import Renderer
from console.pages.search import SearchPages
from console.pages.support import SupportPages
from console.pages.suppressions import SuppressionPages
from console.pages.template_editor import TemplateEditorPages
from console.pages.template_list import TemplateListPages
from console.pages.tracking import TrackingSettingsPages
from console.pages.webhooks import WebhookPages
from console.search.service import SearchService
from console.tracking.reader import EngagementReader
from console.web.application import Area
from mta.engine.engine import Engine
from mta.settings.schema import Settings


def activity_area(engine: Engine, services: Services, settings: Settings) -> Area:
    """The message log, which sends again through the engine's own door, and what waits for mail."""
    cancel = services.queue.operations["queue.cancel"]
    log = make_mail_log(engine, services.trail, cancel)
    zone = ZoneInfo(settings.server.timezone)

    def add(app: web.Application, renderer: Renderer) -> None:
        ActivityPages(renderer, log, zone, services.areas.reports.exports).add_routes(app)
        FirstMailPages(renderer, services.accounts.credentials, log).add_routes(app)
        suppressions = services.areas.suppressions.service
        search = SearchService(services.foundation.store)
        SearchPages(renderer, search, log, suppressions).add_routes(app)

    return add


def home_area(engine: Engine, services: Services) -> Area:
    """The first page."""

    def add(app: web.Application, renderer: Renderer) -> None:
        areas = services.areas
        HomePage(
            renderer, areas.reports.figures, EngagementReader(services.foundation.store),
            services.accounts, services.quota, areas.domains.service, engine.health,
            services.foundation.clock,
            campaigns=CampaignLines(services.campaigns.service, areas.reports.figures),
            work=WorkAlerts(services.campaigns.service, areas.suppressions.service),
        ).add_routes(app)  # fmt: skip

    return add


def page_areas(services: Services, settings: Settings) -> Sequence[Area]:
    """Each adds its routes when the console is built."""

    def support(app: web.Application, renderer: Renderer) -> None:
        areas, clock = services.areas, services.foundation.clock
        zone = settings.server.timezone
        SupportPages(renderer, areas.incidents, settings.support, clock, zone).add_routes(app)
        IncidentPages(renderer, areas.incidents, areas.register, clock).add_routes(app)

    def sending(app: web.Application, renderer: Renderer) -> None:
        WebhookPages(renderer, services.areas.webhooks.service).add_routes(app)
        SuppressionPages(
            renderer, services.areas.suppressions.service, services.areas.reports.exports
        ).add_routes(app)
        DomainPages(renderer, services.areas.domains.service).add_routes(app)
        TrackingSettingsPages(renderer, services.areas.tracking.service).add_routes(app)

    def automations(app: web.Application, renderer: Renderer) -> None:
        parts = services.automations
        AutomationPages(renderer, parts.service, parts.choices).add_routes(app)

    def credentials(app: web.Application, renderer: Renderer) -> None:
        CredentialPages(renderer, services.accounts.credentials, _facts(settings)).add_routes(app)

    def templates(app: web.Application, renderer: Renderer) -> None:
        parts = services.areas.templates
        url = parts.public_url
        TemplateListPages(renderer, parts.service, url).add_routes(app)
        MediaLibraryPages(renderer, parts.media, url).add_routes(app)
        TemplateEditorPages(renderer, parts.service, parts.media, url, parts.mailer).add_routes(app)

    return (
        support,
        sending,
        automations,
        credentials,
        templates,
        services.people.area,
        account_area(services),
    )


def _facts(settings: Settings) -> dict[str, str]:
    """What an application has to be told."""
    listen = next(iter(settings.submission.listen), None)
    port = listen.port if listen is not None else 587
    is_local = listen is not None and str(listen.host).startswith("127.")
    host = "127.0.0.1" if is_local else settings.server.hostname
    url = str(settings.server.public_url).rstrip("/") or f"http://{settings.console.listen}"
    return {"server": f"{host}:{port}", "url": url, "zone": settings.server.timezone}
