"""What operations work on: built over an open store, in the server or in a command of its own."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from console.accounts.actors import Actors
from console.accounts.approvals import ApprovalService
from console.accounts.arguments import OPERATOR
from console.accounts.audit import AuditTrail
from console.accounts.audit.chain import ChainKey
from console.accounts.audit.log import AuditLog
from console.accounts.audit.operations import operations as audit_operations
from console.accounts.audit.sealer import Sealer
from console.accounts.authenticator import CredentialAuthenticator
from console.accounts.last_use import LastUse
from console.accounts.operations import operations as account_operations
from console.accounts.passwords import PasswordHasher
from console.accounts.quota.service import QuotaService
from console.accounts.service import AccountService
from console.accounts.signin.service import SignIn
from console.accounts.signin.sessions import Sessions
from console.accounts.usage.counters import UsageCounters
from console.accounts.usage.operations import usage_operations
from console.accounts.usage.recorder import UsageRecorder
from console.accounts.usage.service import UsageService
from console.app.areas import Areas
from console.app.automation_templates import Templates
from console.app.automations import AutomationParts
from console.app.campaigns import CampaignParts
from console.app.closing import ClosingParts
from console.app.contacts import ContactParts
from console.app.people import PeopleParts
from console.app.quota import bag_operations, connect_refunds, make_quota, make_quota_sealer
from console.app.usage_reports import UsageReportParts
from console.campaigns.operations import CampaignOperations
from console.privacy.closing.operations import ErasureOperations
from console.reports.compliance import ComplianceService
from console.reports.lanes import LaneService
from console.tracking.reader import EngagementReader
from mta.engine.foundation import Foundation, open_foundation
from mta.engine.operations import QueueOperations
from mta.engine.port import DispatcherPort
from mta.engine.secret import installation_key
from mta.engine.warming import WarmUpOperations
from mta.events.log_config import configure_logging
from mta.model.errors import PermanentError
from mta.settings.loading import Loaded
from mta.settings.whole_file import make_folder
from mta.store.lock import DataDirLock

PACKAGES = (
    "console.accounts",
    "console.accounts.approvals",
    "console.accounts.audit",
    "console.accounts.exporting",
    "console.accounts.incidents",
    "console.accounts.signin",
    "console.accounts.quota",
    "console.accounts.sending",
    "console.accounts.usage",
    "console.api",
    "console.automations",
    "console.campaigns",
    "console.contacts",
    "console.contacts.optin",
    "console.contacts.segments",
    "console.maillog",
    "console.privacy",
    "console.privacy.closing",
    "console.public",
    "console.reports",
    "console.reports.clients",
    "console.reports.exports",
    "console.reports.evidence",
    "console.reports.availability",
    "console.reports.usage",
    "console.reports.filed",
    "console.reports.handover",
    "console.search",
    "console.templates",
    "console.tracking",
    "console.training",
    "console.webhooks",
)

# What these do is told by events of their own; the trail says who asked.
QUEUE_CHANGES = {
    "queue.hold": "queue.held",
    "queue.release": "queue.released",
    "queue.retry": "queue.retried",
    "queue.cancel": "queue.cancelled",
}

WARM_UP_CHANGES = {
    "warmup.start": "warmup.started",
    "warmup.stop": "warmup.stopped",
    "warmup.step": "warmup.stepped",
}


class Services:
    """Accounts and queue, over one store."""

    def __init__(
        self,
        foundation: Foundation,
        port: DispatcherPort | None = None,
        quota: QuotaService | None = None,
    ) -> None:
        """`port`: the running dispatcher; None when no server runs. `quota`: what the intake asks."""
        self.foundation = foundation
        store, clock = foundation.store, foundation.clock
        settings = foundation.loaded.settings
        key = installation_key(settings.console.secret_file)
        self.chain_key = ChainKey(key)
        self.sealer = Sealer(store, self.chain_key)
        self.trail = AuditTrail(
            store, foundation.ids, clock, self.chain_key, on_entry=self.sealer.wake
        )
        self.quota = quota or make_quota(foundation)
        self.quota.books.audited_by(self.trail)
        self.quota_sealer = make_quota_sealer(store, self.chain_key)
        self.audit_log = AuditLog(store, self.trail)
        self.last_use = LastUse(store)
        self.authenticator = CredentialAuthenticator(store, clock, on_use=self.last_use.note)
        foundation.suppression.follow(self.authenticator.lists_of)
        self.hasher = PasswordHasher()
        sessions = Sessions(store, clock)
        self._accounts = AccountService(
            store,
            foundation.ids,
            clock,
            self.authenticator,
            self.hasher,
            self.trail,
            quota=self.quota.shares,
            sessions=sessions,
        )
        self.sign_in = SignIn(
            store, clock, self._accounts.users, self.hasher, self.trail, sessions, key=key
        )
        self.people = PeopleParts(
            settings, store, clock, self._accounts, self.sign_in, self.quota, self.trail
        )
        self.actors = Actors(store, self.authenticator)
        self.approvals = ApprovalService(store, foundation.ids, clock, self.trail)
        connect_refunds(self.quota, self.approvals)
        self.usage = UsageCounters(
            clock, foundation.loaded.settings.server.timezone, self.quota.meter.zone_of
        )
        self.usage_recorder = UsageRecorder(store, self.usage)
        self.usage_reports = UsageService(store, self.usage, self.usage_recorder.flush)
        self._add_areas(port, key)
        self.reports = UsageReportParts(
            foundation, self.trail, self.areas.reports.period, self.areas.incidents, self.quota,
            self.usage_reports, self._find_account, self.areas.reports.count_once,
        )  # fmt: skip

    def _add_areas(self, port: DispatcherPort | None, key: bytes) -> None:
        """What stands beside accounts and quota."""
        foundation = self.foundation
        store, clock = foundation.store, foundation.clock
        self.areas = Areas(foundation, self.trail, self.authenticator, key, self._find_account)
        self.closing = ClosingParts(
            foundation, self.trail, self.approvals, self.areas.privacy.persons,
            self.areas.domains.service,
        )  # fmt: skip
        self.people.invitations.handed_over = self.areas.filed.manual_taken
        self.areas.privacy.persons.copies = (
            self.areas.reports.exports.drop,
            self.closing.exports.drop,
        )
        self._erasure_operations = ErasureOperations(
            self.closing.erasures, self.approvals, self._find_named
        ).operations()
        self.contacts = ContactParts(foundation, self.trail, key)
        self.campaigns = CampaignParts(
            foundation, port, self.trail, self.approvals, self._accounts, self.authenticator,
            self.quota, self.contacts.for_campaigns, self.areas.tracking.accounts.options,
            self.areas.domains.service, self.areas.templates.media.attachments,
        )  # fmt: skip
        self.automations = AutomationParts(
            foundation, self.trail, self.authenticator, self.areas.webhooks.poster,
            Templates(self.areas.templates.service, self.areas.templates.media),
        )  # fmt: skip
        self.lanes = LaneService(store, foundation.sites, port, foundation.warm_ups, clock)
        self.compliance = ComplianceService(
            store, self.quota.contracts, self.areas.reports.figures, EngagementReader(store)
        )
        operations = CampaignOperations(self.campaigns.service, self._find_account)
        self._campaign_operations = operations.operations()
        self.queue = QueueOperations(
            store=store,
            clock=clock,
            flows=foundation.flows,
            sites=foundation.sites,
            port=port,
        )
        self.warm_ups = WarmUpOperations(foundation.warm_ups, foundation.loaded, clock)
        self.areas.domains.service.on_new = self.warm_ups.begin_new_domain

    @property
    def accounts(self) -> AccountService:
        """The account service."""
        return self._accounts

    async def load(self) -> None:
        """Read what is kept in memory."""
        await self._accounts.observe_ids()
        await self.trail.observe_ids()
        await self.approvals.observe_ids()
        await self.areas.incidents.observe_ids()
        await self.areas.filed.observe_ids()
        await self.areas.register.observe_ids()
        await self.reports.book.observe_ids()
        await self.closing.observe_ids()
        await self.areas.templates.service.observe_ids()
        await self.campaigns.book.observe_ids()
        await self.contacts.observe_ids()
        await self.automations.service.observe_ids()
        await self.authenticator.refresh()
        await self.quota.load()

    async def close_accounts(self) -> None:
        """Erase accounts whose time has come. Raises `StoreError`."""

        async def close(account: int) -> None:
            await self.accounts.close(OPERATOR, account)

        async def cancel(account: int) -> None:
            await self.queue.operations["queue.cancel"]({"account": str(account)})

        await self.closing.run(close, cancel)

    def close(self) -> None:
        """End the threads that hash passwords."""
        self.hasher.close()

    async def run(self, name: str, arguments: Mapping[str, Any]) -> object:
        """Carry out a named operation. Raises `PermanentError` for an unknown name."""
        operation = _operations().get(name)
        if operation is not None:
            return await operation(self, arguments)
        if name in self.people.operations:
            return await self.people.operations[name](arguments)
        if name in self._campaign_operations:
            return await self._campaign_operations[name](arguments)
        if name in self.reports.operations:
            return await self.reports.operations[name](arguments)
        if name in self.areas.operations:
            return await self.areas.operations[name](arguments)
        if name in self._erasure_operations:
            return await self._erasure_operations[name](arguments)
        if name in self.warm_ups.operations:
            return await self._warm_up(name, arguments)
        queue = self.queue.operations.get(name)
        if queue is None:
            raise PermanentError(f"unknown operation {name!r}")
        given = dict(arguments)
        if isinstance(named := given.get("account"), str) and named:
            given["account"] = str((await self.accounts.get(OPERATOR, named)).id)
        result = await queue(given)
        if name in QUEUE_CHANGES:
            account = int(given.get("account") or 0)
            chosen = ", ".join(f"{key} {value}" for key, value in arguments.items())
            await self.trail.note(OPERATOR, QUEUE_CHANGES[name], account, chosen)
        return result

    @property
    def names(self) -> list[str]:
        """Every operation there is."""
        return [
            *_operations(),
            *self.people.operations,
            *self._campaign_operations,
            *self.areas.operations,
            *self._erasure_operations,
            *self.reports.operations,
            *self.queue.operations,
            *self.warm_ups.operations,
        ]

    async def _warm_up(self, name: str, arguments: Mapping[str, Any]) -> object:
        result = await self.warm_ups.operations[name](arguments)
        if name in WARM_UP_CHANGES:
            chosen = ", ".join(f"{key} {value}" for key, value in arguments.items() if value)
            await self.trail.note(OPERATOR, WARM_UP_CHANGES[name], 0, chosen)
        return result

    async def _find_named(self, name: str) -> tuple[int, str]:
        found = await self.accounts.get(OPERATOR, name)
        return found.id, found.name

    async def _find_account(self, name: str | None) -> int:
        """By name or id; None: the only main account."""
        if name is None:
            return (await self.accounts.only(OPERATOR)).id
        return (await self.accounts.get(OPERATOR, name)).id


def _operations() -> dict[str, Callable[[Any, Mapping[str, Any]], Awaitable[object]]]:
    """Those that are functions of the services and their arguments."""
    return {
        **account_operations(),
        **audit_operations(),
        **bag_operations(),
        **usage_operations(),
    }


def run_without_server(loaded: Loaded, name: str, arguments: Mapping[str, Any]) -> object:
    """Take the lock, open the store, carry the operation out, close."""
    data_dir: Path = loaded.settings.server.data_dir
    make_folder(data_dir)
    become_owner(data_dir)

    # Standard output is the answer's: without this, structlog would write there.
    quiet = "error" if loaded.settings.log.level == "error" else "warning"
    log_output = configure_logging(loaded.settings.log.model_copy(update={"level": quiet}))

    async def work() -> object:
        with DataDirLock(data_dir):
            foundation = await open_foundation(loaded, PACKAGES)
            try:
                services = Services(foundation)
                try:
                    await services.load()
                    answer = await services.run(name, arguments)
                    await services.sealer.seal()
                    await services.quota_sealer.seal()
                    return answer
                finally:
                    await services.areas.close()
                    services.close()
            finally:
                await foundation.store.close()

    try:
        return asyncio.run(work())
    finally:
        log_output.close()


def become_owner(data_dir: Path) -> None:
    """As root, work as the user whose data it is: root's files would lock the server out."""
    status = data_dir.stat()
    if os.geteuid() == 0 and status.st_uid != 0:
        os.setgroups([])
        os.setgid(status.st_gid)
        os.setuid(status.st_uid)
