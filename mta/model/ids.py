"""Identifiers: 63-bit integers, ordered by time, unique within a data directory.

An id is `max(last + 1, clock)` with the clock in nanoseconds, so ids made by one process only grow,
neighbours in time are neighbours in every index, and an id tells when it was made. In JSON they
are strings, because JavaScript's numbers end at 2**53.
"""

import time
from collections.abc import Callable

MAX_ID = 2**63 - 1  # the store has no greater numbers


class IdGenerator:
    """Makes ids; one per process, used from the event loop only."""

    def __init__(self, last: int = 0, clock_ns: Callable[[], int] = time.time_ns) -> None:
        """Continue after `last`, the greatest id on disk, even if the clock went back."""
        self._last = last
        self._clock_ns = clock_ns

    def new(self) -> int:
        """One id, greater than every id before it."""
        self._last = max(self._last + 1, self._clock_ns())
        return self._last

    def block(self, count: int) -> range:
        """`count` consecutive ids."""
        first = max(self._last + 1, self._clock_ns())
        self._last = first + count - 1
        return range(first, first + count)

    def observe(self, seen: int) -> None:
        """Never make an id up to `seen` again."""
        self._last = max(self._last, seen)


def id_time_ms(identifier: int) -> int:
    """When the id was made, in milliseconds since 1970 (exact while the clock did not go back)."""
    return identifier // 1_000_000


def id_in(text: str) -> int:
    """The id that a caller wrote, in decimal digits of ASCII; 0, which nothing has, for what is none."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0
    return number if number <= MAX_ID else 0
