"""What happens to the mail, counted as it happens, so that a kill comes at exactly that moment.

Clients and receivers note each step of each mail. An armed action runs in the thread that notes the
n-th step of a kind, before that thread goes on: the relay has not heard the next word yet.
"""

import threading
from collections import Counter
from collections.abc import Callable
from enum import StrEnum


class Step(StrEnum):
    """Steps of a mail through the relay, as its clients and receivers see them."""

    HALF = "a client has sent half of a message"
    HANDED = "a client has sent the final dot"
    ACKNOWLEDGED = "a client has heard 250"
    ENVELOPE = "a receiver has read MAIL"
    PART = "a receiver has a part of the message"
    DOT = "a receiver has the final dot and has not answered"
    TAKEN = "a receiver has answered the final dot with 250"


class Moments:
    """Counts steps; may be used from any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._counts: Counter[Step] = Counter()
        self._armed: tuple[Step, int, Callable[[], None]] | None = None

    def __getitem__(self, step: Step) -> int:
        """How often a step has happened."""
        return self._counts[step]

    def note(self, step: Step) -> None:
        """One more step; runs the armed action when this is the one it waits for."""
        with self._changed:
            self._counts[step] += 1
            self._changed.notify_all()
            if self._armed is not None and self._armed[:2] == (step, self._counts[step]):
                action, self._armed = self._armed[2], None
                action()

    def arm(self, step: Step, more: int, action: Callable[[], None]) -> None:
        """Run the action, once, when the step has happened so many times more."""
        with self._changed:
            self._armed = (step, self._counts[step] + more, action)

    def wait(self, step: Step, more: int, deadline_s: float) -> bool:
        """Wait until the step has happened so many times more; False when it does not."""
        with self._changed:
            wanted = self._counts[step] + more
            return self._changed.wait_for(lambda: self._counts[step] >= wanted, deadline_s)
