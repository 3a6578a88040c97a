"""The endpoints about automatic messages, and the events that start them."""

from collections.abc import Awaitable, Sequence
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field

from console.accounts.values import Scope
from console.api.acting import ActorOf, carried_out, number_of
from console.api.messages.schemas import Id, Time
from console.api.moment import Moment
from console.api.pagination import Paged, page, place_of
from console.api.refusals import Violation, invalid
from console.api.routes import Answer, Call, Route
from console.automations.definition import DefinitionError
from console.automations.events import EventService
from console.automations.service import LAST, MAX_NAME, AutomationService
from console.automations.testing import TriedOutcome, TriedStep
from console.automations.values import (
    Automation,
    AutomationState,
    Enrolment,
    EnrolmentState,
    RunMode,
    StepFigures,
)
from mta.events.record import rfc3339

_PATH = "/api/v1/automations"
_VIEW = (Scope.CAMPAIGN_VIEW, Scope.CAMPAIGN_EDIT)
_EDIT = (Scope.CAMPAIGN_EDIT,)
_SEND = (Scope.CAMPAIGN_SEND,)
_TEST = (Scope.CAMPAIGN_TEST,)

Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME)]


class Sender(BaseModel):
    """Who the mails come from."""

    model_config = ConfigDict(extra="forbid")

    email: Annotated[str, Field(max_length=320, examples=["boletin@example.org"])]
    name: Annotated[str, Field(max_length=MAX_NAME)] = ""


class AutomationRequest(BaseModel):
    """A whole automation."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    name: Name
    sender: Sender = Field(alias="from")
    mode: RunMode = Field(RunMode.ONCE, description="How often one contact goes through.")
    definition: dict[str, Any] = Field(
        description="Trigger, steps, time zone and sending window: see the manual.",
    )


class AutomationChange(AutomationRequest):
    """The same; `changed` as it was read keeps the change of somebody else from being lost."""

    changed: Moment | None = None


class AutomationAnswer(BaseModel):
    """An automation."""

    id: Id
    account: Id
    name: str
    state: AutomationState
    mode: RunMode
    version: int
    sender: Sender = Field(serialization_alias="from")
    definition: dict[str, Any]
    created: Time
    changed: Time


class AutomationPage(BaseModel):
    """Some of them, the newest first."""

    items: list[AutomationAnswer]
    next: str | None


class Step(BaseModel):
    """What became of those who came to a step."""

    step: str
    waiting: int
    done: int
    skipped: int
    failed: int


class StepList(BaseModel):
    """All steps in their order."""

    items: list[Step]
    next: None


class EnrolmentAnswer(BaseModel):
    """Somebody on the way, or at its end."""

    id: Id
    contact: Id
    step: str
    state: Literal["active", "done", "left", "failed"]
    due: Time | None
    reason: str
    entered: Time


class EnrolmentPage(BaseModel):
    """Some of them, the newest first."""

    items: list[EnrolmentAnswer]
    next: str | None


class TestRequest(BaseModel):
    """Where test mails go, and for whom they are filled in."""

    model_config = ConfigDict(extra="forbid")

    to: Annotated[str, Field(max_length=320, description="A person of the account.")]
    contact: Annotated[str, Field(pattern=r"^[0-9]{0,18}$", description="Its id.")] = ""
    address: Annotated[str, Field(max_length=320, description="Or the contact's address.")] = ""


class TriedStepAnswer(BaseModel):
    """What a step did in a test, or would do."""

    step: str
    kind: str
    outcome: TriedOutcome
    at: Time = Field(description="When it would be done with.")
    next: str = Field(description="The step that follows; empty: none.")
    message: Id | None
    detail: str


class TestAnswer(BaseModel):
    """The way of the contact."""

    items: list[TriedStepAnswer]
    next: None


class EventRequest(BaseModel):
    """Something that happened in another system."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.\-]{0,63}$", examples=["compra"])]
    email: Annotated[str, Field(min_length=3, max_length=320)]
    id: Annotated[str, Field(max_length=100, description="Your own: twice is once.")] = ""
    values: Annotated[dict[str, str | int | float | bool | None], Field(max_length=100)] = Field(
        default={}, description="Fill in the mails."
    )


class EventAnswer(BaseModel):
    """Taken."""

    automations: int = Field(description="How many automations wait for it.")


