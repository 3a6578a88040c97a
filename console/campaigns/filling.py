"""What the fields of a campaign are filled with: its audience's columns, its name, the day."""

from dataclasses import replace
from datetime import datetime

from babel.dates import format_date

from console.campaigns.checks import zone_of
from console.campaigns.composing import Filling
from console.campaigns.ports import Audiences
from console.campaigns.values import Campaign
from console.content.preview import CAMPAIGN, TODAY


async def filling_of(
    campaign: Campaign, audiences: Audiences, now_ms: int, timezone: str
) -> Filling:
    """The columns of what is frozen or chosen; the day is that of `now_ms` in its time zone.

    Raises `PermanentError` when the audience is not there any more.
    """
    zone = zone_of(campaign.plan, timezone)
    day = datetime.fromtimestamp(now_ms / 1000, zone).date()
    constants = {CAMPAIGN: campaign.name, TODAY: format_date(day, "long", "es")}
    spec = campaign.audience
    if campaign.frozen.audience > 0 and not spec.parent:
        spec = replace(spec, audience=campaign.frozen.audience)
    if not spec.is_complete:
        return Filling((), constants)
    columns = await audiences.columns(spec, campaign.account)
    return Filling(tuple(column.name for column in columns), constants)
