"""Failed logins, per client network and per user name: slowed down, then cut off.

One address may stand for an office, or for a machine with many applications. Whoever logged in from
there before is not cut off because a neighbour's password is wrong, only by failures of his own.

Pure: time is an argument. Memory is bounded; the oldest entries go first.
"""

from collections import OrderedDict, deque

KNOWN_S = 24 * 3600.0  # for how long a login is remembered
_MAX_ENTRIES = 20_000


class AuthGuard:
    """Remembers failures for a window of time."""

    def __init__(
        self, max_failures: int, window_s: float, first_delay_s: float, max_delay_s: float
    ) -> None:
        """`max_failures` within `window_s` block a network; replies wait 1, 2, 4, … first delays."""
        self._max_failures = max_failures
        self._window_s = window_s
        self._first_delay_s = first_delay_s
        self._max_delay_s = max_delay_s
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()
        self._known: OrderedDict[str, float] = OrderedDict()  # network and name → last success

    def is_blocked(self, network: str, username: str, now_s: float) -> bool:
        """Whether a login with that name is refused unseen from there."""
        if len(self._recent(f"net:{network}", now_s)) < self._max_failures:
            return False
        pair = f"{network} {username}"
        if now_s - self._known.get(pair, -KNOWN_S) >= KNOWN_S:
            return True
        return len(self._recent(f"pair:{pair}", now_s)) >= self._max_failures

    def succeeded(self, network: str, username: str, now_s: float) -> None:
        """Remember that this name has logged in from there."""
        pair = f"{network} {username}"
        self._known[pair] = now_s
        self._known.move_to_end(pair)
        if len(self._known) > _MAX_ENTRIES:
            self._known.popitem(last=False)

    def failed(self, network: str, username: str, now_s: float) -> float:
        """Count a failure; return for how many seconds to hold the reply back.

        A name is never blocked (its owner would be locked out by anyone), only slowed down.
        """
        most = 0
        keys = [f"net:{network}", f"name:{username}"]
        if f"{network} {username}" in self._known:
            keys.append(f"pair:{network} {username}")
        for key in keys:
            times = self._recent(key, now_s)
            times.append(now_s)
            self._failures[key] = times
            self._failures.move_to_end(key)
            most = max(most, len(times))
        while len(self._failures) > _MAX_ENTRIES:
            self._failures.popitem(last=False)
        return self.delay_s(most)

    def delay_s(self, failures: int) -> float:
        """The delay after that many failures."""
        return min(self._first_delay_s * 2.0 ** min(failures - 1, 20), self._max_delay_s)

    def _recent(self, key: str, now_s: float) -> deque[float]:
        times = self._failures.get(key)
        if times is None:
            # Never more than what decides is kept.
            return deque(maxlen=max(self._max_failures, 8))
        while times and times[0] <= now_s - self._window_s:
            times.popleft()
        return times
