"""Requests for approval as values, and what a kind of request needs."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from console.accounts.actor import Actor
from console.accounts.permissions import Permission
from mta.store.work import Rows


class ApprovalKind(StrEnum):
    """What is asked for."""

    REFUND = "refund"
    CAMPAIGN_SEND = "campaign.send"
    ACCOUNT_ERASURE = "account.erasure"


class ApprovalState(StrEnum):
    """How far a request is."""

    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Approval:
    """A request and, if there is one, the decision."""

    id: int
    kind: ApprovalKind
    account: int
    object: str
    data: Mapping[str, Any]
    state: ApprovalState
    asked_by_kind: str
    asked_by: int
    asked_by_name: str
    created_ms: int
    expires_ms: int
    decided_by_kind: str
    decided_by: int
    decided_by_name: str
    decided_ms: int
    reason: str

    @classmethod
    def of(cls, row: tuple[Any, ...], now_ms: int) -> "Approval":
        """From a row of `approval_by_id`; what nobody decided in time is expired."""
        number, kind, account, thing, data, state, *rest = row
        approval = cls(
            number,
            ApprovalKind(kind),
            account,
            thing,
            json.loads(data),
            ApprovalState(state),
            *rest,
        )
        if approval.state is ApprovalState.PENDING and approval.expires_ms <= now_ms:
            row = (*row[:5], ApprovalState.EXPIRED, *rest)
            return cls.of(row, now_ms)
        return approval

    def was_asked_by(self, actor: Actor) -> bool:
        """Whether it is the actor's own request."""
        return (self.asked_by_kind, self.asked_by) == (actor.kind, actor.id)


Effect = Callable[[Actor, Approval], Awaitable[Sequence[Rows]]]


class ApprovalEffect(Protocol):
    """What an approval brings about."""

    async def approved(self, actor: Actor, approval: Approval) -> Sequence[Rows]:
        """Rows for the job that makes the approval durable; `actor` decides for `approval.reason`.

        Raises `PermanentError` when it cannot be done any more: then nothing is decided. The rows
        guard what they rely on: when the job is refused, this is asked again.
        """
        ...

    def settled(self, approval: Approval) -> None:
        """The decision, whichever, is durable."""
        ...


class NoEffect:
    """For kinds whose requester looks at the decision himself."""

    async def approved(self, actor: Actor, approval: Approval) -> Sequence[Rows]:  # noqa: ARG002
        """Nothing more to do."""
        return ()

    def settled(self, approval: Approval) -> None:
        """Nothing to do."""


@dataclass(frozen=True, slots=True)
class KindRules:
    """Who may ask, who may decide, and what follows; to decide always takes `approve` as well."""

    ask: Permission
    decide: Permission
    effect: ApprovalEffect
    on_rejected: Effect | None = None  # rows that become durable with a rejection
    may_withdraw: bool = False  # whether all who may ask may take a request back, not only who did
