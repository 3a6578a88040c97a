"""How long a campaign takes: limits of those who host the domains, and what is being warmed up."""

import asyncio
from collections import Counter

import pytest

from console.campaigns.preflight.outlook import Outlook
from mta.shaping.rules import Shaping

DAY_S = 86_400.0
SITES = {"gmail.com": "google", "correo.test": "(mx1|mx2).host.test"}


async def find_site(domain: str) -> str:
    return SITES.get(domain, "")


def outlook(days: dict[tuple[str, str], float] | None = None) -> Outlook:
    shaping, asked = Shaping.load(), Outlook()
    asked.begin(
        lambda: shaping, find_site, lambda provider, domain, n: (days or {}).get((provider, domain), 0.0) if n else 0.0,
    )  # fmt: skip
    return asked


async def test_T_d_domains_have_the_limits_of_whoever_hosts_them():
    found = await outlook().expect(
        Counter({"gmail.com": 90, "uno.test": 10}), 100_000, sender_domain="a.test", rate_per_hour=0
    )
    assert found.slowest == "google"
    assert found.seconds == pytest.approx(90_000 / 20)


async def test_T_e_the_forecast_knows_that_a_new_domain_needs_days():
    asked = outlook({("google", "new.test"): 4.5})
    domains = Counter({"gmail.com": 90, "correo.test": 10})
    cold = await asked.expect(domains, 1_000, sender_domain="new.test", rate_per_hour=0)
    warm = await asked.expect(domains, 1_000, sender_domain="old.test", rate_per_hour=0)
    assert (cold.seconds, cold.is_warm_up) == (4.5 * DAY_S, True)
    assert not warm.is_warm_up
    assert warm.seconds < 3_600


async def test_T_e_small_sites_share_one_warm_up():
    asked: list[tuple[str, int]] = []

    def days(provider: str, _domain: str, messages: int) -> float:
        asked.append((provider, messages))
        return 1.0

    shaping, found = Shaping.load(), Outlook()
    found.begin(lambda: shaping, find_site, days)
    domains = Counter({f"d{n}.test": 1 for n in range(50)})
    result = await found.expect(domains, 5_000, sender_domain="new.test", rate_per_hour=0)
    assert asked == [("other", 5_000)]
    assert result.seconds == DAY_S


async def test_a_domain_that_is_not_found_in_time_counts_as_one_of_its_own(monkeypatch):
    async def never(_domain: str) -> str:
        await asyncio.Event().wait()
        return ""

    monkeypatch.setattr("console.campaigns.preflight.outlook.DEADLINE_S", 0.01)
    shaping, asked = Shaping.load(), Outlook()
    asked.begin(lambda: shaping, never, lambda _p, _d, _n: 0.0)
    found = await asked.expect(
        Counter({"gmail.com": 10}), 10, sender_domain="a.test", rate_per_hour=0
    )
    assert [one.provider for one in found.providers] == ["other"]


async def test_without_a_server_the_files_rules_hold():
    found = await Outlook().expect(
        Counter({"gmail.com": 10}), 10, sender_domain="a.test", rate_per_hour=0
    )
    assert found.seconds > 0
