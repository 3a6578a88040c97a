"""Follows what happens to memberships: who comes onto a list comes into its automations.

The membership's row and its event are one transaction, written by the database itself, so whatever
changes lists (pages, API, imports, automations) is seen. The cursor moves with what it led to.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, Protocol

import structlog

from console.automations.entering import Active, Entrance
from mta.model.errors import StoreError
from mta.store.base import Store
from mta.store.work import Rows

BATCH = 500
PAUSE_S = 5.0
_CURSOR = "automations.members"
_WAKING = (
    "list_member_put", "list_member_put_by_key", "list_member_status", "automation_state",
)  # fmt: skip


class MemberEvents(Protocol):
    """Where the events stand."""

    async def member_events(self, after: int, count: int) -> list[tuple[Any, ...]]:
        """(id, list, contact, confirmed, at_ms, account) behind an id."""
        ...


class MemberFollower:
    """One task of the running server."""

    def __init__(
        self, store: Store, members: MemberEvents, active: Active, entrance: Entrance
    ) -> None:
        self._store = store
        self._members = members
        self._active = active
        self._entrance = entrance
        self._woken = asyncio.Event()
        self._unwatch: list[Callable[[], None]] = []
        self._task: asyncio.Task[None] | None = None
        self._log = structlog.get_logger("relevo.automations")

    async def start(self) -> None:
        """Begin where it ended last. Raises `StoreError`."""
        self._unwatch = [self._store.watch(name, self._woken.set) for name in _WAKING]
        self._task = asyncio.create_task(self._run(), name="automation-members")

    async def stop(self) -> None:
        """End; what was not seen is seen at the next start."""
        for unwatch in self._unwatch:
            unwatch()
        self._unwatch = []
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            try:
                await self.follow()
            except StoreError as error:
                self._log.warning("members_wait", error=str(error))
                await asyncio.sleep(PAUSE_S)
                continue
            await self._woken.wait()

    async def follow(self) -> None:
        """Handle whatever has happened. Raises `StoreError`."""
        await self._active.refresh()
        rows = await self._store.read("automation_cursor", name=_CURSOR)
        place = int(rows[0][0]) if rows else 0
        while events := await self._members.member_events(place, BATCH):
            work: list[Rows] = []
            for _, list_id, contact, confirmed, _, account in events:
                work += self._entrance.joined(
                    account, list_id, contact, is_confirmed=bool(confirmed)
                )
            place = int(events[-1][0])
            work.append(Rows("automation_cursor_put", [(_CURSOR, place)]))
            await self._store.submit(work)
