"""Makes the outgoing TCP connection: from the right source address, without delay."""

import asyncio
import errno
import os
import socket

from mta.delivery.target import Target
from mta.model.outcome import Outcome, OutcomeKind, Phase
from mta.model.reply import Reply

# linux/in.h; Python names it from 3.12 on. The port is chosen at connect() and not at bind(), so
# that one source address is good for 28,000 connections to every peer and not in all.
_IP_BIND_ADDRESS_NO_PORT = 24


async def connect_socket(target: Target, timeout_s: float) -> socket.socket | Outcome:
    """A connected, non-blocking socket with TCP_NODELAY, or the outcome that prevents it.

    Cancellation closes the socket.
    """
    try:
        sock = _bound_socket(target)
    except OSError as error:
        source = target.source_address or "any"
        reply = Reply.of(451, "4.3.5", f"no socket from source address {source}: {error}")
        return Outcome(OutcomeKind.DEFERRED, reply, Phase.CONNECT, target.host)
    try:
        async with asyncio.timeout(timeout_s):
            await asyncio.get_running_loop().sock_connect(sock, (target.address, target.port))
    except OSError as error:
        sock.close()
        return _unreachable(target, error, timeout_s)
    except BaseException:
        sock.close()
        raise
    return sock


def _unreachable(target: Target, error: OSError, timeout_s: float) -> Outcome:
    """4.4.1: no answer; 4.4.4: no route; 4.4.2: an answer that was a refusal (RFC 3463 §3.5)."""
    # Event loops put a text of their own into `strerror`; the system's is what people know.
    reason = os.strerror(error.errno) if error.errno else str(error)
    if isinstance(error, TimeoutError):
        enhanced = "4.4.1"
        reason = reason or f"no answer within {timeout_s:.0f} s"
    else:
        is_unroutable = error.errno in {errno.EHOSTUNREACH, errno.ENETUNREACH}
        enhanced = "4.4.4" if is_unroutable else "4.4.2"
    reply = Reply.of(451, enhanced, f"no connection to {target.peer}: {reason}")
    return Outcome(OutcomeKind.DEFERRED, reply, Phase.CONNECT, target.host, host_fault=True)


def _bound_socket(target: Target) -> socket.socket:
    family = socket.AF_INET6 if ":" in target.address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if target.source_address:
            sock.setsockopt(socket.IPPROTO_IP, _IP_BIND_ADDRESS_NO_PORT, 1)
            sock.bind((target.source_address, 0))
    except BaseException:
        sock.close()
        raise
    return sock
