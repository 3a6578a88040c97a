"""Remembers addresses that do not answer, so that mail does not wait for them again and again.

A refused or unreachable address is left alone for two minutes, one that timed out for fifteen; each
further failure doubles that, up to an hour. An address that answers is forgotten.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

REFUSED_S = 120.0
TIMEOUT_S = 900.0
MAX_REST_S = 3_600.0
FORGET_S = 3_600.0  # after its rest an address without news starts afresh
MAX_HOSTS = 10_000


@dataclass(slots=True)
class _Dead:
    rest_s: float
    until_s: float


class DeadHosts:
    """At most `max_hosts` addresses; the one that failed longest ago goes first."""

    def __init__(self, max_hosts: int = MAX_HOSTS) -> None:
        self._dead: OrderedDict[str, _Dead] = OrderedDict()
        self._max_hosts = max_hosts

    def __len__(self) -> int:
        return len(self._dead)

    def refused(self, address: str, now_s: float) -> float:
        """The address refused or could not be reached; the time until which it rests."""
        return self._failed(address, REFUSED_S, now_s)

    def timed_out(self, address: str, now_s: float) -> float:
        """The address did not answer in time; the time until which it rests."""
        return self._failed(address, TIMEOUT_S, now_s)

    def answered(self, address: str) -> None:
        """A connection was made: forget what was."""
        if self._dead:
            self._dead.pop(address, None)

    def is_dead(self, address: str, now_s: float) -> bool:
        """True while the address rests."""
        dead = self._dead.get(address)
        return dead is not None and now_s < dead.until_s

    def wait_s(self, addresses: Iterable[str], now_s: float) -> float:
        """Seconds until the first of the addresses may be tried; 0: one of them now."""
        waits = []
        for address in addresses:
            dead = self._dead.get(address)
            if dead is None or dead.until_s <= now_s:
                return 0.0
            waits.append(dead.until_s - now_s)
        return min(waits, default=0.0)

    def _failed(self, address: str, first_s: float, now_s: float) -> float:
        dead = self._dead.pop(address, None)
        if dead is not None and now_s < dead.until_s:
            # A connection that began before the rest did: it tells nothing new.
            self._dead[address] = dead
            return dead.until_s
        rest_s = first_s
        if dead is not None and now_s < dead.until_s + FORGET_S:
            rest_s = max(first_s, min(MAX_REST_S, dead.rest_s * 2))
        self._dead[address] = _Dead(rest_s, now_s + rest_s)
        if len(self._dead) > self._max_hosts:
            self._dead.popitem(last=False)
        return now_s + rest_s
