"""What requests about campaigns may hold, and what answers look like."""

from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from console.api.messages.schemas import Id, Time
from console.api.moment import Moment
from console.api.pagination import Paged
from console.campaigns.checks import DAY_MIN, MAX_FILES, MAX_NAME, MAX_SOURCE, MAX_SUBJECT
from console.campaigns.states import CampaignStatus
from console.campaigns.testing import MAX_ADDRESSES
from console.campaigns.values import MAX_RATE_PER_HOUR, AudienceSpec, Content, Plan

Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
Text = Annotated[str, Field(max_length=MAX_SOURCE)]
Short = Annotated[str, Field(max_length=320)]
Ids = Annotated[list[Id], Field(max_length=1_000)]
Count = Annotated[int, Field(ge=0, le=1_000_000_000, strict=True)]


class _Taken(BaseModel):
    model_config = ConfigDict(extra="forbid")


class CampaignContent(_Taken):
    """What is sent; what is left out stays."""

    from_address: Short | None = None
    from_name: Short | None = None
    reply_to: Short | None = None
    subject: Annotated[str, Field(max_length=MAX_SUBJECT)] | None = None
    preheader: Short | None = None
    kind: Literal["html", "mjml", "text"] | None = None
    source: Text | None = None
    text: Text | None = Field(None, description="The text part.")
    files: Annotated[list[Id], Field(max_length=MAX_FILES)] | None = Field(
        None, description="Ids of files of the library, to be attached; 5 MB together."
    )
    is_commercial: Annotated[bool, Field(strict=True)] | None = None
    track_opens: Annotated[bool, Field(strict=True)] | None = None
    track_clicks: Annotated[bool, Field(strict=True)] | None = None
    track_totals: Annotated[bool, Field(strict=True)] | None = Field(
        None, description="Counts without knowing whose opens and clicks they are."
    )


class CampaignAudience(_Taken):
    """To whom: an audience of an upload, or lists and segments."""

    audience: Id | None = None
    include: Ids = []
    exclude: Ids = []


class CampaignPlan(_Taken):
    """When and how fast; the hour itself is that of `schedule`. What is left out stays."""

    timezone: Annotated[str, Field(max_length=60, examples=["America/Lima"])] | None = None
    days: (
        Annotated[list[Annotated[int, Field(ge=0, le=6, strict=True)]], Field(max_length=7)] | None
    ) = Field(None, description="0 is Monday; empty: any day.")
    from_minute: Annotated[int, Field(ge=0, lt=DAY_MIN, strict=True)] | None = Field(
        None, description="Sending hours as minutes of the day."
    )
    to_minute: Annotated[int, Field(ge=0, le=DAY_MIN, strict=True)] | None = None
    grace_min: Annotated[int, Field(ge=0, le=100_000, strict=True)] | None = None
    rate_per_hour: Annotated[int, Field(ge=0, le=MAX_RATE_PER_HOUR, strict=True)] | None = None
    end: Moment | None = None
    canary: Count | None = Field(None, description="Send so many first, then pause.")


class CampaignRequest(_Taken):
    """A new draft."""

    name: Name
    content: CampaignContent | None = None
    audience: CampaignAudience | None = None
    plan: CampaignPlan | None = None


class CampaignChange(_Taken):
    """What is to change; what is left out stays."""

    etag: Annotated[int, Field(ge=1, le=2**53, strict=True)] | None = None
    name: Name | None = None
    content: CampaignContent | None = None
    audience: CampaignAudience | None = None
    plan: CampaignPlan | None = None


class CampaignLaunch(_Taken):
    """What somebody has looked at before it is sent."""

    accept: Annotated[list[Short], Field(max_length=100)] = Field(
        [],
        description="Codes of the preflight's warnings that are accepted; `all`: any. It is kept "
        "with the campaign who accepted them, until content or audience change.",
    )


class CampaignHour(CampaignLaunch):
    """When it is sent."""

    send_at: Moment


class CampaignResume(CampaignLaunch):
    """Let it go on."""

    confirm: bool = Field(
        False, description="Has to be true for what stopped by a rule: somebody has looked at it."
    )


