"""How long sending takes under today's limits: a pure function of shares and rules."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from mta.shaping.policy import Period, SitePolicy

PER_CONNECTION_S = (
    2.0  # messages a second that one connection carries, receivers answering in 0.5 s
)
WARM_UP = "warm_up"  # as a limit
MACHINE_PER_S = 300.0  # what this machine sends at all, with reserve


@dataclass(frozen=True, slots=True)
class ProviderForecast:
    """How long the mail of one provider takes."""

    provider: str
    recipients: int
    seconds: float
    limit: str  # the rule that decides, as `shaping.toml` names it


@dataclass(frozen=True, slots=True)
class Forecast:
    """How long it takes in all."""

    seconds: float
    providers: tuple[ProviderForecast, ...]  # the slowest first

    @property
    def slowest(self) -> str:
        """The provider that decides; empty: the machine or the campaign's own rate."""
        if self.providers and self.providers[0].seconds >= self.seconds:
            return self.providers[0].provider
        return ""

    @property
    def is_named(self) -> bool:
        """Whether people know the slowest by a name: `other` is what is left of the table."""
        return self.slowest not in ("", "other") and ":" not in self.slowest

    @property
    def is_warm_up(self) -> bool:
        """Whether a new address or domain decides."""
        return bool(self.slowest) and self.providers[0].limit == WARM_UP


def forecast(
    shares: Mapping[str, int],
    policies: Mapping[str, SitePolicy],
    *,
    total: int = 0,
    rate_per_hour: int = 0,
    machine_per_s: float = MACHINE_PER_S,
    waits: Mapping[str, float] = MappingProxyType({}),
) -> Forecast:
    """`shares`: recipients by what has limits of its own; `policies`: those limits, for one source.

    `total`: all recipients, where the shares leave some out that go beside the others. `waits`:
    seconds that a warm-up takes.
    """
    total = total or sum(shares.values())
    providers = sorted(
        (
            _provider(name, n, policies[name], waits.get(name, 0.0))
            for name, n in shares.items()
            if n
        ),
        key=lambda one: -one.seconds,
    )
    seconds = max([total / machine_per_s, *(one.seconds for one in providers)], default=0.0)
    if rate_per_hour:
        seconds = max(seconds, total * 3600.0 / rate_per_hour)
    return Forecast(seconds, tuple(providers))


def _provider(name: str, recipients: int, policy: SitePolicy, wait_s: float) -> ProviderForecast:
    carried = policy.connections_max * PER_CONNECTION_S
    seconds, limit = recipients / carried, "connections_max"
    for rate in (*policy.messages, *policy.total_messages):
        if rate.period is Period.DAY:  # the first day's worth goes at the other rates
            needed = max(0.0, (recipients - rate.count) / rate.count) * rate.period.length_s
        else:
            needed = recipients * rate.period.length_s / rate.count
        if needed > seconds:
            seconds, limit = needed, rate.name
    if wait_s > seconds:
        seconds, limit = wait_s, WARM_UP
    return ProviderForecast(name, recipients, seconds, limit)
