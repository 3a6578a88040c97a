"""Which conditions are told, and when: each once when it lasts, again each day, and when it is over.

Pure: what is wrong and what time it is are arguments. A condition that comes and goes is told only
when it has held for a while, so that a full minute of good does not follow every bad one as mail.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

CALM_S = 120.0  # over for so long: then it is over
AGAIN_S = 86_400.0


class Severity(StrEnum):
    """How soon somebody has to look."""

    WARNING = "warning"
    CRITICAL = "critical"


class AlertState(StrEnum):
    """What an alert says of its condition."""

    RAISED = "raised"
    STILL = "still"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that can be wrong."""

    name: str  # `disk`, `queue`, …
    severity: Severity = Severity.CRITICAL
    hold_s: float = 60.0  # it is told when it has lasted so long
    breaks_mail: bool = False  # while it lasts, mail through Relevo may not arrive


@dataclass(frozen=True, slots=True)
class Alert:
    """One message to the people who run the server."""

    name: str
    state: AlertState
    severity: Severity
    text: str
    since_ms: int
    at_ms: int
    breaks_mail: bool = False


@dataclass(slots=True)
class _Case:
    since_s: float
    since_ms: int
    text: str
    seen_s: float
    told_s: float | None = None


class AlertBook:
    """Remembers what was told."""

    def __init__(self) -> None:
        self._cases: dict[str, _Case] = {}

    def look(
        self,
        conditions: Mapping[str, Condition],
        problems: Mapping[str, str],
        now_s: float,
        now_ms: int,
    ) -> list[Alert]:
        """The alerts that are due; `problems` has the text of each condition that is wrong now.

        `now_s` is monotonic, `now_ms` is what people read.
        """
        due = []
        for name, text in problems.items():
            case = self._cases.setdefault(name, _Case(now_s, now_ms, text, now_s))
            case.seen_s, case.text = now_s, text
            state = self._state(case, conditions[name], now_s)
            if state is not None:
                case.told_s = now_s
                due.append(_alert(conditions[name], state, case, now_ms))
        for name in [n for n in self._cases if n not in problems]:
            case = self._cases[name]
            if case.told_s is None:
                del self._cases[name]
            elif now_s - case.seen_s >= CALM_S:
                del self._cases[name]
                due.append(_alert(conditions[name], AlertState.OVER, case, now_ms))
        return due

    @staticmethod
    def _state(case: _Case, condition: Condition, now_s: float) -> AlertState | None:
        if case.told_s is None:
            lasts_s = now_s - case.since_s
            return AlertState.RAISED if lasts_s >= condition.hold_s else None
        return AlertState.STILL if now_s - case.told_s >= AGAIN_S else None


def _alert(condition: Condition, state: AlertState, case: _Case, now_ms: int) -> Alert:
    return Alert(
        condition.name, state, condition.severity, case.text, case.since_ms, now_ms,
        condition.breaks_mail,
    )  # fmt: skip
