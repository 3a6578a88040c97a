"""One lazily armed timer for a deadline that moves with every reply."""

import asyncio
from collections.abc import Callable

NEVER = float("inf")


class Deadline:
    """Calls back once when the time set last has passed; setting it costs a comparison.

    The timer runs to the deadline or for `shortest_s`, whichever ends first, and is armed anew
    only when it fires. Because no wait is shorter than `shortest_s`, a deadline that is set while
    it runs cannot pass unseen.
    """

    __slots__ = ("_at_s", "_loop", "_on_passed", "_shortest_s", "_timer")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        shortest_s: float,
        on_passed: Callable[[], None],
    ) -> None:
        """`shortest_s`: the shortest wait that will ever be set."""
        self._loop = loop
        self._shortest_s = shortest_s
        self._on_passed = on_passed
        self._at_s = NEVER
        self._timer: asyncio.TimerHandle | None = None

    def set(self, at_s: float) -> None:
        """Pass at `at_s` by the loop's clock, or `NEVER`."""
        self._at_s = at_s
        if self._timer is None and at_s != NEVER:
            self._arm()

    def cancel(self) -> None:
        """Never pass, and let go of the owner."""
        self._at_s = NEVER
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        delay_s = min(self._at_s - self._loop.time(), self._shortest_s)
        self._timer = self._loop.call_later(max(delay_s, 0.0), self._fire)

    def _fire(self) -> None:
        self._timer = None
        if self._at_s == NEVER:
            return
        if self._loop.time() < self._at_s:
            self._arm()
            return
        self._at_s = NEVER
        self._on_passed()
