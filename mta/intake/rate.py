"""The rate limit of each credential: a generic cell rate algorithm in memory, one number a key."""

MAX_KEYS = 100_000
WINDOW_S = 60.0
NEVER_S = float("-inf")
ROUNDING_S = 1e-6  # sums of fractions of a minute


class CredentialRates:
    """Counts recipients a minute by credential; a burst of one minute's worth is allowed.

    Remembers the `MAX_KEYS` credentials last seen.
    """

    def __init__(self, max_keys: int = MAX_KEYS) -> None:
        self._max_keys = max_keys
        self._next_s: dict[int, float] = {}  # when the burst is used up to; least recent first

    def take(self, credential_id: int, per_minute: int, now_s: float, count: int = 1) -> bool:
        """Whether `count` more recipients fit now; counts them if so. 0 a minute means no limit.

        More than a minute's worth at once fits when nothing else was sent for a minute; what comes
        after it waits for its share.
        """
        if per_minute <= 0:
            return True
        known = self._next_s.pop(credential_id, NEVER_S)
        after = max(known, now_s - WINDOW_S) + count * WINDOW_S / per_minute
        fits = after <= now_s + ROUNDING_S or (
            count > per_minute and known <= now_s - WINDOW_S + ROUNDING_S
        )
        self._next_s[credential_id] = after if fits else known
        if len(self._next_s) > self._max_keys:
            del self._next_s[next(iter(self._next_s))]
        return fits

    def used_s(self, credential_id: int, now_s: float) -> float:
        """How long it takes until a whole minute's worth fits again."""
        return max(0.0, self._next_s.get(credential_id, NEVER_S) - (now_s - WINDOW_S))
