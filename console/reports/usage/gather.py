"""Gathers the data of a report: from the roll-ups, the ledger, the doors, incidents and runs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import orjson

from console.accounts.actor import Actor, NotVisible
from console.accounts.incidents.service import IncidentService
from console.accounts.usage.service import Group, UsageQuery, UsageRow, UsageService
from console.accounts.values import Account, AccountKind
from console.reports.availability.runs import RunReader
from console.reports.period import PeriodQuery, PeriodReader
from console.reports.usage.bag import BagReader
from console.reports.usage.data import (
    AccountLine,
    CampaignLine,
    Cover,
    DayLine,
    DoorLine,
    DoorSum,
    Heat,
    IncidentLine,
    ProviderLine,
    Sums,
    UsageReport,
)
from console.reports.usage.sections import added
from console.reports.values import AccountPeriod, CampaignPeriod, PeriodFigures
from mta.model.clock import Clock
from mta.store.base import Store

Progress = Callable[[str, int, int], None]
STEPS = ("figures", "campaigns", "providers", "accounts", "hours", "doors", "bag", "incidents")
_GROUPS = {  # what sites are counted as, in the tender's words
    "google": "google", "outlook": "microsoft", "microsoft365": "microsoft", "yahoo": "yahoo",
    "gob.pe": "gob_pe",
}  # fmt: skip
_ORDER = ("google", "microsoft", "yahoo", "gob_pe", "other")
_ALL = frozenset((Group.ACCOUNT, Group.CREDENTIAL, Group.DOOR))
_P95 = 0.95


@dataclass(frozen=True, slots=True)
class Asked:
    """Which report: of an account with all below it, over days of its zone."""

    account: int
    first: date
    last: date
    number: int = 0
    made_by: str = ""


class UsageReporter:
    """Reads, and changes nothing."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        figures: PeriodReader,
        bag: BagReader,
        incidents: IncidentService,
        uses: UsageService,
        runs: RunReader,
        zone: ZoneInfo,
    ) -> None:
        """`zone`: of accounts that have none of their own."""
        self._store = store
        self._clock = clock
        self._figures = figures
        self._bag = bag
        self._incidents = incidents
        self._uses = uses
        self._runs = runs
        self._zone = zone

    async def zone_of(self, account: int) -> ZoneInfo:
        """The zone whose days count. Raises `NotVisible`."""
        found = await self._account(account)
        return ZoneInfo(found.timezone) if found.timezone else self._zone

    async def is_training(self, account: int) -> bool:
        """Whether its reports carry the mark of training (T-p). Raises `NotVisible`."""
        return (await self._account(account)).kind == AccountKind.TRAINING

    async def gather(
        self, actor: Actor, asked: Asked, progress: Progress = lambda *_: None
    ) -> UsageReport:
        """The data of the report.

        Raises `NotPermitted`, `NotVisible`, `BadPeriod`, `StoreError`. `progress` is told each step.
        """
        account = await self._account(asked.account)
        zone = ZoneInfo(account.timezone) if account.timezone else self._zone
        from_ms, until_ms = span_ms(asked.first, asked.last, zone)
        query = PeriodQuery(account.id, asked.first, asked.last)

        def step(name: str) -> None:
            progress(name, STEPS.index(name), len(STEPS))

        step("figures")
        totals = sums_of(await self._figures.totals(actor, query))
        days = [
            DayLine(str(one.day), sums_of(one.figures))
            for one in await self._figures.days(actor, query)
        ]
        training = PeriodQuery(account.id, asked.first, asked.last, training=True)
        trained = (await self._figures.totals(actor, training)).attempted
        step("campaigns")
        campaigns, heat = await self._campaigns(actor, query, step)
        step("providers")
        providers = await self._providers(actor, query)
        step("accounts")
        accounts = await self._figures.accounts(actor, query)
        step("doors")
        doors, door_days = await self._doors(actor, accounts, asked)
        step("bag")
        ids = [one.account for one in accounts]
        names = {one.account: one.name for one in accounts}
        balance = await self._bag.balance(account, ids, (from_ms, until_ms), trained)
        contract = await self._bag.contract(account.id, until_ms - 1)
        lines = await self._account_lines(actor, account, accounts)
        moves = await self._bag.moves(names, contract, (from_ms, until_ms))
        refunds = await self._bag.refunds(actor, account.id, names, (from_ms, until_ms))
        step("incidents")
        return UsageReport(
            cover=Cover(
                asked.number, account.id, account.name, contract.id if contract else 0,
                contract.name if contract else "", str(zone), str(asked.first), str(asked.last),
                self._clock.now_ms(), asked.made_by or actor.name,
            ),
            balance=balance,
            totals=totals,
            campaigns=tuple(campaigns),
            providers=tuple(providers),
            accounts=tuple(lines),
            days=tuple(days),
            heat=heat,
            doors=tuple(doors),
            door_days=tuple(door_days),
            moves=tuple(moves),
            refunds=tuple(refunds),
            incidents=tuple(await self._incidents_of(actor, set(ids), from_ms, until_ms)),
            availability=await self._runs.availability(from_ms, until_ms),
        )  # fmt: skip

    # -- inside --------------------------------------------------------------------------------

    async def _account(self, account: int) -> Account:
        for row in await self._store.read("account_all"):
            if row[0] == account:
                return Account.of(row)
        raise NotVisible(f"there is no account {account}")

    async def _campaigns(
        self, actor: Actor, query: PeriodQuery, step: Callable[[str], None]
    ) -> tuple[Sequence[CampaignLine], Heat]:
        found = await self._figures.campaigns(actor, query)
        step("hours")
        heats: dict[int, Heat] = {
            one.campaign: tuple(tuple(day) for day in one.week)
            for one in await self._figures.hours(actor, query)
        }
        ids = orjson.dumps([one.campaign for one in found]).decode()
        rows = await self._store.read("usage_report_campaigns", campaigns=ids)
        about = {row[0]: row[1:] for row in rows}
        lines = [_campaign(one, about.get(one.campaign, ("", "", "")), heats) for one in found]
        return lines, _together(list(heats.values()))

    async def _providers(self, actor: Actor, query: PeriodQuery) -> Sequence[ProviderLine]:
        groups: dict[str, list[Sums]] = {name: [] for name in _ORDER}
        for one in await self._figures.providers(actor, query):
            groups[_GROUPS.get(one.provider, "other")].append(sums_of(one.figures))
        return [ProviderLine(name, added(sums)) for name, sums in groups.items()]

    async def _account_lines(
        self, actor: Actor, account: Account, accounts: Sequence[AccountPeriod]
    ) -> Sequence[AccountLine]:
        shares = await self._bag.shares(actor, account.id)
        lines = []
        for one in accounts:
            share = shares.get(one.account)
            lines.append(
                AccountLine(
                    one.account, one.name, one.depth, share.kind.value if share else "",
                    share.granted if share else None, share.available if share else None,
                    sums_of(one.figures),
                )
            )  # fmt: skip
        return lines

    async def _doors(
        self, actor: Actor, accounts: Sequence[AccountPeriod], asked: Asked
    ) -> tuple[Sequence[DoorSum], Sequence[DoorLine]]:
        """Account by account, so that no answer is ever too long."""
        sums: list[DoorSum] = []
        days: list[DoorLine] = []
        for one in accounts:
            whole = UsageQuery(asked.first, asked.last, _ALL, one.account)
            sums += [DoorSum(*_door(r)) for r in (await self._uses.report(actor, whole)).rows]
            daily = UsageQuery(asked.first, asked.last, _ALL | {Group.DAY}, one.account)
            days += [
                DoorLine(row.day or "", *_door(row))
                for row in (await self._uses.report(actor, daily)).rows
            ]
        return sums, sorted(days, key=lambda d: (d.day, d.account_name, d.credential, d.door))

    async def _incidents_of(
        self, actor: Actor, accounts: set[int], from_ms: int, until_ms: int
    ) -> Sequence[IncidentLine]:
        lines: list[IncidentLine] = []
        page = await self._incidents.list(actor)
        while page:
            lines += [
                IncidentLine(
                    i.number, i.created_ms, i.category.value, i.subject, i.state.value, i.reference,
                    i.closed_ms,
                )
                for i in page if i.account in accounts and from_ms <= i.created_ms < until_ms
            ]  # fmt: skip
            if page[-1].created_ms < from_ms:
                break
            page = await self._incidents.list(actor, before=page[-1].number)
        return lines[::-1]


