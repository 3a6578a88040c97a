"""What operators ask of the queue and do to it: the commands behind `relevo queue` and `relevo trace`.

With a server running, the operations run inside it and tell the dispatcher (`DispatcherPort`);
without one they work on the store alone, which is enough: gates, holds and due times are rows, and
the next start reads them. Whole flows are held by their gate and whole sites by a mark, each one
row however much mail it is; any other selection is changed row by row, in jobs of at most
`PAGE` rows. Each row is changed only if it still is as it was seen, so an operator's command never
undoes what delivery did in the same moment.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

import orjson
import structlog

from mta.delivery.lane_memory import HOLD
from mta.delivery.sites import UNRESOLVED, SiteDirectory
from mta.delivery.timekeeper import CANCELLED
from mta.engine.explain import ended
from mta.engine.port import DispatcherPort
from mta.engine.questions import Questions, is_open
from mta.engine.selection import Selection, must_select, read_selection, text_of
from mta.model.clock import Clock
from mta.model.errors import JobRefused, PermanentError
from mta.model.traffic import DeliveryState, EventType, Gate
from mta.spool.flows import Flow, FlowDirectory
from mta.spool.holding import HOLD_MS, Reschedule, held, is_held, released
from mta.spool.inspection import LAST_OPEN, PAGE, Filter, PickedFlow, QueueReader, QueueRow
from mta.spool.jobs import JobBuilder
from mta.spool.rows import DeliveryFlag, QueuedDelivery, attempts_made
from mta.store.base import Store
from mta.store.work import Rows

__all__ = ["OPERATION_NAMES", "DispatcherPort", "QueueOperations"]

Operation = Callable[[dict[str, object]], Awaitable[object]]
Change = Callable[[QueueRow, int], Reschedule | None]
T = TypeVar("T")

OPERATION_NAMES = (
    "queue.list",
    "queue.show",
    "queue.why",
    "queue.top",
    "trace",
    "queue.hold",
    "queue.release",
    "queue.retry",
    "queue.cancel",
)

NO_ROOM_FOR_REASON = (
    "a reason is kept for whole campaigns, accounts and sites; single deliveries are held without"
)


class QueueOperations:
    """The operations of an engine, by name; changes are made one after the other."""

    def __init__(
        self,
        *,
        store: Store,
        clock: Clock,
        flows: FlowDirectory,
        sites: SiteDirectory,
        port: DispatcherPort | None = None,
    ) -> None:
        """`port` None: no server runs. `flows` and `sites` are the server's own, if there is one."""
        self._store = store
        self._clock = clock
        self._flows = flows
        self._sites = sites
        self._port = port
        self._reader = QueueReader(store, clock)
        self._questions = Questions(
            reader=self._reader, clock=clock, flows=flows, sites=sites, port=port
        )
        self._one = asyncio.Lock()
        self._log = structlog.get_logger("mta.queue")

    @property
    def operations(self) -> Mapping[str, Operation]:
        """All of them by name, as the control channel calls them."""
        asked, own = self._questions, self
        handlers = (
            asked.list, asked.show, asked.why, asked.top, asked.trace,
            own.hold, own.release, own.retry, own.cancel,
        )  # fmt: skip
        return dict(zip(OPERATION_NAMES, handlers, strict=True))

    async def restore_holds(self) -> None:
        """Tell the dispatcher which sites are on hold; before it delivers."""
        if self._port is not None:
            for site_id, reason in (await self._reader.site_holds()).items():
                self._port.hold_site(site_id, reason)

    # -- the operations ------------------------------------------------------------------------

    async def hold(self, arguments: dict[str, object]) -> object:
        """Keep mail in the queue. {"changed": deliveries}; of flows and sites: all they have now.

        Of whole sites their names as well: {"sites": names}.
        """
        selection = await self._selection(arguments)
        reason = text_of(arguments, "reason") or "queue hold"
        async with self._one:
            if selection.is_of_sites:
                changed = await self._hold_sites(selection.wanted.sites, reason)
            elif selection.is_of_flows:
                picked = [p for p in await self._picked(selection) if _may_hold(p)]
                changed = await self._set_gates(picked, Gate.HELD, reason)
            else:
                if text_of(arguments, "reason"):
                    raise PermanentError(NO_ROOM_FOR_REASON)
                changed = await self._reschedule(selection, held)
        told = self._told("held", arguments, changed)
        if selection.is_of_sites:
            told["sites"] = [self._sites.get(site).name for site in selection.wanted.sites]
        return told

    async def release(self, arguments: dict[str, object]) -> object:
        """Undo `hold`: the gates, the sites and the single deliveries of the selection."""
        selection = await self._selection(arguments)
        async with self._one:
            changed = 0
            if selection.is_of_sites or selection.is_everything:
                changed += await self._release_sites(selection.wanted.sites)
            if selection.is_of_flows:
                picked = await self._picked(selection)
                picked = [p for p in picked if p.flow.gate == Gate.HELD]
                changed += await self._set_gates(picked, Gate.OPEN, "")
            changed += await self._reschedule(
                _in_state(selection, DeliveryState.SCHEDULED), released
            )
            if changed:
                self._note_due()
        return self._told("released", arguments, changed)

    async def retry(self, arguments: dict[str, object]) -> object:
        """Try now what was put off; by id also what waits for the time it is to be sent."""
        selection = await self._selection(arguments)
        changed = 0
        sites: set[int] = set()
        async with self._one:
            async for page in self._pages(_in_state(selection, DeliveryState.SCHEDULED)):
                rows = [r for r in page if _may_retry(r, by_id=bool(selection.id))]
                changed += await self._make_due(rows)
                sites |= {r.delivery.site for r in rows} - {UNRESOLVED}
            self._insist(sites | await self._sites_waiting(selection))
            if changed:
                self._note_due()
        return self._told("due now", arguments, changed)

    async def _sites_waiting(self, selection: Selection) -> set[int]:
        """Sites of the first deliveries meant that are ready: they may wait for hosts left alone."""
        async for page in self._pages(_in_state(selection, DeliveryState.READY)):
            return {r.delivery.site for r in page} - {UNRESOLVED}
        return set()

    async def cancel(self, arguments: dict[str, object]) -> object:
        """End mail unsent and without notices; a campaign with all that would still come."""
        selection = await self._selection(arguments)
        changed = 0
        async with self._one:
            if selection.is_of_flows:
                picked = await self._picked(selection)
                campaigns = [p for p in picked if _is_campaign(p)]
                swept = await self._set_gates(campaigns, Gate.CANCELLED, "queue cancel")
                if self._port is not None:  # the dispatcher ends the rows of cancelled flows
                    changed += swept
                    picked = [p for p in picked if not _is_campaign(p)]
                pages = self._reader.walk(picked, selection.wanted)
            else:
                pages = self._pages(selection)
            async for page in pages:
                changed += await self._end(page)
        return self._told("cancelled", arguments, changed)

    # -- which ---------------------------------------------------------------------------------

    async def _selection(self, arguments: Mapping[str, object]) -> Selection:
        """What is meant. Raises `PermanentError` when nothing narrows it, or the site is nobody's."""
        selection = read_selection(arguments, self._sites)
        must_select(arguments, selection)
        domain = selection.wanted.domain
        if domain and not selection.id and not await self._has_mail_to(domain):
            raise PermanentError(
                f"no site or provider is called {domain}, and no mail in the queue goes to such a "
                "domain"
            )
        return selection

    async def _has_mail_to(self, domain: str) -> bool:
        flows = await self._reader.flows_with(DeliveryState.SCHEDULED, LAST_OPEN)
        async for _ in self._reader.walk(flows, Filter(domain=domain)):
            return True
        return False

    async def _picked(self, selection: Selection) -> list[PickedFlow]:
        """The flows meant. Raises `PermanentError` when a name is nobody's."""
        picked = await self._reader.flows(selection.account, selection.campaign)
        if selection.campaign and not picked:
            raise PermanentError(f"no campaign or stream is called {selection.campaign!r}")
        return picked

    async def _pages(self, selection: Selection) -> AsyncIterator[list[QueueRow]]:
        """The deliveries meant that are not final, at most `PAGE` at a time."""
        if selection.id:
            after, last, is_over = 0, None, True
            while rows := await self._reader.by_id(selection.id, after=after, limit=PAGE):
                last, after = rows[-1], rows[-1].delivery.id
                is_over = is_over and not any(map(is_open, rows))
                yield [r for r in rows if is_open(r) and selection.fits(r)]
            if last is None:
                raise PermanentError(f"no message or delivery has the id {selection.id}")
            if is_over:
                d = last.delivery
                raise PermanentError(f"the delivery {d.id} to {d.address} {ended(last)}")
            return
        low, high = selection.wanted.states
        picked = await self._reader.flows_with(
            low, min(high, LAST_OPEN), selection.account, selection.campaign
        )
        async for page in self._reader.walk(picked, selection.wanted):
            yield page

    # -- flows and sites -----------------------------------------------------------------------

    async def _set_gates(self, picked: Sequence[PickedFlow], gate: Gate, reason: str) -> int:
        """Set the gates durably, then in memory; gives the deliveries behind them."""
        for start in range(0, len(picked), PAGE):
            page = picked[start : start + PAGE]
            now_ms = self._clock.now_ms()
            rows = [self._known(p.flow).gated(gate, reason, now_ms) for p in page]
            job = JobBuilder()
            for row in rows:
                job.add("flow_gate", row)
            await self._store.submit(job.work(now_ms))
            for row in rows:
                flow = self._flows.get(row[0])  # it may have come into memory meanwhile
                if flow is not None:
                    flow.apply(row)
                    if self._port is not None:
                        self._port.gate_changed(flow.id)
        return sum(p.deliveries for p in picked)

    def _known(self, flow: Flow) -> Flow:
        return self._flows.get(flow.id) or flow

    async def _hold_sites(self, sites: Sequence[int], reason: str) -> int:
        """Hold them, or with an empty reason release them; gives their deliveries that wait."""
        now_ms = self._clock.now_ms()
        value = orjson.dumps({"reason": reason}).decode()
        rows = [(site, HOLD, value, now_ms) for site in sites]
        await self._store.submit([Rows("lane_state_put", rows)])
        if self._port is not None:
            for site in sites:
                self._port.hold_site(site, reason)
        waiting = await self._reader.scheduled_by_site(sites, HOLD_MS)
        return waiting.deliveries + sum((await self._reader.ready_by_site(sites)).values())

    async def _release_sites(self, sites: Sequence[int]) -> int:
        """Release those of the sites that are held, all of them if none is named."""
        on_hold = [s for s in await self._reader.site_holds() if not sites or s in sites]
        return await self._hold_sites(on_hold, "") if on_hold else 0

    # -- rows ----------------------------------------------------------------------------------

    async def _reschedule(self, selection: Selection, change: Change) -> int:
        changed = 0
        async for page in self._pages(selection):
            now_ms = self._clock.now_ms()
            pairs = [(r, c) for r in page if (c := change(r, now_ms)) is not None]
            if pairs:
                if self._port is not None:
                    self._port.withdraw([r.delivery.id for r, _ in pairs])
                changed += await self._commit(pairs, now_ms)
        return changed

    async def _commit(self, pairs: Sequence[tuple[QueueRow, Reschedule]], now_ms: int) -> int:
        """Change the rows that still are as they were seen; gives how many."""
        job = JobBuilder()
        for row, change in pairs:
            d = row.delivery
            job.add("delivery_reschedule", change, guarded=True)
            job.count(d.flow, d.state, -1)
            job.count(d.flow, DeliveryState.SCHEDULED, 1)
        return await self._submit(job, pairs, now_ms, self._commit)

    async def _submit(
        self,
        job: JobBuilder,
        rows: Sequence[T],
        now_ms: int,
        again: Callable[[Sequence[T], int], Awaitable[int]],
    ) -> int:
        """All rows or, when some have changed meanwhile, those that have not."""
        try:
            await self._store.submit(job.work(now_ms), bulk=True)
        except JobRefused:
            if len(rows) == 1:
                return 0  # it was sent, or ended, in the same moment
            return sum([await again([row], now_ms) for row in rows])
        return len(rows)

    async def _make_due(self, rows: Sequence[QueueRow]) -> int:
        if rows:
            now_ms = self._clock.now_ms()
            due = [(r.delivery.id, now_ms) for r in rows]
            await self._store.submit([Rows("delivery_due", due)], bulk=True)
        return len(rows)

    async def _end(self, page: Sequence[QueueRow]) -> int:
        if not page:
            return 0
        if self._port is not None:
            return await self._port.cancel([r.raw for r in page])
        return await self._end_stored([r.delivery for r in page], self._clock.now_ms())

    async def _end_stored(self, deliveries: Sequence[QueuedDelivery], now_ms: int) -> int:
        job = JobBuilder()
        for d in deliveries:
            d.flags &= ~DeliveryFlag.HELD
            job.settle(d, DeliveryState.CANCELLED, now_ms, reply=str(CANCELLED.reply))
            job.event(
                EventType.CANCELLED, now_ms, account=d.message.account, flow=d.flow,
                message=d.message.id, delivery=d.id,
                data={
                    "reply": str(CANCELLED.reply), "phase": CANCELLED.phase,
                    "attempts": attempts_made(d),
                },
            )  # fmt: skip
        return await self._submit(job, deliveries, now_ms, self._end_stored)

    def _note_due(self) -> None:
        if self._port is not None:
            self._port.note_due(self._clock.now_ms())

    def _insist(self, sites: Collection[int]) -> None:
        if self._port is not None:
            for site in sites:
                self._port.insist(site)

    def _told(self, what: str, arguments: Mapping[str, object], changed: int) -> dict[str, object]:
        self._log.info(
            "queue changed by an operator", what=what, changed=changed, which=dict(arguments)
        )
        return {"changed": changed}


def _in_state(selection: Selection, state: DeliveryState) -> Selection:
    """Of the deliveries meant, those that are in a state."""
    return replace(selection, wanted=replace(selection.wanted, state=int(state)))


def _may_hold(picked: PickedFlow) -> bool:
    """Open flows; a campaign that has nothing left is over."""
    return picked.flow.gate == Gate.OPEN and (picked.deliveries > 0 or not _is_campaign(picked))


def _is_campaign(picked: PickedFlow) -> bool:
    """Whether a flow ends with its mail: the streams of applications go on."""
    return picked.flow.kind == "campaign"


def _may_retry(row: QueueRow, *, by_id: bool) -> bool:
    """Mail that was put off; what waits for its own time only if it was named."""
    return not is_held(row) and (by_id or bool(row.delivery.attempts or row.last_reply))
