"""Which areas of pages the console has, over the services."""

from collections.abc import Sequence

from aiohttp import web

from console.app.services import Services
from console.pages.rendering import Renderer
from console.pages.support import SupportPages
from console.web.application import Area
from mta.settings.schema import Settings


def page_areas(services: Services, settings: Settings) -> Sequence[Area]:
    """Each adds its routes when the console is built."""

    def support(app: web.Application, renderer: Renderer) -> None:
        SupportPages(renderer, services.areas.incidents, settings.support).add_routes(app)

    return (support, services.people.area)