class AutomationEndpoints:
    """Handlers; `routes` declares them."""

    def __init__(self, service: AutomationService, events: EventService, actor_of: ActorOf) -> None:
        self._service = service
        self._events = events
        self._actor_of = actor_of

    def routes(self) -> Sequence[Route]:
        """The table."""
        one, missing = f"{_PATH}/{{id}}", ("not_found",)
        return (
            Route(
                "GET", _PATH, "listAutomations", "List automations", self.list, _VIEW,
                AutomationPage, filters=Paged, tag="automations",
            ),
            Route(
                "POST", _PATH, "addAutomation", "Add an automation", self.add, _EDIT,
                AutomationAnswer, AutomationRequest, status=201, tag="automations",
                description="A draft: it does nothing until it is activated.",
            ),
            Route(
                "GET", one, "getAutomation", "Show an automation", self.get, _VIEW,
                AutomationAnswer, tag="automations", errors=missing,
            ),
            Route(
                "PUT", one, "changeAutomation", "Change a draft or paused automation",
                self.change, _EDIT, AutomationAnswer, AutomationChange, tag="automations",
                errors=missing,
                description="Who is on the way goes on by the definition it began with.",
            ),
            Route(
                "POST", f"{one}/activate", "activateAutomation", "Let people in and on",
                self.activate, _SEND, AutomationAnswer, tag="automations", errors=missing,
            ),
            Route(
                "POST", f"{one}/pause", "pauseAutomation", "Hold everybody where they are",
                self.pause, (*_SEND, *_EDIT), AutomationAnswer, tag="automations", errors=missing,
            ),
            Route(
                "POST", f"{one}/archive", "archiveAutomation", "Put it away for good",
                self.archive, _EDIT, AutomationAnswer, tag="automations", errors=missing,
            ),
            Route(
                "POST", f"{one}/test", "testAutomation", "Try it with one contact", self.test,
                _TEST, TestAnswer, TestRequest, tag="automations", errors=missing,
                description="Sends its mails once, free and marked as tests. Waits are told, not "
                "waited; lists and other systems are not touched; nobody is enrolled.",
            ),
            Route(
                "GET", f"{one}/steps", "listAutomationSteps", "What became of each step",
                self.steps, _VIEW, StepList, tag="automations", errors=missing,
            ),
            Route(
                "GET", f"{one}/enrolments", "listEnrolments", "Who is on the way",
                self.enrolments, _VIEW, EnrolmentPage, filters=Paged, tag="automations",
                errors=missing,
            ),
            Route(
                "POST", "/api/v1/events", "takeEvent", "Tell of something that happened",
                self.event, (Scope.SEND,), EventAnswer, EventRequest, status=202,
                tag="automations", errors=missing,
            ),
        )  # fmt: skip

    async def list(self, call: Call) -> Answer:
        """`GET /automations`."""
        asked = call.filters(Paged)
        place = place_of(asked.cursor, (int,))
        before = LAST if place is None else int(place[0])
        found = await self._service.list(self._actor_of(call), before=before, count=asked.limit)
        following = [found[-1].id] if len(found) == asked.limit else None
        return Answer(page([automation_json(one) for one in found], following))

    async def add(self, call: Call) -> Answer:
        """`POST /automations`."""
        asked = call.content(AutomationRequest)
        adding = self._service.create(
            self._actor_of(call), call.identity.account_id, asked.name, _document(asked),
            sender=asked.sender.email, sender_name=asked.sender.name, mode=asked.mode,
        )  # fmt: skip
        return Answer(automation_json(await _made(adding)), 201)

    async def get(self, call: Call) -> Answer:
        """`GET /automations/{id}`."""
        return await self._answer(self._service.get(self._actor_of(call), number_of(call)))

    async def change(self, call: Call) -> Answer:
        """`PUT /automations/{id}`."""
        asked = call.content(AutomationChange)
        seen_ms = 0 if asked.changed is None else round(asked.changed.timestamp() * 1000)
        return await self._answer(
            self._service.edit(
                self._actor_of(call), number_of(call), name=asked.name,
                definition=_document(asked), sender=asked.sender.email,
                sender_name=asked.sender.name, mode=asked.mode, seen_ms=seen_ms,
            )
        )  # fmt: skip

    async def activate(self, call: Call) -> Answer:
        """`POST /automations/{id}/activate`."""
        return await self._answer(self._service.activate(self._actor_of(call), number_of(call)))

    async def pause(self, call: Call) -> Answer:
        """`POST /automations/{id}/pause`."""
        return await self._answer(self._service.pause(self._actor_of(call), number_of(call)))

    async def archive(self, call: Call) -> Answer:
        """`POST /automations/{id}/archive`."""
        return await self._answer(self._service.archive(self._actor_of(call), number_of(call)))

    async def test(self, call: Call) -> Answer:
        """`POST /automations/{id}/test`."""
        asked = call.content(TestRequest)
        trying = self._service.test(
            self._actor_of(call), number_of(call), asked.to, contact=int(asked.contact or 0),
            address=asked.address, language=call.language,
        )  # fmt: skip
        return Answer(page([_tried_json(one) for one in await carried_out(trying, "to")], None))

    async def steps(self, call: Call) -> Answer:
        """`GET /automations/{id}/steps`."""
        reading = self._service.figures(self._actor_of(call), number_of(call))
        return Answer(page([_step_json(one) for one in await carried_out(reading)], None))

    async def enrolments(self, call: Call) -> Answer:
        """`GET /automations/{id}/enrolments`."""
        asked = call.filters(Paged)
        place = place_of(asked.cursor, (int,))
        reading = self._service.enrolments(
            self._actor_of(call), number_of(call),
            before=LAST if place is None else int(place[0]), count=asked.limit,
        )  # fmt: skip
        found = await carried_out(reading)
        following = [found[-1][0].id] if len(found) == asked.limit else None
        return Answer(page([_enrolment_json(*one) for one in found], following))

    async def event(self, call: Call) -> Answer:
        """`POST /events`."""
        asked = call.content(EventRequest)
        taking = self._events.take(
            self._actor_of(call), call.identity.account_id, asked.name, asked.email,
            event_id=asked.id, values=asked.values,
        )  # fmt: skip
        return Answer({"automations": await carried_out(taking)}, 202)

    async def _answer(self, work: Awaitable[Automation]) -> Answer:
        return Answer(automation_json(await _made(work)))


