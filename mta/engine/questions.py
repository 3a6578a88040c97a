"""What operators ask of the queue: list, show, why, top, trace. Nothing here changes anything.

Rows are made for people and programs alike: identifiers are texts, times are milliseconds since
1970 (0: none), names stand beside numbers.
"""

from collections.abc import Sequence

import orjson

from mta.delivery.sites import SiteDirectory
from mta.engine.control import NoServer
from mta.engine.explain import (
    Explanation,
    Facts,
    explain,
    explain_flow,
    explain_site,
    explain_waiting,
    explain_warm_up,
    hold_reason,
    site_hold,
)
from mta.engine.port import DispatcherPort, SiteView
from mta.engine.selection import Selection, limit_of, number_of, read_selection, text_of
from mta.events.record import as_dict
from mta.model.address import parse_address
from mta.model.clock import Clock
from mta.model.errors import AddressSyntaxError, PermanentError
from mta.model.ids import id_time_ms
from mta.model.traffic import DeliveryState, Gate, TrafficClass
from mta.spool.flows import Flow, FlowDirectory
from mta.spool.holding import HOLD_MS, is_held
from mta.spool.inspection import (
    LAST_OPEN,
    PickedFlow,
    QueueReader,
    QueueRow,
    StoredMessage,
)
from mta.spool.rows import MessageFlag

Answer = dict[str, object]
LIST_LIMIT = 100
TRACE_LIMIT = 100
WHY_LIMIT = 20  # deliveries that are explained at once


