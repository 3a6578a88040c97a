"""Pages of lists: `limit` and `cursor` in, `next` out; a cursor stays good while rows come and go."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from typing import Annotated

import orjson
from pydantic import BaseModel, ConfigDict, Field

from console.api.refusals import Violation, invalid

DEFAULT_LIMIT = 50
MAX_LIMIT = 500
MAX_CURSOR = 400
_MAX_INTEGER = 2**63 - 1


class Query(BaseModel):
    """Of everything in query strings: unknown parameters are errors."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, frozen=True)


class Paged(Query):
    """What every list takes."""

    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT
    cursor: Annotated[
        str, Field(max_length=MAX_CURSOR, description="`next` of the page before.")
    ] = ""


Place = Sequence[int | str]


def cursor_of(place: Place) -> str:
    """A place in a list as text; it says nothing that its reader does not know."""
    return urlsafe_b64encode(orjson.dumps(list(place))).decode().rstrip("=")


def place_of(cursor: str, kinds: tuple[type, ...]) -> list[int | str] | None:
    """The place that a cursor stands for, None for the beginning. Raises `ApiRefusal`."""
    if not cursor:
        return None
    try:
        found = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error):
        found = None
    if not isinstance(found, list) or len(found) != len(kinds):
        raise invalid(Violation("cursor", "invalid_cursor"))
    place: list[int | str] = []
    for part, kind in zip(found, kinds, strict=True):
        is_integer = kind is int and isinstance(part, int) and 0 <= part <= _MAX_INTEGER
        is_text = kind is str and isinstance(part, str) and "\0" not in part
        if not (is_integer or is_text) or isinstance(part, bool):
            raise invalid(Violation("cursor", "invalid_cursor"))
        place.append(part)
    return place


def page(items: Sequence[object], following: Place | None) -> Mapping[str, object]:
    """The answer of a list."""
    return {"items": items, "next": None if following is None else cursor_of(following)}