def automation_json(automation: Automation) -> dict[str, Any]:
    """An automation as the API shows it."""
    return {
        "id": str(automation.id),
        "account": str(automation.account),
        "name": automation.name,
        "state": automation.state.value,
        "mode": automation.mode.value,
        "version": automation.version,
        "from": {"email": automation.sender, "name": automation.sender_name},
        "definition": orjson.loads(automation.definition),
        "created": rfc3339(automation.created_ms),
        "changed": rfc3339(automation.changed_ms),
    }


def _step_json(figures: StepFigures) -> dict[str, Any]:
    return {
        "step": figures.step,
        "waiting": figures.waiting,
        "done": figures.done,
        "skipped": figures.skipped,
        "failed": figures.failed,
    }


def _tried_json(tried: TriedStep) -> dict[str, Any]:
    return {
        "step": tried.step,
        "kind": tried.kind,
        "outcome": tried.outcome.value,
        "at": rfc3339(tried.at_ms),
        "next": tried.next,
        "message": str(tried.message) if tried.message else None,
        "detail": tried.detail,
    }


def _enrolment_json(one: Enrolment, reason: str) -> dict[str, Any]:
    return {
        "id": str(one.id),
        "contact": str(one.contact),
        "step": one.step,
        "state": one.state.name.lower(),
        "due": rfc3339(one.due_ms) if one.state is EnrolmentState.ACTIVE else None,
        "reason": reason,
        "entered": rfc3339(one.entered_ms),
    }


async def _made(work: Awaitable[Automation]) -> Automation:
    """What a service gives. Raises `ApiRefusal` with a violation for each problem."""
    return await carried_out(_checked(work))


async def _checked(work: Awaitable[Automation]) -> Automation:
    try:
        return await work
    except DefinitionError as error:
        raise invalid(
            *(
                Violation(f"definition.{field}", "unusable_text", {"detail": message})
                for field, message in error.problems
            )
        ) from None


def _document(asked: AutomationRequest) -> str:
    return orjson.dumps(asked.definition).decode()
