"""The bag of mails in the running process: its service, its follower, its chain."""

from zoneinfo import ZoneInfo

from console.accounts.approvals.service import ApprovalService
from console.accounts.approvals.values import ApprovalKind, KindRules
from console.accounts.audit.chain import Chain, ChainKey
from console.accounts.audit.sealer import Sealer
from console.accounts.permissions import Permission
from console.accounts.ports import Mailer
from console.accounts.quota.alert_mail import AlertMail
from console.accounts.quota.faults import FOLLOWER as FAULTS
from console.accounts.quota.faults import TYPES as FAULT_TYPES
from console.accounts.quota.faults import OwnFaults
from console.accounts.quota.operations import Operation, quota_operations
from console.accounts.quota.refund_operations import refund_operations
from console.accounts.quota.releases import FOLLOWER, TYPES, release
from console.accounts.quota.service import QuotaService
from console.accounts.service import AccountService
from mta.engine.foundation import Foundation
from mta.spool.follower import EventFollower
from mta.store.base import Store

QUOTA_CHAIN = Chain("quota", "quota_unsealed", "quota_seal", "quota_sealed")


def bag_operations() -> dict[str, Operation]:
    """Everything that commands can ask of the bag."""
    return {**quota_operations(), **refund_operations()}


def make_quota(foundation: Foundation) -> QuotaService:
    """The service over the open store; `load()` it before use."""
    zone = ZoneInfo(foundation.loaded.settings.server.timezone)
    return QuotaService(foundation.store, foundation.ids, foundation.clock, zone)


def make_quota_sealer(store: Store, key: ChainKey) -> Sealer:
    """Seals the ledger; woken by the commits that add to it."""
    return Sealer(store, key, QUOTA_CHAIN)


def connect_refunds(quota: QuotaService, approvals: ApprovalService) -> None:
    """A refund is asked for and confirmed as everything that takes a second person."""
    quota.refunds.approved_by(approvals)
    ask, decide = Permission.REFUND_PROPOSE, Permission.REFUND_CONFIRM
    approvals.register(
        ApprovalKind.REFUND, KindRules(ask, decide, quota.refunds, quota.refunds.rejected)
    )


def tell_by_mail(
    quota: QuotaService, accounts: AccountService, mailer: Mailer, language: str
) -> None:
    """Alerts reach people by mail from now on."""
    quota.alerts.notify = AlertMail(accounts, mailer, language).tell


def make_faults(foundation: Foundation, quota: QuotaService) -> EventFollower:
    """Proposes refunds of what failed by our own fault."""
    faults = OwnFaults(foundation.store, quota.refunds)
    return EventFollower(
        foundation.store, FAULTS, FAULT_TYPES, faults.handle, clock=foundation.clock
    )


def make_releases(foundation: Foundation) -> EventFollower:
    """Gives back what was never attempted."""
    return EventFollower(foundation.store, FOLLOWER, TYPES, release, clock=foundation.clock)
