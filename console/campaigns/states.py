"""The life of a campaign as data: statuses, which may follow which, and why."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class CampaignStatus(StrEnum):
    """How far a campaign is; stored."""

    DRAFT = "draft"
    IN_REVIEW = "in_review"  # waits for a second person
    APPROVED = "approved"
    SCHEDULED = "scheduled"
    PREPARING = "preparing"  # audience and content are being frozen
    RUNNING = "running"
    PAUSED = "paused"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    FAILED = "failed"

    @property
    def is_over(self) -> bool:
        """Whether nothing more will be sent."""
        return not TRANSITIONS[self]

    @property
    def is_editable(self) -> bool:
        """Whether name, content and audience can be changed."""
        return self in EDITABLE

    @property
    def is_live(self) -> bool:
        """Whether its mail is on its way or about to be."""
        return self in LIVE


_S = CampaignStatus

TRANSITIONS: Mapping[CampaignStatus, frozenset[CampaignStatus]] = MappingProxyType(
    {
        _S.DRAFT: frozenset((_S.IN_REVIEW, _S.SCHEDULED, _S.PREPARING, _S.CANCELLED)),
        _S.IN_REVIEW: frozenset((_S.DRAFT, _S.APPROVED, _S.CANCELLED)),
        _S.APPROVED: frozenset((_S.DRAFT, _S.SCHEDULED, _S.PREPARING, _S.CANCELLED)),
        _S.SCHEDULED: frozenset(
            (_S.DRAFT, _S.APPROVED, _S.PREPARING, _S.PAUSED, _S.CANCELLED, _S.FAILED)
        ),
        _S.PREPARING: frozenset((_S.RUNNING, _S.PAUSED, _S.CANCELLED, _S.FAILED)),
        _S.RUNNING: frozenset((_S.PAUSED, _S.FINISHED, _S.CANCELLED, _S.FAILED)),
        _S.PAUSED: frozenset(  # to itself: for another reason
            (
                _S.SCHEDULED,
                _S.PREPARING,
                _S.RUNNING,
                _S.PAUSED,
                _S.FINISHED,
                _S.CANCELLED,
                _S.FAILED,
            )
        ),
        _S.FINISHED: frozenset(),
        _S.CANCELLED: frozenset(),
        _S.FAILED: frozenset(),
    }
)

EDITABLE = frozenset((_S.DRAFT, _S.IN_REVIEW, _S.APPROVED))
LIVE = frozenset((_S.PREPARING, _S.RUNNING, _S.PAUSED))
STARTABLE = frozenset((_S.DRAFT, _S.APPROVED))


class Reason(StrEnum):
    """Why a campaign is in its status; stored, and the name of a text on pages."""

    NONE = ""
    USER = "user"  # a person did it
    STOPPED = "stopped"  # everything was stopped at once
    OPERATOR = "operator"  # its flow was held or cancelled in the queue
    RESTORED = "restored"  # a backup was restored: mail may have gone since
    LATE = "late"  # its hour was missed by more than its grace
    WINDOW = "window"  # outside of its sending hours; goes on by itself
    CANARY = "canary"  # the first part is sent: look, then resume
    QUOTA = "quota"  # the bag has not enough, or its contract is over
    ACCOUNT = "account"  # the account is disabled
    BOUNCES = "bounces"  # stop rule: too many addresses do not exist
    COMPLAINTS = "complaints"  # stop rule: too many called it spam
    POLICY = "policy"  # stop rule: a provider refuses it
    EDITED = "edited"  # what was approved or waiting was changed
    REJECTED = "rejected"  # the second person said no
    LAPSED = "lapsed"  # nobody decided in time
    EMPTY = "empty"  # nobody is left to write to
    ERROR = "error"  # it cannot be sent; the note says why
    ENDED = "ended"  # its own end came before everything was sent
    DONE = "done"


RULES = frozenset((Reason.BOUNCES, Reason.COMPLAINTS, Reason.POLICY))  # by which it stops itself


class Origin(StrEnum):
    """How a campaign came of another one."""

    NONE = ""
    CLONE = "clone"
    FAILED = "failed"  # to those whom it did not reach
    NOT_OPENED = "not_opened"
    CORRECTION = "correction"  # to those who received it
