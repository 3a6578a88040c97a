"""Webhooks over a real store, a receiver on loopback, and a clock that tests move."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from console.accounts.actor import Actor
from console.accounts.audit import AuditTrail
from console.accounts.audit.chain import ChainKey
from console.webhooks.courier import Tools
from console.webhooks.hub import Hub
from console.webhooks.posting import Poster
from console.webhooks.service import WebhookService
from console.webhooks.signing import Signer
from console.webhooks.targets import TargetPolicy
from console.webhooks.values import Webhook
from mta.dns.reachable import AddressPolicy
from mta.events.record import event_row
from mta.model.clock import ManualClock, SystemClock
from mta.model.ids import IdGenerator
from mta.model.traffic import EventType
from mta.store.sqlite import SqliteStore
from mta.store.statements import StatementPackage
from mta.store.work import Rows

KEY = bytes(range(32))
OPERATOR = Actor.command()
PACKAGES = ("mta.spool", "console.accounts", "console.accounts.audit", "console.webhooks")


@dataclass
class Receiver:
    """An HTTP server that keeps what it got and answers as told."""

    url: str = ""
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[web.Response] = field(default_factory=list)  # then 204
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    gate: asyncio.Event | None = None

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.got.append((dict(request.headers), body))
        self.arrived.set()
        if self.gate is not None:
            await self.gate.wait()
        return self.answers.pop(0) if self.answers else web.Response(status=204)

    async def until(self, count: int) -> None:
        async with asyncio.timeout(20):
            while len(self.got) < count:
                self.arrived.clear()
                await self.arrived.wait()


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    """Listens on loopback."""
    made = Receiver()
    app = web.Application()
    app.router.add_post("/{path:.*}", made.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    made.url = f"http://{host}:{port}/hook"
    try:
        yield made
    finally:
        if made.gate is not None:
            made.gate.set()
        await runner.cleanup()


class WebhookWorld:
    """Everything behind the endpoints of two accounts."""

    def __init__(self, store: SqliteStore, *, allow_private: bool, resolver=None) -> None:
        self.store = store
        self.clock = ManualClock(SystemClock().now_ms())  # verification looks at the time
        self.ids = IdGenerator(clock_ns=lambda: self.clock.now_ms() * 1_000_000)
        self.trail = AuditTrail(store, self.ids, self.clock, ChainKey(KEY))
        self.signer = Signer(KEY)
        self.policy = TargetPolicy(
            AddressPolicy(allow_private=allow_private), allow_private=allow_private
        )
        self.poster = Poster(self.signer, self.policy, self.clock, resolver=resolver)
        self.service = WebhookService(
            store, self.ids, self.clock, self.trail, self.signer, self.policy, self.poster
        )
        self.disabled: list[Webhook] = []
        self.hub = self.make_hub()
        self.account = self.other = 0

    def make_hub(self) -> Hub:
        async def note(webhook: Webhook) -> None:
            self.disabled.append(webhook)

        tools = Tools(self.store, self.poster, self.trail, self.clock, random.Random(1), note)
        hub = Hub(tools, interval_s=0.0)
        self.service.on_change = hub.refresh
        return hub

    async def accounts(self) -> None:
        self.account, self.other = self.ids.new(), self.ids.new()
        rows = [
            (self.account, None, "Ministerio", "normal", "active", 0),
            (self.other, None, "Otra", "normal", "active", 0),
        ]
        await self.store.submit([Rows("account_insert", rows)])

    async def tell(self, count: int = 1, *, event=EventType.DELIVERED, account=0) -> None:
        now_ms = self.clock.now_ms()
        row = event_row(0, event, now_ms, account or self.account, 2, 3, 4, {"reply": "250 ok"})
        for start in range(0, count, 1000):
            rows = [row[1:]] * min(1000, count - start)
            await self.store.submit([Rows("event_insert", rows)])

    async def stored(self, webhook_id: int) -> Webhook:
        return await self.service.get(OPERATOR, webhook_id)

    async def until(self, condition) -> None:
        """Wait for a state that commits bring."""
        changed = asyncio.Event()
        unwatch = [
            self.store.watch(name, changed.set)
            for name in ("webhook_delivery_insert", "webhook_state", "event_cursor_move")
        ]
        try:
            async with asyncio.timeout(20):
                while not await condition():
                    changed.clear()
                    if await condition():
                        return
                    await changed.wait()
        finally:
            for end in unwatch:
                end()


@asynccontextmanager
async def open_webhooks(
    folder: Path, *, allow_private: bool = True, resolver=None
) -> AsyncIterator[WebhookWorld]:
    """The store in `folder` with two accounts; the hub runs."""
    store = await SqliteStore.open(folder, [StatementPackage.of(name) for name in PACKAGES])
    world = WebhookWorld(store, allow_private=allow_private, resolver=resolver)
    await world.accounts()
    await world.hub.start()
    try:
        yield world
    finally:
        await world.hub.stop()
        await world.poster.close()
        await store.close()
