"""How people come into automations: by what happened, by their dates, by the calendar.

Every way ends in `enrolment_insert`, which lets nobody in twice by the same occasion. What
happened comes from the event table with a durable cursor; dates and calendars are looked at when
their hour comes, page by page, with the place kept in the row of the automation.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from console.automations.definition import (
    FIRST,
    CalendarTrigger,
    DateTrigger,
    Definition,
    EngagementTrigger,
    EventTrigger,
    ListTrigger,
    clock_of,
    read_definition,
)
from console.automations.ports import Readers
from console.automations.timing import (
    calendar_after,
    date_of,
    local,
    next_clock,
    occasion_day,
)
from console.automations.values import Automation, Reader, RunMode
from mta.model.clock import Clock
from mta.model.errors import JobRefused
from mta.model.ids import IdGenerator
from mta.store.base import Store
from mta.store.work import Rows

PAGE = 500  # contacts that one job lets in
MAX_FACTS = 16_000  # characters that an event may bring
_HOUR_MS = 3_600_000


class Active:
    """The automations that let people in, with their definitions; read anew after changes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.all: dict[int, tuple[Automation, Definition]] = {}

    async def refresh(self) -> None:
        """Raises `StoreError`."""
        found = [Automation.of(row) for row in await self._store.read("automations_active")]
        self.all = {one.id: (one, read_definition(one.definition)) for one in found}

    def of(self, account: int) -> Sequence[tuple[Automation, Definition]]:
        """Those of one account."""
        return [pair for pair in self.all.values() if pair[0].account == account]


class Entrance:
    """Makes the rows that let people in."""

    def __init__(
        self, store: Store, ids: IdGenerator, clock: Clock, readers: Readers, active: Active
    ) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._readers = readers
        self._active = active

    # -- what happened -------------------------------------------------------------------------

    def joined(self, account: int, list_id: int, contact: int, *, is_confirmed: bool) -> list[Rows]:
        """Somebody came onto a list, or confirmed it."""
        kind = "list_confirmed" if is_confirmed else "list_joined"
        return [
            self.row(automation, definition, contact, f"list {list_id}")
            for automation, definition in self._active.of(account)
            if isinstance(definition.trigger, ListTrigger)
            and (definition.trigger.kind, definition.trigger.list) == (kind, list_id)
        ]

    def happened(
        self, account: int, name: str, contact: int, occasion: str, values: Mapping[str, Any]
    ) -> list[Rows]:
        """`POST /events`: `occasion` is the event's own id."""
        return [
            self.row(automation, definition, contact, f"event {occasion}", values=values)
            for automation, definition in self._active.of(account)
            if isinstance(definition.trigger, EventTrigger) and definition.trigger.name == name
        ]

    def engaged(
        self, account: int, kind: str, campaign: int, contact: int, delivery: int, at_ms: int
    ) -> list[Rows]:
        """A campaign's mail was `opened`, `clicked` or `delivered`.

        Who was delivered to and did not open within the time goes on: that is asked when it is due.
        """
        rows = []
        for automation, definition in self._active.of(account):
            trigger = definition.trigger
            if not isinstance(trigger, EngagementTrigger) or trigger.campaign != campaign:
                continue
            if trigger.kind == kind:
                rows.append(self.row(automation, definition, contact, f"campaign {campaign}"))
            elif (trigger.kind, kind) == ("not_opened", "delivered"):
                due_ms = at_ms + trigger.within_hours * _HOUR_MS
                source = {"delivery": str(delivery)}
                row = self.row(
                    automation,
                    definition,
                    contact,
                    f"campaign {campaign}",
                    step=FIRST,
                    due_ms=due_ms,
                    values=source,
                )
                rows.append(row)
        return rows

    def row(
        self,
        automation: Automation,
        definition: Definition,
        contact: int,
        occasion: str,
        *,
        step: str = "",
        due_ms: int = 0,
        values: Mapping[str, Any] | None = None,
    ) -> Rows:
        """One who comes in; in automations that run once all occasions are the same."""
        now_ms = self._clock.now_ms()
        facts = json.dumps({"values": dict(values or {})}, ensure_ascii=False)[:MAX_FACTS]
        row = (
            self._ids.new(), automation.id, automation.version, contact,
            "" if automation.mode is RunMode.ONCE else occasion,
            step or definition.first, due_ms or now_ms, facts, now_ms,
        )  # fmt: skip
        return Rows("enrolment_insert", [row])

    # -- dates and calendars -------------------------------------------------------------------

    async def look(self, automation_id: int, next_ms: int, place: int) -> bool:
        """Let in whom today's date or the calendar lets in: one page; whether more follow.

        The page and its place are one transaction. Raises `StoreError`.
        """
        automation, definition = self._active.all[automation_id]
        trigger = definition.trigger
        assert isinstance(trigger, DateTrigger | CalendarTrigger)
        list_id = trigger.list if isinstance(trigger, CalendarTrigger) else 0
        page = await self._readers.page(automation.account, list_id, place, PAGE)
        work = [
            self.row(automation, definition, reader.id, occasion)
            for reader in page
            if (occasion := _occasion(reader, definition, next_ms))
        ]
        is_over = len(page) < PAGE
        if is_over:
            following = _look_after(next_ms, definition, self._clock.now_ms())
            cursor = (automation.id, next_ms, following, 0)
        else:
            cursor = (automation.id, next_ms, next_ms, page[-1].id)
        work.append(Rows("automation_look", [cursor], expect=1))
        try:
            await self._store.submit(work, bulk=True)
        except JobRefused:  # paused meanwhile
            return False
        return not is_over


def _occasion(reader: Reader, definition: Definition, at_ms: int) -> str:
    """What lets that contact in at a look; "": nothing."""
    trigger, today = definition.trigger, local(at_ms, definition.zone).date()
    if isinstance(trigger, CalendarTrigger):
        return f"calendar {today}"
    assert isinstance(trigger, DateTrigger)
    anchor = date_of(json.loads(reader.values).get(trigger.field, ""))
    day = anchor and occasion_day(anchor, trigger, today)
    return f"date {day}" if day else ""


def _look_after(at_ms: int, definition: Definition, now_ms: int) -> int:
    """The next look; looks that were missed while nothing ran are not made up for."""
    trigger, from_ms = definition.trigger, max(at_ms, now_ms)
    if isinstance(trigger, CalendarTrigger):
        return calendar_after(from_ms, trigger, definition.zone)
    assert isinstance(trigger, DateTrigger)
    return next_clock(from_ms + 1, clock_of(trigger.at), definition.zone)
