"""Accepts connections one by one, for listeners that count a client before its TLS handshake."""

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable

from mta.settings.values import HostPort

_RETRY_S = 1.0  # when accept() fails for want of descriptors or memory; asyncio waits as long
_WANT = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


async def accept_all(
    listening: socket.socket,
    take: Callable[[socket.socket, object], None],
    failed: Callable[[OSError], None],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Gives each connection and its peer name to `take`, until cancelled.

    `failed` hears when descriptors or memory are wanting; accepting then rests for a second.
    """
    loop = asyncio.get_running_loop()
    while True:
        try:
            sock, peername = await loop.sock_accept(listening)
        except OSError as error:
            if error.errno in _WANT:
                failed(error)
                await sleep(_RETRY_S)
            continue  # a client that went before it was accepted is nobody's trouble
        take(sock, peername)
        await asyncio.sleep(0)  # a flood of connections must not hold the loop


async def bound(address: HostPort) -> list[socket.socket]:
    """Sockets on every address that the host stands for."""
    found = await asyncio.get_running_loop().getaddrinfo(
        address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    sockets: list[socket.socket] = []
    try:
        for family, where in dict.fromkeys((info[0], info[4]) for info in found):
            sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
            sockets.append(sock)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind(where)
    except OSError:
        for sock in sockets:
            sock.close()
        raise
    return sockets
