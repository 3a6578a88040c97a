"""Which addresses mail may be sent to: public ones, never our own.

A stranger's domain may point its MX at 127.0.0.1, at 10.0.0.5 or at ourselves, by mistake or to make
this server talk to machines that are not meant for it. Such addresses are dropped before a connection
is opened: special-purpose addresses unless the operator allows them (`allow_private_addresses`), our
own always, for mail sent to ourselves would loop (RFC 5321 §5.1, RFC 3463 X.4.6).
"""

import errno
import ipaddress
import socket
from collections.abc import Callable, Iterable
from enum import Enum

_NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: an IPv4 address in the last 32 bits
_IPV4_COMPATIBLE = ipaddress.ip_network("::/96")  # RFC 4291 §2.5.5.1, deprecated
_UNICAST = ipaddress.ip_network("2000::/3")  # RFC 4291 §2.4: all that IANA has given out of IPv6
_NOT_ROUTED = (  # is_global before Python 3.13 or 3.14
    ipaddress.ip_network("192.88.99.0/24"),  # RFC 7526: relays of 6to4, whoever is the nearest
    ipaddress.ip_network("3fff::/20"),  # RFC 9637: documentation
    ipaddress.ip_network("192.0.0.0/24"),  # RFC 6890: protocols; some clouds' metadata
)
# Numbers of the Internet behind which a cloud answers its own machines, as 169.254.169.254 does.
_OF_CLOUDS = (ipaddress.ip_address("168.63.129.16"),)  # Azure: configuration and secrets of a host


class Reach(Enum):
    """What an address is to us."""

    PUBLIC = "public"
    PRIVATE = "private"
    OWN = "own"


class AddressPolicy:
    """Tells public from private and own addresses.

    `own_addresses` are those this server takes mail on. Where private addresses are not allowed, every
    address of this machine counts as own as well: another mail server on the same machine is reached by
    a route, not by MX.
    """

    def __init__(
        self,
        *,
        allow_private: bool = False,
        own_addresses: Iterable[str] = (),
        own_names: Iterable[str] = (),
        is_local: Callable[[str], bool] | None = None,
    ) -> None:
        self._allow_private = allow_private
        self._own = {str(ipaddress.ip_address(address)) for address in own_addresses}
        self._own_names = {name.lower().rstrip(".") for name in own_names if name}
        self._is_local = is_local_address if is_local is None else is_local

    def is_own_name(self, host: str) -> bool:
        """True for this server's own host names."""
        return host in self._own_names

    def is_loopback_name(self, host: str) -> bool:
        """True for names that must not leave the machine (RFC 6761 §6.3), unless allowed."""
        return not self._allow_private and (
            host in ("localhost", "localhost.localdomain") or host.endswith(".localhost")
        )

    def reach(self, address: str) -> Reach:
        """Classify one address in text form; what is not an address counts as private."""
        try:
            parsed = _unwrapped(ipaddress.ip_address(address))
        except ValueError:
            return Reach.PRIVATE
        if str(parsed) in self._own:
            return Reach.OWN
        if self._allow_private:
            unusable = parsed.is_unspecified or parsed.is_multicast
            return Reach.PRIVATE if unusable else Reach.PUBLIC
        if not _is_routed(parsed):
            return Reach.PRIVATE
        return Reach.OWN if self._is_local(str(parsed)) else Reach.PUBLIC


def _is_routed(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    """Whether routers of the Internet carry packets there.

    `is_global` counts what it does not know as global: site-local addresses (fec0::/10), IPv4 ones
    translated (::ffff:0:0:0/96) or in a tunnel (::5efe:…), NAT64 of one's own (64:ff9b:1::/48).
    """
    if address.version == 6 and address not in _UNICAST:
        return False
    is_special = address.is_multicast or any(address in network for network in _NOT_ROUTED)
    return address.is_global and not is_special and address not in _OF_CLOUDS


def _unwrapped(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """The IPv4 address inside an IPv6 one that carries it, so that no notation hides a private one."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64 or (address in _IPV4_COMPATIBLE and int(address) > 1):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def is_local_address(address: str) -> bool:
    """True when an interface of this machine has the address: then a socket can be bound to it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError as error:
        # Only this error says that the address is not ours; out of descriptors must not pass for it.
        return error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
    return True
