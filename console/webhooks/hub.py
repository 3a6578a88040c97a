"""Sees to it that every endpoint gets its events: wakes those for which something is new.

One look at the event table, at most once a second, tells which accounts have news. Only their
endpoints read them, each in a task of its own that ends when it has caught up, so a dead receiver
delays nobody and costs nothing but its row.
"""

import asyncio

import structlog

from console.webhooks.courier import Courier, Tools
from console.webhooks.values import Webhook, WebhookState
from mta.model.errors import StoreError
from mta.spool.follower import FollowerMetrics
from mta.store.standing import StandingTask

INTERVAL_S = 1.0  # events of so long go together
SPAN = 50_000  # events that one look takes in; with more, every endpoint looks itself
SAVE_EVENTS = 20_000  # an endpoint without news writes how far it is after so many events
RETRY_S = 5.0  # after the store refused


class Hub:
    """`start()`, then `stop()`; `refresh()` after every change of an endpoint."""

    def __init__(
        self,
        tools: Tools,
        *,
        interval_s: float = INTERVAL_S,
        metrics: FollowerMetrics | None = None,
    ) -> None:
        self._tools = tools
        self._store = tools.store
        self._metrics = metrics
        self._couriers: dict[int, Courier] = {}
        self._running: dict[int, asyncio.Task[None]] = {}
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._seen = 0
        self._newest = 0
        self._log = structlog.get_logger("relevo.webhooks")
        self._task = StandingTask("webhooks", self.look, self._log, rest_s=interval_s)

    async def start(self) -> None:
        """Read all endpoints and go on where each stood. Raises `StoreError`."""
        await self.refresh()
        self._task.start(self._store, ("event_insert",))

    async def stop(self) -> None:
        """End all that runs; a POST under way is made again at the next start."""
        await self._task.stop()
        for timer in self._timers.values():
            timer.cancel()
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for courier in self._couriers.values():
            await self._save(courier)

    async def refresh(self) -> None:
        """Take over what was added, changed or removed."""
        rows = await self._store.read("webhook_all")
        found = {webhook.id: webhook for webhook in map(Webhook.of, rows)}
        for gone in self._couriers.keys() - found.keys():
            self._end(gone)
            del self._couriers[gone]
        for webhook in found.values():
            known = self._couriers.get(webhook.id)
            if known is not None and _same(known.webhook, webhook):
                continue
            self._end(webhook.id)
            self._couriers[webhook.id] = Courier(webhook, self._tools)
        self._task.wake()

    def lag(self) -> int:
        """Events that an endpoint waits for though no receiver keeps us from sending them."""
        reached = [
            courier.reached for courier in self._couriers.values()
            if courier.webhook.state is WebhookState.ACTIVE
            and not courier.webhook.attempts
            and courier.webhook.id not in self._running
        ]  # fmt: skip
        return max(0, self._newest - min(reached, default=self._newest))

    def _end(self, webhook_id: int) -> None:
        if task := self._running.pop(webhook_id, None):
            task.cancel()
        if timer := self._timers.pop(webhook_id, None):
            timer.cancel()

    async def look(self) -> None:
        """Wake the endpoints for which there is something; the others pass on."""
        ((newest,),) = await self._store.read("event_last")
        seen, self._newest = self._seen, newest
        news: list[tuple[int, int]] = []
        is_long = newest - seen > SPAN
        if newest > seen and self._couriers and not is_long:
            news = [
                (a, t) for a, t in await self._store.read("webhook_news", after=seen, upto=newest)
            ]
        for webhook_id, courier in self._couriers.items():
            if webhook_id in self._running or courier.webhook.state is not WebhookState.ACTIVE:
                continue
            hook = courier.webhook
            is_behind = courier.reached < seen or is_long
            if is_behind or any(hook.wants(account, code) for account, code in news):
                self._wake(webhook_id)
            elif newest > courier.reached:
                courier.reached = newest
                if newest - hook.position > SAVE_EVENTS or courier.is_long_unsaved:
                    await self._save(courier)
        self._seen = newest
        if self._metrics is not None:
            self._metrics.set_follower_lag("webhooks", self.lag())

    def _wake(self, webhook_id: int) -> None:
        if timer := self._timers.pop(webhook_id, None):
            timer.cancel()
        courier = self._couriers.get(webhook_id)
        if courier is None or webhook_id in self._running:
            return
        if wait_ms := courier.wait_ms:
            self._later(webhook_id, wait_ms / 1000)
            return
        task = asyncio.get_running_loop().create_task(
            self._carry(courier), name=f"webhook {webhook_id}"
        )
        self._running[webhook_id] = task
        task.add_done_callback(lambda done: self._ended(courier, done))

    async def _carry(self, courier: Courier) -> None:
        while await courier.carry(self._newest):
            pass

    def _ended(self, courier: Courier, task: "asyncio.Task[None]") -> None:
        webhook_id = courier.webhook.id
        if self._running.get(webhook_id) is not task:
            return  # it was replaced
        del self._running[webhook_id]
        if task.cancelled():
            return
        if error := task.exception():
            self._log.warning("webhook waits", webhook=str(webhook_id), error=repr(error))
            self._later(webhook_id, RETRY_S)
        elif courier.webhook.next_ms:
            self._later(webhook_id, courier.wait_ms / 1000)
        elif courier.reached < self._newest:
            self._task.wake()

    def _later(self, webhook_id: int, seconds: float) -> None:
        if webhook_id not in self._timers:
            loop = asyncio.get_running_loop()
            self._timers[webhook_id] = loop.call_later(seconds, self._wake, webhook_id)

    async def _save(self, courier: Courier) -> None:
        try:
            await courier.save()
        except StoreError as error:
            self._log.warning("webhook cursor was not written", error=str(error))


def _same(ours: Webhook, stored: Webhook) -> bool:
    """Whether people changed nothing."""
    return (
        (ours.url, ours.types, ours.state, ours.generation, ours.previous_until_ms)
        == (stored.url, stored.types, stored.state, stored.generation, stored.previous_until_ms)
    )  # fmt: skip
