"""Which areas of pages the console has, over the services."""

from collections.abc import Sequence

from aiohttp import web

from console.app.services import Services
from console.pages.domains import DomainPages
from console.pages.rendering import Renderer
from console.pages.support import SupportPages
from console.pages.webhooks import WebhookPages
from console.web.application import Area
from mta.settings.schema import Settings


def page_areas(services: Services, settings: Settings) -> Sequence[Area]:
    """Each adds its routes when the console is built."""

    def support(app: web.Application, renderer: Renderer) -> None:
        SupportPages(renderer, services.areas.incidents, settings.support).add_routes(app)

    def sending(app: web.Application, renderer: Renderer) -> None:
        WebhookPages(renderer, services.areas.webhooks.service).add_routes(app)
        DomainPages(renderer, services.areas.domains.service).add_routes(app)

    return (support, sending, services.people.area)
