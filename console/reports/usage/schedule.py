"""Every two months by itself: the periods of a contract, and which of them are due.

Periods are counted from day 1 of the contract; the last one ends with it. Each is reported once,
whatever happens to the server in between: a period is due from the day after its last one on, until
there is a report of it.
"""

import asyncio
import calendar
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import orjson
import structlog

from console.accounts.actor import Actor
from console.accounts.audit import AuditTrail
from console.accounts.permissions import Permission
from console.accounts.quota.service import QuotaService
from console.accounts.quota.values import Contract
from console.accounts.values import Account, State
from console.reports.usage.book import Order, ReportBook, check_addressees
from console.reports.usage.gather import span_ms
from mta.model.clock import Clock
from mta.model.errors import RelevoError
from mta.store.base import Store
from mta.store.work import Rows

MONTHS = 2
LOOK_S = 300.0
_ACTOR = Actor.system("reports")


@dataclass(frozen=True, slots=True)
class Schedule:
    """Of a main account. `addressees` (): its owners and administrators."""

    account: int
    is_on: bool = True
    language: str = ""  # "": the account's
    addressees: tuple[str, ...] = ()
    formats: str = "pdf,xlsx"
    since_ms: int = 0  # periods that ended before are left out


@dataclass(frozen=True, slots=True)
class Period:
    """Days, both included."""

    first: date
    last: date


def periods(starts_on: str, days: int) -> Sequence[Period]:
    """All periods of a contract; none while its first day is not decided.

    >>> [str(p.last) for p in periods("2026-03-01", 100)]
    ['2026-04-30', '2026-06-08']
    """
    if not starts_on:
        return []
    begin = date.fromisoformat(starts_on)
    end = begin + timedelta(days=days)  # the first day after it
    found, place = [], 0
    while (first := months_after(begin, place)) < end:
        place += MONTHS
        found.append(Period(first, min(months_after(begin, place), end) - timedelta(days=1)))
    return found


def months_after(day: date, months: int) -> date:
    """The same day of a later month, or its last one."""
    year, month = divmod(day.month - 1 + months, 12)
    last = calendar.monthrange(day.year + year, month + 1)[1]
    return date(day.year + year, month + 1, min(day.day, last))


class Scheduler:
    """Asks for the reports that are due; `run()` until it is cancelled."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        trail: AuditTrail,
        quota: QuotaService,
        book: ReportBook,
        zone: ZoneInfo,
        language: str,
    ) -> None:
        """`zone` and `language`: of accounts that have none of their own."""
        self._store = store
        self._clock = clock
        self._trail = trail
        self._quota = quota
        self._book = book
        self._zone = zone
        self._language = language
        self._log = structlog.get_logger("relevo.reports")
        self.on_asked: Callable[[], None] = lambda: None  # wakes the one that makes them

    async def get(self, actor: Actor, account: int) -> Schedule:
        """What holds for an account. Raises `NotPermitted`, `NotVisible`."""
        actor.require(Permission.REPORT_VIEW, account)
        return (await self._all()).get(account, Schedule(account))

    async def change(self, actor: Actor, chosen: Schedule) -> Schedule:
        """From now on; a schedule that is turned on leaves out what ended while it was off.

        Raises `BadReport`, `NotPermitted`, `NotVisible`.
        """
        actor.require(Permission.SETTINGS_MANAGE, chosen.account)
        check_addressees(chosen.addressees)
        was = await self.get(actor, chosen.account)
        since = self._clock.now_ms() if chosen.is_on and not was.is_on else was.since_ms
        row = (
            chosen.account, int(chosen.is_on), chosen.language,
            orjson.dumps(chosen.addressees).decode(), chosen.formats, since,
        )  # fmt: skip
        entry = self._trail.entry(
            actor, "report.scheduled", chosen.account, chosen.account, _told(was), _told(chosen)
        )
        await self._store.submit([Rows("usage_schedule_put", [row]), entry])
        return await self.get(actor, chosen.account)

    async def next_of(self, account: int) -> Period | None:
        """The period that is going on."""
        contract = await self._contract(account)
        if contract is None:
            return None
        today = (await self._today(account)).isoformat()
        return next(
            (p for p in periods(contract.starts_on, contract.days)
             if str(p.first) <= today <= str(p.last)), None,
        )  # fmt: skip

    async def past_of(self, account: int) -> Sequence[Period]:
        """Those that are over, the newest first."""
        contract = await self._contract(account)
        today = await self._today(account)
        found = periods(contract.starts_on, contract.days) if contract is not None else ()
        return [one for one in found if one.last < today][::-1]

    async def look(self) -> int:
        """Ask for everything that is due; gives how many. Raises `StoreError`."""
        await self._quota.meter.refresh()
        known = await self._all()
        accounts = {row[0]: Account.of(row) for row in await self._store.read("account_all")}
        count = 0
        for contract in list(self._quota.meter.contracts.values()):
            chosen = known.get(contract.account, Schedule(contract.account))
            if chosen.is_on and accounts[contract.account].state is not State.CLOSED:
                count += await self._ask(contract, chosen, accounts[contract.account])
        if count:
            self.on_asked()
        return count

    async def run(self) -> None:
        """Look every few minutes, and at once."""
        while True:
            try:
                await self.look()
            except RelevoError as error:
                self._log.warning("schedule of reports", error=str(error))
            await asyncio.sleep(LOOK_S)

    # -- inside --------------------------------------------------------------------------------

    async def _ask(self, contract: Contract, chosen: Schedule, account: Account) -> int:
        zone = ZoneInfo(account.timezone) if account.timezone else self._zone
        now_ms = self._clock.now_ms()
        ended = [
            (one, span_ms(one.first, one.last, zone)[1])
            for one in periods(contract.starts_on, contract.days)
        ]
        due = [one for one, end_ms in ended if chosen.since_ms < end_ms <= now_ms]
        if not due:
            return 0
        rows = await self._store.read(
            "usage_schedule_periods", account=account.id, series=contract.id
        )
        made = {row[0] for row in rows}
        missing = [one for one in due if str(one.first) not in made]
        for one in missing:
            addressees = chosen.addressees or await self._deciding(account.id)
            language = chosen.language or account.language or self._language
            order = Order(
                account.id, contract.id, one.first, one.last, language, addressees, chosen.formats,
                is_scheduled=True,
            )  # fmt: skip
            await self._book.put(_ACTOR, order)
        return len(missing)

    async def _deciding(self, account: int) -> tuple[str, ...]:
        rows = await self._store.read("sending_domain_people", account=account)
        return tuple(dict.fromkeys(row[0] for row in rows))

    async def _all(self) -> Mapping[int, Schedule]:
        return {
            row[0]: Schedule(row[0], bool(row[1]), row[2], tuple(orjson.loads(row[3])), *row[4:])
            for row in await self._store.read("usage_schedules")
        }

    async def _contract(self, account: int) -> Contract | None:
        await self._quota.meter.refresh()
        return self._quota.meter.contract_of(account, self._clock.now_ms())

    async def _today(self, account: int) -> date:
        rows = await self._store.read("account_all")
        found = next((Account.of(row) for row in rows if row[0] == account), None)
        zone = ZoneInfo(found.timezone) if found is not None and found.timezone else self._zone
        return datetime.fromtimestamp(self._clock.now_ms() / 1000, zone).date()


def _told(chosen: Schedule) -> Mapping[str, object]:
    return {
        "is_on": chosen.is_on, "language": chosen.language, "formats": chosen.formats,
        "to_people": list(chosen.addressees),
    }  # fmt: skip
