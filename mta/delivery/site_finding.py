"""Looks up the sites of many domains at once, for mail that is being prepared."""

import asyncio
from collections.abc import Collection, Iterator

import structlog

from mta.delivery.routing import Router
from mta.delivery.sites import SiteDirectory
from mta.model.errors import StoreError
from mta.model.outcome import Outcome

LOOKUPS = 32  # at a time: half of what fresh mail may have
DEADLINE_S = 5.0  # for all of them: what is not known by then is looked up when its turn comes


class SiteFinding:
    """Gives the sites of domains (`mta.intake.ports.SiteFinder`)."""

    def __init__(
        self, router: Router, sites: SiteDirectory, deadline_s: float = DEADLINE_S
    ) -> None:
        self._router = router
        self._sites = sites
        self._deadline_s = deadline_s
        self._log = structlog.get_logger("mta.delivery")

    async def find(self, domains: Collection[str]) -> dict[str, int]:
        """The sites of domains; without those that cannot be looked up now, or do not exist."""
        found: dict[str, int] = {}
        wanted = iter(domains)
        try:
            async with asyncio.timeout(self._deadline_s), asyncio.TaskGroup() as group:
                for _ in range(min(LOOKUPS, len(domains))):
                    group.create_task(self._work(wanted, found))
        except TimeoutError:
            self._log.info("domains are looked up later", found=len(found), of=len(domains))
        return found

    async def _work(self, wanted: Iterator[str], found: dict[str, int]) -> None:
        for domain in wanted:
            route = self._router.known(domain)
            if route is None or not self._router.is_fresh(route):
                answer = await self._router.find(domain)
                if isinstance(answer, Outcome):
                    continue
                route = answer
            try:
                site = await self._sites.ensure(route.site, route.provider)
            except StoreError as error:
                self._log.warning("site was not stored", site=route.site, error=str(error))
                continue
            found[domain] = site.id
