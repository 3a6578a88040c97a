"""Shortens what has been kept long enough: what servers said, and where clients came from.

Follows the events by a cursor of its own for each of the two, in small bulk jobs and a bounded
number of them in a pass, so that the mail of today does not wait for that of last month. Contents and
whole histories have their own retention (`[queue]`, `mta.engine.housekeeping`).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from console.privacy.shortening import network_of, without_address, without_dialogue
from mta.events.record import EVENT_CODES
from mta.model.clock import Clock
from mta.model.traffic import EventType
from mta.store.base import Store
from mta.store.work import Rows, Scalar

PAGE = 250
PAGES = 40  # in a pass: 10,000 events a minute, 600,000 an hour
_ACCEPTED = EVENT_CODES[EventType.ACCEPTED]

Shorten = Callable[[Mapping[str, Any]], dict[str, Any]]
Old = Sequence[tuple[Any, ...]]


class Retention:
    """Call `run` once a minute."""

    def __init__(
        self, store: Store, clock: Clock, *, dialogues_s: float, addresses_s: float
    ) -> None:
        """How long the words of servers, and the addresses of clients, are kept; 0: for ever."""
        self._store = store
        self._clock = clock
        self._dialogues_s = dialogues_s
        self._addresses_s = addresses_s

    async def run(self) -> int:
        """One pass; gives how many events it looked at. Raises `StoreError`."""
        looked_at = 0
        if self._dialogues_s:
            looked_at += await self._follow("dialogues", self._dialogues_s, _dialogue_rows)
        if self._addresses_s:
            looked_at += await self._follow("addresses", self._addresses_s, _address_rows)
        return looked_at

    async def _follow(self, name: str, kept_s: float, rows_of: Callable[[Old], list[Rows]]) -> int:
        before_ms = self._clock.now_ms() - round(kept_s * 1000)
        found = await self._store.read("privacy_place", name=name)
        after = int(found[0][0]) if found else 0
        looked_at = 0
        for _ in range(PAGES):
            page = await self._store.read("privacy_old_events", after=after, count=PAGE)
            old = [row for row in page if row[2] < before_ms]
            # Ids follow the commits, and so nearly the time: what is out of order waits a minute.
            first_young = next((n for n, row in enumerate(page) if row[2] >= before_ms), len(page))
            old = old[:first_young]
            if not old:
                break
            after = old[-1][0]
            work = [*rows_of(old), Rows("privacy_place_put", [(name, after)])]
            await self._store.submit(work, bulk=True)
            looked_at += len(old)
            if len(old) < PAGE:
                break
        return looked_at


def _dialogue_rows(old: Old) -> list[Rows]:
    work = _event_rows(old, without_dialogue)
    deliveries: list[tuple[Scalar, ...]] = [(row[3],) for row in old if row[3]]
    if deliveries:
        work.append(Rows("privacy_shorten_delivery", deliveries))
    return work


def _address_rows(old: Old) -> list[Rows]:
    work = _event_rows(old, without_address)
    sources: list[tuple[Scalar, ...]] = [
        (row[5], network_of(row[6])) for row in old if row[1] == _ACCEPTED and row[6]
    ]
    if sources:
        work.append(Rows("privacy_shorten_source", sources))
    return work


def _event_rows(old: Old, shorten: Shorten) -> list[Rows]:
    """Only events that change are written."""
    changed: list[tuple[Scalar, ...]] = []
    for row in old:
        data = orjson.loads(row[4]) if row[4] else {}
        shorter = shorten(data)
        if shorter != data:
            changed.append((row[0], orjson.dumps(shorter).decode() if shorter else ""))
    return [Rows("privacy_forget_event", changed)] if changed else []
