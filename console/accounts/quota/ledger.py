"""Reading the ledger: pages, balances at a moment, checkpoints, forecasts."""

from zoneinfo import ZoneInfo

import orjson

from console.accounts.actor import Actor
from console.accounts.permissions import Permission
from console.accounts.quota.books import Books
from console.accounts.quota.forecast import WINDOW_MS, Forecast, forecast
from console.accounts.quota.term import Term
from console.accounts.quota.values import Entry, EntryKind
from mta.store.work import Rows

PAGE = 100
MAX_PAGE = 1_000
ALWAYS_MS = 2**62


class Ledger:
    """Part of `QuotaService`."""

    def __init__(self, books: Books, zone: ZoneInfo) -> None:
        self._books = books
        self._zone = zone

    async def page(
        self,
        actor: Actor,
        account: int,
        *,
        before: int = ALWAYS_MS,
        count: int = PAGE,
        kind: EntryKind | None = None,
        from_ms: int = 0,
        until_ms: int = ALWAYS_MS,
    ) -> list[Entry]:
        """Entries older than `before`, the newest first.

        Of a main account: of all balances of its contracts; of a sub-account: of its own share.
        """
        meter = self._books.meter
        await meter.refresh()
        actor.require(Permission.QUOTA_VIEW, account)
        main = meter.main_of(account).id
        contracts = [c.id for c in meter.contracts.values() if c.account == main]
        accounts = [account]
        if account == main:
            accounts = [a for a in meter.accounts if meter.main_of(a).id == main]
        rows = await self._books.store.read(
            "quota_entries",
            accounts=orjson.dumps(accounts).decode(),
            bags=orjson.dumps(list(meter.balances_of(contracts))).decode(),
            kind=kind.value if kind is not None else "",
            before=before,
            from_ms=from_ms,
            until_ms=until_ms,
            count=min(count, MAX_PAGE),
        )
        return [Entry(*row) for row in rows]

    async def balance_at(self, bag: int, at_ms: int) -> tuple[int, int, int, int]:
        """Available, reserved, consumed, refunded at a moment: a checkpoint and what followed."""
        rows = await self._books.store.read("quota_balance_at", bag=bag, at_ms=at_ms)
        available, reserved, consumed, refunded = rows[0]
        return available, reserved, consumed, refunded

    async def checkpoint(self) -> None:
        """Write the sums of today, so that those of tomorrow begin there."""
        row = (self._books.clock.now_ms(),)
        await self._books.store.submit([Rows("quota_checkpoint_put", [row])], bulk=True)

    async def forecast(self, actor: Actor, contract: int) -> Forecast:
        """How long the bag of a contract lasts at the pace of the last two weeks."""
        meter = self._books.meter
        found = meter.contracts[contract]
        actor.require(Permission.QUOTA_VIEW, found.account)
        now_ms = self._books.clock.now_ms()
        term = Term.of(found, self._zone)
        window_ms = min(WINDOW_MS, now_ms - term.begin_ms)
        if window_ms <= 0 or now_ms >= term.end_ms:
            return Forecast(0.0, 0)
        used = available = 0
        for balance in meter.balances_of((contract,)).values():
            then = await self.balance_at(balance.id, now_ms - window_ms)
            used += balance.consumed - then[2] - (balance.refunded - then[3])
            available += balance.available
        return forecast(available, used, window_ms, now_ms, term.end_ms)
