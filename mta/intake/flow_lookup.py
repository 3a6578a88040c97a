"""Finds the flow a submission belongs to, or makes it: once, however many ask at the same time."""

import asyncio

from mta.model.clock import Clock
from mta.model.errors import InternalError, JobRefused
from mta.model.ids import IdGenerator
from mta.spool.flows import Flow, FlowDirectory, flow_from_row
from mta.store.base import Store
from mta.store.work import Rows

CLOSE_DEADLINE_S = 5.0


class FlowLookup:
    """Flows by account, class and name; those not in memory come from the store or are new."""

    def __init__(
        self, store: Store, directory: FlowDirectory, ids: IdGenerator, clock: Clock
    ) -> None:
        self._store = store
        self._directory = directory
        self._ids = ids
        self._clock = clock
        self._pending: dict[tuple[int, int, str, str], asyncio.Task[Flow]] = {}
        self._lookups: set[asyncio.Task[tuple[int, str] | None]] = set()

    def known(self, account: int, klass: int, name: str, kind: str) -> Flow | None:
        """The flow if it is in memory."""
        return self._directory.named(account, klass, kind, name)

    async def by_id(self, flow_id: int) -> Flow:
        """The flow with that id, from memory or the disk. Raises `StoreError`."""
        flow = self._directory.get(flow_id)
        if flow is None:
            rows = await self._store.read("flow_by_id", flow=flow_id)
            if not rows:
                raise InternalError(f"flow {flow_id} does not exist")
            flow = self._directory.add(flow_from_row(rows[0]))
        return flow

    def find(self, account: int, klass: int, name: str, kind: str) -> asyncio.Future[Flow]:
        """The flow, read or created durably. Fails with `StoreError`."""
        key = (account, int(klass), name, kind)
        task = self._pending.get(key)
        if task is None:
            task = asyncio.get_running_loop().create_task(self._find(*key))
            self._pending[key] = task
            task.add_done_callback(lambda _: self._pending.pop(key, None))
        return task

    def earlier(self, account: int, key: str) -> "asyncio.Future[tuple[int, str] | None]":
        """The message and digest an idempotency key stands for."""
        task = asyncio.get_running_loop().create_task(self._earlier(account, key))
        self._lookups.add(task)
        task.add_done_callback(self._lookups.discard)
        return task

    async def close(self) -> None:
        """Wait for look-ups under way."""
        waiting: list[asyncio.Task[object]] = [*self._pending.values(), *self._lookups]
        if waiting:
            await asyncio.wait(waiting, timeout=CLOSE_DEADLINE_S)

    async def _find(self, account: int, klass: int, name: str, kind: str) -> Flow:
        rows = await self._store.read(
            "flow_by_name", account=account, **{"class": klass}, kind=kind, name=name
        )
        if rows:
            return self._directory.add(flow_from_row(rows[0]))
        flow = Flow(self._ids.new(), account, name, kind, klass)
        row = (flow.id, account, name, kind, klass, self._clock.now_ms())
        try:
            await self._store.submit([Rows("flow_insert", [row], expect=1)])
        except JobRefused:  # another writer of flows was faster
            rows = await self._store.read(
                "flow_by_name", account=account, **{"class": klass}, kind=kind, name=name
            )
            if not rows:
                raise
            flow = flow_from_row(rows[0])
        return self._directory.add(flow)

    async def _earlier(self, account: int, key: str) -> tuple[int, str] | None:
        rows = await self._store.read("idempotency_get", account=account, key=key)
        return (rows[0][0], rows[0][1]) if rows else None
