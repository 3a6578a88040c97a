"""From rows of the event table to the JSON that receivers get."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from console.webhooks.values import Webhook
from mta.events.record import as_dict, rfc3339
from mta.store.base import Store

BATCH = 500  # events in one POST
SPAN = 20_000  # events of the table that one read looks at
BATCH_TYPE = "events"
TEST_TYPE = "webhook.test"


@dataclass(frozen=True, slots=True)
class Batch:
    """Events for one endpoint."""

    first: int
    last: int
    events: int
    message_id: str  # the same whenever the same events are sent
    body: bytes
    reached: int  # how far the table was looked at: `last`, or more if nothing came after it


async def read_batch(
    store: Store, webhook: Webhook, after: int, upto: int, now_ms: int
) -> tuple[Batch | None, int]:
    """The next events for an endpoint, at most `BATCH`, and how far the table was looked at."""
    bound = min(upto, after + SPAN)
    rows = await store.read(
        "webhook_events", after=after, upto=bound, account=webhook.account, types=webhook.codes,
        count=BATCH,
    )  # fmt: skip
    if not rows:
        return None, bound
    last = rows[-1][0]
    reached = last if len(rows) == BATCH else bound
    body = body_of(BATCH_TYPE, now_ms, [event_of(row) for row in rows])
    message_id = f"whd_{webhook.id}_{rows[0][0]}_{last}"
    return Batch(rows[0][0], last, len(rows), message_id, body, reached), reached


def body_of(kind: str, now_ms: int, events: Sequence[dict[str, object]]) -> bytes:
    """`type`, `timestamp` and `data`, as Standard Webhooks wants them; `data` is a list."""
    return orjson.dumps({"type": kind, "timestamp": rfc3339(now_ms), "data": events})


def event_of(row: tuple[Any, ...]) -> dict[str, object]:
    """One event, with whom the mail was for and what its sender wrote on it."""
    event = as_dict(row[:8])
    recipient, tags, metadata = row[8:11]
    if recipient:
        event["recipient"] = recipient
    if tags:
        event["tags"] = orjson.loads(tags)
    if metadata:
        event["metadata"] = orjson.loads(metadata)
    return event
