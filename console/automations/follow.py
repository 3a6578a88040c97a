"""Follows what happens to memberships: who comes onto a list comes into its automations.

The membership's row and its event are one transaction, written by the database itself, so whatever
changes lists (pages, API, imports, automations) is seen. The cursor moves with what it led to.
"""

from typing import Any, Protocol

import structlog

from console.automations.entering import Active, Entrance
from mta.store.base import Store
from mta.store.standing import StandingTask
from mta.store.work import Rows

BATCH = 500
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
        log = structlog.get_logger("relevo.automations")
        self._task = StandingTask("automation-members", self.follow, log)

    def start(self) -> None:
        """Begin where it ended last."""
        self._task.start(self._store, _WAKING)

    async def stop(self) -> None:
        """End; what was not seen is seen at the next start."""
        await self._task.stop()

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
