"""The endpoints about one contact, one list and its members, and about consent."""

from collections.abc import Callable, Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from console.accounts.actor import Actor
from console.accounts.arguments import time_of
from console.accounts.values import Scope
from console.api.acting import carried_out, number_of
from console.api.contacts import ContactShown, ListShown, contact_shown, list_shown
from console.api.messages.schemas import Id, Time
from console.api.pagination import Paged, page, place_of
from console.api.refusals import ApiRefusal
from console.api.routes import Answer, Call, Route
from console.contacts.lists import ContactService
from console.contacts.optin.service import LAST, PART, OptinService
from console.contacts.optin.values import Consent
from console.contacts.values import Contact, ContactList

_Email = Annotated[str, Field(min_length=3, max_length=320, examples=["ana@example.org"])]
_MISSING = ("not_found",)


class MembershipShown(BaseModel):
    """A list that a contact is on."""

    list: Id
    name: str
    status: str = Field(description="`unconfirmed`, `confirmed` or `unsubscribed`.")
    since: Time | None


class ContactDetails(ContactShown):
    """A contact with its lists."""

    lists: list[MembershipShown]


class ChangedContact(BaseModel):
    """Address, values and state instead of those there are."""

    model_config = ConfigDict(extra="forbid")

    email: _Email
    values: Annotated[dict[str, Annotated[str, Field(max_length=2_000)]], Field(max_length=200)] = (
        Field(default_factory=dict)
    )
    status: Literal["active", "blocked"] = "active"


class MemberShown(ContactShown):
    """A contact on a list."""

    membership: str = Field(description="`unconfirmed`, `confirmed` or `unsubscribed`.")


class MemberPage(BaseModel):
    """Some members, by id."""

    items: list[MemberShown]
    next: str | None = Field(description="The cursor of the next page; null at the end.")


class MemberFilter(Paged):
    """What the members are narrowed by."""

    status: Literal["", "unconfirmed", "confirmed", "unsubscribed"] = ""


class OptinSettings(BaseModel):
    """How a list asks people."""

    model_config = ConfigDict(extra="forbid")

    optin: Literal["single", "double"]
    is_open: Annotated[bool, Field(description="Whether it has a public form.")] = False
    text: Annotated[str, Field(max_length=2_000, description="What people agree to.")] = ""


class OptinShown(OptinSettings):
    """The same, with the number of the text and the token of the form."""

    version: int
    form: str = Field(description="The form is at `/subscribe/` and this; empty: there is none.")


class AskedPeople(BaseModel):
    """Members who are to be asked; none: those whom nobody has asked."""

    model_config = ConfigDict(extra="forbid")

    contacts: Annotated[list[Id], Field(max_length=PART)] = Field(default_factory=list)


class AskedCount(BaseModel):
    """How many get a confirmation mail."""

    asked: int


class ConsentShown(BaseModel):
    """Who said what to which text, when and from where."""

    id: Id
    contact: Id
    email: str
    list: Id | None
    what: str = Field(description="`asked`, `given` or `withdrawn`.")
    text_version: str
    text: str
    address: str
    agent: str
    at: Time | None


class ConsentPage(BaseModel):
    """Some evidence, the newest first."""

    items: list[ConsentShown]
    next: str | None = Field(description="The cursor of the next page; null at the end.")


class ConsentFilter(Paged):
    """What the evidence is narrowed by."""

    email: Annotated[str, Field(max_length=320)] = ""
    what: Literal["", "asked", "given", "withdrawn"] = ""
    list: Annotated[str, Field(max_length=20, description="The id of a list.")] = ""


