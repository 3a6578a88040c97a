"""Tells once when a share reaches 50, 75, 90 and 100 percent: an event, and mail to who decides."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

import structlog

from console.accounts.quota.books import Books
from console.accounts.quota.forecast import LEVELS, levels_reached
from console.accounts.quota.values import Contract
from mta.events.record import event_row
from mta.model.errors import JobRefused
from mta.model.traffic import EventType
from mta.store.work import Rows


class Alert(NamedTuple):
    """A share has reached a level."""

    contract: int
    contract_name: str
    account: int
    account_name: str
    percent: int
    used: int
    granted: int


Notify = Callable[[Alert], Awaitable[None]]


class Alerts:
    """Compares the meter with what was told; `load()` before first use."""

    def __init__(self, books: Books, notify: Notify | None = None) -> None:
        """`notify` sends the mail, after the alert was written."""
        self._books = books
        self.notify = notify
        self._told: set[tuple[int, int, int]] = set()
        self._log = structlog.get_logger("relevo.quota")

    async def load(self) -> None:
        """Read what was told. Raises `StoreError`."""
        self._told = {(c, a, p) for c, a, p in await self._books.store.read("quota_alerts")}

    async def check(self) -> list[Alert]:
        """Tell what is due; gives what was told. Raises `StoreError`."""
        told = []
        now_ms = self._books.clock.now_ms()
        for contract in list(self._books.meter.contracts.values()):
            term = self._books.meter.terms[contract.id]
            if not term.begin_ms <= now_ms < term.end_ms:
                continue
            for account, used, granted in self._shares(contract):
                alert = await self._check(contract, account, used, granted, now_ms)
                if alert is not None:
                    told.append(alert)
        return told

    def _shares(self, contract: Contract) -> list[tuple[int, int, int]]:
        """Account, used, granted: of the whole contract, and of each share of its own."""
        meter = self._books.meter
        balances = meter.balances_of((contract.id,))
        used = sum(b.reserved + b.consumed - b.refunded for b in balances.values())
        shares = [(contract.account, used, contract.size)]
        for balance in balances.values():
            if balance.account != contract.account and balance.is_open:
                taken = balance.reserved + balance.consumed - balance.refunded
                shares.append((balance.account, taken, balance.granted))
        for use in list(meter.uses.values()):
            account = meter.accounts.get(use.account)
            is_open = account is not None and account.state == "active"
            if use.bag in balances and use.cap and is_open:
                shares.append((use.account, use.net, use.cap))
        return shares

    async def _check(
        self, contract: Contract, account: int, used: int, granted: int, now_ms: int
    ) -> Alert | None:
        """Write down every level that was passed, and tell of the highest."""
        reached = levels_reached(used, granted)
        new = [p for p in reached if (contract.id, account, p) not in self._told]
        if not new:
            return None
        kind = EventType.QUOTA_EXHAUSTED if new[-1] == LEVELS[-1] else EventType.QUOTA_LOW
        name = self._books.meter.accounts[account].name
        alert = Alert(contract.id, contract.name, account, name, new[-1], used, granted)
        data = {
            "contract": contract.name, "percent": alert.percent, "used": used, "granted": granted,
        }  # fmt: skip
        event = event_row(0, kind, now_ms, account, 0, 0, 0, data)[1:]
        rows = [(contract.id, account, percent, now_ms) for percent in new]
        try:
            await self._books.store.submit(
                [Rows("quota_alert_put", rows, expect=len(rows)), Rows("event_insert", [event])]
            )
        except JobRefused:  # told by an earlier process
            await self.load()
            return None
        self._told.update((contract.id, account, percent) for percent in new)
        self._log.warning("quota_alert", **alert._asdict())
        if self.notify is not None:
            await self.notify(alert)
        return alert
