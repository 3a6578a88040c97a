"""Finds messages for who may see them: a list by filters, one with its timeline.

Every read goes by a key and looks at a bounded number of rows, so that a search for what is rare
costs a page and never a walk over millions; a page may therefore come short and still have a next.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from console.api.messages.schemas import MessageFilter
from console.api.pagination import page, place_of
from console.api.refusals import ApiRefusal
from mta.events.record import as_dict, rfc3339
from mta.model.address import parse_address
from mta.model.errors import AddressSyntaxError
from mta.model.ids import id_time_ms
from mta.model.traffic import DeliveryState, TrafficClass
from mta.spool.inspection import QueueReader, QueueRow, StoredMessage
from mta.spool.rows import MessageFlag
from mta.store.base import Store

SCANNED = 20_000  # deliveries that one page looks at
ANY = -1
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
        parameters: dict[str, Any] = {
            "account": viewer.account,
            "credential": viewer.credential,
            "before": place[0] if place else _FIRST,
            "since": round(wanted.since.timestamp() * 1000) * 1_000_000 if wanted.since else 0,
            "state": ANY if wanted.status is None else DeliveryState[wanted.status.name],
            "class": ANY if wanted.klass is None else int(wanted.klass.traffic),
            "tag": wanted.tag,
            "count": wanted.limit + 1,
            "scanned": SCANNED,
        }
        parameters["since"] = max(0, min(_FIRST, parameters["since"]))
        if wanted.idempotency_key:
            parameters["key"] = wanted.idempotency_key
            rows = await self._store.read("api_messages_of_key", **parameters)
        elif wanted.recipient:
            parameters["address"], parameters["same"] = _spellings(wanted.recipient)
            rows = await self._store.read("api_messages_to", **parameters)
        else:
            rows = await self._store.read("api_messages", **parameters)
        return _page(rows, wanted.limit)

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


def _spellings(text: str) -> tuple[str, str]:
    """An address as it was given and as it is compared."""
    try:
        address = parse_address(text)
    except AddressSyntaxError:
        return "", ""  # nobody has it
    return str(address), address.key


def _page(rows: Sequence[tuple[Any, ...]], limit: int) -> Mapping[str, object]:
    """Rows and, in the last one (its first column NULL), how far the search came."""
    *found, (_, place, *_) = rows
    items = [
        {
            "id": str(row[0]),
            "message": str(row[1]),
            "recipient": row[2],
            "status": DeliveryState(row[3]).label,
            "class": TrafficClass(row[4]).label,
            "from": row[5],
            "subject": row[6],
            "tags": orjson.loads(row[7]) if row[7] else [],
            "attempts": row[8],
            "reply": row[9],
            "host": row[10],
            "created_at": rfc3339(id_time_ms(row[1])),
            "updated_at": rfc3339(row[11]),
        }
        for row in found[:limit]
    ]
    if len(found) > limit:
        return page(items, (int(items[-1]["id"]),))
    return page(items, (place,) if place else None)


def _delivery(row: QueueRow, sender: str, tags: Sequence[str]) -> Mapping[str, object]:
    d = row.delivery
    return {
        "id": str(d.id),
        "message": str(d.message.id),
        "recipient": d.address,
        "status": DeliveryState(d.state).label,
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
