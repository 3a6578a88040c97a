"""Puts the sending domains together: service and operations always, the rechecks when a server runs."""

import asyncio
from collections.abc import Callable

from console.accounts.audit import AuditTrail
from console.accounts.authenticator import CredentialAuthenticator
from console.accounts.sending.checking import DomainChecker, Installation
from console.accounts.sending.operations import AccountFinder, DomainOperations
from console.accounts.sending.recheck import DomainRecheck
from console.accounts.sending.service import SendingDomains, Told
from mta.dns.lookup import Lookup
from mta.engine.foundation import Foundation
from mta.intake.return_path import ReturnPathHosts
from mta.settings.schema import Settings


class DomainParts:
    """What belongs to sending domains in one process."""

    def __init__(
        self,
        foundation: Foundation,
        trail: AuditTrail,
        authenticator: CredentialAuthenticator,
        key: bytes,
        find_account: AccountFinder,
    ) -> None:
        """`key`: the installation's secret."""
        settings = foundation.loaded.settings
        checker = DomainChecker(Lookup(settings.delivery.nameservers), _installation(settings, key))
        self.service = SendingDomains(
            foundation.store, foundation.clock, trail, authenticator, checker,
            settings.server.dkim_dir, is_sandbox=settings.delivery.mode == "sandbox",
        )  # fmt: skip
        self.operations = DomainOperations(self.service, find_account).operations()
        self._recheck = DomainRecheck(self.service, foundation.clock)
        self._is_sandbox = settings.delivery.mode == "sandbox"
        self._task: asyncio.Task[None] | None = None

    async def start(
        self, on_key: Callable[[], None], tell: Told, hosts: ReturnPathHosts | None
    ) -> None:
        """Begin to check the domains again and again; in sandbox mode nothing asks the DNS."""
        self.service.on_key = on_key
        self.service.tell = tell
        if hosts is not None:
            self.service.on_return_paths = hosts.use
            await self.service.read_return_paths()
        if not self._is_sandbox:
            loop = asyncio.get_running_loop()
            self._task = loop.create_task(self._recheck.run(), name="domains")

    async def close(self) -> None:
        """End the checks."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


def _installation(settings: Settings, key: bytes) -> Installation:
    sources = tuple(
        source.address
        for source in settings.delivery.sources
        if source.address not in ("0.0.0.0", "::")
    )
    return Installation(
        settings.server.hostname, sources, key, settings.inbound.return_path_domain or ""
    )
