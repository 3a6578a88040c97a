"""The rate limit of each credential: a generic cell rate algorithm in memory, one number a key."""

MAX_KEYS = 100_000


class CredentialRates:
    """Counts recipients a minute by credential; a burst of one minute's worth is allowed."""

    def __init__(self) -> None:
        self._next_s: dict[int, float] = {}

    def take(self, credential_id: int, per_minute: int, now_s: float) -> bool:
        """Whether one more recipient fits now; counts it if so. 0 a minute means no limit."""
        if per_minute <= 0:
            return True
        due = max(self._next_s.get(credential_id, 0.0), now_s - 60.0)
        if due > now_s:
            return False
        if len(self._next_s) >= MAX_KEYS:
            self._next_s = {k: v for k, v in self._next_s.items() if v > now_s - 60.0}
        self._next_s[credential_id] = due + 60.0 / per_minute
        return True
