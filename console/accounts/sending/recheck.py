"""Asks the DNS for all domains again and again: often while something is awaited, else hourly."""

import asyncio

import structlog

from console.accounts.actor import Actor
from console.accounts.sending.service import SendingDomains
from console.accounts.sending.values import DomainStatus
from console.accounts.values import State
from mta.model.clock import Clock
from mta.model.errors import RelevoError

EVERY_S = 60.0  # a look at which domains are due
SOON_MS = 10 * 60_000  # between two checks of a domain that waits for its records, or lost them
LATER_MS = 60 * 60_000  # of the others
PATIENCE_MS = 3 * 86_400_000  # a domain that waits longer is checked hourly
AT_ONCE = 20  # domains of one look; the rest comes with the next
_SYSTEM = Actor.system("domains")


def due_ms(status: DomainStatus) -> int:
    """When the domain is to be checked again."""
    is_waiting = status.domain.state is State.PENDING or status.failing_since_ms > 0
    since_ms = status.failing_since_ms or status.domain.created_ms
    is_soon = is_waiting and status.checked_ms - since_ms < PATIENCE_MS
    return status.checked_ms + (SOON_MS if is_soon else LATER_MS)


class DomainRecheck:
    """`run()` is a long-lived task."""

    def __init__(self, domains: SendingDomains, clock: Clock) -> None:
        self._domains = domains
        self._clock = clock
        self._log = structlog.get_logger("relevo.domains")

    async def run(self) -> None:
        """Check what is due, for ever."""
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self.look()
            except RelevoError as error:
                self._log.warning("domains could not be checked", error=str(error))

    async def look(self) -> int:
        """Check the domains that are due, longest waiting first; how many."""
        now_ms = self._clock.now_ms()
        due = [s for s in await self._domains.all(_SYSTEM) if due_ms(s) <= now_ms]
        due.sort(key=lambda status: status.checked_ms)
        for status in due[:AT_ONCE]:
            await self._domains.check(_SYSTEM, status.name)
        return len(due[:AT_ONCE])
