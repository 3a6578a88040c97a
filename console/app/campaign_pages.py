"""Puts the pages of campaigns together."""

from functools import partial

from aiohttp import web

from console.app.services import Services
from console.pages.account_reports import AccountReportPages
from console.pages.campaign_calendar import CampaignCalendarPages
from console.pages.campaign_design import CampaignDesignPages, design_of
from console.pages.campaign_file import CampaignFilePages
from console.pages.campaign_live import CampaignLivePages
from console.pages.campaign_pace import CampaignPacePages
from console.pages.campaign_preview import CampaignPreviewPages
from console.pages.campaign_recipients import CampaignRecipientPages
from console.pages.campaign_report import CampaignReportPages
from console.pages.campaign_wizard import CampaignWizardPages
from console.pages.campaigns import CampaignPages
from console.pages.rendering import Renderer
from console.tracking.reader import EngagementReader
from console.web.application import Area


def campaign_area(services: Services) -> Area:
    """The list, the calendar, a draft's steps, one campaign, its live page and its report."""

    def add(app: web.Application, renderer: Renderer) -> None:
        base, campaigns, reports = services.foundation, services.campaigns, services.areas.reports
        # Their paths have more words than `/campaigns/{id}/{action}`, which comes last.
        templates = services.areas.templates
        wizard = CampaignWizardPages(
            renderer, campaigns.service, partial(design_of, templates.service), templates.media,
            services.contacts.audiences,
        )  # fmt: skip
        wizard.add_routes(app)
        CampaignDesignPages(
            renderer, campaigns.service, templates.service, wizard.show_content
        ).add_routes(app)
        CampaignPreviewPages(renderer, campaigns.service, templates.public_url).add_routes(app)
        CampaignPacePages(renderer, campaigns.service).add_routes(app)
        contacts = services.contacts
        CampaignFilePages(renderer, campaigns.service, contacts.uploads).add_routes(app)
        sessions = services.sign_in.sessions
        CampaignLivePages(renderer, campaigns.service, sessions).add_routes(app)
        CampaignReportPages(
            renderer, campaigns.service, reports.figures, EngagementReader(base.store),
            reports.causes, reports.clients,
        ).add_routes(app)  # fmt: skip
        CampaignRecipientPages(
            renderer, campaigns.service, reports.recipients, reports.figures, reports.exports
        ).add_routes(app)
        AccountReportPages(renderer, reports.figures, reports.period, base.clock).add_routes(app)
        CampaignCalendarPages(renderer, campaigns.service, base.clock).add_routes(app)
        CampaignPages(renderer, campaigns.service, reports.figures).add_routes(app)

    return add
