"""Holds one lane (one egress source at one site) to its limits, and all lanes of a site to the totals.

The dispatcher asks `message_wait_s` before each message and `connection_wait_s` before it opens a
connection, and says what it did with `take_message`, `take_connection` and `release_connection`. Nothing
here keeps a timer or knows a connection: numbers only, time is an argument (monotonic seconds).
"""

import math
from collections.abc import Mapping
from typing import Any

from mta.shaping.gcra import EARLY_S, RateGate
from mta.shaping.policy import Period, Rate, SitePolicy
from mta.shaping.throttle import Throttle

RAMP = 0.023  # KumoMTA's: half of the limit at 30 waiting messages, nine tenths at 100
_REST = "back-off"


class TotalLimiter:
    """Limits of a site for all sources together; shared by the lanes of the site."""

    __slots__ = ("_limit", "connections", "messages", "open_connections")

    def __init__(self, policy: SitePolicy) -> None:
        self.messages = RateGate(policy.total_messages)
        self.connections = RateGate(policy.total_connection_rates)
        self.open_connections = 0
        self._limit = policy.total_connections or math.inf

    @property
    def connections_left(self) -> float:
        """How many more connections all sources together may open; infinite without a limit."""
        return max(0, self._limit - self.open_connections)

    def change(self, policy: SitePolicy, now_s: float) -> None:
        """Another policy from now on (reload)."""
        self.messages.change(policy.total_messages, factor=1.0, now_s=now_s)
        self.connections.change(policy.total_connection_rates, factor=1.0, now_s=now_s)
        self._limit = policy.total_connections or math.inf

    def snapshot(self, now_s: float, now_ms: int) -> dict[str, int]:
        """Used caps as plain numbers."""
        return self.messages.snapshot(now_s, now_ms)

    def restore(self, saved: Mapping[str, Any], now_s: float, now_ms: int) -> None:
        """Take up a snapshot after a restart."""
        self.messages.restore(saved, now_s, now_ms)


class LaneLimiter:
    """Limits of one lane."""

    __slots__ = ("_connections", "_messages", "_total", "connection_limit", "policy", "throttle")

    def __init__(self, policy: SitePolicy, total: TotalLimiter) -> None:
        """`total` is the one object of the site that all its lanes share."""
        self.policy = policy
        self.throttle = Throttle(policy.connections_start)
        self.connection_limit = policy.connections_start
        self._total = total
        self._messages = RateGate(policy.messages)
        self._connections = RateGate(policy.connections)

    def message_wait_s(self, now_s: float) -> float:
        """Seconds until the lane may send its next message; 0: now. Connections are not looked at."""
        wait = self._messages.ready_s - now_s
        total = self._total.messages.ready_s - now_s
        if total > wait:  # noqa: PLR1730 - max() costs three times as much
            wait = total
        return wait if wait > EARLY_S else 0.0

    def take_message(self, now_s: float) -> None:
        """Count a message that goes now."""
        self._messages.take(now_s)
        self._total.messages.take(now_s)

    def connections_wanted(self, waiting: int, open_connections: int) -> int:
        """How many more connections the lane should open for so many waiting messages.

        The goal grows with need, max(1, limit·(1 − e^(−0.023·waiting))), so a few messages do not open
        twenty connections; limits are kept, rates are not looked at.
        """
        if waiting <= 0:
            return 0
        limit = self.connection_limit
        goal = min(waiting, max(1, math.ceil(limit * (1.0 - math.exp(-RAMP * waiting)))))
        more = min(goal, limit) - open_connections
        return int(max(0, min(more, self._total.connections_left)))

    def connection_wait_s(self, now_s: float, open_connections: int, waiting: int) -> float:
        """Seconds until the lane may open a connection; 0: now, infinite: not before need or limits change."""
        if self.connections_wanted(waiting, open_connections) == 0:
            return math.inf
        wait = max(self._connections.ready_s, self._total.connections.ready_s) - now_s
        return wait if wait > EARLY_S else 0.0

    def take_connection(self, now_s: float) -> None:
        """Count a connection that is opened now; each needs one `release_connection`."""
        self._connections.take(now_s)
        self._total.connections.take(now_s)
        self._total.open_connections += 1

    def release_connection(self) -> None:
        """A connection is closed or could not be opened."""
        self._total.open_connections = max(0, self._total.open_connections - 1)

    def apply(self, throttle: Throttle, now_s: float) -> None:
        """Take over what the back-off decided."""
        self.throttle = throttle
        self.connection_limit = max(1, min(throttle.connections, self.policy.connections_max))
        rates = self.policy.messages
        if throttle.messages_per_minute:
            rates += (Rate(_REST, throttle.messages_per_minute, Period.MINUTE),)
        self._messages.change(rates, factor=throttle.rate_factor, now_s=now_s)

    def change(self, policy: SitePolicy, now_s: float) -> None:
        """Another policy from now on (reload), what was used counts on."""
        self.policy = policy
        self._connections.change(policy.connections, factor=1.0, now_s=now_s)
        self.apply(self.throttle, now_s)

    def held_by(self, now_s: float, open_connections: int = 0) -> str:
        """The limit that holds the lane, as it stands in `shaping.toml`; empty when none does."""
        if self.message_wait_s(now_s) > 0:
            gates = sorted((self._messages, self._total.messages), key=lambda gate: -gate.ready_s)
            rate = gates[0].held_by(now_s)
            if rate is not None and rate.name == _REST:
                return f"back-off: {rate.count:g} a minute"
            slowed = self.throttle.rate_factor
            return f"{rate}" if slowed == 1.0 else f"{rate}, slowed to {slowed:.0%} by back-off"
        if open_connections >= self.connection_limit:
            return f"connections: {open_connections} of {self.connection_limit} open"
        if self._total.connections_left == 0:
            return f"total_connections = {self.policy.total_connections}"
        for gate in (self._connections, self._total.connections):
            rate = gate.held_by(now_s)
            if rate is not None:
                return str(rate)
        return ""

    def snapshot(self, now_s: float, now_ms: int) -> dict[str, int]:
        """Used caps (hour, day) as plain numbers, to be kept over a restart."""
        return self._messages.snapshot(now_s, now_ms)

    def restore(self, saved: Mapping[str, Any], now_s: float, now_ms: int) -> None:
        """Take up a snapshot; names that the policy has no more are passed over."""
        self._messages.restore(saved, now_s, now_ms)
