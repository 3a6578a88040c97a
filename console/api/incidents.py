"""The endpoints about incidents: reported, followed, answered, and closed by who reported them.

What an incident is for the law, and who was told of it, is for people to say: the register in the
console has that, and the countdown.
"""

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, Field

from console.accounts.incidents.operations import incident_json, note_json
from console.accounts.incidents.service import (
    MAX_CONTACT,
    MAX_REFERENCE,
    MAX_SUBJECT,
    MAX_TEXT,
    IncidentService,
)
from console.accounts.incidents.values import Category, IncidentState
from console.accounts.values import Scope
from console.api.acting import ActorOf, carried_out, number_of
from console.api.messages.request import Schema
from console.api.messages.schemas import Id, Time
from console.api.pagination import Paged, page, place_of
from console.api.routes import Answer, Call, Route

_PATH = "/api/v1/incidents"
_LAST = (1 << 63) - 1
Text = Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]
Number = Annotated[str, Field(pattern=r"^[0-9]{1,19}$", description="Else the key's account.")]


class NewIncident(Schema):
    """What happened, and whom to answer."""

    category: Category
    subject: Annotated[str, Field(min_length=1, max_length=MAX_SUBJECT)]
    text: Text
    contact: Annotated[
        str, Field(max_length=MAX_CONTACT, description="An address or a telephone number.")
    ] = ""
    account: Number | None = None


class IncidentUpdate(Schema):
    """What there is to say about it; with a state it is moved on, too."""

    text: Text
    state: Annotated[
        IncidentState | None,
        Field(description="`closed` by the key that reported it; others by people."),
    ] = None
    reference: Annotated[
        str, Field(max_length=MAX_REFERENCE, description="What it led to; with a state alone.")
    ] = ""


class IncidentNote(BaseModel):
    """What somebody said or did."""

    at: Time
    by: str
    state: IncidentState | None = Field(description="That it put the incident in.")
    text: str


class IncidentSummary(BaseModel):
    """An incident, without what was said about it."""

    id: Id
    number: int = Field(description="Names it in paths.")
    account: Id
    category: Category
    subject: str
    text: str
    contact: str
    state: IncidentState
    reference: str
    opened_by: str
    created: Time
    changed: Time
    closed: Time | None


class IncidentAnswer(IncidentSummary):
    """An incident with what was said about it, in order."""

    notes: list[IncidentNote]


class IncidentPage(BaseModel):
    """Some incidents, the newest first."""

    items: list[IncidentSummary]
    next: str | None


class IncidentFilter(Paged):
    """Which incidents."""

    open: Annotated[bool, Field(description="Only those that are not closed.")] = False


class IncidentEndpoints:
    """Handlers; `routes` declares them."""

    def __init__(self, service: IncidentService, actor_of: ActorOf) -> None:
        self._service = service
        self._actor_of = actor_of

    def routes(self) -> Sequence[Route]:
        """The table."""
        see = (Scope.ACCOUNT_VIEW, Scope.ACCOUNT_MANAGE)
        one, missing = f"{_PATH}/{{number}}", ("not_found",)
        return (
            Route(
                "POST", _PATH, "openIncident", "Report an incident", self.open, see,
                IncidentAnswer, NewIncident, status=201, tag="support", errors=missing,
                description="The support is told by mail.",
            ),
            Route(
                "GET", _PATH, "listIncidents", "List incidents", self.list, see, IncidentPage,
                filters=IncidentFilter, tag="support",
            ),
            Route(
                "GET", one, "getIncident", "Show an incident and what was said about it",
                self.get, see, IncidentAnswer, tag="support", errors=missing,
            ),
            Route(
                "PATCH", one, "updateIncident", "Say something about an incident, or close it",
                self.update, see, IncidentAnswer, IncidentUpdate, tag="support", errors=missing,
            ),
        )  # fmt: skip

    async def open(self, call: Call) -> Answer:
        """`POST /incidents`."""
        asked = call.content(NewIncident)
        account = call.identity.account_id
        if asked.account is not None:
            account = min(int(asked.account), _LAST)
        opening = self._service.open(
            self._actor_of(call), account, asked.category, asked.subject, asked.text, asked.contact
        )
        return Answer(await self._shown(call, (await carried_out(opening, "text")).number), 201)

    async def list(self, call: Call) -> Answer:
        """`GET /incidents`."""
        wanted = call.filters(IncidentFilter)
        place = place_of(wanted.cursor, (int,))
        found = await self._service.list(
            self._actor_of(call), open_only=wanted.open,
            before=int(place[0]) if place else _LAST, count=wanted.limit + 1,
        )  # fmt: skip
        shown = found[: wanted.limit]
        following = (shown[-1].number,) if len(found) > wanted.limit else None
        return Answer(page([incident_json(one) for one in shown], following))

    async def get(self, call: Call) -> Answer:
        """`GET /incidents/{number}`."""
        return Answer(await self._shown(call, number_of(call, "number")))

    async def update(self, call: Call) -> Answer:
        """`PATCH /incidents/{number}`."""
        asked, number = call.content(IncidentUpdate), number_of(call, "number")
        actor = self._actor_of(call)
        if asked.state is None:
            await carried_out(self._service.add_note(actor, number, asked.text), "text")
        else:
            moving = self._service.move(
                actor, number, asked.state, asked.text, reference=asked.reference
            )
            await carried_out(moving, "state")
        return Answer(await self._shown(call, number))

    async def _shown(self, call: Call, number: int) -> dict[str, object]:
        actor = self._actor_of(call)
        incident = await carried_out(self._service.get(actor, number))
        notes = await self._service.notes(actor, number)
        return {**incident_json(incident), "notes": [note_json(one) for one in notes]}
