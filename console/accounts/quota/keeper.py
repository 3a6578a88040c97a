"""What happens by itself: balances looked at again, alerts, the end of a term, checkpoints."""

import asyncio
from collections.abc import Callable

import structlog

from console.accounts.quota.alerts import Alerts
from console.accounts.quota.books import Books
from console.accounts.quota.forecast import DAY_MS
from console.accounts.quota.ledger import Ledger
from console.accounts.quota.refunds import RefundService
from mta.model.errors import JobRefused, StoreError
from mta.store.work import Rows

LOOK_S = 1.0  # between two looks at the balances, while mail is taken
FORGET_ROWS = 500  # by one job
QUIET_S = 60.0  # without anything: terms begin and end, days pass
# Whatever moves a balance, and accounts, whose place in the tree says what they pay with.
_MOVES = (
    "quota_consume",
    "quota_consume_reserved",
    "quota_release",
    "quota_refund_give",
    "quota_entry_insert",
    "quota_return_all",
    "quota_cap_close",
    "account_insert",
    "account_state",
)


class Keeper:
    """The long-lived task of the bag."""

    def __init__(
        self,
        books: Books,
        ledger: Ledger,
        alerts: Alerts,
        refunds: RefundService,
        *,
        look_s: float = LOOK_S,
    ) -> None:
        self._books = books
        self._ledger = ledger
        self._alerts = alerts
        self._refunds = refunds
        self._look_s = look_s
        self._woken = asyncio.Event()
        self._checkpoint_ms = 0
        self._unwatch: list[Callable[[], None]] = []
        self._log = structlog.get_logger("relevo.quota")
        books.meter.on_change = refunds.on_confirmed = self.wake

    def wake(self) -> None:
        """Balances in memory are no longer those on disk."""
        self._woken.set()

    async def run(self) -> None:
        """Look after the bag until cancelled."""
        self._unwatch = [self._books.store.watch(name, self.wake) for name in _MOVES]
        try:
            while True:
                try:
                    await self.look()
                except StoreError as error:
                    self._log.warning("the bag was not looked at", error=str(error))
                await asyncio.sleep(self._look_s)
                try:
                    async with asyncio.timeout(QUIET_S):
                        await self._woken.wait()
                except TimeoutError:
                    continue
        finally:
            for end in self._unwatch:
                end()

    async def look(self) -> None:
        """One look: balances, ends of terms, alerts, a checkpoint a day. Raises `StoreError`."""
        self._woken.clear()
        await self._books.meter.refresh()
        await self.end_terms()
        await self._alerts.check()
        await self._refunds.carry_on()
        now_ms = self._books.clock.now_ms()
        if now_ms - self._checkpoint_ms >= DAY_MS:
            self._checkpoint_ms = now_ms
            await self._ledger.checkpoint()
            await self._forget()

    async def _forget(self) -> None:
        """Drop what messages cost that are gone themselves; the ledger keeps the sums."""
        store = self._books.store
        for read, drop in (
            ("quota_charge_old", "quota_charge_drop"),
            ("quota_back_old", "quota_back_drop"),
        ):
            while rows := await store.read(read, count=FORGET_ROWS):
                await store.submit([Rows(drop, rows)], bulk=True)

    async def end_terms(self) -> None:
        """Take out what is left of contracts whose term is over; once for each.

        What was reserved stays reserved: those campaigns were accepted before the end.
        """
        books = self._books
        now_ms = books.clock.now_ms()
        for contract in list(books.meter.contracts.values()):
            if contract.ended_ms or now_ms < books.meter.terms[contract.id].end_ms:
                continue
            try:
                await books.commit(
                    [
                        Rows("quota_contract_end", [(contract.id, now_ms)], expect=1),
                        Rows("quota_expire", [(contract.id, now_ms, contract.name)]),
                    ]
                )
            except JobRefused:
                continue
            self._log.info("the term of a contract is over", contract=contract.name)
