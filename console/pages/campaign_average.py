"""How a campaign did beside the account's own campaigns before it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from console.accounts.actor import Actor
from console.campaigns.service import CampaignService
from console.campaigns.states import CampaignStatus
from console.campaigns.values import Campaign
from console.reports.figures import FigureService
from console.tracking.reader import EngagementFigures, EngagementReader
from mta.model.traffic import DeliveryState

COMPARED = 10  # campaigns at most


@dataclass(frozen=True, slots=True)
class Rate:
    """One figure as a share, of this campaign and of those before; `key` names it in the texts."""

    key: str
    part: int
    whole: int
    other_part: int
    other_whole: int

    @property
    def difference(self) -> float | None:
        """In percentage points; None without one of the two."""
        if not self.whole or not self.other_whole:
            return None
        return 100 * self.part / self.whole - 100 * self.other_part / self.other_whole


@dataclass(frozen=True, slots=True)
class Comparison:
    """The rates and how many campaigns stand behind the average."""

    campaigns: int
    rates: Sequence[Rate]


@dataclass(frozen=True, slots=True)
class _Sums:
    attempted: int
    delivered: int
    bounced: int
    opened: int
    clicked: int


class OwnAverage:
    """Compares with the last campaigns that ended, all their recipients together."""

    def __init__(
        self, campaigns: CampaignService, figures: FigureService, engagement: EngagementReader
    ) -> None:
        self._campaigns = campaigns
        self._figures = figures
        self._engagement = engagement

    async def beside(
        self, actor: Actor, campaign: Campaign, *, is_automatic: bool
    ) -> Comparison | None:
        """None where there is nothing to compare with."""
        ended = await self._campaigns.list(
            actor, campaign.account, statuses=(CampaignStatus.FINISHED,), count=COMPARED + 1
        )
        others = [c.frozen.flow for c in ended if c.id != campaign.id and c.frozen.flow][:COMPARED]
        if not others:
            return None
        flows = [campaign.frozen.flow, *others]
        states = await self._figures.states(actor, campaign.account, flows)
        found = [
            _sums(states.get(f, {}), await self._engagement.of_flow(f, automatic=is_automatic))
            for f in flows
        ]
        return Comparison(len(others), _rates(found[0], found[1:]))


def _sums(states: Mapping[DeliveryState, int], engagement: EngagementFigures) -> _Sums:
    delivered = states.get(DeliveryState.DELIVERED, 0)
    bounced = states.get(DeliveryState.BOUNCED, 0)
    attempted = delivered + bounced + states.get(DeliveryState.EXPIRED, 0)
    opened, clicked = engagement.unique_opens, engagement.unique_clicks
    return _Sums(attempted, delivered, bounced, opened, clicked)


def _rates(mine: _Sums, others: Sequence[_Sums]) -> Sequence[Rate]:
    attempted, delivered = sum(o.attempted for o in others), sum(o.delivered for o in others)
    return (
        Rate("success", mine.delivered, mine.attempted, delivered, attempted),
        Rate("opened", mine.opened, mine.delivered, sum(o.opened for o in others), delivered),
        Rate("clicked", mine.clicked, mine.delivered, sum(o.clicked for o in others), delivered),
        Rate("bounced", mine.bounced, mine.attempted, sum(o.bounced for o in others), attempted),
    )
