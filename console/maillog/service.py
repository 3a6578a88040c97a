"""The message log for an actor: search, timeline, cancel, send again."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from console.accounts.actor import Actor, NotVisible
from console.accounts.audit import AuditTrail
from console.accounts.permissions import Permission
from console.maillog.dialogue import Line, dialogue
from console.maillog.resending import Submit, submission_of
from console.maillog.search import LogPage, LogRow, Search, Standing, find_page
from mta.events.record import EVENT_TYPES
from mta.model.clock import Clock
from mta.model.errors import ContentDamaged, PermanentError, TransientError
from mta.model.ids import id_time_ms
from mta.model.rendering import ContentRenderer
from mta.model.traffic import DeliveryState, EventType
from mta.spool.flows import Flow
from mta.spool.inspection import QueueReader, QueueRow, StoredMessage
from mta.store.base import Store

PAGE = 50
MAX_PAGE = 500
Canceller = Callable[[dict[str, object]], Awaitable[object]]
_ATTEMPTS = frozenset(
    (EventType.DELIVERED, EventType.DEFERRED, EventType.BOUNCED, EventType.EXPIRED)
)


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of a timeline."""

    type: EventType | None  # None: of a later release
    at_ms: int
    data: Mapping[str, Any]
    dialogue: Sequence[Line]


@dataclass(frozen=True, slots=True)
class Mail:
    """One delivery with all there is to know about it."""

    message: StoredMessage
    row: QueueRow
    tags: Sequence[str]
    timeline: Sequence[Happening]

    @property
    def accepted_ms(self) -> int:
        """When its message was taken."""
        return id_time_ms(self.message.id)

    @property
    def standing(self) -> Standing:
        """The same, as people are told."""
        return Standing.of(self.row.delivery.state, self.row.delivery.attempts)

    @property
    def state(self) -> DeliveryState:
        """As it stands."""
        return DeliveryState(self.row.delivery.state)


class MailLogService:
    """Reads by keys and in bounded pieces; raises `StoreError` like the store."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        trail: AuditTrail,
        *,
        cancel: Canceller,
        submit: Submit,
        renderer: ContentRenderer,
    ) -> None:
        """`cancel`: the queue's operation; `submit`: the intake."""
        self._store = store
        self._clock = clock
        self._trail = trail
        self._reader = QueueReader(store, clock)
        self._cancel = cancel
        self._submit = submit
        self._renderer = renderer

    async def search(
        self, actor: Actor, account: int, wanted: Search, *, before: int = 0, limit: int = PAGE
    ) -> LogPage:
        """Deliveries of an account, newest first; a page may come short and still have a next."""
        actor.require(Permission.MAIL_VIEW, account)
        return await find_page(
            self._store, account, wanted, before=before, limit=min(limit, MAX_PAGE)
        )

    async def export(
        self, actor: Actor, account: int, wanted: Search
    ) -> AsyncIterator[Sequence[LogRow]]:
        """All that the search finds up to now, in pieces; noted in the audit trail."""
        actor.require(Permission.MAIL_VIEW, account)
        actor.require(Permission.EXPORT, account)
        await self._trail.note(actor, "mail.exported", account, account)
        if not wanted.until_ms:
            wanted = replace(wanted, until_ms=self._clock.now_ms())
        before = 0
        while True:
            page = await find_page(self._store, account, wanted, before=before, limit=MAX_PAGE)
            if page.rows:
                yield page.rows
            if not page.next:
                return
            before = page.next

    async def show(self, actor: Actor, identifier: int) -> Mail:
        """One delivery, or the first one of a message, with its timeline."""
        message, row = await self._find(actor, identifier, Permission.MAIL_VIEW)
        delivery = row.delivery
        timeline = []
        for event in await self._reader.events([message.id], [delivery.id]):
            kind = EVENT_TYPES.get(event[1])
            data = orjson.loads(event[7]) if event[7] else {}
            lines = dialogue(data, message.sender, delivery.address) if kind in _ATTEMPTS else []
            timeline.append(Happening(kind, event[2], data, lines))
        tags = orjson.loads(message.tags) if message.tags else []
        return Mail(message, row, tags, timeline)

    async def cancel(self, actor: Actor, identifier: int) -> int:
        """End a delivery that is not over; gives how many were ended, 0 or 1."""
        message, row = await self._find(actor, identifier, Permission.MAIL_CANCEL)
        told = await self._cancel({"id": str(row.delivery.id)})
        changed = int(told.get("changed", 0)) if isinstance(told, Mapping) else 0
        if changed:
            await self._trail.note(actor, "mail.cancelled", message.account, row.delivery.id)
        return changed

    async def resend(self, actor: Actor, identifier: int) -> int:
        """Send it to that recipient once more, as a new message that is charged; gives its id.

        Raises `PermanentError` while it is under way, when its content is no longer kept, or with
        the reply of the intake (the bag is empty, the campaign was cancelled).
        """
        message, row = await self._find(actor, identifier, Permission.MAIL_CANCEL)
        if not DeliveryState(row.delivery.state).is_final:
            raise PermanentError("it is still on its way")
        flow = await self._flow(message)
        try:
            content = await self._store.read_content(row.delivery.message.ref)
        except ContentDamaged:
            raise PermanentError("its content is no longer kept") from None
        if not content:
            raise PermanentError("its content was erased")
        now_ms = self._clock.now_ms()
        rows = await self._store.read("maillog_merge", delivery=row.delivery.id)
        row.delivery.merge = rows[0][0] if rows else ""
        again = submission_of(content, message, row, flow, self._renderer, now_ms)
        receipt = await self._submit(again)
        if not receipt.message_id:
            kind = TransientError if receipt.reply.code < 500 else PermanentError
            raise kind(str(receipt.reply))
        after = {"message": str(receipt.message_id)}
        await self._trail.note(actor, "mail.resent", message.account, row.delivery.id, after=after)
        return receipt.message_id

    async def _flow(self, message: StoredMessage) -> Flow:
        flows = await self._reader.flows_of([message.flow])
        if not flows:
            raise PermanentError("its flow is gone")
        return flows[0]

    async def _find(
        self, actor: Actor, identifier: int, permission: Permission
    ) -> tuple[StoredMessage, QueueRow]:
        rows = await self._reader.by_id(identifier, limit=1)
        message = await self._reader.message(rows[0].delivery.message.id) if rows else None
        if message is None or not actor.may(Permission.MAIL_VIEW, message.account):
            raise NotVisible(f"there is no mail {identifier}")
        actor.require(permission, message.account)
        return message, rows[0]
