"""Puts the tracking together: tokens and links always, what takes hits when a server runs."""

import asyncio
import ssl
from urllib.parse import urlsplit

from console.accounts.audit import AuditTrail
from console.content.own_links import OwnLinks
from console.tracking.accounts import TrackingAccounts
from console.tracking.classifying import Classifier
from console.tracking.ingest import HitIngest, IngestMetrics
from console.tracking.links import LinkBook
from console.tracking.merging import MergeValues
from console.tracking.operations import AccountFinder, TrackingOperations
from console.tracking.recheck import TrackingRecheck
from console.tracking.service import AliasOf, Told, TrackingService
from console.tracking.settling import Settler
from console.tracking.tidying import tidy_links
from console.tracking.tokens import Purpose, Target, TrackingTokens
from mta.dns.lookup import Failed, Lookup, Records
from mta.engine.foundation import Foundation
from mta.intake.unsubscribe_links import UnsubscribeLinks
from mta.model.errors import TransientError
from mta.settings.schema import EXAMPLE_PUBLIC_URL, Settings

HTTPS = 443
TLS_TIMEOUT_S = 10.0
FIRST_KEY = 1  # number of the installation's key among those of tokens


class TrackingParts:
    """What belongs to tracking in one process."""

    def __init__(
        self, foundation: Foundation, trail: AuditTrail, key: bytes, find_account: AccountFinder
    ) -> None:
        """`key`: the installation's secret."""
        self._foundation = foundation
        store = foundation.store
        self.tokens = TrackingTokens({FIRST_KEY: key})
        self._base = default_base(foundation.loaded.settings)
        self.accounts = TrackingAccounts(store, self._base)
        settings = foundation.loaded.settings
        self.service = TrackingService(
            store, trail, self.accounts, alias_finder(Lookup(settings.delivery.nameservers)),
            answers_with_tls, urlsplit(self._base).hostname or "", foundation.clock,
        )  # fmt: skip
        self._recheck = TrackingRecheck(self.service, foundation.clock)
        self._is_sandbox = settings.delivery.mode == "sandbox"
        self._task: asyncio.Task[None] | None = None
        self.operations = TrackingOperations(self.service, find_account).operations()
        self.links = LinkBook(store)
        self.merges = MergeValues(store)
        self.ingest: HitIngest | None = None
        self._settler: Settler | None = None

    def own_links(self, unsubscribe: UnsubscribeLinks | None) -> OwnLinks:
        """The addresses of recipients' own that templates may ask for."""

        def view(delivery: int) -> str:
            if not self._base:
                return ""
            return f"{self._base}/v/{self.tokens.token(Purpose.VIEW, Target(delivery, 0))}"

        return OwnLinks((lambda _: "") if unsubscribe is None else unsubscribe.url, view)

    async def start(self, metrics: IngestMetrics, tell: Told) -> None:
        """Take hits; look at domains again and again, save in sandbox mode, which asks no DNS.

        `tell` hears of a domain that breaks, and when it works again.
        """
        base = self._foundation
        self.service.tell = tell
        if not self._is_sandbox:
            loop = asyncio.get_running_loop()
            self._task = loop.create_task(self._recheck.run(), name="tracking domains")
        self.ingest = HitIngest(base.store, base.clock, Classifier(), metrics)
        await self.ingest.start()
        self._settler = Settler(self.ingest, base.clock)
        self._settler.start()

    async def tidy(self) -> None:
        """A small piece of cleaning up. Raises `StoreError`."""
        await tidy_links(self._foundation.store, self._foundation.clock)

    async def close(self) -> None:
        """Write what has come, and end."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._settler is not None:
            await self._settler.stop()
        if self.ingest is not None:
            await self.ingest.stop()


def default_base(settings: Settings) -> str:
    """Where links of accounts without a tracking domain lead; empty while the URL is an example."""
    url = str(settings.server.public_url)
    return "" if url == EXAMPLE_PUBLIC_URL else url.rstrip("/")


async def answers_with_tls(name: str) -> bool:
    """Whether port 443 of that name has a certificate for it that browsers take."""
    try:
        async with asyncio.timeout(TLS_TIMEOUT_S):
            _, writer = await asyncio.open_connection(
                name, HTTPS, ssl=ssl.create_default_context(), server_hostname=name
            )
            writer.close()
    except (OSError, TimeoutError):  # ssl.SSLError is an OSError
        return False
    return True


def alias_finder(lookup: Lookup) -> AliasOf:
    """Asks the DNS where a name points."""

    async def find(name: str) -> str | None:
        found = await lookup.ask(name, "CNAME")
        if isinstance(found, Failed):
            raise TransientError(f"{name}: {found.reason}")
        if not isinstance(found, Records):
            return None
        return next((str(record).rstrip(".").lower() for record in found.data), None)

    return find
