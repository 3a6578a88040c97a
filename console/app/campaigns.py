"""Puts the campaigns together: the service always, the runner when a server runs."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from console.accounts.approvals.service import ApprovalService
from console.accounts.arguments import OPERATOR
from console.accounts.audit import AuditTrail
from console.accounts.authenticator import CredentialAuthenticator
from console.accounts.quota.service import QuotaService
from console.accounts.sending.service import SendingDomains
from console.accounts.service import AccountService
from console.accounts.values import Account
from console.campaigns.audiences import CampaignAudiences, StoredAudiences
from console.campaigns.book import CampaignBook
from console.campaigns.composing import ContentCompiler, FilesOf
from console.campaigns.figures import Pace
from console.campaigns.ports import Audiences, Compiler, News, nobody
from console.campaigns.preflight.outlook import Outlook
from console.campaigns.preflight.service import Preflight, PreflightTools
from console.campaigns.preflight.spam_filter import FilterCheck
from console.campaigns.preparing import Tools
from console.campaigns.progress import ProgressReader
from console.campaigns.providers import ProviderFigures
from console.campaigns.runner import CampaignRunner
from console.campaigns.service import CampaignService
from console.campaigns.steering import Steering
from console.campaigns.stopping import FOLLOWER, TYPES, Limits, StopRules, tally
from console.campaigns.testing import TestMails, TestTools
from console.campaigns.values import Campaign
from console.tracking.accounts import OptionsOf
from mta.delivery.routing import Route, Router
from mta.engine.engine import Engine
from mta.engine.foundation import Foundation
from mta.engine.port import DispatcherPort
from mta.intake.flow_lookup import FlowLookup
from mta.model.envelope import Identity
from mta.model.errors import InternalError
from mta.model.rendering import ContentRenderer
from mta.spool.follower import EventFollower


class CampaignParts:
    """What belongs to campaigns in one process."""

    def __init__(
        self,
        foundation: Foundation,
        port: DispatcherPort | None,
        trail: AuditTrail,
        approvals: ApprovalService,
        accounts: AccountService,
        authenticator: CredentialAuthenticator,
        quota: QuotaService,
        stored: StoredAudiences,
        tracking: OptionsOf,
        domains: SendingDomains,
        files_of: FilesOf,
    ) -> None:
        """`port`: the running dispatcher; None when no server runs."""
        store, ids, clock = foundation.store, foundation.ids, foundation.clock
        settings = foundation.loaded.settings
        self._timezone = settings.server.timezone
        self._accounts = accounts
        self._authenticator = authenticator
        self._quota = quota
        self.book = CampaignBook(store, ids, clock, trail)
        lookup = FlowLookup(store, foundation.flows, ids, clock)
        self.steering = Steering(lookup, clock, port)
        self.audiences: Audiences = CampaignAudiences(self.book, stored)
        self.compiler: Compiler = ContentCompiler(tracking, files_of)
        self.runner: CampaignRunner | None = None
        self.pace = Pace()
        providers = ProviderFigures(store, clock, foundation.sites, port)
        self._rules = StopRules(store, providers, Limits.of(settings.campaigns))
        self._tally: EventFollower | None = None
        self._filter = FilterCheck(
            foundation.loaded.settings.campaigns.spam_filter or "", self._row_of, clock
        )
        self.outlook = Outlook()
        self.preflight = Preflight(
            PreflightTools(
                lambda: self.audiences, lambda: self.compiler, domains, self._identity_of,
                quota.meter, clock, self.outlook, lambda: self._has_unsubscribe, self._filter,
                authenticator.is_foreign, quota.policy.addressees,
            )
        )  # fmt: skip
        self.service = CampaignService(
            self.book, self.steering, self._account_of, self._timezone, approvals,
            ProgressReader(self.book, self.steering, self.pace, providers),
            self.preflight,
        )  # fmt: skip
        self._foundation = foundation
        self._has_unsubscribe = False

    async def start(
        self, engine: Engine, renderer: ContentRenderer, on_news: News = nobody
    ) -> None:
        """The server runs: send what is to be sent. `on_news`: one stopped by itself."""
        if engine.expansion is None:
            raise InternalError("campaigns need an engine with a renderer")
        tools = Tools(
            self.book, self.steering, self.audiences, self.compiler, engine.expansion,
            self._quota.reservations, engine.delivery.dispatcher.plan_flow, self._identity_of,
            self._timezone, self.preflight.seconds,
        )  # fmt: skip
        self._has_unsubscribe = engine.unsubscribe is not None
        self.outlook.begin(
            lambda: engine.delivery.dispatcher.lanes.shaping,
            partial(_site_of, engine.delivery.router),
            engine.foundation.warm_ups.days_for,
        )
        self._filter.renderer = renderer
        self.service.tests = TestMails(
            TestTools(
                engine.intake, renderer, self.compiler, self.audiences, self._identity_of,
                self.book.clock, self._timezone,
            )
        )  # fmt: skip
        self.runner = CampaignRunner(tools, self.service, self._timezone, self.pace, self._rules)
        self.runner.on_news = on_news
        await self.runner.start()
        self._tally = EventFollower(
            self.book.store, FOLLOWER, TYPES, tally, clock=self.book.clock, metrics=engine.metrics
        )
        await self._tally.start()

    async def close(self) -> None:
        """End what runs."""
        if self.runner is not None:
            await self.runner.stop()
        if self._tally is not None:
            await self._tally.stop()

    async def _row_of(self, campaign: Campaign, n: int) -> Mapping[str, Any]:
        return await self.audiences.row(campaign.audience, campaign.account, n)

    async def _account_of(self, number: int) -> Account:
        return await self._accounts.get(OPERATOR, str(number))

    def _identity_of(self, account: int) -> Identity | None:
        return self._authenticator.trusted_identity(str(account))


async def _site_of(router: Router, domain: str) -> str:
    """Where mail to the domain goes; empty: not known now."""
    found = await router.find(domain)
    return found.site if isinstance(found, Route) else ""
