"""Slows guessing down: after some failures each further one doubles the wait, up to 15 minutes.

Counted per address that was typed in, whether anybody has it or not, and per network, which may be
an office and so is granted more. Pure: time is an argument. Memory is bounded; who failed longest
ago is forgotten first.
"""

from collections import OrderedDict
from dataclasses import dataclass

FREE_PER_NAME = 3  # typing errors
FREE_PER_NETWORK = 10
FIRST_DELAY_S = 1.0
MAX_DELAY_S = 15 * 60.0
FORGET_S = 3600.0  # without a failure
_MAX_ENTRIES = 20_000


@dataclass(slots=True)
class _Failures:
    count: int
    last_s: float
    until_s: float


class Throttle:
    """Remembers failures."""

    def __init__(self) -> None:
        self._failures: OrderedDict[str, _Failures] = OrderedDict()

    def wait_s(self, name: str, network: str, now_s: float) -> float:
        """How long to refuse everything from there, unseen; 0: now is fine."""
        return max(
            (entry.until_s - now_s for key in _keys(name, network) if (entry := self._of(key))),
            default=0.0,
        )

    def failed(self, name: str, network: str, now_s: float) -> None:
        """Count a failure."""
        for key, free in zip(_keys(name, network), (FREE_PER_NAME, FREE_PER_NETWORK), strict=True):
            entry = self._of(key)
            if entry is None or now_s - entry.last_s >= FORGET_S:
                entry = _Failures(0, now_s, 0.0)
            entry.count += 1
            entry.last_s = now_s
            entry.until_s = now_s + delay_s(entry.count - free)
            self._failures[key] = entry
            self._failures.move_to_end(key)
        while len(self._failures) > _MAX_ENTRIES:
            self._failures.popitem(last=False)

    def succeeded(self, name: str) -> None:
        """Forget the failures of a name; those of the network stay."""
        self._failures.pop(f"name:{name}", None)

    def _of(self, key: str) -> _Failures | None:
        return self._failures.get(key)


def delay_s(excess: int) -> float:
    """The wait after so many failures more than are free: 0, 1, 2, 4, … 900 s."""
    return min(FIRST_DELAY_S * 2.0 ** min(excess, 20), MAX_DELAY_S) if excess >= 0 else 0.0


def _keys(name: str, network: str) -> tuple[str, str]:
    return f"name:{name}", f"net:{network}"
