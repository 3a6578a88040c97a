"""What a site is allowed: the values that the rules give and the limiters hold lanes to."""

import math
from dataclasses import dataclass
from enum import Enum


class Period(Enum):
    """Spans over which messages are counted; the burst is what may go at once after a pause.

    Per second and per minute are paces: sustained sending reaches the number, a pause lets a tenth of it
    go at once on top. Per hour and per day are caps, for those are the numbers that providers and warm-up
    plans count: no span of that length, wherever it starts, ever holds more.
    """

    SECOND = (1.0, 10, False)
    MINUTE = (60.0, 10, False)
    HOUR = (3_600.0, 20, True)
    DAY = (86_400.0, 10, True)

    def __init__(self, length_s: float, burst_divisor: int, is_cap: bool) -> None:
        self.length_s = length_s
        self.burst_divisor = burst_divisor
        self.is_cap = is_cap


@dataclass(frozen=True, slots=True)
class Rate:
    """So many messages (or connections) in a period; `name` is the key in `shaping.toml`."""

    name: str
    count: float
    period: Period

    @property
    def burst(self) -> int:
        """How many may go at once: a tenth of the count (a twentieth per hour), at least one."""
        return max(1, math.floor(self.count / self.period.burst_divisor))

    @property
    def step_s(self) -> float:
        """Seconds between two in sustained sending.

        For a cap it is a little more than period / count, so that burst and pace together stay within it.
        """
        count = self.count - self.burst + 1 if self.period.is_cap else self.count
        return self.period.length_s / count

    def __str__(self) -> str:
        return f"{self.name} = {self.count:g}"


@dataclass(frozen=True, slots=True)
class SitePolicy:
    """Limits of one site, each for one egress source; those called `total_` for all sources together.

    Connections start at `connections_start` and grow to `connections_max` while mail goes well.
    `total_connections` 0: no limit. `tls`: `opportunistic`, `required`, `off`, or `None` for what
    `[delivery] tls` says. `provider` is empty for a site of no known provider.
    """

    site: str
    provider: str
    connections_start: int
    connections_max: int
    messages_per_connection: int
    messages: tuple[Rate, ...]
    connections: tuple[Rate, ...]
    total_connections: int
    total_messages: tuple[Rate, ...]
    total_connection_rates: tuple[Rate, ...]
    idle_timeout_s: float
    tls: str | None
