"""The id of a request, as answers and the log name it."""

import re
import secrets

from aiohttp import web

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}\Z")
_MADE = web.RequestKey("request_id", str)


def request_id_of(request: web.Request) -> str:
    """The caller's id of the request if it is one that can stand in a log, else one made once."""
    given = request.headers.get("X-Request-Id", "")
    if _REQUEST_ID.match(given):
        return given
    if _MADE not in request:
        request[_MADE] = secrets.token_hex(12)
    return request[_MADE]
