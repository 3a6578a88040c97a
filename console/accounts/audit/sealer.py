"""Gives new rows their place in a chain, about a second after they were committed."""

import asyncio

import structlog

from console.accounts.audit.chain import AUDIT, FIRST, Chain, ChainKey, Head
from mta.model.errors import StoreError
from mta.store.base import Store
from mta.store.work import Rows

INTERVAL_S = 1.0
QUIET_S = 60.0  # a look without being woken: what committed long after it was announced
ROWS_PER_JOB = 1_900  # a job takes 2,000 rows, and the head is one of them
HEAD_EVERY_S = 24 * 3600.0


class Sealer:
    """Seals one chain; the only one to do so. `run()` is its long-lived task."""

    def __init__(
        self, store: Store, key: ChainKey, chain: Chain = AUDIT, *, interval_s: float = INTERVAL_S
    ) -> None:
        self._store = store
        self._key = key
        self._chain = chain
        self._interval_s = interval_s
        self._head: Head | None = None
        self._woken = asyncio.Event()
        self._lock = asyncio.Lock()
        self._log = structlog.get_logger("relevo.audit")

    def wake(self) -> None:
        """There are, or will be in a moment, new rows."""
        self._woken.set()

    async def run(self) -> None:
        """Seal an interval after being woken, until nothing is left; until cancelled."""
        loop = asyncio.get_running_loop()
        told_s = loop.time() - HEAD_EVERY_S
        while True:
            try:
                self._head = self._head or await self._read_head()
                sealed = await self.seal()
            except StoreError as error:
                self._log.warning("chain_not_sealed", chain=self._chain.name, error=str(error))
                sealed = 0
            if loop.time() - told_s >= HEAD_EVERY_S and self._head is not None and self._head.seq:
                told_s = loop.time()
                self._tell_head(self._head)
            if not sealed:
                self._woken.clear()
                try:
                    async with asyncio.timeout(QUIET_S):
                        await self._woken.wait()
                except TimeoutError:
                    continue
            await asyncio.sleep(self._interval_s)

    async def seal(self) -> int:
        """Seal what is committed now; gives how many rows that were. Raises `StoreError`."""
        async with self._lock:
            total = 0
            while True:
                count = await self._page()
                total += count
                if count < ROWS_PER_JOB:
                    return total

    async def _page(self) -> int:
        rows = await self._store.read(self._chain.unsealed, count=ROWS_PER_JOB)
        if not rows:
            return 0
        head = await self._read_head() if self._head is None else self._head
        sealed = []
        for values in rows:
            seq = head.seq + 1
            head = Head(seq, self._key.link(self._chain.name, seq, head.hash, values))
            sealed.append((values[0], seq, head.hash))
        put = (self._chain.name, head.seq, head.hash, self._key.head(self._chain.name, head))
        self._head = None  # until it is known: a refused job leaves the old one
        await self._store.submit(
            [
                Rows(self._chain.seal, sealed, expect=len(sealed)),
                Rows("chain_head_put", [put], expect=1),
            ],
            bulk=True,
        )
        self._head = head
        return len(rows)

    async def _read_head(self) -> Head:
        rows = await self._store.read("chain_head", chain=self._chain.name)
        if not rows:
            return Head(0, FIRST)
        seq, last, mac = rows[0]
        head = Head(int(seq), str(last))
        if self._key.head(self._chain.name, head) != mac:
            self._log.error("chain_head_was_changed", chain=self._chain.name, seq=seq)
        return head

    def _tell_head(self, head: Head) -> None:
        """Into the log, which stands elsewhere: an earlier state of the database shows by it."""
        self._log.info("chain_head", chain=self._chain.name, seq=head.seq, hash=head.hash)
