"""Puts the webhooks together: service and operations always, the hub when a server runs."""

import random
from collections.abc import Awaitable, Callable

from console.accounts.audit import AuditTrail
from console.webhooks.courier import Tools
from console.webhooks.hub import Hub
from console.webhooks.operations import AccountFinder, WebhookOperations
from console.webhooks.posting import Poster
from console.webhooks.service import WebhookService
from console.webhooks.signing import Signer
from console.webhooks.targets import TargetPolicy
from console.webhooks.values import Webhook
from mta.dns.reachable import AddressPolicy
from mta.engine.foundation import Foundation
from mta.spool.follower import FollowerMetrics


class WebhookParts:
    """What belongs to webhooks in one process."""

    def __init__(
        self, foundation: Foundation, trail: AuditTrail, key: bytes, find_account: AccountFinder
    ) -> None:
        """`key`: the installation's secret."""
        self._foundation = foundation
        self._trail = trail
        store, clock = foundation.store, foundation.clock
        allow_private = foundation.loaded.settings.webhooks.allow_private_addresses
        signer = Signer(key)
        policy = TargetPolicy(
            AddressPolicy(allow_private=allow_private), allow_private=allow_private
        )
        self.poster = Poster(signer, policy, clock)
        self.service = WebhookService(
            store, foundation.ids, clock, trail, signer, policy, self.poster
        )
        self.operations = WebhookOperations(self.service, find_account).operations()
        self._hub: Hub | None = None

    async def start(
        self, on_disabled: Callable[[Webhook], Awaitable[None]], metrics: FollowerMetrics
    ) -> None:
        """Begin to send. Raises `StoreError`."""
        base = self._foundation
        tools = Tools(
            base.store, self.poster, self._trail, base.clock, random.SystemRandom(), on_disabled
        )
        self._hub = Hub(tools, metrics=metrics)
        self.service.on_change = self._hub.refresh
        await self._hub.start()

    async def close(self) -> None:
        """Stop sending and close all connections."""
        if self._hub is not None:
            await self._hub.stop()
        await self.poster.close()
