"""How far a campaign is: by state, how fast, how long still; from counters, whatever its size."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from console.accounts.actor import Actor
from console.campaigns.figures import Pace, hourly, sending_time_ms
from console.campaigns.service import CampaignService
from console.campaigns.states import CampaignStatus
from console.campaigns.values import Campaign
from console.reports.figures import FigureService, ProviderFigures
from mta.model.clock import Clock
from mta.model.traffic import DeliveryState
from mta.spool.flows import Flow, FlowDirectory

HOUR_MS = 3_600_000


@dataclass(frozen=True, slots=True)
class Progress:
    """As of now; times are milliseconds, 0 where there is none yet."""

    counts: Mapping[DeliveryState, int]
    total: int
    per_minute: float  # over the last minute that somebody looked
    per_hour: int  # since it began, without pauses
    elapsed_ms: int  # the same
    eta_ms: int  # when it will be over at the present pace
    t50_ms: int
    t90_ms: int
    t99_ms: int
    providers: Sequence[ProviderFigures] = ()

    @property
    def done(self) -> int:
        """How many have an outcome."""
        return sum(n for state, n in self.counts.items() if state.is_final)


class ProgressReader:
    """Reads it; the pace is kept in memory while somebody looks."""

    def __init__(
        self,
        campaigns: CampaignService,
        figures: FigureService,
        flows: FlowDirectory,
        clock: Clock,
    ) -> None:
        self._campaigns = campaigns
        self._figures = figures
        self._flows = flows
        self._clock = clock
        self._pace = Pace()
        self._paced: set[int] = set()

    async def of(self, actor: Actor, campaign_id: int) -> tuple[Campaign, Progress]:
        """The campaign and how far it is. Raises `NotVisible`."""
        campaign = await self._campaigns.get(actor, campaign_id)
        flow = campaign.frozen.flow
        if not flow:
            total = campaign.frozen.total or campaign.audience.count
            return campaign, Progress({}, total, 0, 0, 0, 0, 0, 0, 0)
        states = await self._figures.states(actor, campaign.account, [flow])
        counts = states.get(flow, {})
        providers = await self._figures.providers(actor, flow)
        return campaign, self._progress(campaign, counts, providers)

    def _progress(
        self,
        campaign: Campaign,
        counts: Mapping[DeliveryState, int],
        providers: Sequence[ProviderFigures],
    ) -> Progress:
        figures, now_ms = campaign.figures, self._clock.now_ms()
        delivered = counts.get(DeliveryState.DELIVERED, 0)
        elapsed_ms = figures.sending_ms
        if not figures.finished_ms:
            held_ms = _held_ms(self._flows.get(campaign.frozen.flow), figures.held_ms, now_ms)
            elapsed_ms = max(0, sending_time_ms(figures, held_ms, now_ms))
            self._pace.note(campaign.id, self._clock.monotonic_s(), delivered)
            self._paced.add(campaign.id)
        is_sending = campaign.status is CampaignStatus.RUNNING
        per_minute = self._pace.per_minute(campaign.id) if is_sending else 0.0
        if figures.finished_ms:
            self._paced.discard(campaign.id)
            self._pace.keep(self._paced)
        total = max(campaign.frozen.total, sum(counts.values()))
        left = total - sum(n for state, n in counts.items() if state.is_final)
        per_hour = hourly(delivered, elapsed_ms)
        speed = per_minute * 60 or per_hour  # mails an hour
        eta_ms = round(now_ms + left * HOUR_MS / speed) if is_sending and left and speed else 0
        return Progress(
            counts, total, per_minute, figures.per_hour or per_hour, elapsed_ms, eta_ms,
            figures.t50_ms, figures.t90_ms, figures.t99_ms, providers,
        )  # fmt: skip


def _held_ms(flow: Flow | None, before_ms: int, now_ms: int) -> int:
    """The flow's time on hold so far; a flow that is not in memory has not been held since."""
    if flow is None:
        return before_ms
    return flow.held_ms + (now_ms - flow.held_since_ms if flow.held_since_ms else 0)
