"""What the back-off decides: the present limits of a lane, and the record of a change."""

from dataclasses import dataclass
from enum import StrEnum

from mta.model.reply import Reply


class Stage(StrEnum):
    """How a lane is doing."""

    NORMAL = "normal"  # between connections_start and connections_max, full rates
    REDUCED = "reduced"  # connections and rates cut, recovering cohort by cohort
    RESTING = "resting"  # one connection, one message a minute, until a time
    RECOVERING = "recovering"  # after a rest


@dataclass(frozen=True, slots=True)
class Throttle:
    """Limits of a lane at the moment.

    `rate_factor` multiplies the policy's message rates; `messages_per_minute` 0: no further limit.
    """

    connections: int
    rate_factor: float = 1.0
    messages_per_minute: float = 0.0


@dataclass(frozen=True, slots=True)
class ShapingChange:
    """One automatic change: the data of a `shaping.changed` event."""

    stage: Stage
    reason: str
    cause: Reply | None  # the reply that led to it; None: mail went well, time passed, an operator
    old: Throttle
    new: Throttle
    until_ms: int  # wall clock; 0: until the next change

    def record(self) -> dict[str, str | int | float]:
        """Plain values for the event; the caller adds site and source."""
        return {
            "stage": self.stage.value,
            "reason": self.reason,
            "cause": "" if self.cause is None else str(self.cause),
            "old_connections": self.old.connections,
            "new_connections": self.new.connections,
            "old_rate_factor": self.old.rate_factor,
            "new_rate_factor": self.new.rate_factor,
            "messages_per_minute": self.new.messages_per_minute,
            "until_ms": self.until_ms,
        }
