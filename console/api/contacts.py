"""The endpoints about contacts and lists of the key's account."""

from collections.abc import Callable, Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from console.accounts.actor import Actor
from console.accounts.arguments import time_of
from console.accounts.values import Scope
from console.api.acting import carried_out, number_of
from console.api.messages.schemas import Id, Time
from console.api.pagination import Paged, page, place_of
from console.api.routes import Answer, Call, Route
from console.contacts.lists import LAST, ContactService
from console.contacts.values import Contact, ContactList

_Email = Annotated[str, Field(min_length=3, max_length=320, examples=["ana@example.org"])]
_Name = Annotated[str, Field(min_length=1, max_length=200)]
_Values = Annotated[
    dict[str, Annotated[str, Field(max_length=2_000)]],
    Field(max_length=200, description="What templates call the values, and the values."),
]


class ContactShown(BaseModel):
    """Somebody the account writes to."""

    id: Id
    email: str
    values: dict[str, str]
    status: str = Field(description="`active` or `blocked`.")
    source: str
    created: Time | None
    changed: Time | None


class ContactPage(BaseModel):
    """Some contacts, the newest first."""

    items: list[ContactShown]
    next: str | None = Field(description="The cursor of the next page; null at the end.")


class ContactFilter(Paged):
    """What the contacts are narrowed by."""

    email: Annotated[str, Field(max_length=320, description="A part of an address.")] = ""


class NewContact(BaseModel):
    """A contact, or further values for the one with that address."""

    model_config = ConfigDict(extra="forbid")

    email: _Email
    values: _Values = Field(default_factory=dict)


class ListShown(BaseModel):
    """A list that contacts are on."""

    id: Id
    name: str
    kind: str
    optin: str
    description: str
    members: int = Field(description="Those who are confirmed.")
    created: Time | None


class ListPage(BaseModel):
    """All lists, by name."""

    items: list[ListShown]


class NewList(BaseModel):
    """A list."""

    model_config = ConfigDict(extra="forbid")

    name: _Name
    description: Annotated[str, Field(max_length=1_000)] = ""


class NewMember(BaseModel):
    """Who is put on a list; the address becomes a contact if it is none."""

    model_config = ConfigDict(extra="forbid")

    email: _Email
    values: _Values = Field(default_factory=dict)


class ContactEndpoints:
    """Handlers; `routes` declares them."""

    def __init__(self, service: ContactService, actor_of: Callable[[Call], Actor]) -> None:
        """`actor_of`: who acts, of a request that was let in."""
        self._service = service
        self._actor_of = actor_of

    def routes(self) -> Sequence[Route]:
        """The table."""
        see, change = (Scope.CONTACT_VIEW,), (Scope.CONTACT_EDIT,)
        return (
            Route(
                "GET", "/api/v1/contacts", "listContacts", "Contacts", self.list, see,
                ContactPage, filters=ContactFilter, tag="contacts",
            ),
            Route(
                "POST", "/api/v1/contacts", "putContact", "Add a contact, or values to one",
                self.put, change, ContactShown, NewContact, status=201, tag="contacts",
                description="Addresses are compared as suppression lists compare them.",
            ),
            Route(
                "GET", "/api/v1/lists", "listLists", "Lists", self.lists, see, ListPage,
                tag="contacts",
            ),
            Route(
                "POST", "/api/v1/lists", "addList", "Add a list", self.add_list, change,
                ListShown, NewList, status=201, tag="contacts",
            ),
            Route(
                "POST", "/api/v1/lists/{id}/members", "addMember", "Put an address on a list",
                self.enlist, change, ContactShown, NewMember, status=201, tag="contacts",
                errors=("not_found",),
                description="Who unsubscribed from the list stays off.",
            ),
        )  # fmt: skip

    async def list(self, call: Call) -> Answer:
        """`GET /contacts`."""
        wanted = call.filters(ContactFilter)
        place = place_of(wanted.cursor, (int,))
        found = await carried_out(
            self._service.search(
                self._actor_of(call), call.identity.account_id, wanted.email,
                before=int(place[0]) if place else LAST, count=wanted.limit + 1,
            )
        )  # fmt: skip
        items = [contact_shown(one) for one in found[: wanted.limit]]
        more = (found[wanted.limit - 1].id,) if len(found) > wanted.limit else None
        return Answer(page(items, more))

    async def put(self, call: Call) -> Answer:
        """`POST /contacts`."""
        wanted, actor = call.content(NewContact), self._actor_of(call)
        made = await carried_out(
            self._service.put(
                actor, call.identity.account_id, wanted.email, wanted.values, source="api"
            )
        )
        return Answer(contact_shown(made), 201)

    async def lists(self, call: Call) -> Answer:
        """`GET /lists`."""
        actor = self._actor_of(call)
        found = await carried_out(self._service.lists(actor, call.identity.account_id))
        return Answer({"items": [list_shown(one) for one in found]})

    async def add_list(self, call: Call) -> Answer:
        """`POST /lists`."""
        wanted = call.content(NewList)
        made = await carried_out(
            self._service.add_list(
                self._actor_of(call), call.identity.account_id, wanted.name,
                description=wanted.description,
            )
        )  # fmt: skip
        return Answer(list_shown(made), 201)

    async def enlist(self, call: Call) -> Answer:
        """`POST /lists/{id}/members`."""
        wanted, actor, number = call.content(NewMember), self._actor_of(call), number_of(call)
        found = await carried_out(self._service.list(actor, number))
        made = await carried_out(
            self._service.put(actor, found.account, wanted.email, wanted.values, source="api")
        )
        await carried_out(self._service.enlist(actor, number, [made.id]))
        return Answer(contact_shown(made), 201)


def contact_shown(contact: Contact) -> dict[str, object]:
    """As `ContactShown`."""
    return {
        "id": str(contact.id), "email": contact.email, "values": dict(contact.attrs),
        "status": contact.status, "source": contact.source,
        "created": time_of(contact.created_ms), "changed": time_of(contact.changed_ms),
    }  # fmt: skip


def list_shown(found: ContactList) -> dict[str, object]:
    """As `ListShown`."""
    return {
        "id": str(found.id), "name": found.name, "kind": found.kind, "optin": found.optin,
        "description": found.description, "members": found.members,
        "created": time_of(found.created_ms),
    }  # fmt: skip
