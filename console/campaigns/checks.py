"""What a campaign must be like before anything is done with it."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from console.campaigns.states import STARTABLE, CampaignStatus
from console.campaigns.values import MAX_RATE_PER_HOUR, Campaign, Content, Plan
from console.content.fields import parse
from mta.model.address import parse_address
from mta.model.errors import AddressSyntaxError, PermanentError

MAX_NAME = 200
MAX_SUBJECT = 500
MAX_SOURCE = 2_000_000  # characters
MAX_FILES = 5
MAX_AHEAD_MS = 366 * 24 * 3_600_000
DAY_MIN = 24 * 60


class CampaignConflict(PermanentError):
    """Somebody else has changed it since it was read: 409."""


def checked_name(name: str) -> str:
    """Without what cannot be stored or shown. Raises `PermanentError`."""
    name = " ".join(name.replace("\0", " ").split()).encode("utf-8", "replace").decode()
    if not 0 < len(name) <= MAX_NAME:
        raise PermanentError(f"the name of a campaign has 1 to {MAX_NAME} characters")
    return name


def checked_content(content: Content) -> Content:
    """As it may be stored: addresses are addresses, fields are fields; it may be incomplete."""
    for name, address in (("from", content.from_address), ("reply_to", content.reply_to)):
        if address:
            try:
                parse_address(address)
            except AddressSyntaxError as error:
                raise PermanentError(f"{name}: {error}") from None
    if len(content.subject) > MAX_SUBJECT:
        raise PermanentError(f"a subject has up to {MAX_SUBJECT} characters")
    if len(content.source) + len(content.text) > MAX_SOURCE:
        raise PermanentError(f"a content has up to {MAX_SOURCE} characters")
    if content.kind not in ("html", "mjml", "text"):
        raise PermanentError(f"kind {content.kind!r}: expected html, mjml or text")
    for text in (content.subject, content.from_name, content.source, content.text):
        if "\0" in text:
            raise PermanentError("the content holds U+0000, which is no text")
    if len(content.files) > MAX_FILES:
        raise PermanentError(f"at most {MAX_FILES} files")
    parse(content.subject, "subject")
    return content


def checked_plan(plan: Plan) -> Plan:
    """Raises `PermanentError` for what makes no sense."""
    zone_of(plan, "UTC")
    if any(day not in range(7) for day in plan.days):
        raise PermanentError("days go from 0 (Monday) to 6 (Sunday)")
    minutes = (plan.from_minute, plan.to_minute)
    if any(not 0 <= minute <= DAY_MIN for minute in minutes) or plan.from_minute == DAY_MIN:
        raise PermanentError("sending hours are minutes of the day, from 0 to 1440")
    if plan.to_minute and plan.from_minute == plan.to_minute:
        raise PermanentError("sending hours that end when they begin leave no time to send")
    if not 0 <= plan.rate_per_hour <= MAX_RATE_PER_HOUR:
        raise PermanentError(f"a rate is 0 (none) to {MAX_RATE_PER_HOUR} an hour")
    if plan.grace_min < 0 or plan.canary < 0 or plan.end_ms < 0 or plan.send_at_ms < 0:
        raise PermanentError("grace, canary, hour and end are no negative numbers")
    if plan.end_ms and plan.send_at_ms and plan.end_ms <= plan.send_at_ms:
        raise PermanentError("the campaign would end before it begins")
    return plan


def zone_of(plan: Plan, default: str) -> ZoneInfo:
    """The zone of its hours. Raises `PermanentError` for one that there is not."""
    name = plan.timezone or default
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise PermanentError(f"{name!r} is no time zone, as America/Lima") from None


def require_sendable(campaign: Campaign, *, needs_approval: bool) -> None:
    """Raise `PermanentError` with what is missing before it can be sent."""
    if campaign.status not in {*STARTABLE, CampaignStatus.SCHEDULED}:
        raise PermanentError(f"the campaign is {campaign.status}")
    require_complete(campaign)
    if needs_approval and campaign.status is CampaignStatus.DRAFT:
        raise PermanentError("a second person has to approve it first: send it to review")


def require_complete(campaign: Campaign) -> None:
    """Raise `PermanentError` when there is nothing to send, or nobody to send it to."""
    if not campaign.content.is_complete:
        raise PermanentError("the campaign has no sender, subject or content yet")
    if not campaign.audience.is_complete:
        raise PermanentError("the campaign has no audience yet")
