"""When a POST that failed is tried again: soon at first, then ever later, over three days."""

import random

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DELAYS_MS = (
    5_000, 30_000, 2 * MINUTE_MS, 10 * MINUTE_MS, HOUR_MS, 3 * HOUR_MS, 6 * HOUR_MS, 12 * HOUR_MS,
    24 * HOUR_MS,
)  # fmt: skip
GIVE_UP_MS = 72 * HOUR_MS  # after so long without a success the endpoint is disabled
JITTER = 0.2  # of the delay, earlier or later: receivers that failed together come back spread


def next_attempt_ms(attempts: int, failing_since_ms: int, now_ms: int, rng: random.Random) -> int:
    """When to try again after `attempts` failures; 0 when it is time to give up.

    The last attempt is made when the three days are over.
    """
    end_ms = failing_since_ms + GIVE_UP_MS
    if now_ms >= end_ms:
        return 0
    delay_ms = DELAYS_MS[min(attempts, len(DELAYS_MS)) - 1]
    return min(end_ms, now_ms + round(delay_ms * rng.uniform(1 - JITTER, 1 + JITTER)))
