"""Remembers peers whose TLS is broken, so that opportunistic delivery goes on in clear."""

from collections import OrderedDict
from dataclasses import dataclass

from mta.model.clock import Clock

REMEMBER_S = 3 * 86_400.0  # KumoMTA's remember_broken_tls in its shaping defaults
CAPACITY = 10_000


@dataclass(frozen=True, slots=True)
class BrokenTls:
    """One peer whose handshake failed."""

    address: str
    port: int
    reason: str
    expires_s: float  # monotonic


class TlsMemory:
    """Bounded and forgetful; the oldest entry goes first. Lost at restart, which only costs a try."""

    def __init__(
        self, clock: Clock, *, remember_s: float = REMEMBER_S, capacity: int = CAPACITY
    ) -> None:
        """`remember_s`: how long a failure counts; `capacity`: entries at most."""
        self._clock = clock
        self._remember_s = remember_s
        self._capacity = capacity
        self._broken: OrderedDict[tuple[str, int], BrokenTls] = OrderedDict()

    def remember(self, address: str, port: int, reason: str) -> None:
        """From now on the peer is spoken to in clear, where policy allows it."""
        key = (address, port)
        expires_s = self._clock.monotonic_s() + self._remember_s
        self._broken.pop(key, None)
        self._broken[key] = BrokenTls(address, port, reason, expires_s)
        if len(self._broken) > self._capacity:
            self._broken.popitem(last=False)

    def is_broken(self, address: str, port: int) -> bool:
        """Whether a handshake with that peer failed within the remembered time."""
        entry = self._broken.get((address, port))
        if entry is None:
            return False
        if entry.expires_s <= self._clock.monotonic_s():
            del self._broken[address, port]
            return False
        return True

    def forget(self, address: str, port: int) -> None:
        """Try TLS again at the next connection."""
        self._broken.pop((address, port), None)

    def entries(self) -> tuple[BrokenTls, ...]:
        """What is remembered now, oldest first."""
        now_s = self._clock.monotonic_s()
        return tuple(entry for entry in self._broken.values() if entry.expires_s > now_s)
