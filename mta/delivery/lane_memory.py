"""What lanes remember over a restart: used daily and hourly caps, back-offs, and sites on hold.

Written once a minute where something changed, and at the stop; a crash forgets a minute of counting
at most.
"""

from collections.abc import Iterable
from typing import Any

import orjson

from mta.delivery.lane import Lane
from mta.delivery.opening import Source
from mta.model.clock import Clock
from mta.store.base import Store
from mta.store.work import Rows

HOLD = "hold"  # the "source" under which operators' holds of sites are kept
BATCH = 500


class LaneMemory:
    """Reads states at start, writes those that changed."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._saved: dict[tuple[int, str], str] = {}

    async def load(self) -> None:
        """Read everything, at start."""
        for site_id, source, value in await self._store.read("lane_states", deadline_s=60.0):
            if source != HOLD:
                self._saved[site_id, source] = value

    def restore(self, lane: Lane) -> None:
        """Give a new lane what its predecessor knew."""
        value = self._saved.get((lane.site.site.id, _name(lane)))
        if value is None:
            return
        saved: dict[str, Any] = orjson.loads(value)
        now_s, now_ms = self._clock.monotonic_s(), self._clock.now_ms()
        limits = lane.limits
        limits.limiter.restore(saved.get("limits", {}), now_s, now_ms)
        limits.total.restore(saved.get("total", {}), now_s, now_ms)
        if saved.get("backoff"):
            limits.backoff.restore(saved["backoff"], now_s, now_ms)
            limits.limiter.apply(limits.backoff.throttle, now_s)

    def is_clear(self, lane: Lane) -> bool:
        """Whether there is nothing to remember of the lane, on disk neither."""
        saved = self._saved.get((lane.site.site.id, _name(lane)))
        if saved is not None and any(orjson.loads(saved).values()):
            return False
        return not any(_state(lane, self._clock.monotonic_s(), self._clock.now_ms()).values())

    async def save(self, lanes: Iterable[Lane]) -> None:
        """Write what changed since the last time. Raises `StoreError`."""
        now_s, now_ms = self._clock.monotonic_s(), self._clock.now_ms()
        rows: list[tuple[int | str, ...]] = []
        for lane in lanes:
            state = _state(lane, now_s, now_ms)
            key = (lane.site.site.id, _name(lane))
            if not any(state.values()) and key not in self._saved:
                continue
            value = orjson.dumps(state).decode()
            if self._saved.get(key) != value:
                self._saved[key] = value
                rows.append((*key, value, now_ms))
        for start in range(0, len(rows), BATCH):
            part = rows[start : start + BATCH]
            await self._store.submit([Rows("lane_state_put", part)], bulk=True)


def _state(lane: Lane, now_s: float, now_ms: int) -> dict[str, Any]:
    limits = lane.limits
    return {
        "limits": limits.limiter.snapshot(now_s, now_ms),
        "total": limits.total.snapshot(now_s, now_ms),
        "backoff": limits.backoff.snapshot(now_s, now_ms),
    }


def source_name(source: Source) -> str:
    """What an egress address is called where it is stored."""
    return source.address or "default"


def _name(lane: Lane) -> str:
    return source_name(lane.source)
