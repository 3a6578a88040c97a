"""Carries the events of one endpoint to it: one batch at a time, in order, until it is taken.

Nothing is kept in memory while an endpoint does not answer: where it stands, how often it failed
and when it is tried again stand in its row, and the batch is read again from the event table.
"""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import structlog

from console.accounts.actor import Actor
from console.accounts.audit import AuditTrail
from console.webhooks.batches import Batch, read_batch
from console.webhooks.posting import Poster
from console.webhooks.schedule import next_attempt_ms
from console.webhooks.values import Answer, Kind, Webhook, WebhookState
from mta.model.clock import Clock
from mta.store.base import Store
from mta.store.work import Rows

ACTOR = Actor.system("webhooks")
PRUNE_LINES = 100  # the log of an endpoint is cut after so many new lines
SAVE_MS = 3_600_000
Disabled = Callable[[Webhook], Awaitable[None]]


def log_row(
    webhook: Webhook, kind: Kind, first: int, last: int, events: int, attempt: int, at_ms: int,
    answer: Answer,
) -> Rows:  # fmt: skip
    """One line of the delivery log."""
    row = (
        webhook.id, kind.value, first, last, events, attempt, at_ms, answer.took_ms,
        answer.status, answer.text,
    )  # fmt: skip
    return Rows("webhook_delivery_insert", [row])


@dataclass(slots=True)
class Tools:
    """What couriers work with."""

    store: Store
    poster: Poster
    trail: AuditTrail
    clock: Clock
    rng: random.Random
    on_disabled: Disabled


class Courier:
    """The way of one endpoint's events; used by one task at a time."""

    def __init__(self, webhook: Webhook, tools: Tools) -> None:
        self.webhook = webhook
        self.reached = webhook.position  # nothing for the endpoint lies between position and here
        self._tools = tools
        self._saved_ms = tools.clock.now_ms()
        self._lines = PRUNE_LINES - 1  # of the log since it was last cut
        self._is_sure = True  # that memory is as the row
        self._log = structlog.get_logger("relevo.webhooks").bind(webhook=str(webhook.id))

    @property
    def wait_ms(self) -> int:
        """How long until the batch under way may be tried again."""
        return max(0, self.webhook.next_ms - self._tools.clock.now_ms())

    async def carry(self, newest: int) -> bool:
        """Send the next batch up to that event; whether there may be more to do at once.

        Raises `StoreError`; then nothing moved, and the same batch is sent again.
        """
        if not self._is_sure:
            await self._read_again()
        hook = self.webhook
        if hook.state is not WebhookState.ACTIVE or self.wait_ms or self.reached >= newest:
            return False
        self._is_sure = False
        has_more = await self._carry(hook, newest)
        self._is_sure = True
        return has_more

    async def _read_again(self) -> None:
        """After a failure: somebody may have changed or moved the row."""
        rows = await self._tools.store.read("webhook_by_id", id=self.webhook.id)
        if not rows:
            self.webhook = replace(self.webhook, state=WebhookState.DISABLED)  # removed
            return
        self.webhook = Webhook.of(rows[0])
        self.reached = self.webhook.position
        self._is_sure = True

    async def _carry(self, hook: Webhook, newest: int) -> bool:
        now_ms = self._tools.clock.now_ms()
        upto = hook.upto or newest
        batch, looked = await read_batch(self._tools.store, hook, self.reached, upto, now_ms)
        if batch is None:
            self.reached = looked
            if hook.upto and looked >= hook.upto:  # what was to be repeated is gone
                self.webhook = replace(hook, upto=0)
            return looked < newest
        answer = await self._tools.poster.post(hook, batch.message_id, batch.body)
        if answer.is_taken:
            await self._taken(batch, answer, now_ms)
        else:
            await self._failed(batch, answer, now_ms)
        return answer.is_taken and batch.reached < newest

    @property
    def is_long_unsaved(self) -> bool:
        """Whether what is on the disk is an hour old: the retention of events waits for it."""
        return self._tools.clock.now_ms() - self._saved_ms > SAVE_MS

    async def save(self) -> None:
        """Write how far the table was looked at, when that is ahead of what is written."""
        hook = self.webhook
        if self.reached > hook.position:
            await self._tools.store.submit([self._move(self.reached)], bulk=True)
            self.webhook = replace(hook, position=self.reached)
            self._saved_ms = self._tools.clock.now_ms()

    def _move(self, position: int) -> Rows:
        hook = self.webhook
        row = (hook.cursor, hook.position, position, self._tools.clock.now_ms())
        return Rows("event_cursor_move", [row], expect=1)

    async def _taken(self, batch: Batch, answer: Answer, now_ms: int) -> None:
        hook = self.webhook
        work = [self._move(batch.last), *self._logged(batch, answer, now_ms)]
        if hook.attempts or hook.upto:
            work.append(Rows("webhook_progress", [(hook.id, 0, 0, 0, 0)]))
        await self._tools.store.submit(work, bulk=True)
        self.reached = batch.reached
        self.webhook = replace(
            hook, position=batch.last, failing_since_ms=0, attempts=0, next_ms=0, upto=0
        )

    async def _failed(self, batch: Batch, answer: Answer, now_ms: int) -> None:
        hook = self.webhook
        attempts = hook.attempts + 1
        since_ms = hook.failing_since_ms or now_ms
        next_ms = next_attempt_ms(attempts, since_ms, now_ms, self._tools.rng)
        self._log.info(
            "webhook was not taken", status=answer.status, answer=answer.text, attempt=attempts
        )
        if answer.is_gone or not next_ms:
            await self._disable(batch, answer, now_ms)
            return
        progress = (hook.id, since_ms, attempts, next_ms, batch.last)
        await self._tools.store.submit(
            [*self._logged(batch, answer, now_ms), Rows("webhook_progress", [progress])], bulk=True
        )
        self.webhook = replace(
            hook, failing_since_ms=since_ms, attempts=attempts, next_ms=next_ms, upto=batch.last
        )

    async def _disable(self, batch: Batch, answer: Answer, now_ms: int) -> None:
        hook = self.webhook
        reason = "gone" if answer.is_gone else "failing"
        after = replace(
            hook, state=WebhookState.DISABLED, reason=reason, attempts=0, next_ms=0, upto=0
        )
        entry = self._tools.trail.entry(
            ACTOR, "webhook.disabled", hook.account, hook.id, {"state": hook.state},
            {"state": after.state, "reason": reason, "status": answer.status},
        )  # fmt: skip
        state = Rows("webhook_state", [(hook.id, after.state, reason)])
        await self._tools.store.submit(
            [*self._logged(batch, answer, now_ms), state, entry], bulk=True
        )
        self.webhook = after
        self._log.warning("webhook disabled", reason=reason, account=hook.account)
        await self._tools.on_disabled(after)

    def _logged(self, batch: Batch, answer: Answer, now_ms: int) -> list[Rows]:
        hook = self.webhook
        line = log_row(
            hook, Kind.EVENTS, batch.first, batch.last, batch.events, hook.attempts + 1, now_ms,
            answer,
        )  # fmt: skip
        self._lines += 1
        if self._lines < PRUNE_LINES:
            return [line]
        self._lines = 0
        return [line, Rows("webhook_delivery_prune", [(hook.id,)])]
