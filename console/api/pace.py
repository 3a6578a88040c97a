"""How many requests a key may make: a bucket of a minute's worth for each, and headers that tell.

Sending is not paced here: its limits are in recipients, by credential (`mta.intake.rate`).
"""

import math
from collections.abc import Mapping

from mta.intake.rate import WINDOW_S, CredentialRates
from mta.model.clock import Clock

PER_MINUTE = 6_000  # requests; a hundred a second, more than any page of results is worth


class Pace:
    """Counts requests by credential."""

    def __init__(self, clock: Clock, per_minute: int = PER_MINUTE) -> None:
        self._clock = clock
        self._per_minute = per_minute
        self._rates = CredentialRates()

    def take(self, credential: int) -> bool:
        """Whether one more request fits now; counts it if so."""
        return self._rates.take(credential, self._per_minute, self._clock.monotonic_s())

    def headers(self, credential: int) -> Mapping[str, str]:
        """What is left and when all of it is there again (draft-ietf-httpapi-ratelimit-headers-07)."""
        used_s = self._rates.used_s(credential, self._clock.monotonic_s())
        remaining = int((WINDOW_S - used_s) * self._per_minute / WINDOW_S)
        return limit_headers(self._per_minute, remaining, used_s)


def limit_headers(limit: int, remaining: int, reset_s: float) -> Mapping[str, str]:
    """Both spellings."""
    values = {
        "Limit": str(limit),
        "Remaining": str(max(0, remaining)),
        "Reset": str(math.ceil(max(0.0, reset_s))),
    }
    return {
        f"{prefix}RateLimit-{name}": value
        for prefix in ("", "X-")
        for name, value in values.items()
    }
