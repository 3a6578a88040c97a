"""Sites that suddenly refuse many recipients for good: probably they are mistaken, not the addresses.

Providers have had days on which good mailboxes were answered with 550 5.1.1. While more than a fifth
of what a site answered in the last ten minutes were such refusals, and for ten minutes after, its
word does not put anybody on a suppression list. Counted in memory, a dictionary for each minute.
"""

from collections import deque

from mta.model.clock import Clock

WINDOW_MIN = 10
SHARE = 0.20
MIN_REFUSED = 20  # fewer say nothing about a site: three of ten may be an old list
_MINUTE_MS = 60_000


class _Minute:
    """What the sites answered in one minute."""

    __slots__ = ("accepted", "number", "refused")

    def __init__(self, number: int) -> None:
        self.number = number
        self.accepted: dict[int, int] = {}
        self.refused: dict[int, int] = {}


class BounceStorms:
    """Counts final answers by site."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._minutes: deque[_Minute] = deque((_Minute(0),), maxlen=WINDOW_MIN)
        self._until_ms: dict[int, int] = {}  # sites in a storm

    def accepted(self, site: int, now_ms: int) -> None:
        """A recipient was taken; called for each delivery, so it only counts."""
        minute = self._minutes[-1]
        if minute.number != now_ms // _MINUTE_MS:
            minute = self._turn(now_ms)
        minute.accepted[site] = minute.accepted.get(site, 0) + 1

    def refused(self, site: int, now_ms: int) -> None:
        """A recipient was said not to exist."""
        minute = self._minutes[-1]
        if minute.number != now_ms // _MINUTE_MS:
            minute = self._turn(now_ms)
        minute.refused[site] = minute.refused.get(site, 0) + 1

    def is_storm(self, site: int) -> bool:
        """Whether the site's refusals are not to be believed now."""
        now_ms = self._clock.now_ms()
        first = now_ms // _MINUTE_MS - WINDOW_MIN
        recent = [m for m in self._minutes if m.number > first]
        refused = sum(m.refused.get(site, 0) for m in recent)
        answered = refused + sum(m.accepted.get(site, 0) for m in recent)
        if refused >= MIN_REFUSED and refused > SHARE * answered:
            self._until_ms[site] = now_ms + WINDOW_MIN * _MINUTE_MS
            return True
        if self._until_ms.get(site, 0) > now_ms:
            return True
        self._until_ms.pop(site, None)
        return False

    def _turn(self, now_ms: int) -> _Minute:
        minute = _Minute(now_ms // _MINUTE_MS)
        self._minutes.append(minute)
        return minute
