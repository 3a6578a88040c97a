"""How far a campaign is, how fast it goes and when it will be done (T-d)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from console.campaigns.book import CampaignBook
from console.campaigns.figures import HOUR_MS, Pace, hourly, sending_time_ms
from console.campaigns.providers import ProviderFigures, ProviderProgress
from console.campaigns.states import CampaignStatus, Reason
from console.campaigns.steering import Steering
from console.campaigns.values import Campaign, Counts
from mta.model.traffic import DeliveryState

_S = DeliveryState


@dataclass(frozen=True, slots=True)
class Progress:
    """Figures of a moment; times are milliseconds, 0 where there is none yet."""

    campaign: int
    name: str
    status: CampaignStatus
    reason: Reason
    note: str
    total: int
    pending: int  # no row of the queue yet
    queued: int
    deferred: int  # put off by the receiver, tried again later
    delivered: int
    bounced: int
    expired: int
    suppressed: int
    cancelled: int
    per_minute: float  # at present
    per_hour: int  # on average, pauses left out
    started_ms: int
    finished_ms: int
    elapsed_ms: int  # since the start
    sending_ms: int  # of it without pauses
    eta_ms: int  # when all will have been tried at the present pace
    t50_ms: int
    t90_ms: int
    t99_ms: int
    providers: Sequence[ProviderProgress]
    trouble: str = ""  # why it does not get on; that is tried again

    @property
    def done(self) -> int:
        """Recipients for whom nothing more will happen."""
        return self.delivered + self.bounced + self.expired + self.suppressed + self.cancelled

    @property
    def left(self) -> int:
        """Recipients who wait for their first or next try now."""
        return self.pending + self.queued

    @property
    def percent(self) -> float:
        """How much is over, 0 to 100."""
        return 100.0 * self.done / self.total if self.total else 0.0


class ProgressReader:
    """Reads the progress of campaigns."""

    def __init__(
        self, book: CampaignBook, steering: Steering, pace: Pace, providers: ProviderFigures
    ) -> None:
        self._book = book
        self._steering = steering
        self._pace = pace
        self._providers = providers

    async def of(self, campaign: Campaign, *, with_providers: bool = True) -> Progress:
        """As of now."""
        now_ms = self._book.clock.now_ms()
        counts = await self._book.counts(campaign)
        flow = await self._steering.flow(campaign)
        held_ms = 0 if flow is None else now_ms - flow.time_ms(now_ms)
        providers = await self._providers.of(campaign) if with_providers else ()
        pace = self._pace.per_minute(campaign.id)
        progress = progress_of(campaign, counts, held_ms, now_ms, pace, providers)
        return replace(progress, trouble=self._pace.trouble(campaign.id))


def progress_of(
    campaign: Campaign,
    counts: Counts,
    held_ms: int,
    now_ms: int,
    per_minute: float,
    providers: Sequence[ProviderProgress] = (),
) -> Progress:
    """Put together what was read. `held_ms`: the flow's time on hold."""
    figures = campaign.figures
    is_over = bool(figures.finished_ms)
    sending_ms = figures.sending_ms if is_over else sending_time_ms(figures, held_ms, now_ms)
    delivered = counts.get(_S.DELIVERED, 0)
    pending = max(0, campaign.frozen.total - sum(counts.values()))
    if campaign.status in (CampaignStatus.CANCELLED, CampaignStatus.FAILED):
        pending = 0
    queued = counts.get(_S.READY, 0) + counts.get(_S.CLAIMED, 0)
    average = figures.per_hour if is_over else hourly(delivered, sending_ms)
    is_running = campaign.status is CampaignStatus.RUNNING
    eta_ms = _eta_ms(pending + queued, per_minute or average / 60, now_ms) if is_running else 0
    return Progress(
        campaign.id, campaign.name, campaign.status, campaign.reason, campaign.note,
        total=campaign.frozen.total or campaign.audience.count,
        pending=pending,
        queued=queued,
        deferred=counts.get(_S.SCHEDULED, 0),
        delivered=delivered,
        bounced=counts.get(_S.BOUNCED, 0),
        expired=counts.get(_S.EXPIRED, 0),
        suppressed=counts.get(_S.SUPPRESSED, 0),
        cancelled=counts.get(_S.CANCELLED, 0),
        per_minute=per_minute if is_running else 0.0,
        per_hour=average,
        started_ms=figures.started_ms,
        finished_ms=figures.finished_ms,
        elapsed_ms=_elapsed_ms(campaign, now_ms),
        sending_ms=sending_ms,
        eta_ms=eta_ms,
        t50_ms=figures.t50_ms,
        t90_ms=figures.t90_ms,
        t99_ms=figures.t99_ms,
        providers=providers,
    )  # fmt: skip


def _elapsed_ms(campaign: Campaign, now_ms: int) -> int:
    figures = campaign.figures
    return (figures.finished_ms or now_ms) - figures.started_ms if figures.started_ms else 0


def _eta_ms(left: int, per_minute: float, now_ms: int) -> int:
    """When so many will have been sent; 0: at no pace, nobody knows."""
    if not left:
        return now_ms
    return now_ms + round(left / (per_minute * 60) * HOUR_MS) if per_minute > 0 else 0
