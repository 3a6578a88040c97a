"""What starts an automation and which steps follow: the JSON of editor and API, checked as a whole.

Steps run in their order; a condition jumps to a step behind it, so every way ends. Times of day are
those of the definition's time zone.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import time
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from mta.model.errors import PermanentError

MAX_STEPS = 50
MAX_WAIT_MINUTES = 366 * 24 * 60
FIRST = "start"
END = ""  # the step behind the last one

Id = Annotated[int, Field(gt=0)]
StepId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
EventName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_.\-]{0,63}$")]
FieldName = Annotated[str, StringConstraints(min_length=1, max_length=100)]
_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


class DefinitionError(PermanentError):
    """The definition cannot run; `problems` has (field, message) pairs."""

    def __init__(self, problems: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{field}: {message}" for field, message in problems))
        self.problems = tuple(problems)


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _clock(text: str) -> str:
    if not _CLOCK.fullmatch(text):
        raise ValueError("expected HH:MM")
    return text


def clock_of(text: str) -> time:
    """`"09:30"` as a time of day."""
    return time(int(text[:2]), int(text[3:]))


# -- what starts it ----------------------------------------------------------------------------


class ListTrigger(_Model):
    """Somebody was added to a list, or confirmed it."""

    kind: Literal["list_joined", "list_confirmed"]
    list: Id


class DateTrigger(_Model):
    """A date of the contact, so many days before or after it, at an hour."""

    kind: Literal["date"]
    field: FieldName
    offset_days: Annotated[int, Field(ge=-366, le=366)] = 0
    at: str = "09:00"
    yearly: bool = False  # the day comes again each year, as a birthday does
    _at = field_validator("at")(_clock)


class EventTrigger(_Model):
    """`POST /events` with that name."""

    kind: Literal["event"]
    name: EventName


class EngagementTrigger(_Model):
    """A campaign was opened or clicked, or was not opened within so many hours of its delivery."""

    kind: Literal["opened", "clicked", "not_opened"]
    campaign: Id
    within_hours: Annotated[int, Field(ge=1, le=24 * 60)] = 72


class CalendarTrigger(_Model):
    """Again and again, for everybody on a list."""

    kind: Literal["calendar"]
    every: Literal["day", "week", "month"]
    list: Id
    weekdays: tuple[Annotated[int, Field(ge=0, le=6)], ...] = ()  # 0 is Monday
    day: Annotated[int, Field(ge=1, le=31)] = 1  # of the month; its last where it is shorter
    at: str = "09:00"
    _at = field_validator("at")(_clock)

    @model_validator(mode="after")
    def _has_days(self) -> "CalendarTrigger":
        if self.every == "week" and not self.weekdays:
            raise ValueError("weekdays: name at least one")
        return self


Trigger = Annotated[
    ListTrigger | DateTrigger | EventTrigger | EngagementTrigger | CalendarTrigger,
    Field(discriminator="kind"),
]


# -- its steps ---------------------------------------------------------------------------------


class WaitStep(_Model):
    """Some time, and then until an hour if there is one."""

    kind: Literal["wait"]
    id: StepId
    minutes: Annotated[int, Field(ge=0, le=MAX_WAIT_MINUTES)] = 0
    until: str = ""  # HH:MM: the next time that the clock shows it

    @model_validator(mode="after")
    def _waits(self) -> "WaitStep":
        if self.until:
            _clock(self.until)
        elif not self.minutes:
            raise ValueError("minutes: expected at least 1, or an hour in until")
        return self


class SendStep(_Model):
    """A mail: with a content of its own, or that of a saved template."""

    kind: Literal["send"]
    id: StepId
    subject: Annotated[str, StringConstraints(max_length=500)] = ""  # empty: the template's
    html: Annotated[str, StringConstraints(max_length=1_000_000)] = ""
    text: Annotated[str, StringConstraints(max_length=1_000_000)] = ""
    template: Id | None = None
    version: Annotated[int, Field(ge=1)] | None = None  # None: the newest when it is sent
    is_commercial: bool = False

    @model_validator(mode="after")
    def _has_content(self) -> "SendStep":
        if self.template is not None:
            if self.html or self.text:
                raise ValueError("text: expected either a template or html and text")
            return self
        if self.version is not None:
            raise ValueError("version: expected a template with it")
        if not self.subject:
            raise ValueError("subject: expected some words")
        if not (self.html or self.text):
            raise ValueError("text: expected html or text")
        return self


class ConditionStep(_Model):
    """Goes on at `then` or `otherwise`."""

    kind: Literal["condition"]
    id: StepId
    filter: Mapping[str, Any] | None = None  # as of a segment
    opened: StepId | None = None  # whether the mail of that step was opened
    clicked: StepId | None = None
    then: StepId | Literal[""] = END
    otherwise: StepId | Literal[""] = END

    @model_validator(mode="after")
    def _asks_one_thing(self) -> "ConditionStep":
        asked = [self.filter is not None, self.opened is not None, self.clicked is not None]
        if sum(asked) != 1:
            raise ValueError("expected one of filter, opened, clicked")
        return self


class ListStep(_Model):
    """Puts the contact on a list, or takes it off."""

    kind: Literal["list_add", "list_remove"]
    id: StepId
    list: Id


class WebhookStep(_Model):
    """Tells another system."""

    kind: Literal["webhook"]
    id: StepId
    url: Annotated[str, StringConstraints(pattern=r"^https?://", max_length=2_000)]


class EndStep(_Model):
    """Nothing further, although steps follow."""

    kind: Literal["end"]
    id: StepId


Step = Annotated[
    WaitStep | SendStep | ConditionStep | ListStep | WebhookStep | EndStep,
    Field(discriminator="kind"),
]


class SendingWindow(_Model):
    """Mails go out in these hours of these days only."""

    weekdays: tuple[Annotated[int, Field(ge=0, le=6)], ...] = (0, 1, 2, 3, 4, 5, 6)
    begin: str = "08:00"
    end: str = "20:00"
    _times = field_validator("begin", "end")(_clock)

    @model_validator(mode="after")
    def _is_open(self) -> "SendingWindow":
        if not self.weekdays or self.begin >= self.end:
            raise ValueError("the window is never open")
        return self


class Definition(_Model):
    """All of it."""

    trigger: Trigger
    steps: Annotated[tuple[Step, ...], Field(min_length=1, max_length=MAX_STEPS)]
    timezone: str = "America/Lima"
    window: SendingWindow | None = None

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        if name not in available_timezones():
            raise ValueError(f"{name!r} is no time zone")
        return name

    @model_validator(mode="after")
    def _ways_lead_on(self) -> "Definition":
        places = {step.id: n for n, step in enumerate(self.steps)}
        if len(places) < len(self.steps):
            raise ValueError("two steps have the same id")
        sends = {step.id for step in self.steps if step.kind == "send"}
        for n, step in enumerate(self.steps):
            if not isinstance(step, ConditionStep):
                continue
            for target in (step.then, step.otherwise):
                if target != END and places.get(target, -1) <= n:
                    raise ValueError(f"step {step.id}: {target!r} is no step behind it")
            about = step.opened or step.clicked
            if about and (about not in sends or places[about] > n):
                raise ValueError(f"step {step.id}: {about!r} is no mail before it")
        return self

    @property
    def zone(self) -> ZoneInfo:
        """Where its clock stands."""
        return ZoneInfo(self.timezone)

    @property
    def first(self) -> str:
        """The id of the first step."""
        return self.steps[0].id

    def step(self, step_id: str) -> Step | None:
        """The step with that id; None behind the last one."""
        return next((step for step in self.steps if step.id == step_id), None)

    def behind(self, step_id: str) -> str:
        """The id of the step that follows in order, or `END`."""
        ids = [step.id for step in self.steps]
        place = ids.index(step_id) + 1
        return ids[place] if place < len(ids) else END


def read_definition(document: str | bytes) -> Definition:
    """The definition in a JSON document. Raises `DefinitionError` with everything that is wrong."""
    try:
        return Definition.model_validate_json(document)
    except ValidationError as error:
        raise DefinitionError(
            [
                (".".join(str(part) for part in one["loc"]) or "definition", _said(one["msg"]))
                for one in error.errors(include_url=False, include_context=False)
            ]
        ) from None


def _said(message: str) -> str:
    return message.removeprefix("Value error, ")
