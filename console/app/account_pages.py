"""Puts the pages of accounts, users, the bag and the audit trail together."""

import asyncio
from collections.abc import Sequence

from aiohttp import web

from console.accounts.signin.rules import FactorRules
from console.app.chains import CheckedChain, check_chains
from console.app.services import PACKAGES, Services
from console.pages.accounts import AccountPages
from console.pages.approvals import ApprovalPages
from console.pages.audit import AuditPages
from console.pages.closing import ClosingPages
from console.pages.duties import DutyPages
from console.pages.privacy import PrivacyPages
from console.pages.quota import QuotaPages
from console.pages.refunds import RefundPages
from console.pages.rendering import Renderer
from console.pages.usage_reports import UsageReportPages
from console.pages.users import UserPages
from console.web.application import Area


def account_area(services: Services) -> Area:
    """Accounts, users, the bag and the audit trail."""

    async def verify() -> tuple[Sequence[CheckedChain], Sequence[str]]:
        def nothing(_name: str, _done: int, _of: int) -> None:
            """Nobody watches."""

        loaded = services.foundation.loaded
        chains, findings = await asyncio.to_thread(
            check_chains, loaded, ("mta.spool", "mta.engine", *PACKAGES), nothing
        )
        return chains, [finding.text for finding in findings]

    def add(app: web.Application, renderer: Renderer) -> None:
        sign_in, quota = services.sign_in, services.quota
        rules = FactorRules(services.foundation.store, services.foundation.clock, services.trail)
        AccountPages(renderer, services.accounts, quota, sign_in.sessions, rules).add_routes(app)
        UserPages(
            renderer, services.accounts, quota, sign_in, services.people.invitations
        ).add_routes(app)
        QuotaPages(renderer, quota, services.trail).add_routes(app)
        AuditPages(renderer, services.audit_log, verify).add_routes(app)
        RefundPages(
            renderer, quota, services.approvals, services.trail, services.areas.register
        ).add_routes(app)
        ApprovalPages(renderer, services.approvals).add_routes(app)
        closing, clock = services.closing, services.foundation.clock
        ClosingPages(
            renderer, closing.exports, closing.erasures, services.approvals, clock
        ).add_routes(app)
        reports = services.reports
        UsageReportPages(
            renderer, reports.book, reports.maker, reports.scheduler, reports
        ).add_routes(app)
        settings = services.foundation.loaded.settings
        DutyPages(
            renderer, services.areas.privacy.duties, services.areas.register, settings.processor,
            clock, settings.server.hostname,
        ).add_routes(app)  # fmt: skip
        PrivacyPages(renderer, services.areas.privacy.persons).add_routes(app)

    return add
