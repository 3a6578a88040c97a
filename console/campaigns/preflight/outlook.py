"""How long a campaign will take: its recipients' domains, today's limits, and what is being warmed up.

The largest domains are looked up, a few and with a deadline, so that the limits are those of whoever
hosts them; a domain that is not known by then counts as one of its own.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping

from console.campaigns.preflight.forecast import Forecast, forecast
from mta.shaping.policy import SitePolicy
from mta.shaping.rules import OTHER, Shaping

LOOKED_UP = 12  # domains
DEADLINE_S = 2.0
_DAY_S = 86_400.0

# Gives the site of a domain, as the queue stores it; empty: nobody knows now.
FindSite = Callable[[str], Awaitable[str]]
# Days until so many messages from senders of a domain have gone to a provider; 0: nothing is held.
WarmUpDays = Callable[[str, str, int], float]


class Outlook:
    """Asks what is known of receivers; a server says more than the files alone (`begin`)."""

    def __init__(self) -> None:
        self._shaping: Callable[[], Shaping] | None = None
        self._find_site: FindSite | None = None
        self._warm_up_days: WarmUpDays = lambda _provider, _domain, _messages: 0.0

    def begin(
        self, shaping: Callable[[], Shaping], find_site: FindSite, warm_up_days: WarmUpDays
    ) -> None:
        """The server runs: these are its rules, its routes, its warm-ups."""
        self._shaping, self._find_site, self._warm_up_days = shaping, find_site, warm_up_days

    async def expect(
        self, domains: Counter[str], total: int, *, sender_domain: str, rate_per_hour: int
    ) -> Forecast:
        """`domains`: those of some of the recipients, who stand for `total`."""
        shaping = self._shaping() if self._shaping is not None else Shaping.load()
        sites = await self._sites([domain for domain, _ in domains.most_common(LOOKED_UP)])
        sampled = domains.total()
        shares: Counter[str] = Counter()
        policies: dict[str, SitePolicy] = {}
        pooled: Counter[str] = Counter()  # by what a warm-up counts together
        for domain, n in domains.items():
            scaled = max(1, round(n * total / sampled))
            policy = shaping.policy(sites.get(domain) or shaping.report_of(domain) or OTHER)
            group = shaping.warm_up_group(policy)
            if policy.provider or not group or shaping.report_of(domain):
                shares[policy.site] += scaled
            else:  # each domain has limits of its own: the largest decides
                policy = shaping.policy(OTHER)
                shares[OTHER] = max(shares[OTHER], scaled)
            policies[policy.site] = policy
            pooled[group] += scaled
        waits = {
            name: _DAY_S * self._warm_up_days(group, sender_domain, pooled[group])
            for name, policy in policies.items()
            if (group := shaping.warm_up_group(policy))
        }
        return forecast(shares, policies, total=total, rate_per_hour=rate_per_hour, waits=waits)

    async def _sites(self, domains: list[str]) -> Mapping[str, str]:
        if self._find_site is None:
            return {}
        asked = {asyncio.ensure_future(self._find_site(domain)): domain for domain in domains}
        if not asked:
            return {}
        done, late = await asyncio.wait(asked, timeout=DEADLINE_S)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        return {asked[task]: task.result() for task in done if task.exception() is None}
