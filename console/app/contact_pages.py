"""Puts the pages of contacts together."""

from aiohttp import web

from console.app.services import Services
from console.pages.campaign_audience import CampaignAudiencePages
from console.pages.consents import ConsentPages
from console.pages.contacts import ContactPages
from console.pages.imports import ImportPages
from console.pages.rendering import Renderer
from console.pages.segments import SegmentPages
from console.web.application import Area


def contact_area(services: Services) -> Area:
    """Files, contacts, lists, and the step of a campaign that chooses among them."""

    def add(app: web.Application, renderer: Renderer) -> None:
        parts = services.contacts
        ImportPages(renderer, parts.uploads, parts.contacts, parts.importer.rows_read).add_routes(
            app
        )
        url = services.areas.templates.public_url
        ContactPages(renderer, parts.contacts, parts.optin, url).add_routes(app)
        ConsentPages(renderer, parts.optin, parts.contacts).add_routes(app)
        SegmentPages(renderer, parts.segments, parts.contacts).add_routes(app)
        # Before `/campaigns/{id}/{action}`, which takes what is left.
        CampaignAudiencePages(
            renderer, services.campaigns.service, parts.uploads, parts.audiences, parts.contacts,
            parts.segments,
        ).add_routes(app)  # fmt: skip

    return add
