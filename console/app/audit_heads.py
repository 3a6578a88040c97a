"""Mails the ends of the chains once a day to who keeps them elsewhere.

Whoever has yesterday's mail can tell whether entries that were sealed then are still the same: the hash
of the last one is made of all before it.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from console.app.chains import CHAINS
from mta.model.clock import Clock
from mta.store.base import Store
from mta.store.work import Rows

_PLACE = "chain_heads_mailed"  # days since 1970, in the server's time zone


class ChainEnd(NamedTuple):
    """The last entry of a chain."""

    chain: str
    entries: int
    hash: str


Send = Callable[[str, Sequence[ChainEnd], str], Awaitable[None]]  # to, the ends, the day


class HeadMail:
    """Call `run` once a minute."""

    def __init__(self, store: Store, clock: Clock, to: Sequence[str], timezone: str) -> None:
        """`to`: nobody is told when it is empty."""
        self._store = store
        self._clock = clock
        self._to = to
        self._zone = ZoneInfo(timezone)
        self.send: Send | None = None

    async def run(self) -> None:
        """The first time on a day that it is called. Raises `StoreError`."""
        if not self._to or self.send is None:
            return
        today = datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC).astimezone(self._zone)
        number = today.date().toordinal()
        found = await self._store.read("privacy_place", name=_PLACE)
        if found and found[0][0] >= number:
            return
        ends = [end for chain in CHAINS for end in await self._end(chain.name)]
        # Noted first: a crash in between costs a day's mail, and nobody gets two.
        await self._store.submit([Rows("privacy_place_put", [(_PLACE, number)])])
        for address in self._to:
            await self.send(address, ends, today.date().isoformat())

    async def _end(self, chain: str) -> list[ChainEnd]:
        rows = await self._store.read("chain_head", chain=chain)
        return [ChainEnd(chain, row[0], row[1]) for row in rows]
