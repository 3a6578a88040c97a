"""Puts the pages of reports together."""

from aiohttp import web

from console.app.services import Services
from console.pages.api_use import ApiUsePages
from console.pages.certificates import CertificatePages
from console.pages.compliance import CompliancePages
from console.pages.compliance_facts import Support
from console.pages.contract_report import ContractReportPages
from console.pages.deliverability import DeliverabilityPages
from console.pages.exports import ExportPages
from console.pages.filed import FiledPages
from console.pages.handover import HandoverPages
from console.pages.rendering import Renderer
from console.web.application import Area
from mta.settings.schema import Settings


def report_area(services: Services, settings: Settings) -> Area:
    """Use of the API, how mail arrives, the contract clause by clause."""

    def add(app: web.Application, renderer: Renderer) -> None:
        base, areas = services.foundation, services.areas
        ApiUsePages(renderer, services.usage_reports, base.clock).add_routes(app)
        DeliverabilityPages(
            renderer, areas.reports.figures, areas.domains.service, services.lanes,
            areas.suppressions.service, base.clock,
        ).add_routes(app)  # fmt: skip
        ContractReportPages(
            renderer, areas.reports.period, services.quota.contracts, base.clock
        ).add_routes(app)
        ExportPages(renderer, areas.reports.exports).add_routes(app)
        help_ = settings.support
        support = Support(help_.email or "", help_.phone or "", help_.hours or "")
        CompliancePages(renderer, services.compliance, support, base.clock).add_routes(app)

        filed = FiledPages(renderer, areas.filed.book, areas.filed.maker, base.clock)
        filed.add_routes(app)
        CertificatePages(renderer, base.store, areas.filed.handover).add_routes(app)
        HandoverPages(renderer, areas.filed.handover, filed, base.clock).add_routes(app)

    return add
