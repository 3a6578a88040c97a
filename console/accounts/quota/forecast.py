"""How long the bag lasts at the pace of late, and which alerts are due: pure functions."""

from typing import NamedTuple

DAY_MS = 86_400_000
WINDOW_MS = 14 * DAY_MS
LEVELS = (50, 75, 90, 100)  # percent of a share at which people are told, once each


class Forecast(NamedTuple):
    """What is to be expected of a share."""

    per_day: float  # mails, over the last two weeks or since the beginning
    exhausted_ms: int  # when nothing will be left at that pace; 0: not before the end of the term


def forecast(available: int, used: int, window_ms: int, now_ms: int, end_ms: int) -> Forecast:
    """`used` mails in the last `window_ms`, `available` left, the term over at `end_ms`.

    >>> forecast(1_000, 500, 5 * DAY_MS, 0, 100 * DAY_MS)
    Forecast(per_day=100.0, exhausted_ms=864000000)
    """
    if used <= 0 or window_ms <= 0:
        return Forecast(0.0, 0)
    per_day = used * DAY_MS / max(window_ms, DAY_MS // 24)
    at_ms = now_ms + round(available / per_day * DAY_MS)
    return Forecast(per_day, at_ms if at_ms < end_ms else 0)


def levels_reached(used: int, granted: int) -> list[int]:
    """The levels, in percent, that a share has reached."""
    if granted <= 0:
        return []
    return [level for level in LEVELS if used * 100 >= level * granted]
