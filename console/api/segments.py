"""The endpoints about segments of the key's account."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from console.accounts.actor import Actor
from console.accounts.arguments import time_of
from console.accounts.values import Scope
from console.api.acting import carried_out, number_of
from console.api.messages.schemas import Id, Time
from console.api.refusals import ApiRefusal
from console.api.routes import Answer, Call, Route
from console.contacts.segments.service import SegmentService
from console.contacts.segments.values import Segment

_FILTER = {"all": [{"field": "values.ciudad", "op": "is", "value": "Lima"}]}
_Filter = Annotated[
    dict[str, Any],
    Field(
        description="`{field, op, value}`, or `{all: […]}`, `{any: […]}`, `{not: …}` of these.",
        examples=[_FILTER],
    ),
]


class SegmentShown(BaseModel):
    """A filter under a name."""

    id: Id
    name: str
    filter: _Filter
    counted: int = Field(description="Contacts at the last count.")
    counted_at: Time | None
    created: Time | None
    changed: Time | None


class SegmentPage(BaseModel):
    """All segments, by name."""

    items: list[SegmentShown]


class NewSegment(BaseModel):
    """A filter under a name."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=200)]
    filter: _Filter


class FilterAsked(BaseModel):
    """A filter that is not kept."""

    model_config = ConfigDict(extra="forbid")

    filter: _Filter


class SegmentCount(BaseModel):
    """How many active contacts there are now."""

    count: int


class SegmentEndpoints:
    """Handlers; `routes` declares them."""

    def __init__(self, service: SegmentService, actor_of: Callable[[Call], Actor]) -> None:
        """`actor_of`: who acts, of a request that was let in."""
        self._service = service
        self._actor_of = actor_of

    def routes(self) -> Sequence[Route]:
        """The table."""
        see, change = (Scope.CONTACT_VIEW,), (Scope.CONTACT_EDIT,)
        one, missing = "/api/v1/segments/{id}", ("not_found",)
        return (
            Route(
                "GET", "/api/v1/segments", "listSegments", "Segments", self.list, see, SegmentPage,
                tag="contacts",
            ),
            Route(
                "POST", "/api/v1/segments", "addSegment", "Add a segment", self.add, change,
                SegmentShown, NewSegment, status=201, tag="contacts",
                description="A campaign takes its id wherever it takes that of a list.",
            ),
            Route(
                "POST", "/api/v1/segments/count", "countFilter", "Count what a filter holds for",
                self.count_filter, see, SegmentCount, FilterAsked, tag="contacts",
            ),
            Route(
                "GET", one, "getSegment", "One segment", self.get, see, SegmentShown,
                tag="contacts", errors=missing,
            ),
            Route(
                "PUT", one, "changeSegment", "Change a segment", self.change, change,
                SegmentShown, NewSegment, tag="contacts", errors=missing,
            ),
            Route(
                "DELETE", one, "removeSegment", "Remove a segment", self.remove, change,
                status=204, tag="contacts", errors=missing,
                description="Its contacts stay.",
            ),
            Route(
                "GET", f"{one}/count", "countSegment", "Count a segment", self.count, see,
                SegmentCount, tag="contacts", errors=missing,
            ),
        )  # fmt: skip

    async def list(self, call: Call) -> Answer:
        """`GET /segments`."""
        work = self._service.list(self._actor_of(call), call.identity.account_id)
        return Answer({"items": [_shown(one) for one in await carried_out(work)]})

    async def add(self, call: Call) -> Answer:
        """`POST /segments`."""
        wanted, account = call.content(NewSegment), call.identity.account_id
        made = self._service.add(self._actor_of(call), account, wanted.name, wanted.filter)
        return Answer(_shown(await carried_out(made)), 201)

    async def get(self, call: Call) -> Answer:
        """`GET /segments/{id}`."""
        return Answer(_shown(await self._one(call)))

    async def change(self, call: Call) -> Answer:
        """`PUT /segments/{id}`."""
        wanted, found = call.content(NewSegment), await self._one(call)
        work = self._service.change(self._actor_of(call), found.id, wanted.name, wanted.filter)
        return Answer(_shown(await carried_out(work)))

    async def remove(self, call: Call) -> Answer:
        """`DELETE /segments/{id}`."""
        found = await self._one(call)
        await carried_out(self._service.remove(self._actor_of(call), found.id))
        return Answer(status=204)

    async def count(self, call: Call) -> Answer:
        """`GET /segments/{id}/count`."""
        found = await self._one(call)
        work = self._service.count_of(self._actor_of(call), found.account, found.filter)
        return Answer({"count": await carried_out(work)})

    async def count_filter(self, call: Call) -> Answer:
        """`POST /segments/count`."""
        wanted = call.content(FilterAsked)
        work = self._service.count_of(self._actor_of(call), call.identity.account_id, wanted.filter)
        return Answer({"count": await carried_out(work)})

    async def _one(self, call: Call) -> Segment:
        """The segment of the path, of the key's own account."""
        number = number_of(call)
        found = await carried_out(self._service.get(self._actor_of(call), number))
        if found.account != call.identity.account_id:
            raise ApiRefusal(404, "not_found")
        return found


def _shown(found: Segment) -> dict[str, object]:
    return {
        "id": str(found.id), "name": found.name, "filter": dict(found.filter),
        "counted": found.counted, "counted_at": time_of(found.counted_ms),
        "created": time_of(found.created_ms), "changed": time_of(found.changed_ms),
    }  # fmt: skip
