"""A campaign as a value, and the groups of its columns that are stored as JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

import orjson

from console.accounts.actor import ActorKind
from console.campaigns.states import CampaignStatus, Origin, Reason
from mta.model.traffic import DeliveryState

GRACE_MIN = 60  # a start that was missed by more waits for a person
MAX_RATE_PER_HOUR = 10_000_000


class _Stored:
    """Reads and writes JSON; fields that a later release added are left out."""

    __slots__ = ()

    @classmethod
    def load(cls, text: str) -> Self:
        """From the column."""
        known = {f.name for f in fields(cls)}  # type: ignore[arg-type]  # only dataclasses derive
        given = orjson.loads(text)
        return cls(**{name: _frozen(part) for name, part in given.items() if name in known})

    def dump(self) -> str:
        """For the column."""
        return orjson.dumps(asdict(self)).decode()  # type: ignore[call-overload]  # as above


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


@dataclass(frozen=True, slots=True)
class Content(_Stored):
    """What is sent; texts may hold merge fields."""

    from_address: str = ""
    from_name: str = ""
    reply_to: str = ""
    subject: str = ""
    preheader: str = ""  # what inboxes show behind the subject
    kind: str = "html"  # html | mjml | text: what `source` is
    source: str = ""
    text: str = ""  # empty: made of the HTML
    template: int = 0  # version of a saved template that it was made of
    slots: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[int, ...] = ()  # of the library, that are attached
    is_commercial: bool = False
    track_opens: bool = True
    track_clicks: bool = True
    track_totals: bool = False  # opens and clicks are counted without knowing whose they are

    @property
    def is_complete(self) -> bool:
        """Whether there is anything to send, from somebody, about something."""
        return bool(self.from_address and self.subject and (self.source or self.text))


@dataclass(frozen=True, slots=True)
class AudienceSpec(_Stored):
    """To whom: rows that are frozen already, or lists that are frozen when it is prepared."""

    audience: int = 0  # frozen rows: an upload, or what became of a campaign before
    include: tuple[int, ...] = ()  # lists and segments
    exclude: tuple[int, ...] = ()
    pick: str = ""  # of a campaign before: failed | not_opened | received
    parent: int = 0
    count: int = 0  # rows, as far as known

    @property
    def is_complete(self) -> bool:
        """Whether anybody is meant."""
        return bool(self.audience or self.include or self.parent)


@dataclass(frozen=True, slots=True)
class Plan(_Stored):
    """When and how fast."""

    send_at_ms: int = 0  # 0: at once
    timezone: str = ""  # of the window; empty: the installation's
    days: tuple[int, ...] = ()  # 0 is Monday; empty: any day
    from_minute: int = 0  # of the day; both 0: the whole day
    to_minute: int = 0
    grace_min: int = GRACE_MIN
    rate_per_hour: int = 0  # 0: as fast as receivers take it
    end_ms: int = 0  # what was not tried by then is cancelled; 0: forecast and a day
    canary: int = 0  # send so many first, then pause
    is_canary_passed: bool = False
    passed: tuple[str, ...] = ()  # stop rules that somebody has looked at

    @property
    def has_window(self) -> bool:
        """Whether it is sent at some hours only."""
        return bool(self.days or self.to_minute)


@dataclass(frozen=True, slots=True)
class Frozen(_Stored):
    """What was fixed when it was prepared; everything later reads only this."""

    flow: int = 0
    audience: int = 0
    total: int = 0
    canary: int = 0
    messages: tuple[int, ...] = ()  # one, or the canary's and the rest's
    is_planned: bool = False  # rate and end are set
    are_opens_known: bool = True  # each is told apart, by what campaign and account tracked then


@dataclass(frozen=True, slots=True)
class Figures(_Stored):
    """What the time of sending was; durations are milliseconds since the start without pauses."""

    started_ms: int = 0
    finished_ms: int = 0
    held_ms: int = 0  # time on hold of its flow, when it started
    t50_ms: int = 0
    t90_ms: int = 0
    t99_ms: int = 0
    sending_ms: int = 0  # without pauses, when it ended
    per_hour: int = 0  # average, when it ended
    counts: Mapping[str, int] = field(default_factory=dict)  # by state, when it ended


@dataclass(frozen=True, slots=True)
class Acceptance(_Stored):
    """Which warnings of the preflight somebody accepted; who did it last."""

    codes: tuple[str, ...] = ()
    actor_kind: str = ""
    actor: int = 0
    actor_name: str = ""
    at_ms: int = 0


@dataclass(frozen=True, slots=True)
class Campaign:
    """A row."""

    id: int
    account: int
    name: str
    status: CampaignStatus
    reason: Reason
    note: str
    etag: int
    content: Content
    audience: AudienceSpec
    plan: Plan
    approval: int
    parent: int
    parent_kind: Origin
    frozen: Frozen
    figures: Figures
    is_settled: bool
    created_by_kind: ActorKind
    created_by: int
    created_by_name: str
    created_ms: int
    changed_ms: int
    accepted: Acceptance

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> "Campaign":
        """From a row of `campaign_by_id`."""
        number, account, name, status, reason, note, etag, content, audience, plan = row[:10]
        approval, parent, kind, frozen, figures, settled, *made, agreed = row[10:]
        by_kind, by, by_name, created_ms, changed_ms = made
        return cls(
            number, account, name, CampaignStatus(status), Reason(reason), note, etag,
            Content.load(content), AudienceSpec.load(audience), Plan.load(plan), approval, parent,
            Origin(kind), Frozen.load(frozen), Figures.load(figures), bool(settled),
            ActorKind(by_kind), by, by_name, created_ms, changed_ms, Acceptance.load(agreed),
        )  # fmt: skip

    @property
    def reference(self) -> str:
        """Its name in the books of the bag."""
        return f"campaign:{self.id}"

    @property
    def flow_name(self) -> str:
        """What operators see in the queue; no two campaigns have the same."""
        return f"{self.name[:150]} ({self.id})"

    def key(self, part: int) -> str:
        """The idempotency key of a part of its mail."""
        return f"relevo-campaign-{self.id}-{part}"

    def row(self, now_ms: int) -> tuple[str | int, ...]:
        """For `campaign_put`, over the etag that this value has."""
        return (
            self.id, self.etag, self.name, self.status.value, self.reason.value, self.note,
            self.content.dump(), self.audience.dump(), self.plan.dump(), self.approval, now_ms,
            self.accepted.dump(),
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Dated:
    """A campaign in a calendar: when it started, or will."""

    id: int
    name: str
    status: CampaignStatus
    reason: Reason
    at_ms: int


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the history."""

    was: str
    became: str
    reason: str
    note: str
    actor_kind: str
    actor: int
    actor_name: str
    at_ms: int


Counts = Mapping[DeliveryState, int]


def open_of(counts: Counts) -> int:
    """Deliveries that are not final."""
    return sum(n for state, n in counts.items() if not state.is_final)
