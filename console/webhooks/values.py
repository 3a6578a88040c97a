"""Endpoints and their delivery log as values."""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from mta.events.record import EVENT_CODES
from mta.model.traffic import EventType

CURSOR = "webhook:"


class WebhookState(StrEnum):
    """Whether an endpoint gets events."""

    ACTIVE = "active"
    PAUSED = "paused"  # by a person; events wait
    DISABLED = "disabled"  # by Relevo, after three days or at a 410; events wait


class Kind(StrEnum):
    """Why something was POSTed."""

    EVENTS = "events"
    TEST = "test"
    REPLAY = "replay"


@dataclass(frozen=True, slots=True)
class Webhook:
    """One endpoint of an account."""

    id: int
    account: int
    url: str
    description: str
    types: tuple[EventType, ...]  # empty: all
    state: WebhookState
    reason: str
    generation: int
    previous_until_ms: int
    failing_since_ms: int
    attempts: int
    next_ms: int
    upto: int
    created_ms: int
    position: int  # the last event that the endpoint took

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> "Webhook":
        """From a row of `webhook_all`."""
        types = tuple(EventType(name) for name in json.loads(row[4]))
        number, account, url, description, _, state, reason, *rest = row
        return cls(number, account, url, description, types, WebhookState(state), reason, *rest)

    @property
    def cursor(self) -> str:
        """Its name among the cursors of the event table."""
        return f"{CURSOR}{self.id}"

    @property
    def codes(self) -> str:
        """Its types as the event table writes them, a JSON array."""
        return json.dumps(sorted(EVENT_CODES[kind] for kind in self.types))

    def wants(self, account: int, code: int) -> bool:
        """Whether an event is for it."""
        return account == self.account and (
            not self.types or any(EVENT_CODES[kind] == code for kind in self.types)
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one POST."""

    status: int  # HTTP; 0: there was no answer
    text: str  # the beginning of the answer, or why there was none
    took_ms: int

    @property
    def is_taken(self) -> bool:
        """Whether the receiver has it now: any 2xx."""
        return 200 <= self.status < 300

    @property
    def is_gone(self) -> bool:
        """410: the receiver wants nothing any more."""
        return self.status == 410


@dataclass(frozen=True, slots=True)
class Delivery:
    """One line of the delivery log."""

    id: int
    webhook: int
    kind: Kind
    first: int
    last: int
    events: int
    attempt: int
    at_ms: int
    took_ms: int
    status: int
    answer: str

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> "Delivery":
        """From a row of `webhook_deliveries`."""
        return cls(row[0], row[1], Kind(row[2]), *row[3:])

    @property
    def is_taken(self) -> bool:
        """Whether the receiver took it."""
        return 200 <= self.status < 300
