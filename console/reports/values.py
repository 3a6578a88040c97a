"""Figures of a period as values; what each means stands in `definitions`.

The names of fields and properties are the keys of the definitions.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from types import MappingProxyType

HOURS = 24
_NO_BOUNCES: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class PeriodFigures:
    """Of a campaign, an account, a provider, a day or all of them. Shares are None of nothing."""

    delivered: int = 0
    bounced: int = 0
    expired: int = 0
    suppressed: int = 0
    cancelled: int = 0
    unsubscribed: int = 0
    complained: int = 0
    unique_opens: int = 0
    total_opens: int = 0
    inferred_opens: int = 0
    opened_again: int = 0
    unique_clicks: int = 0
    total_clicks: int = 0
    bounces: Mapping[str, int] = field(default_factory=lambda: _NO_BOUNCES)  # the most first

    @property
    def attempted(self) -> int:
        """Of which the outcome is known."""
        return self.delivered + self.bounced + self.expired

    @property
    def audience(self) -> int:
        """Those that were not tried too."""
        return self.attempted + self.suppressed + self.cancelled

    @property
    def success(self) -> float | None:
        """The share of the attempted that was delivered."""
        return _share(self.delivered, self.attempted)

    @property
    def open_rate(self) -> float | None:
        """The share of the delivered that was opened."""
        return _share(self.unique_opens, self.delivered)

    @property
    def repeat_opens(self) -> int:
        """Opens after the first one of each recipient."""
        return self.total_opens - self.unique_opens

    @property
    def reopen_rate(self) -> float | None:
        """The share of the openers who opened again."""
        return _share(self.opened_again, self.unique_opens)

    @property
    def not_opened(self) -> int:
        """Delivered and not opened; a recipient who opened mail that came back is not below zero."""
        return max(0, self.delivered - self.unique_opens)

    @property
    def click_rate(self) -> float | None:
        """The share of the delivered in which a link was followed."""
        return _share(self.unique_clicks, self.delivered)

    @property
    def is_empty(self) -> bool:
        """Nothing happened."""
        return not any(getattr(self, name) for name in COUNTED) and not self.bounces


COUNTED = tuple(one.name for one in fields(PeriodFigures) if one.name != "bounces")


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole > 0 else None


def total(figures: Iterable[PeriodFigures]) -> PeriodFigures:
    """The sum of figures of different mail."""
    counts = dict.fromkeys(COUNTED, 0)
    bounces: dict[str, int] = {}
    for one in figures:
        for name in COUNTED:
            counts[name] += getattr(one, name)
        for klass, n in one.bounces.items():
            bounces[klass] = bounces.get(klass, 0) + n
    return PeriodFigures(**counts, bounces=most_first(bounces))


def most_first(bounces: Mapping[str, int]) -> Mapping[str, int]:
    """Classes of bounces, those with most first, without the ones that have none."""
    return dict(
        sorted(((k, n) for k, n in bounces.items() if n), key=lambda one: (-one[1], one[0]))
    )


@dataclass(frozen=True, slots=True)
class CampaignPeriod:
    """What happened to a campaign's mail in the period; times are 0 where there is none."""

    campaign: int
    flow: int
    account: int
    account_name: str
    name: str
    status: str
    started_ms: int
    finished_ms: int
    figures: PeriodFigures


@dataclass(frozen=True, slots=True)
class ProviderPeriod:
    """A mailbox provider; "" is "not known"."""

    provider: str
    figures: PeriodFigures


@dataclass(frozen=True, slots=True)
class AccountPeriod:
    """An account by itself, without those below it; `depth` below the one that was asked for."""

    account: int
    name: str
    depth: int
    is_training: bool
    figures: PeriodFigures


@dataclass(frozen=True, slots=True)
class Overview:
    """A period from five sides that agree: they were read at once."""

    totals: PeriodFigures
    campaigns: Sequence[CampaignPeriod]
    others: PeriodFigures  # mail of no campaign
    providers: Sequence[ProviderPeriod]
    accounts: Sequence[AccountPeriod]


@dataclass(frozen=True, slots=True)
class DayPeriod:
    """A day of the account's time zone; bounces are not told by class."""

    day: date
    figures: PeriodFigures


@dataclass(frozen=True, slots=True)
class OpeningHours:
    """When recipients opened a campaign: 24 hours of the day, and those of each weekday."""

    campaign: int
    flow: int
    account: int
    name: str
    unique: Sequence[int]  # first opens by hour of the day
    total: Sequence[int]
    week: Sequence[Sequence[int]]  # first opens, Monday first

    def peaks(self, count: int = 3) -> Sequence[int]:
        """The hours with most first opens, the most first; hours without any are none."""
        hours = sorted(range(HOURS), key=lambda hour: (-self.unique[hour], hour))
        return [hour for hour in hours[:count] if self.unique[hour]]


@dataclass(frozen=True, slots=True)
class LinkPeriod:
    """A link of a campaign; with automatic clicks `unique` counts who has both kinds twice."""

    campaign: int
    flow: int
    account: int
    url: str
    unique: int
    total: int
