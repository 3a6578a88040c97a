"""Who may connect: counts per client address, trusted networks, address forms."""

import ipaddress
from collections.abc import Sequence

from mta.settings.values import IPNetwork

_IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class Client:
    """A client's address in the forms that decide something."""

    __slots__ = ("address", "is_trusted", "network")

    def __init__(self, address: str, *, is_trusted: bool) -> None:
        self.address = address  # IPv4-mapped IPv6 as IPv4, no scope
        self.is_trusted = is_trusted
        # One customer has a whole /64, so IPv6 is counted by it.
        self.network = (
            str(ipaddress.ip_network((address, 64), strict=False)) if ":" in address else address
        )


class ClientRegistry:
    """Counts open connections."""

    def __init__(
        self, max_connections: int, max_per_address: int, trusted: Sequence[IPNetwork]
    ) -> None:
        self._max_connections = max_connections
        self._max_per_address = max_per_address
        self._trusted = tuple(trusted)
        self._counts: dict[str, int] = {}
        self._total = 0

    @property
    def total(self) -> int:
        """Connections counted now."""
        return self._total

    def identify(self, peername: object) -> Client:
        """The client behind a socket's peer name."""
        host = str(peername[0]) if isinstance(peername, tuple) and peername else ""
        try:
            parsed: _IPAddress = ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return Client(host, is_trusted=False)
        if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
            parsed = parsed.ipv4_mapped
        trusted = any(parsed in network for network in self._trusted)
        return Client(str(parsed), is_trusted=trusted)

    def enter(self, client: Client) -> str:
        """Count a connection; the reason when it is one too many, and then it is not counted.

        Trusted networks have no limit per address: behind one there may be a whole gateway.
        """
        if self._total >= self._max_connections:
            return "limit"
        count = self._counts.get(client.network, 0)
        if count >= self._max_per_address and not client.is_trusted:
            return "address_limit"
        self._counts[client.network] = count + 1
        self._total += 1
        return ""

    def leave(self, client: Client) -> None:
        """Undo `enter`."""
        self._total -= 1
        count = self._counts[client.network] - 1
        if count:
            self._counts[client.network] = count
        else:
            del self._counts[client.network]