class Questions:
    """Answers by the store and, where a server runs, by its dispatcher."""

    def __init__(
        self,
        *,
        reader: QueueReader,
        clock: Clock,
        flows: FlowDirectory,
        sites: SiteDirectory,
        port: DispatcherPort | None,
    ) -> None:
        """`port` None: no server runs."""
        self._reader = reader
        self._clock = clock
        self._flows = flows
        self._sites = sites
        self._port = port

    # -- list, show, trace ---------------------------------------------------------------------

    async def list(self, arguments: dict[str, object]) -> object:
        """Deliveries, oldest first: what is not final, or all in the `state` given.

        `limit` rows. Of open mail the oldest after the id `cursor`; of a final state the newest,
        before the id `cursor`.
        """
        selection = read_selection(arguments, self._sites)
        limit = limit_of(arguments, LIST_LIMIT)
        cursor = number_of(arguments, "cursor")
        if selection.id:
            rows = await self._reader.by_id(selection.id, after=cursor, limit=limit)
            return await self._shown([r for r in rows if selection.fits(r)])
        return await self._shown(await self._listed(selection, cursor, limit))

    async def _shown(self, rows: Sequence[QueueRow]) -> Sequence[Answer]:
        """Rows as lists show them, with what holds them."""
        waiting = [r for r in rows if is_open(r)]
        sites = await self._reader.site_holds() if waiting else {}
        ids = {r.delivery.flow for r in waiting}
        flows = {i: flow for i in ids if (flow := self._flows.get(i)) is not None}
        stored = await self._reader.flows_of(sorted(ids - flows.keys()))
        flows |= {flow.id: flow for flow in stored}
        return [
            row_of(r, hold_reason(r, flows.get(r.delivery.flow), sites.get(r.delivery.site)))
            for r in rows
        ]

    async def _listed(self, selection: Selection, cursor: int, limit: int) -> Sequence[QueueRow]:
        wanted = selection.wanted
        low, high = wanted.states
        if low <= LAST_OPEN:
            high = min(high, LAST_OPEN)
        flows = await self._reader.flows_with(low, high, selection.account, selection.campaign)
        if not flows:
            return []
        if low <= LAST_OPEN:
            return await self._reader.open_list(flows, wanted, after=cursor, limit=limit)
        chosen = flows if selection.account or selection.campaign else None
        return await self._reader.final_list(chosen, wanted, before=cursor, limit=limit)

    async def show(self, arguments: dict[str, object]) -> object:
        """{"message", "deliveries", "history"} of the message or delivery `id`."""
        rows = await self._by_id(number_of(arguments, "id"))
        message = await self._reader.message(rows[0].delivery.message.id)
        if message is None:
            raise PermanentError(f"no message or delivery has the id {arguments.get('id')}")
        events = await self._reader.events([message.id])
        return {
            "message": message_of(message, rows[0]),
            "deliveries": await self._shown(await self._reader.by_id(message.id)),
            "history": [as_dict(event) for event in events],
        }

    async def trace(self, arguments: dict[str, object]) -> object:
        """{"address", "deliveries", "history"}: mail for `address`, newest first, and what happened.

        Both lists are empty when nothing is known of it. `limit` deliveries, before the id `cursor`.
        """
        text = text_of(arguments, "address").strip().strip("<>")
        try:
            address = parse_address(text)
        except AddressSyntaxError as error:
            raise PermanentError(f"address = {text[:320]!r}: {error}") from None
        rows = await self._reader.to_addresses(
            sorted({str(address), address.key}),
            before=number_of(arguments, "cursor"),
            limit=limit_of(arguments, TRACE_LIMIT),
        )
        if not rows:
            return {"address": str(address), "deliveries": [], "history": []}
        messages = sorted({r.delivery.message.id for r in rows})
        events = await self._reader.events(messages, [r.delivery.id for r in rows])
        return {
            "address": str(address),
            "deliveries": [
                {**shown, "subject": r.subject}
                for r, shown in zip(rows, await self._shown(rows), strict=True)
            ],
            "history": [as_dict(event) for event in events],
        }

    async def _by_id(self, identifier: int, limit: int = 1) -> Sequence[QueueRow]:
        if not identifier:
            raise PermanentError("id is missing: give the id of a message or delivery")
        rows = await self._reader.by_id(identifier, limit=limit)
        if not rows:
            raise PermanentError(f"no message or delivery has the id {identifier}")
        return rows

    # -- why -----------------------------------------------------------------------------------

    async def why(self, arguments: dict[str, object]) -> object:
        """What holds a delivery, a site or a campaign: one answer, or a list of them.

        {"id","recipient","state","due","held_by","last_reply","explanation"} of a delivery.
        """
        selection = read_selection(arguments, self._sites)
        if selection.is_of_sites:
            answers = [await self._why_site(site) for site in selection.wanted.sites]
        elif selection.is_of_flows and not selection.is_everything:
            picked = await self._reader.flows(selection.account, selection.campaign)
            answers = [await self._why_flow(p) for p in picked if p.deliveries or len(picked) == 1]
        else:
            limit = limit_of(arguments, WHY_LIMIT)
            if selection.id:
                rows = await self._by_id(selection.id, limit)
                rows = [r for r in rows if is_open(r)] or rows
            else:
                rows = await self._listed(selection, 0, limit)
            answers = [await self._why_delivery(r) for r in rows]
        if not answers:
            raise PermanentError("no mail in the queue fits")
        return answers[0] if len(answers) == 1 else answers

    async def _why_delivery(self, row: QueueRow) -> Answer:
        d = row.delivery
        is_ready = d.state == DeliveryState.READY
        facts = Facts(
            row,
            await self._flow(d.flow),
            self._clock.now_ms(),
            self._port is not None,
            site=self._port.site_view(d.site) if self._port is not None and is_ready else None,
            site_hold=(await self._reader.site_holds()).get(d.site) if is_open(row) else None,
            before=await self._reader.ready_before(d.site, d.id) if is_ready and d.site else 0,
            is_under_way=self._port is not None and bool(d.site) and self._port.is_under_way(d.id),
        )
        found = explain(facts)
        return {
            "id": str(d.id),
            "recipient": d.address,
            "state": DeliveryState(d.state).label,
            "due": _due_ms(row),
            "held_by": found.held_by,
            "last_reply": row.last_reply,
            "explanation": found.text,
        }

    async def _why_flow(self, picked: PickedFlow) -> Answer:
        flow = self._flows.get(picked.flow.id) or picked.flow
        found = Explanation()
        explain_flow(found, flow, self._clock.now_ms())
        self._told_if_stopped(found)
        states = await self._reader.states_of(flow.id)
        counts = {DeliveryState(state).label: n for state, n in states.items()}
        if not found.held_by:
            found.sentences.append(f"The {flow.kind} {flow.name!r} is open.")
        return {
            "id": str(flow.id),
            "flow": flow.name,
            "kind": flow.kind,
            "account": str(flow.account),
            "class": TrafficClass(flow.klass).label,
            "state": Gate(flow.gate).name.lower(),
            "deliveries": counts,
            "held_by": found.held_by,
            "explanation": found.text,
        }

    async def _why_site(self, site_id: int) -> Answer:
        site = self._sites.get(site_id)
        found = Explanation()
        reason = (await self._reader.site_holds()).get(site_id)
        if reason is not None:
            site_hold(found, site.name, reason)
        view = self._port.site_view(site_id) if self._port is not None else None
        if view is not None:
            explain_site(found, view)
            explain_warm_up(found, view)
        waiting = await self._reader.scheduled_by_site([site_id], HOLD_MS)
        explain_waiting(found, site.name, waiting)
        self._told_if_stopped(found)
        ready = (await self._reader.ready_by_site([site_id])).get(site_id, 0)
        if not found.held_by:
            found.sentences.append(f"Nothing holds mail to the site {site.name}.")
        return {
            "id": str(site_id),
            "site": site.name,
            "provider": site.provider,
            "ready": ready,
            "scheduled": waiting.deliveries,
            "connections": view.connections if view is not None else 0,
            "held_by": found.held_by,
            "explanation": found.text,
        }

    def _told_if_stopped(self, found: Explanation) -> None:
        if self._port is None:
            found.add("server", "not running", "The server is not running: nothing is sent.")

    async def _flow(self, flow_id: int) -> Flow | None:
        flow = self._flows.get(flow_id)
        if flow is None:
            flow = next(iter(await self._reader.flows_of([flow_id])), None)
        return flow

    # -- top -----------------------------------------------------------------------------------

    async def top(self, arguments: dict[str, object]) -> object:
        """The sites with mail or connections, the longest queue first. Needs a running server."""
        if self._port is None:
            raise NoServer("no server is running: queue top shows what a running server does")
        selection = read_selection(arguments, self._sites)
        if not (selection.is_everything or selection.is_of_sites):
            raise PermanentError("queue top can be narrowed by site only")
        chosen = selection.wanted.sites
        views = [v for v in self._port.site_views() if not chosen or v.site in chosen]
        ready = await self._reader.ready_by_site([v.site for v in views])
        rows = [_top_row(v, max(v.waiting, ready.get(v.site, 0))) for v in views]
        rows.sort(key=lambda row: (-int(str(row["ready"])), str(row["site"])))
        return rows[: limit_of(arguments, LIST_LIMIT)]


