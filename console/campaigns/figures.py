"""How long sending took: kept with the campaign, so that the report can show it for ever (T-d)."""

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field, replace

from console.campaigns.values import Campaign, Counts, Figures
from mta.model.traffic import DeliveryState

HOUR_MS = 3_600_000
SPAN_S = 60.0  # over which "now" is measured
_GONE = (
    DeliveryState.BOUNCED,
    DeliveryState.EXPIRED,
    DeliveryState.SUPPRESSED,
    DeliveryState.CANCELLED,
)


@dataclass(slots=True)
class _Samples:
    seen: deque[tuple[float, int]] = field(default_factory=deque)


class Pace:
    """How campaigns that are looked at get on at present; in memory only."""

    def __init__(self) -> None:
        self._of: dict[int, _Samples] = {}
        self._troubles: dict[int, str] = {}

    def keep(self, campaigns: Collection[int]) -> None:
        """Forget all others."""
        for known in (self._of, self._troubles):
            for gone in known.keys() - set(campaigns):
                del known[gone]

    def fail(self, campaign: int, why: str) -> None:
        """It could not be gone on with; that is tried again."""
        self._troubles[campaign] = why

    def succeed(self, campaign: int) -> None:
        """It was gone on with."""
        self._troubles.pop(campaign, None)

    def trouble(self, campaign: int) -> str:
        """Why it does not get on, in words; empty: it does. A full disk cannot be told in the store."""
        return self._troubles.get(campaign, "")

    def note(self, campaign: int, now_s: float, delivered: int) -> None:
        """So many were delivered until now."""
        seen = self._of.setdefault(campaign, _Samples()).seen
        seen.append((now_s, delivered))
        while len(seen) > 2 and seen[1][0] <= now_s - SPAN_S:
            seen.popleft()

    def per_minute(self, campaign: int) -> float:
        """Delivered a minute, over the last minute or as long as there are figures."""
        found = self._of.get(campaign)
        if found is None or len(found.seen) < 2:
            return 0.0
        (first_s, first), (last_s, last) = found.seen[0], found.seen[-1]
        return max(0, last - first) * 60.0 / (last_s - first_s) if last_s > first_s else 0.0


def figured(campaign: Campaign, counts: Counts, held_ms: int, now_ms: int) -> Figures:
    """The figures as of now: its start, and when 50, 90 and 99 % of those who can get it had it.

    `held_ms`: the flow's time on hold so far. Whoever bounced, expired or is suppressed cannot.
    """
    figures = campaign.figures
    if not figures.started_ms:
        figures = replace(figures, started_ms=now_ms, held_ms=held_ms)
    delivered = counts.get(DeliveryState.DELIVERED, 0)
    possible = campaign.frozen.total - sum(counts.get(state, 0) for state in _GONE)
    if not delivered or possible <= 0:
        return figures
    sending_ms = max(1, sending_time_ms(figures, held_ms, now_ms))
    for name, percent in (("t50_ms", 50), ("t90_ms", 90), ("t99_ms", 99)):
        if not getattr(figures, name) and 100 * delivered >= percent * possible:
            figures = replace(figures, **{name: sending_ms})  # type: ignore[arg-type]  # one of three numbers
    return figures


def sending_time_ms(figures: Figures, held_ms: int, now_ms: int) -> int:
    """Time since the start without pauses."""
    return now_ms - figures.started_ms - (held_ms - figures.held_ms) if figures.started_ms else 0


def finished_figures(figures: Figures, counts: Counts, held_ms: int, now_ms: int) -> Figures:
    """What stays when it is over."""
    sending_ms = sending_time_ms(figures, held_ms, now_ms)
    return replace(
        figures,
        finished_ms=now_ms,
        sending_ms=sending_ms,
        per_hour=hourly(counts.get(DeliveryState.DELIVERED, 0), sending_ms),
        counts={state.label: n for state, n in counts.items()},
    )


def hourly(delivered: int, sending_ms: int) -> int:
    """Mails an hour, on average."""
    return round(delivered * HOUR_MS / sending_ms) if sending_ms > 0 else 0
