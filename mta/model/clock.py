"""Time as an argument: whoever decides by time gets a `Clock` handed in."""

import time
from typing import Protocol


class Clock(Protocol):
    """Two clocks: one for people and the disk, one for intervals."""

    def now_ms(self) -> int:
        """Wall clock: milliseconds since 1970-01-01 UTC."""
        ...

    def monotonic_s(self) -> float:
        """Seconds that only grow; never compared across processes."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now_ms(self) -> int:
        """Milliseconds since 1970-01-01 UTC."""
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        """`time.monotonic()`."""
        return time.monotonic()


STEP_MS = 60_000.0  # less than that is drift, a leap second or NTP at work


class SteadyClock:
    """Runs on evenly when the machine's wall clock is set, until that jump is taken over.

    Deadlines and due times on the disk are wall clock times. If an operator, a virtual machine that
    was asleep or a broken time server moves the wall clock by hours, whoever keeps such times has to
    move them too, and until then must not see the jump: else all mail would expire in one moment.
    """

    __slots__ = ("_ahead_ms", "_monotonic_s", "_wall_ms")

    def __init__(self, clock: Clock) -> None:
        """`clock` is the machine's."""
        self._wall_ms = clock.now_ms
        self._monotonic_s = clock.monotonic_s
        self._ahead_ms = self._wall_ms() - self._monotonic_s() * 1000.0

    def now_ms(self) -> int:
        """The wall clock without the jumps that nobody took over yet."""
        wall_ms = self._wall_ms()
        ahead_ms = wall_ms - self._monotonic_s() * 1000.0
        step_ms = ahead_ms - self._ahead_ms
        if -STEP_MS < step_ms < STEP_MS:
            self._ahead_ms = ahead_ms
            return wall_ms
        return round(wall_ms - step_ms)

    def monotonic_s(self) -> float:
        """Seconds that only grow."""
        return self._monotonic_s()

    def step_ms(self) -> int:
        """By how much the wall clock was set and nobody took it over: 0, or at least a minute."""
        step_ms = self._wall_ms() - self._monotonic_s() * 1000.0 - self._ahead_ms
        return 0 if -STEP_MS < step_ms < STEP_MS else round(step_ms)

    def take_over(self, step_ms: int) -> None:
        """From now on show the wall clock as it is after a jump by so much."""
        self._ahead_ms += step_ms


class ManualClock:
    """A clock that moves when told: for tests and simulations."""

    def __init__(self, now_ms: int = 1_800_000_000_000) -> None:
        self._now_ms = now_ms
        self._monotonic_s = 1_000.0

    def now_ms(self) -> int:
        """The wall time it was set or advanced to."""
        return self._now_ms

    def monotonic_s(self) -> float:
        """The monotonic time it was advanced to."""
        return self._monotonic_s

    def advance(self, seconds: float) -> None:
        """Move both clocks forward."""
        self._now_ms += round(seconds * 1000)
        self._monotonic_s += seconds

    def jump(self, seconds: float) -> None:
        """Move the wall clock alone, as an operator or NTP does."""
        self._now_ms += round(seconds * 1000)
