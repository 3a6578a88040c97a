"""Which addresses webhooks may go to: public ones, looked at after the name was resolved.

A URL may name 127.0.0.1 in many ways (decimal, hexadecimal, mapped into IPv6, by a name that answers
something else the next time). So the address that the connection is made to is what is judged: a
name is resolved once, every address it has must be public, the connection goes to one of them, and
the socket is opened only after one more look at where it will go.
"""

import asyncio
import ipaddress
import socket
from typing import Any
from urllib.parse import urlsplit

from aiohttp import AddrInfoType
from aiohttp.abc import AbstractResolver, ResolveResult

from mta.dns.reachable import AddressPolicy, Reach
from mta.model.errors import PermanentError

MAX_URL = 2_000


class AddressRefused(OSError):
    """The name leads, or also leads, to an address that webhooks must not go to."""


class TargetPolicy:
    """What a URL may be."""

    def __init__(self, addresses: AddressPolicy, *, allow_private: bool = False) -> None:
        """`allow_private`: for tests and intranets; then plain http is fine too."""
        self._addresses = addresses
        self._allow_private = allow_private

    def checked_url(self, url: str) -> str:
        """The URL as it will be called. Raises `PermanentError` with what is wrong."""
        url = url.strip()
        if len(url) > MAX_URL or not url.isprintable() or " " in url:
            raise PermanentError(f"the URL is longer than {MAX_URL} characters or has blanks in it")
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname or "", parts.port
        except ValueError as error:
            raise PermanentError(f"{url}: {error}") from None
        if parts.scheme not in (("https", "http") if self._allow_private else ("https",)):
            raise PermanentError(f"{url}: expected a URL that begins with https://")
        if not host or parts.username is not None or parts.password is not None:
            raise PermanentError(f"{url}: expected https://HOST/…, without a user name")
        if is_literal(host):
            self.check(host)
        return url

    def check(self, address: str) -> None:
        """Raise `AddressRefused` unless the address, in text form, is one to connect to."""
        try:
            text = str(ipaddress.ip_address(address.partition("%")[0]))
        except ValueError:
            text = ""
        if not text or self._addresses.reach(text) is not Reach.PUBLIC:
            raise AddressRefused(f"{address} is not a public address")

    def open_socket(self, info: AddrInfoType) -> socket.socket:
        """The socket for a connection: the last place where its address can be refused.

        Hosts that aiohttp takes for addresses (`2130706433`, `127.1`) never see the resolver.
        """
        family, kind, protocol, _, address = info
        self.check(str(address[0]))
        return socket.socket(family, kind, protocol)


def is_literal(host: str) -> bool:
    """Whether the host is an IP address as `ipaddress` writes them; other forms are resolved."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


class VettedResolver(AbstractResolver):
    """Resolves with the system's resolver and gives only addresses that passed the policy."""

    def __init__(self, policy: TargetPolicy) -> None:
        self._policy = policy

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """See `AbstractResolver.resolve`. Raises `AddressRefused` when one address is not public."""
        found = await self._ask(host, port, family)
        results: list[ResolveResult] = []
        for info_family, _, proto, _, sockaddr in found:
            address = str(sockaddr[0])
            self._policy.check(address)
            results.append(
                ResolveResult(
                    hostname=host, host=address, port=port, family=info_family, proto=proto,
                    flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
                )
            )  # fmt: skip
        if not results:
            raise OSError(f"{host} has no address")
        return results

    async def _ask(self, host: str, port: int, family: int) -> list[tuple[Any, ...]]:
        """The addresses of a host, as `getaddrinfo` gives them."""
        loop = asyncio.get_running_loop()
        found: list[tuple[Any, ...]] = await loop.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, family=family
        )
        return found

    async def close(self) -> None:
        """Nothing is held."""
