"""What a request adds to the use of its door, noted by handlers and counted when it is answered."""

from dataclasses import dataclass

from aiohttp import web

API_DOOR = "api"


@dataclass(frozen=True, slots=True)
class Counted:
    """Recipients of one request."""

    recipients: int  # accepted
    refused: int


DOOR = web.RequestKey("door", str)  # absent: `API_DOOR`
COUNTED = web.RequestKey("counted", Counted)  # absent: the request sent nothing
