"""Deadlines of many connections with one timer.

A connection's deadline moves with every octet, so it is not kept anywhere: the wheel asks for it
when the connection's bucket comes up, and puts the connection into a later bucket if there is time
left. No member waits longer than `MAX_SLEEP_S`, so that a deadline that came nearer is seen.
"""

from typing import Protocol

MAX_SLEEP_S = 30.0


class Expiring(Protocol):
    """Something with a deadline."""

    def expires_s(self) -> float:
        """When, by the monotonic clock; asked again each time."""
        ...

    def expire(self) -> None:
        """The deadline has passed."""
        ...


class DeadlineWheel:
    """Members in buckets of one second; adding, dropping and checking cost the same for any number."""

    def __init__(self, now_s: float, tick_s: float = 1.0) -> None:
        self._tick_s = tick_s
        self._now = int(now_s / tick_s)
        self._buckets: dict[int, set[Expiring]] = {}
        self._places: dict[Expiring, int] = {}

    def __len__(self) -> int:
        return len(self._places)

    def add(self, member: Expiring, now_s: float) -> None:
        """Watch `member`."""
        wait_s = min(max(member.expires_s() - now_s, 0.0), MAX_SLEEP_S)
        place = max(int((now_s + wait_s) / self._tick_s), self._now) + 1
        self._places[member] = place
        self._buckets.setdefault(place, set()).add(member)

    def discard(self, member: Expiring) -> None:
        """Watch it no longer."""
        place = self._places.pop(member, None)
        if place is not None:
            bucket = self._buckets[place]
            bucket.discard(member)
            if not bucket:
                del self._buckets[place]

    def check(self, now_s: float) -> None:
        """Expire whoever is due; call it about once a tick."""
        now = int(now_s / self._tick_s)
        if now - self._now > len(self._buckets):  # the clock leapt, or there was nothing to do
            due = sorted(place for place in self._buckets if place <= now)
        else:
            due = [place for place in range(self._now + 1, now + 1) if place in self._buckets]
        self._now = max(now, self._now)
        for place in due:
            for member in self._buckets.pop(place):
                self._places.pop(member, None)
                if member.expires_s() <= now_s:
                    member.expire()
                else:
                    self.add(member, now_s)
