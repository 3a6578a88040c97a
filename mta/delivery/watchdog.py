"""Watches that a connection makes progress, with one lazily armed timer."""

import asyncio
from collections.abc import Callable


class Watchdog:
    """Calls back when one wait has lasted longer than it may; a new wait costs reading the clock.

    The timer runs for what is left of the present wait or for `shortest_s`, whichever is less, and
    is armed anew only when it fires. As no wait may be shorter than `shortest_s`, none that begins
    meanwhile can end unseen.
    """

    __slots__ = ("_allowed_s", "_loop", "_on_expired", "_shortest_s", "_timer", "since_s")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        shortest_s: float,
        allowed_s: Callable[[], float | None],
        on_expired: Callable[[], None],
    ) -> None:
        """`allowed_s` tells how long the present wait may last; None: there is none."""
        self._loop = loop
        self._shortest_s = shortest_s
        self._allowed_s = allowed_s
        self._on_expired = on_expired
        self._timer: asyncio.TimerHandle | None = None
        self.since_s = 0.0  # when the present wait began, by the loop's clock

    def restart(self) -> None:
        """A new wait begins now."""
        self.since_s = self._loop.time()
        if self._timer is None:
            self._look()

    def cancel(self) -> None:
        """Stop watching."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        allowed_s = self._allowed_s()
        if allowed_s is None:
            return
        left_s = self.since_s + allowed_s - self._loop.time()
        if left_s > 0:
            self._timer = self._loop.call_later(min(left_s, self._shortest_s), self._look)
        else:
            self._on_expired()
