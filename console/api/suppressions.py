"""The endpoints about suppression lists: who gets no mail from the key's account."""

from collections.abc import Callable, Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from console.accounts.actor import Actor, NotPermitted, NotVisible
from console.accounts.values import Scope as KeyScope
from console.api.messages.schemas import Id, Time
from console.api.moment import Moment
from console.api.pagination import Paged, Query, page, place_of
from console.api.refusals import ApiRefusal, Violation, invalid
from console.api.routes import Answer, Call, Route
from console.suppressions.operations import shown
from console.suppressions.service import MAX_ADDED, SuppressionService
from mta.model.address import parse_address
from mta.model.errors import AddressSyntaxError, PermanentError
from mta.suppression.values import Reason, Scope

MAX_ADDRESS = 320
_Email = Annotated[str, Field(min_length=3, max_length=MAX_ADDRESS, examples=["ana@example.org"])]


# Spelt out: keys have scopes, too, and a document has one schema of a name.
MailScope = Literal["all", "commercial"]


class Suppression(BaseModel):
    """One reason why an address gets no mail."""

    id: Id
    account: Id | None = Field(description="null: from no account of this server.")
    address: str = Field(description="Empty once its person was erased.")
    reason: Reason
    scope: MailScope = Field(description="`commercial`: classes `automated` and `campaign` only.")
    note: str
    message: Id | None = Field(description="What led to it.")
    delivery: Id | None
    by: str
    created: Time | None
    expires: Time | None


class SuppressionPage(BaseModel):
    """Some entries, the newest first."""

    items: list[Suppression]
    next: str | None = Field(description="The cursor of the next page; null at the end.")


class SuppressionFilter(Paged):
    """What the list is narrowed by."""

    address: Annotated[
        str, Field(max_length=MAX_ADDRESS, description="The beginning of an address.")
    ] = ""
    reason: Reason | None = None


class NewSuppressions(BaseModel):
    """Addresses that get no mail from now on."""

    model_config = ConfigDict(extra="forbid")

    addresses: Annotated[list[_Email], Field(min_length=1, max_length=MAX_ADDED)]
    scope: MailScope = "all"
    note: Annotated[str, Field(max_length=500)] = ""
    expires: Moment | None = None


class Added(BaseModel):
    """What stands on the list now."""

    items: list[Suppression]


class RemovalFilter(Query):
    """What is removed, and why."""

    why: Annotated[str, Field(min_length=1, max_length=500, description="Kept in the audit trail.")]
    reason: Annotated[Reason | None, Field(description="Only the entry for this reason.")] = None


class SuppressionEndpoints:
    """Handlers; `routes` declares them."""

    def __init__(self, service: SuppressionService, actor_of: Callable[[Call], Actor]) -> None:
        """`actor_of`: who acts, of a request that was let in."""
        self._service = service
        self._actor_of = actor_of

    def routes(self) -> Sequence[Route]:
        """The table."""
        see = (KeyScope.SUPPRESSION_VIEW, KeyScope.SUPPRESSION_MANAGE)
        change = (KeyScope.SUPPRESSION_MANAGE,)
        return (
            Route(
                "GET", "/api/v1/suppressions", "listSuppressions", "Who gets no mail", self.list,
                see, SuppressionPage, filters=SuppressionFilter, tag="suppressions",
            ),
            Route(
                "POST", "/api/v1/suppressions", "addSuppressions", "Stop mail to addresses",
                self.add, change, Added, NewSuppressions, status=201, tag="suppressions",
                description="All of them or, when one is no address, none. An address that is "
                "there already gets the new scope, note and end.",
            ),
            Route(
                "DELETE", "/api/v1/suppressions/{address}", "removeSuppression",
                "Let mail to an address go again", self.remove, change, Added,
                filters=RemovalFilter, errors=("not_found",), tag="suppressions",
                description="Answers what was removed.",
            ),
        )  # fmt: skip

    async def list(self, call: Call) -> Answer:
        """`GET /suppressions`."""
        wanted = call.filters(SuppressionFilter)
        place = place_of(wanted.cursor, (int,))
        try:
            found = await self._service.entries(
                self._actor_of(call),
                call.identity.account_id,
                search=wanted.address,
                reason=wanted.reason,
                before=int(place[0]) if place else 0,
                limit=wanted.limit + 1,
            )
        except (NotPermitted, NotVisible):
            raise ApiRefusal(403, "not_permitted") from None
        items = [shown(entry) for entry in found[: wanted.limit]]
        more = (found[wanted.limit - 1].id,) if len(found) > wanted.limit else None
        return Answer(page(items, more))

    async def add(self, call: Call) -> Answer:
        """`POST /suppressions`."""
        wanted = call.content(NewSuppressions)
        for n, address in enumerate(wanted.addresses):
            try:
                parse_address(address.strip())
            except AddressSyntaxError:
                raise invalid(Violation(f"addresses.{n}", "invalid_address")) from None
        try:
            entries = await self._service.add(
                self._actor_of(call),
                call.identity.account_id,
                wanted.addresses,
                scope=Scope(wanted.scope),
                note=wanted.note,
                expires_ms=round(wanted.expires.timestamp() * 1000) if wanted.expires else 0,
            )
        except (NotPermitted, NotVisible):
            raise ApiRefusal(403, "not_permitted") from None
        except PermanentError:  # the rest is the schema's
            raise invalid(Violation("expires", "in_the_past")) from None
        return Answer({"items": [shown(entry) for entry in entries]}, 201)

    async def remove(self, call: Call) -> Answer:
        """`DELETE /suppressions/{address}`."""
        wanted = call.filters(RemovalFilter)
        try:
            removed = await self._service.remove(
                self._actor_of(call),
                call.identity.account_id,
                call.path["address"],
                wanted.why,
                reason=wanted.reason,
            )
        except (NotPermitted, NotVisible):
            raise ApiRefusal(403, "not_permitted") from None
        except PermanentError:
            raise ApiRefusal(404, "not_found") from None
        return Answer({"items": [shown(entry) for entry in removed]})
