"""How often forms may be sent, per network and per address; bounded memory, time is an argument."""

from collections import OrderedDict
from ipaddress import IPv6Address, ip_address

PER_NETWORK = 20  # an hour; an office stands behind one
PER_ADDRESS = 5
_WINDOW_S = 3600.0
_MAX_ENTRIES = 20_000


class FormPace:
    """Counts within windows of an hour; what was seen longest ago is forgotten first."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def lets(self, peer: str, address: str, now_s: float) -> bool:
        """Whether one more is fine; counts it."""
        network = self._count(f"network:{_network(peer)}", now_s) <= PER_NETWORK
        return self._count(f"address:{address}", now_s) <= PER_ADDRESS and network

    def _count(self, key: str, now_s: float) -> int:
        start, count = self._seen.get(key, (now_s, 0))
        if now_s - start >= _WINDOW_S:
            start, count = now_s, 0
        self._seen[key] = (start, count + 1)
        self._seen.move_to_end(key)
        while len(self._seen) > _MAX_ENTRIES:
            self._seen.popitem(last=False)
        return count + 1


def _network(peer: str) -> str:
    """An IPv4 address, or the /64 of an IPv6 one."""
    try:
        found = ip_address(peer)
    except ValueError:
        return peer
    return str(int(found) >> 64) if isinstance(found, IPv6Address) else peer
