"""Refunds as values, and the words that are stored for their states."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, NamedTuple

from mta.model.errors import PermanentError

ALWAYS_MS = 2**53
_LAST_ID = 2**63 - 1
SYSTEM = "system"  # who proposes what Relevo found by itself


class RefundState(StrEnum):
    """Where a refund stands."""

    COLLECTING = (
        "collecting"  # its list is being made; after a crash it stays so and counts for nothing
    )
    PROPOSED = "proposed"  # waits for a second person
    LAPSED = "lapsed"  # nobody decided in time: it can be proposed again
    CONFIRMED = "confirmed"  # is being put back
    DONE = "done"
    REJECTED = "rejected"


class RefundScope(StrEnum):
    """Which sends are put back."""

    ALL = "all"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Subject:
    """What failed: a campaign or stream (`flow`), a batch (`message`), a time range, or parts of it."""

    flow: int = 0
    message: int = 0
    from_ms: int = 0
    until_ms: int = ALWAYS_MS

    def text(self) -> str:
        """As JSON, without what is not said."""
        said: dict[str, str] = {}
        if self.flow:
            said["flow"] = str(self.flow)
        if self.message:
            said["message"] = str(self.message)
        if self.from_ms:
            said["from_ms"] = str(self.from_ms)
        if self.until_ms != ALWAYS_MS:
            said["until_ms"] = str(self.until_ms)
        return json.dumps(said, sort_keys=True)

    @classmethod
    def of(cls, text: str) -> "Subject":
        """From `text()`."""
        return cls(**{name: int(value) for name, value in json.loads(text).items()})

    def asked(self, scope: RefundScope) -> dict[str, int]:
        """Parameters of the statements that find what is refundable; ids of messages begin with time."""
        return {
            "from_id": min(self.from_ms * 1_000_000, _LAST_ID),
            "until_id": min(self.until_ms * 1_000_000, _LAST_ID),
            "flow": self.flow,
            "message": self.message,
            "failed": int(scope is RefundScope.FAILED),
        }

    def check(self) -> None:
        """Raise `PermanentError` unless it says what it is about."""
        if not self.flow and not self.message and self.until_ms == ALWAYS_MS:
            raise PermanentError("say what failed: a campaign, a message, or a time range")
        if self.from_ms >= self.until_ms:
            raise PermanentError("the time range is empty")


@dataclass(frozen=True, slots=True)
class Refund:
    """One refund."""

    id: int
    account: int
    subject: Subject
    scope: RefundScope
    resend: bool
    reason: str
    state: RefundState
    n: int  # deliveries on the list
    given: int  # of them put back: not those that had been before
    place: int
    sent_again: int
    created_ms: int
    done_ms: int
    proposed_by: str
    confirmed_by: str
    evidence: str  # an incident, a ticket, a link
    open_until_ms: int  # when a person's proposal lapses
    decided_by: str
    decided_ms: int
    decision: str  # why, in the words of who decided

    @classmethod
    def of(cls, row: tuple[Any, ...], now_ms: int) -> "Refund":
        """From a row of `quota_refund_by_id`; what nobody decided in time is lapsed."""
        number, account, subject, scope, resend, reason, state, *rest = row
        refund = cls(
            number,
            account,
            Subject.of(subject),
            RefundScope(scope),
            bool(resend),
            reason,
            RefundState(state),
            *rest,
        )
        is_open = refund.is_own or now_ms < refund.open_until_ms
        if refund.state is RefundState.PROPOSED and not is_open:
            return replace(refund, state=RefundState.LAPSED)
        return refund

    @property
    def is_own(self) -> bool:
        """Whether Relevo itself proposed it: that never lapses."""
        return self.proposed_by == SYSTEM

    def told(self) -> Mapping[str, object]:
        """For the audit trail."""
        return {"scope": self.scope, "resend": self.resend, "reason": self.reason, "n": self.n}


class RefundItem(NamedTuple):
    """A delivery on the list of a refund."""

    delivery: int
    message: int
    flow: int
    account: int
    address: str
    state: int  # DeliveryState when the list was made
