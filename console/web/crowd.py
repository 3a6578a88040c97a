"""Limits what one client may have open through a proxy: its requests, for its connections are hidden."""

from collections.abc import Sequence

from aiohttp import web
from aiohttp.typedefs import Middleware

from console.web.forwarded import Handler, is_trusted, plain_address
from console.web.gate import Gate
from mta.settings.values import IPNetwork

RETRY_AFTER_S = 5


def crowd_middleware(gate: Gate, trusted: Sequence[IPNetwork]) -> Middleware:
    """Refuses with 429 what is one request too many from the address that a proxy forwards.

    Belongs behind `forwarded_middleware`, and behind what turns refusals into pages. Whoever
    connects by himself is counted when he connects.
    """

    @web.middleware
    async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
        peer = request.transport.get_extra_info("peername") if request.transport else None
        if not peer or not is_trusted(plain_address(str(peer[0])), trusted):
            return await handler(request)
        client = gate.requests.identify((request.remote or "", 0))
        reason = gate.requests.enter(client)
        if reason:
            gate.note(reason)
            raise web.HTTPTooManyRequests(headers={"Retry-After": str(RETRY_AFTER_S)})
        try:
            return await handler(request)
        finally:
            gate.requests.leave(client)

    return count
