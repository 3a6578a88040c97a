"""Who really asks, behind proxies that we trust."""

import ipaddress
from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web
from aiohttp.typedefs import Middleware

from mta.settings.values import IPNetwork

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def forwarded_middleware(trusted: Sequence[IPNetwork]) -> Middleware:
    """Gives handlers the client's address and scheme as `request.remote` and `request.scheme`.

    `X-Forwarded-For` and `X-Forwarded-Proto` count only from a trusted proxy, and only up to the
    first address that is none: what stands before it anybody can have written.
    """

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        peer = plain_address(request.remote or "")
        client = client_address(peer, request.headers.getall("X-Forwarded-For", []), trusted)
        scheme = request.scheme
        if is_trusted(peer, trusted):
            scheme = _scheme(request.headers.get("X-Forwarded-Proto", ""), scheme)
        if client != request.remote or scheme != request.scheme:
            request = request.clone(remote=client, scheme=scheme)
        return await handler(request)

    return middleware


def client_address(peer: str, fields: Sequence[str], trusted: Sequence[IPNetwork]) -> str:
    """The last address that no trusted proxy vouches for."""
    chain = [item.strip() for field in fields for item in field.split(",")]
    client = peer
    while chain and is_trusted(client, trusted):
        before = plain_address(chain.pop())
        if not before:
            break
        client = before
    return client


def plain_address(text: str) -> str:
    """An IP address without brackets, port or scope, IPv4-mapped ones as IPv4; "" if it is none."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address)


def is_trusted(address: str, trusted: Sequence[IPNetwork]) -> bool:
    """True for the address of a trusted proxy."""
    return bool(address) and any(ipaddress.ip_address(address) in network for network in trusted)


def _scheme(forwarded: str, otherwise: str) -> str:
    said = forwarded.rpartition(",")[2].strip().lower()
    return said if said in ("http", "https") else otherwise
