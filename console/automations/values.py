"""What automations are made of, as the tables have it."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any, Self


class AutomationState(StrEnum):
    """`draft` and `paused` may be edited; only `active` lets anybody in or on."""

    DRAFT = "draft"
    ACTIVE = "active"
    PAUSED = "paused"
    ARCHIVED = "archived"


class RunMode(StrEnum):
    """How often one contact goes through."""

    ONCE = "once"
    ALWAYS = "always"


class EnrolmentState(IntEnum):
    """Where somebody stands; from `DONE` on for good."""

    ACTIVE = 0
    DONE = 10
    LEFT = 11  # unsubscribed, removed, erased, or the automation was archived
    FAILED = 12  # a step could not be done; `reason` says why


@dataclass(frozen=True, slots=True)
class Automation:
    """One automatic message or series of them, with its newest definition."""

    id: int
    account: int
    name: str
    state: AutomationState
    mode: RunMode
    version: int
    definition: str  # JSON, see `definition.Definition`
    sender: str  # address in From
    sender_name: str
    created_ms: int
    changed_ms: int

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> Self:
        """From a row of `automation_by_id`."""
        return cls(row[0], row[1], row[2], AutomationState(row[3]), RunMode(row[4]), *row[5:])


@dataclass(frozen=True, slots=True)
class Enrolment:
    """Somebody on the way through an automation."""

    id: int
    automation: int
    version: int  # of the definition that holds for this way
    contact: int
    occasion: str  # what it began with; a second time with the same does nothing
    step: str  # the id of the step that comes next
    state: EnrolmentState
    due_ms: int
    tries: int  # of this step, failed so far
    facts: str  # JSON: values that came with the event, deliveries by step
    entered_ms: int

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> Self:
        """From a row of `enrolments_due`."""
        state, *later = row[6:11]
        return cls(
            row[0], row[1], row[2], row[3], row[4], row[5], EnrolmentState(state), *later
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class StepFigures:
    """What became of those who came to a step."""

    step: str
    waiting: int  # are there now
    done: int
    skipped: int  # suppressed, or no longer a reader
    failed: int


@dataclass(frozen=True, slots=True)
class Reader:
    """A contact as an automation needs it."""

    id: int
    address: str
    values: str  # JSON object: what mails are filled in with
    is_reachable: bool  # neither blocked nor unsubscribed from everything
