"""Event records: what happened to mail, as rows for the database and as JSON for people.

Numbers and text are one to one and for ever: rows written by an old release must read the same in
a new one. Codes 1 to 19 are the mail's own, 20 to 29 what recipients do, 30 to 99 the rest.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType

import orjson

from mta.model.traffic import EventType

# (id, code, at_ms, account, flow, message, delivery, data as JSON text)
EventRow = tuple[int, int, int, int, int, int, int, str]

EVENT_CODES: Mapping[EventType, int] = MappingProxyType(
    {
        EventType.ACCEPTED: 1,
        EventType.DELIVERED: 2,
        EventType.DEFERRED: 3,
        EventType.BOUNCED: 4,
        EventType.EXPIRED: 5,
        EventType.SUPPRESSED: 6,
        EventType.CANCELLED: 7,
        EventType.OPENED: 20,
        EventType.CLICKED: 21,
        EventType.COMPLAINED: 22,
        EventType.UNSUBSCRIBED: 23,
        EventType.RESUBSCRIBED: 24,
        EventType.SHAPING_CHANGED: 40,
        EventType.QUOTA_LOW: 41,
        EventType.QUOTA_EXHAUSTED: 42,
        EventType.QUOTA_REFUNDED: 43,
        EventType.SUPPRESSION_HELD: 50,
        EventType.DNS_CHANGED: 44,
        EventType.CAMPAIGN_STARTED: 60,
        EventType.CAMPAIGN_PAUSED: 61,
        EventType.CAMPAIGN_RESUMED: 62,
        EventType.CAMPAIGN_FINISHED: 63,
        EventType.CAMPAIGN_CANCELLED: 64,
        EventType.CAMPAIGN_FAILED: 65,
        EventType.IMPORT_FINISHED: 70,
    }
)
EVENT_TYPES: Mapping[int, EventType] = MappingProxyType({v: k for k, v in EVENT_CODES.items()})


def event_row(
    identifier: int,
    event_type: EventType,
    at_ms: int,
    account: int,
    flow: int,
    message: int,
    delivery: int,
    data: Mapping[str, object] | str = "",
) -> EventRow:
    """The row of one event; 0 stands for "none" in account, flow, message and delivery.

    `data` is a mapping of JSON-able values, or JSON text made by the caller. Text from a remote
    server may hold anything, also lone surrogates, and is stored readable.
    """
    text = data if isinstance(data, str) else json_text(data)
    return (identifier, EVENT_CODES[event_type], at_ms, account, flow, message, delivery, text)


def json_text(data: Mapping[str, object]) -> str:
    """A mapping as JSON text, empty text for an empty mapping."""
    if not data:
        return ""
    try:
        return orjson.dumps(data).decode()
    except TypeError:  # lone surrogates: bytes of a peer that were decoded with surrogateescape
        return orjson.dumps(_clean(data)).decode()


def _clean(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {str(_clean(k)): _clean(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(v) for v in value]
    return value


def as_dict(row: EventRow) -> dict[str, object]:
    """The event as people and webhooks see it: ids as strings, time as RFC 3339, no empty fields."""
    identifier, code, at_ms, account, flow, message, delivery, data = row
    event_type = EVENT_TYPES.get(code)
    shown: dict[str, object] = {
        "id": str(identifier),
        "type": event_type.value if event_type is not None else f"unknown.{code}",
        "at": rfc3339(at_ms),
    }
    names = (("account", account), ("flow", flow), ("message", message), ("delivery", delivery))
    shown.update((name, str(value)) for name, value in names if value)
    if data:
        shown["data"] = orjson.loads(data)
    return shown


def as_json(row: EventRow) -> bytes:
    """`as_dict` as one line of JSON, UTF-8."""
    return orjson.dumps(as_dict(row))


def rfc3339(at_ms: int) -> str:
    """Milliseconds since 1970 as `2026-11-22T10:36:00.123Z`."""
    return f"{_second(at_ms // 1000)}.{at_ms % 1000:03d}Z"


@lru_cache(maxsize=8)  # log lines of one second share it: 0.2 µs in place of 2 µs
def _second(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%S")
