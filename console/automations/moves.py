"""What comes next for somebody in an automation: a pure function of step, time and facts."""

from dataclasses import dataclass
from enum import Enum

from console.automations import timing
from console.automations.definition import END, ConditionStep, Definition, EndStep, WaitStep

RETRY_MINUTES = (1, 5, 30, 120, 720)  # between the tries of a step that failed for now


class Effect(Enum):
    """What the step does besides leading on."""

    NONE = "none"
    ACT = "act"  # send, list, webhook: somebody has to do it


@dataclass(frozen=True, slots=True)
class Move:
    """The step that comes next, and when; `step` is `END` when the way is over."""

    step: str
    due_ms: int
    effect: Effect = Effect.NONE

    @property
    def is_end(self) -> bool:
        """Whether nothing follows."""
        return self.step == END


def asks(definition: Definition, step_id: str) -> ConditionStep | None:
    """The condition that has to be answered before `move` can say what comes next."""
    step = definition.step(step_id)
    return step if isinstance(step, ConditionStep) else None


def move(definition: Definition, step_id: str, now_ms: int, *, is_met: bool = False) -> Move:
    """What somebody who is due at a step does now; `is_met` answers its condition.

    A mail outside of the sending window moves to the window's beginning and stays at its step.
    """
    step = definition.step(step_id)
    if step is None or isinstance(step, EndStep):
        return Move(END, now_ms)
    if isinstance(step, ConditionStep):
        return Move(step.then if is_met else step.otherwise, now_ms)
    behind = definition.behind(step_id)
    if isinstance(step, WaitStep):
        due_ms = timing.after_wait(now_ms, step.minutes, step.until, definition.zone)
        return Move(behind, due_ms)
    if step.kind == "send":
        open_ms = timing.in_window(now_ms, definition.window, definition.zone)
        if open_ms > now_ms:
            return Move(step_id, open_ms)
    return Move(behind, now_ms, Effect.ACT)


def retry_ms(tries: int, now_ms: int) -> int | None:
    """When a step that failed for now is tried again; None: given up."""
    if tries >= len(RETRY_MINUTES):
        return None
    return now_ms + RETRY_MINUTES[tries] * 60_000
