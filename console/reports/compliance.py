"""What there is of each clause of the contract, computed when somebody asks: nothing is stored.

Everything is counted over an account and all below it; what there is none of is left out, so a page
can say honestly that there is nothing yet.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import orjson

from console.accounts.actor import Actor, NotVisible
from console.accounts.permissions import Permission
from console.accounts.quota.contracts import ContractService, ContractView
from console.accounts.tree import by_id, line_of, with_all_below
from console.accounts.values import Account, AccountKind
from console.reports.figures import Figures, FigureService
from console.tracking.reader import EngagementFigures, EngagementReader
from mta.store.base import Store

_FIRST, _LAST = date(2000, 1, 1), date(2999, 12, 31)
FINISHED = "finished"


class CampaignFacts(NamedTuple):
    """What of a campaign is evidence; a row of `compliance_campaigns`."""

    id: int
    name: str
    status: str
    recipients: int
    per_hour: int
    sending_ms: int
    started_ms: int
    send_at_ms: int
    has_fields: int
    is_of_file: int
    flow: int


class Counts(NamedTuple):
    """The row of `compliance_counts`."""

    files: int
    rows: int
    templates: int
    automations: int
    enrolments: int
    subaccounts: int
    training_accounts: int
    training_recipients: int
    people: int
    with_factor: int
    keys: int
    domains: int
    verified: int
    incidents: int
    open_incidents: int


class Papers(NamedTuple):
    """The row of `compliance_papers`."""

    guides: int
    guides_delivered: int
    guide_ms: int
    usage_reports: int
    usage_report_ms: int
    trainings: int
    certificates: int
    manuals: int
    exercises: int  # certificates of them


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that clauses are judged by."""

    accounts: Sequence[Account]  # the one asked for first
    counts: Counts
    papers: Papers
    roles: Mapping[str, int]
    campaigns: Sequence[CampaignFacts]  # the newest first
    actions: Mapping[str, tuple[int, int]]  # how often, when last
    doors: Sequence[tuple[str, int, int]]  # requests, recipients
    kinds: Mapping[str, int]  # recipients by what sent to them: campaign, application, …
    refunds: Mapping[str, tuple[int, int]]  # by state: how often, mails
    shares: tuple[int, int, int]  # accounts with a balance of their own, granted, consumed
    contracts: Sequence[ContractView]
    figures: Figures
    engagement: EngagementFigures

    def done(self, *prefixes: str) -> tuple[int, int]:
        """How often something was noted whose name begins so, and when last."""
        found = [v for k, v in self.actions.items() if k.startswith(prefixes)]
        return sum(n for n, _ in found), max((at for _, at in found), default=0)

    @property
    def finished(self) -> Sequence[CampaignFacts]:
        """Campaigns that were sent."""
        return [c for c in self.campaigns if c.status == FINISHED and c.recipients]


class ComplianceService:
    """For those who may read the audit trail: owners, administrators, auditors."""

    def __init__(
        self,
        store: Store,
        contracts: ContractService,
        figures: FigureService,
        engagement: EngagementReader,
    ) -> None:
        self._store = store
        self._contracts = contracts
        self._figures = figures
        self._engagement = engagement

    async def gather(self, actor: Actor, account: int) -> Evidence:
        """Everything now. Raises `NotPermitted`, `NotVisible`."""
        actor.require(Permission.AUDIT_VIEW, account)
        everything = [Account.of(row) for row in await self._store.read("account_all")]
        known = by_id(everything)
        if account not in known:
            raise NotVisible(f"there is no account {account}")
        accounts = with_all_below(known[account], everything)
        ids = orjson.dumps([one.id for one in accounts]).decode()
        normal = [one.id for one in accounts if one.kind is not AccountKind.TRAINING]
        read = self._store.read
        campaigns = [
            CampaignFacts(*row) for row in await read("compliance_campaigns", accounts=ids)
        ]
        ((shared, granted, consumed),) = await read("compliance_shares", accounts=ids)
        above = {one.id for one in line_of(known[account], known)}
        contracts = [
            view for view in await self._contracts.list(actor) if view.contract.account in above
        ]
        return Evidence(
            accounts,
            Counts(*(await read("compliance_counts", accounts=ids))[0]),
            Papers(*(await read("compliance_papers", accounts=ids))[0]),
            dict(await read("compliance_roles", accounts=ids)),
            campaigns,
            {row[0]: (row[1], row[2]) for row in await read("compliance_actions", accounts=ids)},
            [(row[0], row[1], row[2]) for row in await read("compliance_doors", accounts=ids)],
            dict(await read("compliance_kinds", accounts=ids)),
            {row[0]: (row[1], row[2]) for row in await read("compliance_refunds", accounts=ids)},
            (shared, granted, consumed),
            contracts,
            await self._figures.of_account(actor, normal or [account], _FIRST, _LAST),
            await self._engaged(normal),
        )

    async def _engaged(self, accounts: Sequence[int]) -> EngagementFigures:
        """Of all accounts together."""
        found = [
            await self._engagement.of_account(account, first_ms=0, last_ms=1 << 52)
            for account in accounts
        ]
        return EngagementFigures(
            sum(one.unique_opens for one in found),
            sum(one.total_opens for one in found),
            sum(one.inferred_opens for one in found),
            sum(one.opened_again for one in found),
            sum(one.unique_clicks for one in found),
            sum(one.total_clicks for one in found),
        )
