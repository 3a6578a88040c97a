"""Puts the pages of reports together."""

from aiohttp import web

from console.app.services import Services
from console.pages.api_use import ApiUsePages
from console.pages.deliverability import DeliverabilityPages
from console.pages.rendering import Renderer
from console.web.application import Area


def report_area(services: Services) -> Area:
    """Use of the API, and how mail arrives."""

    def add(app: web.Application, renderer: Renderer) -> None:
        base, areas = services.foundation, services.areas
        ApiUsePages(renderer, services.usage_reports, base.clock).add_routes(app)
        DeliverabilityPages(
            renderer, areas.reports.figures, areas.domains.service, services.lanes,
            areas.suppressions.service, base.clock,
        ).add_routes(app)  # fmt: skip

    return add
