"""Domains whose route is not known or has aged: looked up again, and their mail may change lanes."""

import asyncio
from collections.abc import Callable, Sequence

import structlog

from mta.delivery.lane import Lane
from mta.delivery.lanes import Lanes
from mta.delivery.parts import DispatcherParts
from mta.delivery.sending import Sending
from mta.delivery.tasks import Tasks
from mta.model.errors import StoreError
from mta.model.outcome import Outcome
from mta.spool.rows import QueuedDelivery
from mta.store.work import Rows

BATCH = 500  # deliveries that change lanes in one job
RETRY_S = 1.0


class Rerouting:
    """Finds routes for lanes that ask."""

    def __init__(
        self,
        parts: DispatcherParts,
        lanes: Lanes,
        sending: Sending,
        tasks: Tasks,
        arrived: Callable[[Sequence[QueuedDelivery]], None],
    ) -> None:
        """`arrived(deliveries)`: they are ready, in memory, and have another site now."""
        self._store = parts.store
        self._router = parts.router
        self._sites = parts.sites
        self._lanes = lanes
        self._sending = sending
        self._tasks = tasks
        self._arrived = arrived
        self._routing: set[tuple[int, str]] = set()
        self._log = structlog.get_logger("mta.delivery")

    def find_route(self, lane: Lane, domain: str) -> None:
        """Look the domain up, unless that is under way."""
        asked = (lane.site.site.id, domain)
        if asked not in self._routing:
            self._routing.add(asked)
            self._tasks.spawn(self._route(lane, domain))

    async def _route(self, lane: Lane, domain: str) -> None:
        """Look up a domain whose route is not in memory; its mail may turn out to change lanes."""
        site_id = lane.site.site.id
        try:
            found = await self._router.find(domain)
            if isinstance(found, Outcome):
                self._sending.refused(lane, lane.picker.take_domain(domain), found)
            else:
                site = await self._sites.ensure(found.site, found.provider)
                if site.id != site_id:
                    await self._change_lane(lane.picker.take_domain(domain), site.id)
                for one in self._lanes.by_site.get(site_id, ()):
                    one.picker.give_back(domain)
        except StoreError as error:
            self._log.warning("mail could not change lanes", domain=domain, error=str(error))
            await asyncio.sleep(RETRY_S)
        finally:
            self._routing.discard((site_id, domain))
        self._lanes.hooks.refill(lane.site)
        self._lanes.kick(site_id)

    async def _change_lane(self, deliveries: list[QueuedDelivery], site_id: int) -> None:
        """Write the new site, then let them arrive there. Raises `StoreError`; all are in a lane."""
        while deliveries:
            part = deliveries[:BATCH]
            rows: list[tuple[int | float | str | None, ...]] = [(d.id, site_id) for d in part]
            try:
                await self._store.submit([Rows("delivery_site", rows)])
            except StoreError:
                self._arrived(deliveries)
                raise
            del deliveries[:BATCH]
            for delivery in part:
                delivery.site = site_id
            self._arrived(part)
