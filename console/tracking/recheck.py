"""Looks at tracking domains again and again: often while one does not work, else every hour."""

import asyncio

import structlog

from console.accounts.actor import Actor
from console.tracking.accounts import TrackingAccount
from console.tracking.service import TrackingService
from mta.model.clock import Clock
from mta.model.errors import RelevoError

EVERY_S = 60.0  # a look at which domains are due
SOON_MS = 10 * 60_000  # between two looks at a domain that does not work
LATER_MS = 60 * 60_000  # at the others
AT_ONCE = 20  # domains of one look; the rest comes with the next
_SYSTEM = Actor.system("tracking")


def due_ms(chosen: TrackingAccount) -> int:
    """When the domain is to be looked at again."""
    return chosen.checked_ms + (LATER_MS if chosen.is_verified else SOON_MS)


class TrackingRecheck:
    """`run()` is a long-lived task."""

    def __init__(self, service: TrackingService, clock: Clock) -> None:
        self._service = service
        self._clock = clock
        self._log = structlog.get_logger("relevo.tracking")

    async def run(self) -> None:
        """Look at what is due, for ever."""
        while True:
            await asyncio.sleep(EVERY_S)
            await self.look()

    async def look(self) -> int:
        """Look at the domains that are due, longest waiting first; how many."""
        now_ms = self._clock.now_ms()
        due = [one for one in self._service.chosen() if due_ms(one) <= now_ms]
        due.sort(key=lambda one: one.checked_ms)
        for one in due[:AT_ONCE]:
            try:
                await self._service.check(_SYSTEM, one.account)
            except RelevoError as error:
                self._log.warning("domain not checked", domain=one.domain, error=str(error))
        return len(due[:AT_ONCE])
