"""Flows: what is steered together, and its own clock that stands still while it is held."""

import math
from collections.abc import Container, Iterator, Sequence
from typing import Any

from mta.model.traffic import Gate

HOUR_MS = 3_600_000
BURST_MS = 100
MAX_FLOWS = 20_000  # about 10 MB; a client may invent a campaign name for each message


class Flow:
    """A campaign, a stream or an application, as the dispatcher sees it."""

    __slots__ = (
        "account",
        "due_ms",
        "end_ms",
        "gate",
        "gate_reason",
        "held_ms",
        "held_since_ms",
        "id",
        "kind",
        "klass",
        "name",
        "next_ms",
        "not_before_ms",
        "rate_per_hour",
    )

    def __init__(
        self,
        id: int,
        account: int,
        name: str,
        kind: str,
        klass: int,
        gate: int = Gate.OPEN,
        gate_reason: str = "",
        held_since_ms: int = 0,
        held_ms: int = 0,
        not_before_ms: int = 0,
        end_ms: int = 0,
        rate_per_hour: int = 0,
    ) -> None:
        self.id = id
        self.account = account
        self.name = name
        self.kind = kind
        self.klass = klass
        self.gate = gate
        self.gate_reason = gate_reason
        self.held_since_ms = held_since_ms
        self.held_ms = held_ms
        self.not_before_ms = not_before_ms
        self.end_ms = end_ms
        self.rate_per_hour = rate_per_hour
        self.due_ms = 0.0
        self.next_ms = 0.0  # with a rate of its own: when the next delivery may go

    def time_ms(self, now_ms: int) -> int:
        """The flow's own time: wall time less all time on hold. Deadlines are kept in it."""
        held = self.held_ms
        if self.held_since_ms:
            held += max(0, now_ms - self.held_since_ms)
        return now_ms - held

    def clock_was_set(self, step_ms: int, before_ms: int) -> None:
        """The wall clock jumped by so much from `before_ms`: time and pace of the flow go on as before.

        Its hour (`not_before_ms`) stays, unless it had come: that is people's time. The same as
        `flow_clock_step` does on the disk.
        """
        if self.not_before_ms <= before_ms:
            self.not_before_ms = min(self.not_before_ms, before_ms + step_ms)
        self.held_ms += step_ms
        if self.held_since_ms:
            self.held_since_ms += step_ms
        if self.next_ms:
            self.next_ms += step_ms
        self.due_ms += step_ms

    def is_open(self, now_ms: int) -> bool:
        """Whether its deliveries may go out now."""
        return self.gate == Gate.OPEN and self.not_before_ms <= now_ms and self.next_ms <= now_ms

    def lets_out(self, now_ms: int) -> bool:
        """Whether what was picked may still go: its turn at the flow's rate is taken already."""
        return self.gate == Gate.OPEN and self.not_before_ms <= now_ms

    def take(self, now_ms: int, count: int = 1) -> None:
        """`count` deliveries go now: a flow with a rate of its own waits for its next turn.

        A tenth of a second's worth may go at once, so that the rate needs no timer for each.
        """
        if self.rate_per_hour:
            step = HOUR_MS / self.rate_per_hour
            due = max(self.due_ms, now_ms - BURST_MS) + count * step
            self.due_ms = due
            self.next_ms = due - step if due - step > now_ms else 0.0

    def next_change_ms(self, now_ms: int) -> int:
        """The next moment at which time changes what the flow may do; 0: time changes nothing."""
        end_ms = self.end_ms + self.held_ms if self.end_ms else 0
        moments = [
            math.ceil(m)
            for m in (self.not_before_ms, self.next_ms, end_ms)
            if m > now_ms and self.gate == Gate.OPEN
        ]
        return min(moments, default=0)

    def has_ended(self, now_ms: int) -> bool:
        """Whether a campaign's own end has passed; it is kept in the flow's own time."""
        return 0 < self.end_ms <= self.time_ms(now_ms)

    def gated(self, gate: Gate, reason: str, now_ms: int) -> tuple[int, int, str, int, int]:
        """The row for `flow_gate` that sets the gate at `now_ms`; the object is not changed."""
        held_ms, since = self.held_ms, self.held_since_ms
        if since and gate != Gate.HELD:
            held_ms, since = held_ms + max(0, now_ms - since), 0
        elif gate == Gate.HELD and not since:
            since = now_ms
        return (self.id, gate, reason, since, held_ms)

    def apply(self, row: tuple[int, int, str, int, int]) -> None:
        """Take over what `gated` made, once it is committed."""
        _, self.gate, self.gate_reason, self.held_since_ms, self.held_ms = row


class FlowDirectory:
    """The flows in memory, by id and by what applications call them."""

    def __init__(self) -> None:
        self._by_id: dict[int, Flow] = {}
        self._by_name: dict[tuple[int, int, str, str], Flow] = {}

    def add(self, flow: Flow) -> Flow:
        """Keep a flow; one that is there already wins."""
        known = self._by_id.setdefault(flow.id, flow)
        self._by_name.setdefault((known.account, known.klass, known.kind, known.name), known)
        return known

    def get(self, flow_id: int) -> Flow | None:
        """The flow, if it is in memory."""
        return self._by_id.get(flow_id)

    def named(self, account: int, klass: int, kind: str, name: str) -> Flow | None:
        """The flow that an account calls so, if it is in memory."""
        return self._by_name.get((account, klass, kind, name))

    def trim(self, in_use: Container[int]) -> None:
        """Where there are very many, forget open ones that nothing uses; the disk knows them."""
        if len(self._by_id) <= MAX_FLOWS:
            return
        for flow in list(self._by_id.values()):
            if flow.gate == Gate.OPEN and not flow.held_ms and flow.id not in in_use:
                self.discard(flow)

    def discard(self, flow: Flow) -> None:
        """Forget a flow; the disk knows it."""
        self._by_id.pop(flow.id, None)
        key = (flow.account, flow.klass, flow.kind, flow.name)
        if self._by_name.get(key) is flow:
            del self._by_name[key]

    def __iter__(self) -> Iterator[Flow]:
        return iter(list(self._by_id.values()))

    def __len__(self) -> int:
        return len(self._by_id)


def flow_from_row(row: Sequence[Any]) -> Flow:
    """A flow as the `flow…` reads give it."""
    return Flow(*row)
