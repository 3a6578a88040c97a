"""Finds messages for who may see them: a list by filters, one with its timeline.

Every read goes by a key and looks at a bounded number of rows, so that a search for what is rare
costs a page and never a walk over millions; a page may therefore come short and still have a next.
"""

from collections.abc import Mapping, Sequence

import orjson

from console.api.messages.schemas import MessageFilter
from console.api.pagination import page, place_of
from console.api.refusals import ApiRefusal
from console.maillog.search import LogRow, Search, Standing, find_page
from mta.events.record import as_dict, rfc3339
from mta.model.ids import id_time_ms
from mta.model.traffic import TrafficClass
from mta.spool.inspection import QueueReader, QueueRow, StoredMessage
from mta.spool.rows import MessageFlag
from mta.store.base import Store

_FIRST = (1 << 63) - 1


class Viewer:
    """Whose messages: an account's, or only those that one of its credentials sent."""

    __slots__ = ("account", "credential")

    def __init__(self, account: int, credential: int = 0) -> None:
        """`credential` 0: all of the account."""
        self.account = account
        self.credential = credential

    def sees(self, message: StoredMessage) -> bool:
        """Whether that message is theirs."""
        is_mine = not self.credential or message.credential == self.credential
        return message.account == self.account and is_mine


class MessageLog:
    """Reads; raises `StoreError` like the store, and `ApiRefusal` for what is not there."""

    def __init__(self, store: Store, reader: QueueReader) -> None:
        self._store = store
        self._reader = reader

    async def list(self, viewer: Viewer, wanted: MessageFilter) -> Mapping[str, object]:
        """A page of deliveries, the newest first."""
        place = place_of(wanted.cursor, (int,))
        found = await find_page(
            self._store,
            viewer.account,
            Search(
                recipient=wanted.recipient,
                tag=wanted.tag,
                standing=wanted.status,
                klass=None if wanted.klass is None else wanted.klass.traffic,
                credential=viewer.credential,
                since_ms=max(0, round(wanted.since.timestamp() * 1000)) if wanted.since else 0,
                key=wanted.idempotency_key,
            ),
            before=max(1, min(_FIRST, int(place[0]))) if place else 0,
            limit=wanted.limit,
        )
        return page([_item(row) for row in found.rows], (found.next,) if found.next else None)

    async def find(self, viewer: Viewer, text: str) -> tuple[StoredMessage, Sequence[QueueRow]]:
        """The message of an id with its deliveries, or with the one delivery of that id."""
        identifier = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0
        rows = await self._reader.by_id(identifier) if 0 < identifier <= _FIRST else []
        message = await self._reader.message(rows[0].delivery.message.id) if rows else None
        if message is None or not viewer.sees(message):
            raise ApiRefusal(404, "not_found")
        return message, rows

    async def show(self, viewer: Viewer, text: str) -> Mapping[str, object]:
        """A message as it stands, and everything that happened to it."""
        message, rows = await self.find(viewer, text)
        one = [rows[0].delivery.id] if int(text) != message.id else []
        events = [as_dict(event) for event in await self._reader.events([message.id], one)]
        tags = orjson.loads(message.tags) if message.tags else []
        return {
            "id": str(message.id),
            "class": TrafficClass(rows[0].delivery.klass).label,
            "from": message.sender,
            "subject": message.subject,
            "message_id": message.header_id,
            "size": message.size,
            "tags": tags,
            "metadata": orjson.loads(message.metadata) if message.metadata else {},
            "test": bool(message.flags & MessageFlag.TEST),
            "created_at": rfc3339(id_time_ms(message.id)),
            "deliveries": [_delivery(row, message.sender, tags) for row in rows],
            "timeline": [
                {name: event[name] for name in ("type", "at", "delivery", "data") if name in event}
                for event in events
            ],
        }


def _item(row: LogRow) -> Mapping[str, object]:
    return {
        "id": str(row.id),
        "message": str(row.message),
        "recipient": row.address,
        "status": row.standing.value,
        "class": row.klass.label,
        "from": row.sender,
        "subject": row.subject,
        "tags": row.tags,
        "attempts": row.attempts,
        "reply": row.reply,
        "host": row.host,
        "created_at": rfc3339(row.accepted_ms),
        "updated_at": rfc3339(row.changed_ms),
    }


def _delivery(row: QueueRow, sender: str, tags: Sequence[str]) -> Mapping[str, object]:
    d = row.delivery
    return {
        "id": str(d.id),
        "message": str(d.message.id),
        "recipient": d.address,
        "status": Standing.of(d.state, d.attempts).value,
        "class": TrafficClass(d.klass).label,
        "from": sender,
        "subject": row.subject,
        "tags": tags,
        "attempts": d.attempts,
        "reply": row.last_reply,
        "host": row.last_host,
        "created_at": rfc3339(id_time_ms(d.message.id)),
        "updated_at": rfc3339(row.changed_ms),
    }