def is_open(row: QueueRow) -> bool:
    """Whether the delivery is not final."""
    return row.delivery.state <= LAST_OPEN


def row_of(row: QueueRow, held_reason: str) -> Answer:
    """A delivery as lists show it; `held_reason` is empty when nobody holds it."""
    d = row.delivery
    return {
        "id": str(d.id),
        "message": str(d.message.id),
        "recipient": d.address,
        "state": DeliveryState(d.state).label,
        "held": bool(held_reason),
        "held_reason": held_reason,
        "class": TrafficClass(d.klass).label,
        "site": row.site,
        "flow": row.flow,
        "account": str(d.message.account),
        "attempts": d.attempts,
        "due": _due_ms(row),
        "last_reply": row.last_reply,
        "last_host": row.last_host,
        "created": id_time_ms(d.message.id),
    }


def message_of(message: StoredMessage, row: QueueRow) -> Answer:
    """A message as `show` tells it."""
    return {
        "id": str(message.id),
        "account": str(message.account),
        "credential": str(message.credential),
        "flow": message.flow_name,
        "class": TrafficClass(row.delivery.klass).label,
        "sender": message.sender or "<>",
        "subject": message.subject,
        "message_id": message.header_id,
        "size": message.size,
        "source": message.client,
        "flags": [flag.name.lower() for flag in MessageFlag(message.flags) if flag.name],
        "envelope_id": message.envelope_id,
        "ret": message.ret,
        "tags": orjson.loads(message.tags) if message.tags else [],
        "metadata": message.metadata,
        "accepted": id_time_ms(message.id),
    }


def _due_ms(row: QueueRow) -> int:
    is_scheduled = row.delivery.state == DeliveryState.SCHEDULED
    return row.due_ms if is_scheduled and not is_held(row) else 0


def _top_row(view: SiteView, ready: int) -> Answer:
    wait = view.wait_reason or view.warm_up or next((one.reason for one in view.cold), "")
    if view.hold_reason:
        wait = f"held: {view.hold_reason}"
    elif view.rest_until_ms:
        wait = f"connection failed: {view.rest_reply}" if view.rest_reply else "connection failed"
    return {
        "site": view.name,
        "ready": ready,
        "scheduled": None,
        "claimed": view.claimed,
        "connections": view.connections,
        "limit": view.limit,
        "rate": f"{view.rate:.3g}/s" if view.rate else "",
        "backoff": "" if view.stage == "normal" else view.stage,
        "until": view.stage_until_ms,
        "wait": wait,
    }