def span_ms(first: date, last: date, zone: ZoneInfo) -> tuple[int, int]:
    """From the first millisecond of the first day to that after the last one."""
    begin = datetime.combine(first, time(), zone)
    end = datetime.combine(last + timedelta(days=1), time(), zone)
    return round(begin.timestamp() * 1000), round(end.timestamp() * 1000)


def sums_of(figures: PeriodFigures) -> Sums:
    """The figures that a report tells."""
    return Sums(
        figures.attempted, figures.delivered, figures.bounced, figures.expired,
        figures.unique_opens, figures.inferred_opens, figures.total_opens, figures.opened_again,
        figures.not_opened, figures.unique_clicks, figures.total_clicks, figures.unsubscribed,
        figures.complained,
    )  # fmt: skip


def _campaign(one: CampaignPeriod, about: Sequence[str], heats: dict[int, Heat]) -> CampaignLine:
    subject, name, address = (text or "" for text in about)
    return CampaignLine(
        one.campaign, one.name, one.account_name, one.status, subject,
        f"{name} <{address}>" if name else address, one.started_ms, one.finished_ms,
        one.figures.audience, one.figures.suppressed, sums_of(one.figures),
        heats.get(one.campaign, ()),
    )  # fmt: skip


def _together(heats: Sequence[Heat]) -> Heat:
    if not heats:
        return ()
    return tuple(
        tuple(sum(heat[day][hour] for heat in heats) for hour in range(24)) for day in range(7)
    )


def _door(row: UsageRow) -> tuple[str, str, str, int, int, int, int, int, int | None]:
    return (
        row.account_name or "", row.credential_name or str(row.credential or ""), row.door or "",
        row.requests, row.accepted, row.rejected, row.errors, row.recipients, row.latency_ms(_P95),
    )  # fmt: skip
