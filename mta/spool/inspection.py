"""Looks into the queue for people: selections, one delivery, one message, one person.

Every read goes by a key and has a bound, so that a question never holds up mail, however long the
queue is. Deliveries that are not final are walked flow by flow, in pieces of `SPAN` rows of the
index (flow, id); the history is walked backwards by id. A list stops after `BUDGET_S` with what it
has found; a walk that changes rows goes on to the end.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from mta.events.record import EventRow
from mta.model.clock import Clock
from mta.model.traffic import DeliveryState
from mta.spool.flows import Flow, flow_from_row
from mta.spool.rows import QueuedDelivery, QueuedMessage, delivery_from_row, message_from_row
from mta.store.base import Store

SPAN = 5_000  # rows of the index looked at by one read
PAGE = 400  # rows handed to whoever changes them
MAX_FLOWS = 1_000  # read at once
MAX_DELIVERIES = 1_000  # of one message, shown
MAX_EVENTS = 10_000
MAX_SCANNED_EVENTS = 200_000  # of one message
MAX_SCHEDULED = 100_000  # looked at to count those of a site
MAX_READY = 10_000  # what is counted exactly; beyond it is "many"
BUDGET_S = 4.0
LAST_OPEN = DeliveryState.DELIVERED - 1
ANY = -1
_FOREVER = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class Filter:
    """What a delivery must be like; empty values mean anything."""

    state: int = ANY
    sites: tuple[int, ...] = ()
    domain: str = ""
    source: str = ""  # address of the client that handed the message in

    @property
    def is_empty(self) -> bool:
        """Whether everything fits."""
        return self.state == ANY and not (self.sites or self.domain or self.source)

    def fits(self, row: "QueueRow") -> bool:
        """The same as the statements do, for a row that is at hand."""
        d = row.delivery
        return (
            self.state in {ANY, d.state}
            and (not self.sites or d.site in self.sites)
            and (not self.domain or d.domain == self.domain)
            and (not self.source or row.client == self.source)
        )

    @property
    def states(self) -> tuple[int, int]:
        """The states that fit: from the first to the second."""
        if self.state == ANY:
            return DeliveryState.SCHEDULED, DeliveryState.CANCELLED
        return self.state, self.state

    def parameters(self) -> dict[str, Any]:
        """For the statements `open_rows` and `final_rows`."""
        return {
            "state": self.state,
            "sites": orjson.dumps(self.sites).decode(),
            "domain": self.domain,
            "source": self.source,
        }


class PickedFlow(NamedTuple):
    """A flow, and how many of its deliveries were asked for."""

    flow: Flow
    deliveries: int


class QueueRow(NamedTuple):
    """A delivery with what people want to know of it."""

    delivery: QueuedDelivery
    due_ms: int
    changed_ms: int
    last_reply: str
    last_host: str
    subject: str
    client: str
    site: str
    flow: str
    raw: tuple[Any, ...]  # the row itself; its first 27 columns are those of `flow_open_rows`


class Waiting(NamedTuple):
    """Scheduled deliveries to some sites, and when and why the first of them is tried again."""

    deliveries: int = 0
    due_ms: int = 0
    last_reply: str = ""
    last_host: str = ""


class StoredMessage(NamedTuple):
    """The row of a message."""

    id: int
    flow: int
    flow_name: str
    account: int
    credential: int
    sender: str
    size: int
    flags: int
    ret: str
    envelope_id: str
    header_id: str
    subject: str
    client: str
    tags: str
    metadata: str


class QueueReader:
    """Reads the queue; raises `StoreError` like the store itself."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    # -- flows ---------------------------------------------------------------------------------

    async def flows(self, account: int = 0, name: str = "") -> list[PickedFlow]:
        """Flows of an account and of a name (or id), with their deliveries that are not final."""
        return await self._flows("flows_picked", account, name)

    async def flows_with(
        self, low: int, high: int, account: int = 0, name: str = ""
    ) -> list[PickedFlow]:
        """The same, but only flows with deliveries in a state from `low` to `high`."""
        return await self._flows("flows_holding", account, name, low=low, high=high)

    async def _flows(
        self, statement: str, account: int, name: str, **more: int
    ) -> list[PickedFlow]:
        found: list[PickedFlow] = []
        is_id = name.isascii() and name.isdecimal() and len(name) < 20
        number = min(int(name), _FOREVER) if is_id else 0
        rows: list[tuple[Any, ...]] = []
        while not found or len(rows) == MAX_FLOWS:
            rows = await self._store.read(
                statement,
                account=account,
                name=name,
                id=number,
                after=found[-1].flow.id if found else 0,
                count=MAX_FLOWS,
                **more,
            )
            found += [PickedFlow(flow_from_row(row[:12]), row[12]) for row in rows]
            if not rows:
                break
        return found

    async def flows_of(self, ids: Sequence[int]) -> list[Flow]:
        """Flows by id; what is unknown is left out."""
        if not ids:
            return []
        rows = await self._store.read("flows_of_ids", flows=orjson.dumps(ids).decode())
        return [flow_from_row(row) for row in rows]

    async def states_of(self, flow_id: int) -> dict[int, int]:
        """How many deliveries of a flow are in each state."""
        return dict(await self._store.read("flow_states", flow=flow_id))

    # -- deliveries ----------------------------------------------------------------------------

    async def walk(
        self, flows: Sequence[PickedFlow], wanted: Filter
    ) -> AsyncIterator[list[QueueRow]]:
        """All deliveries of some flows that are not final and fit, at most `PAGE` at a time."""
        for picked in flows:
            after = 0
            while True:
                rows, after, is_last = await self._span(picked.flow.id, wanted, after, SPAN, SPAN)
                for start in range(0, len(rows), PAGE):
                    yield rows[start : start + PAGE]
                if is_last:
                    break

    async def open_list(
        self, flows: Sequence[PickedFlow], wanted: Filter, *, after: int, limit: int
    ) -> list[QueueRow]:
        """The oldest deliveries that are not final and fit, by id, from `after` on."""
        end_s = self._clock.monotonic_s() + BUDGET_S
        size = limit if wanted.is_empty else SPAN
        found: list[QueueRow] = []
        for picked in flows:
            mine, place, is_last = 0, after, False
            while not is_last and mine < limit and self._clock.monotonic_s() < end_s:
                rows, place, is_last = await self._span(
                    picked.flow.id, wanted, place, size, limit - mine
                )
                mine += len(rows)
                found += rows
        found.sort(key=lambda row: row.delivery.id)
        return found[:limit]

    async def _span(
        self, flow_id: int, wanted: Filter, after: int, size: int, count: int
    ) -> tuple[list[QueueRow], int, bool]:
        """What fits of the next `size` rows, where they ended, and whether they were the last."""
        ((upto, looked_at),) = await self._store.read(
            "open_span", flow=flow_id, after=after, size=size
        )
        if not looked_at:
            return [], after, True
        rows = await self._store.read(
            "open_rows", flow=flow_id, after=after, upto=upto, count=count, **wanted.parameters()
        )
        return rows_of(rows), upto, looked_at < size

    async def final_list(
        self, flows: Sequence[PickedFlow] | None, wanted: Filter, *, before: int, limit: int
    ) -> list[QueueRow]:
        """The newest final deliveries that fit, by id, before `before` (0: up to now)."""
        end_s = self._clock.monotonic_s() + BUDGET_S
        before = before or _FOREVER
        ids = orjson.dumps([p.flow.id for p in flows or ()]).decode()
        found: list[QueueRow] = []
        while len(found) < limit and self._clock.monotonic_s() < end_s:
            ((low, looked_at),) = await self._store.read("final_span", before=before, size=SPAN)
            if not looked_at:
                break
            rows = await self._store.read(
                "final_rows",
                low=low,
                before=before,
                flows=ids,
                count=limit - len(found),
                **wanted.parameters(),
            )
            found += rows_of(rows)
            before = low
        return found[::-1]

    async def by_id(
        self, identifier: int, *, after: int = 0, limit: int = MAX_DELIVERIES
    ) -> list[QueueRow]:
        """The delivery of that id, or the deliveries of the message of that id."""
        rows = await self._store.read("row_of_id", id=identifier)
        if rows:  # an id is one or the other
            return rows_of(rows) if identifier > after else []
        rows = await self._store.read(
            "rows_of_message", message=identifier, after=after, count=limit
        )
        return rows_of(rows)

    async def to_addresses(
        self, addresses: Sequence[str], *, before: int, limit: int
    ) -> list[QueueRow]:
        """Deliveries to one of the addresses, newest first, before an id (0: up to now)."""
        rows = await self._store.read(
            "rows_of_address",
            addresses=orjson.dumps(addresses).decode(),
            before=before or _FOREVER,
            count=limit,
        )
        return rows_of(rows)

    # -- the rest ------------------------------------------------------------------------------

    async def message(self, message_id: int) -> StoredMessage | None:
        """The row of a message."""
        rows = await self._store.read("message_shown", message=message_id)
        return StoredMessage(*rows[0]) if rows else None

    async def events(
        self, messages: Sequence[int], deliveries: Sequence[int] = ()
    ) -> list[EventRow]:
        """What happened to messages, in order; of those deliveries only, if there are any."""
        wanted = orjson.dumps(deliveries).decode()
        found: list[EventRow] = []
        for message in messages:
            rows = await self._store.read(
                "events_of_message",
                message=message,
                deliveries=wanted,
                most=MAX_SCANNED_EVENTS,
                count=MAX_EVENTS,
            )
            found += [(r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7]) for r in rows]
        found.sort()
        return found[-MAX_EVENTS:]

    async def ready_before(self, site_id: int, delivery_id: int) -> int:
        """Ready deliveries of the site that are older, counted up to `MAX_READY`."""
        rows = await self._store.read("ready_before", site=site_id, id=delivery_id, most=MAX_READY)
        return int(rows[0][0])

    async def ready_by_site(self, sites: Sequence[int]) -> dict[int, int]:
        """Ready deliveries of each site, counted up to `MAX_READY`."""
        rows = await self._store.read(
            "ready_by_site", sites=orjson.dumps(sites).decode(), most=MAX_READY
        )
        return dict(rows)

    async def scheduled_by_site(self, sites: Sequence[int], before_ms: int) -> Waiting:
        """What is scheduled to those sites before a time, of the first `MAX_SCHEDULED` of all."""
        rows = await self._store.read(
            "scheduled_by_site",
            sites=orjson.dumps(sites).decode(),
            before=before_ms,
            most=MAX_SCHEDULED,
        )
        return Waiting(*rows[0]) if rows else Waiting()

    async def site_holds(self) -> dict[int, str]:
        """Sites on hold, with the reason."""
        rows = await self._store.read("site_holds")
        reasons = {site: str(orjson.loads(value).get("reason", "")) for site, value in rows}
        return {site: reason for site, reason in reasons.items() if reason}


def rows_of(rows: Sequence[tuple[Any, ...]]) -> list[QueueRow]:
    """Rows as the statements of `operations.sql` give them; messages are shared."""
    messages: dict[int, QueuedMessage] = {}
    found = []
    for raw in rows:
        message = messages.get(raw[1])
        if message is None:
            message = messages[raw[1]] = message_from_row(raw)
        due_ms, changed_ms, reply, host, subject, client, site, flow = raw[27:35]
        delivery = delivery_from_row(raw, message)
        found.append(
            QueueRow(delivery, due_ms, changed_ms, reply, host, subject, client, site, flow, raw)
        )
    return found
