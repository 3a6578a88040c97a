"""Calling services for who asked: the actor of a request, and what refusals of services mean here."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from console.accounts.actor import Actor, NotPermitted, NotVisible
from console.api.problems import not_permitted
from console.api.refusals import ApiRefusal, Violation, invalid
from console.api.routes import Call
from mta.model.errors import PermanentError

ActorOf = Callable[[Call], Actor]
Result = TypeVar("Result")


async def carried_out(work: Awaitable[Result], field: str = "") -> Result:
    """What a service gives. Raises `ApiRefusal`: 403, 404, else 422 at `field` with its words."""
    try:
        return await work
    except NotPermitted as error:
        raise not_permitted(error) from None
    except NotVisible as error:
        raise ApiRefusal(404, "not_found", str(error)) from None
    except PermanentError as error:
        raise invalid(Violation(field, "unusable_text", {"detail": str(error)})) from None


def number_of(call: Call, name: str = "id") -> int:
    """An id of the path. Raises `ApiRefusal` (404) for what cannot be one."""
    text = call.path[name]
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise ApiRefusal(404, "not_found")
    return min(int(text), (1 << 63) - 1)
