"""Counts what each key does at the doors of HTTP: when it is answered, whatever the answer is."""

from aiohttp import web
from aiohttp.typedefs import Middleware

from console.accounts.usage.counters import Result, UsageCounters
from console.api.bearer import IDENTITY
from console.api.usage_count import API_DOOR, COUNTED, DOOR
from console.web.forwarded import Handler
from mta.model.clock import Clock


def usage_middleware(usage: UsageCounters, clock: Clock) -> Middleware:
    """Requests without a good key are nobody's, and not counted."""

    @web.middleware
    async def count(request: web.Request, handler: Handler) -> web.StreamResponse:
        began_s = clock.monotonic_s()
        status = 500
        try:
            response = await handler(request)
            status = response.status
            return response
        except web.HTTPException as error:
            status = error.status
            raise
        finally:
            identity = request.get(IDENTITY)
            if identity is not None:
                counted = request.get(COUNTED)
                usage.note(
                    identity,
                    request.get(DOOR, API_DOOR),
                    _result(status),
                    recipients=counted.recipients if counted else 0,
                    refused=counted.refused if counted else 0,
                    seconds=clock.monotonic_s() - began_s,
                )

    return count


def _result(status: int) -> Result:
    if status < 400:
        return Result.ACCEPTED
    return Result.REJECTED if status < 500 else Result.ERROR
