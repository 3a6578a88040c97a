"""Writes when credentials were last used, lazily: many uses become one bulk job a minute."""

import asyncio

import structlog

from mta.model.errors import StoreError
from mta.store.base import Store
from mta.store.work import Rows

INTERVAL_S = 60.0
ROWS_PER_JOB = 2000  # a bulk job's limit


class LastUse:
    """Collects uses on the event loop; `run()` is its long-lived task."""

    def __init__(self, store: Store, *, interval_s: float = INTERVAL_S) -> None:
        self._store = store
        self._interval_s = interval_s
        self._pending: dict[int, int] = {}
        self._used = asyncio.Event()
        self._log = structlog.get_logger("relevo.accounts")

    def note(self, credential: int, now_ms: int) -> None:
        """Remember a use; no I/O."""
        self._pending[credential] = now_ms
        self._used.set()

    async def run(self) -> None:
        """Write what has collected, an interval after the first use; until cancelled."""
        while True:
            await self._used.wait()
            await asyncio.sleep(self._interval_s)
            try:
                await self.flush()
            except StoreError as error:
                self._log.warning("last_use_not_written", error=str(error))

    async def flush(self) -> None:
        """Write everything now; what the store refuses stays for the next time."""
        self._used.clear()
        rows = list(self._pending.items())
        for start in range(0, len(rows), ROWS_PER_JOB):
            part: list[tuple[int | float | str | None, ...]] = list(
                rows[start : start + ROWS_PER_JOB]
            )
            try:
                await self._store.submit([Rows("credential_used", part)], bulk=True)
            except StoreError:
                self._used.set()
                raise
            for credential, now_ms in rows[start : start + ROWS_PER_JOB]:
                if self._pending.get(credential) == now_ms:
                    del self._pending[credential]