class CampaignNote(_Taken):
    """Why; kept with the campaign."""

    note: Annotated[str, Field(max_length=500)] = ""


class CampaignCopy(_Taken):
    """A copy; without a name it has the same."""

    name: Annotated[str, Field(max_length=MAX_NAME)] = ""


class CampaignResend(CampaignCopy):
    """To whom again."""

    to: Literal["failed", "not_opened", "received"] = "failed"


class CampaignTest(_Taken):
    """Whom a test goes to, and with whose values."""

    to: Annotated[list[Short], Field(min_length=1, max_length=MAX_ADDRESSES)]
    row: Count = 0


class CampaignFilter(Paged):
    """Which campaigns."""

    status: CampaignStatus | None = None


RecipientState = Literal[
    "queued", "deferred", "delivered", "bounced", "expired", "suppressed", "cancelled"
]


class RecipientFilter(Paged):
    """Which recipients."""

    state: RecipientState | None = None


class Campaign(BaseModel):
    """A campaign."""

    id: Id
    account: Id
    name: str
    status: CampaignStatus
    reason: str = Field(description="Why it is in that status.")
    note: str
    etag: int
    content: dict[str, Any]
    audience: dict[str, Any]
    plan: dict[str, Any]
    flow: Id | None
    parent: Id | None
    created: Time
    created_by: str
    started: Time | None
    finished: Time | None


class CampaignPage(BaseModel):
    """Some campaigns."""

    items: list[Campaign]
    next: str | None


class PreflightFinding(BaseModel):
    """One thing that was found, with what to do about it."""

    code: str
    severity: Literal["error", "warning", "info"]
    text: str


class PreflightReport(BaseModel):
    """What was found; errors stop, warnings ask."""

    errors: int
    warnings: int
    findings: list[PreflightFinding]
    audience: dict[str, int]
    expected_s: int | None = Field(description="How long sending takes under today's limits.")


class Tested(BaseModel):
    """The test mails."""

    messages: list[Id]


class CampaignProgress(BaseModel):
    """How far it is."""

    model_config = ConfigDict(extra="allow")

    status: CampaignStatus
    total: int
    pending: int
    queued: int
    deferred: int
    delivered: int
    bounced: int
    expired: int
    suppressed: int
    cancelled: int
    percent: float
    per_minute: float
    per_hour: int
    started: Time | None
    finished: Time | None
    expected: Time | None
    trouble: str = Field(description="Why it does not get on just now; it is tried again.")


class CampaignRecipient(BaseModel):
    """What became of one mail."""

    delivery: Id
    address: str
    state: RecipientState
    attempts: int
    changed: Time
    reply: str
    host: str


class RecipientPage(BaseModel):
    """Some recipients."""

    items: list[CampaignRecipient]
    next: str | None


def changed_content(before: Content, wanted: CampaignContent | None) -> Content:
    """With what was given."""
    if wanted is None:
        return before
    given = _given(wanted)
    if wanted.files is not None:
        given["files"] = tuple(map(int, wanted.files))
    return replace(before, **given)


def changed_audience(before: AudienceSpec, wanted: CampaignAudience | None) -> AudienceSpec:
    """The audience that was given in the place of the one before."""
    if wanted is None:
        return before
    return AudienceSpec(
        audience=int(wanted.audience or 0),
        include=tuple(map(int, wanted.include)),
        exclude=tuple(map(int, wanted.exclude)),
    )


def changed_plan(before: Plan, wanted: CampaignPlan | None) -> Plan:
    """With what was given."""
    if wanted is None:
        return before
    given = _given(wanted)
    if "days" in given:
        given["days"] = tuple(sorted(set(given["days"])))
    if wanted.end is not None:
        given["end_ms"] = round(wanted.end.timestamp() * 1000)
    given.pop("end", None)
    return replace(before, **given)


def _given(wanted: BaseModel) -> dict[str, Any]:
    return {name: value for name, value in wanted if value is not None}