class ContactDetailEndpoints:
    """Handlers; `routes` declares them."""

    def __init__(
        self, contacts: ContactService, optin: OptinService, actor_of: Callable[[Call], Actor]
    ) -> None:
        """`actor_of`: who acts, of a request that was let in."""
        self._contacts = contacts
        self._optin = optin
        self._actor_of = actor_of

    def routes(self) -> Sequence[Route]:
        """The table."""
        see, change = (Scope.CONTACT_VIEW,), (Scope.CONTACT_EDIT,)
        one, its_list = "/api/v1/contacts/{id}", "/api/v1/lists/{id}"
        return (
            Route(
                "GET", one, "getContact", "One contact", self.get, see, ContactDetails,
                tag="contacts", errors=_MISSING,
            ),
            Route(
                "PUT", one, "changeContact", "Change a contact", self.change, change,
                ContactShown, ChangedContact, tag="contacts", errors=_MISSING,
                description="Values that are left out are gone.",
            ),
            Route(
                "DELETE", one, "removeContact", "Remove a contact", self.remove, change,
                status=204, tag="contacts", errors=_MISSING,
                description="Its values and lists are gone; suppressions of the address stay.",
            ),
            Route(
                "GET", its_list, "getList", "One list", self.get_list, see, ListShown,
                tag="contacts", errors=_MISSING,
            ),
            Route(
                "GET", f"{its_list}/members", "listMembers", "Who is on a list", self.members,
                see, MemberPage, filters=MemberFilter, tag="contacts", errors=_MISSING,
            ),
            Route(
                "DELETE", f"{its_list}/members/{{contact}}", "removeMember", "Take one off a list",
                self.leave, change, status=204, tag="contacts", errors=_MISSING,
                description="The contact stays.",
            ),
            Route(
                "GET", f"{its_list}/optin", "getOptin", "How a list asks people", self.optin, see,
                OptinShown, tag="contacts", errors=_MISSING,
            ),
            Route(
                "PUT", f"{its_list}/optin", "setOptin", "Let a list ask people, or not",
                self.set_optin, change, OptinShown, OptinSettings, tag="contacts",
                errors=_MISSING,
            ),
            Route(
                "POST", f"{its_list}/ask", "askMembers", "Send confirmation mails", self.ask,
                change, AskedCount, AskedPeople, tag="contacts", errors=_MISSING,
                description="Not to who was asked within ten minutes or thrice within a day.",
            ),
            Route(
                "GET", "/api/v1/consents", "listConsents", "Evidence of consent", self.consents,
                see, ConsentPage, filters=ConsentFilter, tag="contacts",
            ),
        )  # fmt: skip

    async def get(self, call: Call) -> Answer:
        """`GET /contacts/{id}`."""
        found = await self._contact(call)
        lists = await self._contacts.lists_of(self._actor_of(call), found.id)
        shown = [
            {"list": str(number), "name": name, "status": status, "since": time_of(since)}
            for number, name, status, since in lists
        ]
        return Answer({**contact_shown(found), "lists": shown})

    async def change(self, call: Call) -> Answer:
        """`PUT /contacts/{id}`."""
        wanted, found = call.content(ChangedContact), await self._contact(call)
        work = self._contacts.change(
            self._actor_of(call), found.id, wanted.email, wanted.values, wanted.status
        )
        return Answer(contact_shown(await carried_out(work)))

    async def remove(self, call: Call) -> Answer:
        """`DELETE /contacts/{id}`."""
        found = await self._contact(call)
        await carried_out(self._contacts.remove(self._actor_of(call), found.id))
        return Answer(status=204)

    async def get_list(self, call: Call) -> Answer:
        """`GET /lists/{id}`."""
        return Answer(list_shown(await self._list(call)))

    async def members(self, call: Call) -> Answer:
        """`GET /lists/{id}/members`."""
        wanted, found = call.filters(MemberFilter), await self._list(call)
        place = place_of(wanted.cursor, (int,))
        rows = await self._contacts.members(
            self._actor_of(call), found.id, status=wanted.status,
            after=int(place[0]) if place else 0, count=wanted.limit + 1,
        )  # fmt: skip
        shown = rows[: wanted.limit]
        items = [{**contact_shown(one), "membership": status} for one, status in shown]
        return Answer(page(items, (shown[-1][0].id,) if len(rows) > wanted.limit else None))

    async def leave(self, call: Call) -> Answer:
        """`DELETE /lists/{id}/members/{contact}`."""
        found, contact = await self._list(call), number_of(call, "contact")
        await carried_out(self._contacts.delist(self._actor_of(call), found.id, [contact]))
        return Answer(status=204)

    async def optin(self, call: Call) -> Answer:
        """`GET /lists/{id}/optin`."""
        return Answer(await self._optin_shown(call, (await self._list(call)).id))

    async def set_optin(self, call: Call) -> Answer:
        """`PUT /lists/{id}/optin`."""
        wanted, found = call.content(OptinSettings), await self._list(call)
        work = self._optin.configure(
            self._actor_of(call), found.id, optin=wanted.optin, is_open=wanted.is_open,
            text=wanted.text,
        )  # fmt: skip
        await carried_out(work)
        return Answer(await self._optin_shown(call, found.id))

    async def ask(self, call: Call) -> Answer:
        """`POST /lists/{id}/ask`."""
        wanted, found = call.content(AskedPeople), await self._list(call)
        chosen = [_number(one) for one in wanted.contacts]
        asked = await carried_out(self._optin.ask(self._actor_of(call), found.id, chosen))
        return Answer({"asked": asked})

    async def consents(self, call: Call) -> Answer:
        """`GET /consents`."""
        wanted = call.filters(ConsentFilter)
        place = place_of(wanted.cursor, (int,))
        work = self._optin.consents(
            self._actor_of(call), call.identity.account_id, list_id=_number(wanted.list),
            what=wanted.what, email=wanted.email, before=int(place[0]) if place else LAST,
            count=wanted.limit + 1,
        )  # fmt: skip
        found = await carried_out(work)
        shown = found[: wanted.limit]
        more = (shown[-1].id,) if len(found) > wanted.limit else None
        return Answer(page([_consent(one) for one in shown], more))

    async def _optin_shown(self, call: Call, number: int) -> dict[str, object]:
        actor = self._actor_of(call)
        found = await carried_out(self._optin.settings(actor, number))
        return {
            "optin": found.optin, "is_open": found.is_open, "text": found.text,
            "version": found.wording, "form": await self._optin.form_token(actor, number),
        }  # fmt: skip

    async def _contact(self, call: Call) -> Contact:
        """The contact of the path, of the key's own account."""
        number = number_of(call)
        found = await carried_out(self._contacts.get(self._actor_of(call), number))
        if found.account != call.identity.account_id:
            raise ApiRefusal(404, "not_found")
        return found

    async def _list(self, call: Call) -> ContactList:
        """The list of the path, of the key's own account."""
        number = number_of(call)
        found = await carried_out(self._contacts.list(self._actor_of(call), number))
        if found.account != call.identity.account_id:
            raise ApiRefusal(404, "not_found")
        return found


def _number(text: str) -> int:
    """An id of a body; 0, nobody's, for what is none."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0
    return number if number < 1 << 63 else 0


def _consent(found: Consent) -> dict[str, object]:
    return {
        "id": str(found.id), "contact": str(found.contact), "email": found.email,
        "list": str(found.list) if found.list else None, "what": found.what,
        "text_version": found.text_version, "text": found.text, "address": found.address,
        "agent": found.agent, "at": time_of(found.at_ms),
    }  # fmt: skip
