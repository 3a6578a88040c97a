"""Figures of an account over days of its time zone, for itself or with all that is below it.

All of them are sums of roll-ups, which change in the transaction of what they count (`counting`,
`console.tracking.bookkeeping`); `docs/explanation/figures.md` says what each means.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from console.accounts.actor import Actor, NotVisible
from console.accounts.permissions import Permission
from console.accounts.tree import by_id, line_of, with_all_below
from console.accounts.values import Account, AccountKind
from console.reports.daily import DaySplit
from console.reports.days import BadPeriod, Days
from console.reports.sums import Sums
from console.reports.values import (
    HOURS,
    AccountPeriod,
    CampaignPeriod,
    DayPeriod,
    LinkPeriod,
    OpeningHours,
    Overview,
    PeriodFigures,
    ProviderPeriod,
)
from console.tracking.hits import FIRST_AUTOMATIC
from mta.store.base import Store

MAX_DAYS = 800  # two years, and some days before and after
_ALL_CLASSES = 100


@dataclass(frozen=True, slots=True)
class PeriodQuery:
    """Which figures.

    Of a normal account training accounts below it are left out, or with `training` alone in it; a
    training account's own figures are those of it and of what is below it.
    """

    account: int
    first: date
    last: date
    subtree: bool = True  # with all accounts below
    automatic: bool = False  # opens and clicks by machines too
    training: bool = False


@dataclass(frozen=True, slots=True)
class _Scope:
    """What a query comes to."""

    days: Days
    accounts: Sequence[Account]  # parents before children
    depths: Mapping[int, int]
    training: frozenset[int]

    @property
    def values(self) -> dict[str, Any]:
        """For the statements."""
        ids = [account.id for account in self.accounts]
        return {"accounts": orjson.dumps(ids).decode(), **self.days.whole()}

    def named(self, account: int) -> str:
        """The name of one of the accounts."""
        return next(one.name for one in self.accounts if one.id == account)


@dataclass(frozen=True, slots=True)
class _Read:
    """Rows of `period_outcomes` and `period_engagement`."""

    outcomes: Sequence[Any]
    engagement: Sequence[Any]
    automatic: bool

    def by(self, key: Callable[[int, str], Hashable]) -> Sums:
        """The sums by what `key` makes of flow and provider."""
        sums = Sums(automatic=self.automatic)
        for flow, kind, klass, provider, late, n in self.outcomes:
            sums.outcome(key(flow, provider), kind, klass, late, n)
        for flow, kind, hit_class, provider, *counts in self.engagement:
            sums.engaged(key(flow, provider), kind, hit_class, counts)
        return sums


class PeriodReader:
    """Each method asks for `report.view` in every account whose mail it counts."""

    def __init__(self, store: Store, zone: ZoneInfo) -> None:
        """`zone`: of accounts that have none of their own."""
        self._store = store
        self._zone = zone

    async def days_of(self, actor: Actor, query: PeriodQuery) -> Days:
        """The period in the time zone that counts. Raises `BadPeriod`, `NotVisible`."""
        return (await self._scope(actor, query)).days

    async def overview(self, actor: Actor, query: PeriodQuery) -> Overview:
        """All five of these, of one reading."""
        scope = await self._scope(actor, query)
        read = await self._read(scope, query)  # first: what is in it has its flow and campaign then
        campaigns, owners = await asyncio.gather(self._campaigns(scope), self._owners(scope))
        return Overview(
            read.by(_together).figures_of(0),
            _campaign_lines(scope, read, campaigns),
            _other_mail(read, campaigns),
            _provider_lines(read),
            _account_lines(scope, read, owners),
        )

    async def totals(self, actor: Actor, query: PeriodQuery) -> PeriodFigures:
        """All of it together. Raises `BadPeriod`, `NotPermitted`, `NotVisible`, as all do."""
        scope = await self._scope(actor, query)
        return (await self._read(scope, query)).by(_together).figures_of(0)

    async def campaigns(self, actor: Actor, query: PeriodQuery) -> Sequence[CampaignPeriod]:
        """Every campaign to whose mail something happened, in the order of their starts."""
        scope = await self._scope(actor, query)
        return _campaign_lines(scope, await self._read(scope, query), await self._campaigns(scope))

    async def others(self, actor: Actor, query: PeriodQuery) -> PeriodFigures:
        """Mail that is of no campaign: applications over API and SMTP, automations."""
        scope = await self._scope(actor, query)
        return _other_mail(await self._read(scope, query), await self._campaigns(scope))

    async def providers(self, actor: Actor, query: PeriodQuery) -> Sequence[ProviderPeriod]:
        """Every mailbox provider that mail was tried at, the largest first."""
        scope = await self._scope(actor, query)
        return _provider_lines(await self._read(scope, query))

    async def accounts(self, actor: Actor, query: PeriodQuery) -> Sequence[AccountPeriod]:
        """Each account by itself, also those without mail, parents before children."""
        scope = await self._scope(actor, query)
        return _account_lines(scope, await self._read(scope, query), await self._owners(scope))

    async def days(self, actor: Actor, query: PeriodQuery) -> Sequence[DayPeriod]:
        """Each day, also those on which nothing happened; bounces are not told by class."""
        scope = await self._scope(actor, query)
        sums, split = Sums(automatic=query.automatic), DaySplit(scope.days)
        values = {"accounts": scope.values["accounts"], **split.values}
        hits = {**values, **_classes(query)}
        read, places = self._store.read, (split.of_day, split.of_hour)
        found = await asyncio.gather(
            read("period_day_outcomes", **values), read("period_edge_outcomes", **values),
            read("period_day_engagement", **hits), read("period_edge_engagement", **hits),
        )  # fmt: skip
        for place, rows in zip(places, found[:2], strict=True):
            for number, kind, late, n in rows:
                for day, sign in place(number):
                    sums.outcome(day, kind, "", late, sign * n)
        for place, rows in zip(places, found[2:], strict=True):
            for number, kind, klass, *counts in rows:
                for day, sign in place(number):
                    sums.engaged(day, kind, klass, [sign * n for n in counts])
        return [DayPeriod(day, sums.figures_of(day)) for day in scope.days]

    async def hours(self, actor: Actor, query: PeriodQuery) -> Sequence[OpeningHours]:
        """When each campaign was opened, by hour of the day in the account's time zone."""
        scope = await self._scope(actor, query)
        place_of = _place_of(scope.days)
        week: dict[int, list[list[int]]] = {}
        totals: dict[int, list[int]] = defaultdict(lambda: [0] * HOURS)
        for flow, hour, n, firsts, firsts_any in await self._store.read(
            "period_opening_hours", **_by_hour(scope), **_classes(query)
        ):
            weekday, of_day = place_of(hour)
            grid = week.setdefault(flow, [[0] * HOURS for _ in range(7)])
            grid[weekday][of_day] += firsts_any if query.automatic else firsts
            totals[flow][of_day] += n
        found = sorted(await self._campaigns(scope), key=lambda row: (row[5], row[0]))
        return [
            OpeningHours(
                number, flow, account, name,
                [sum(day[hour] for day in week[flow]) for hour in range(HOURS)],
                totals[flow], week[flow],
            )
            for number, account, name, _, flow, *_ in found
            if flow in week
        ]  # fmt: skip

    async def links(self, actor: Actor, query: PeriodQuery) -> Sequence[LinkPeriod]:
        """Links of campaigns that were followed, by campaign, those with most clicks first."""
        scope = await self._scope(actor, query)
        clicks: dict[tuple[int, str], Counter[str]] = defaultdict(Counter)
        for flow, url, is_auto, n, firsts in await self._store.read(
            "period_links", **_by_hour(scope)
        ):
            if query.automatic or not is_auto:
                clicks[flow, url].update(total=n, unique=firsts)
        found = {row[4]: row for row in await self._campaigns(scope)}
        rows = [
            LinkPeriod(found[flow][0], flow, found[flow][1], url, n["unique"], n["total"])
            for (flow, url), n in clicks.items()
            if flow in found and n["total"]
        ]
        return sorted(rows, key=lambda one: (found[one.flow][5], one.flow, -one.unique, one.url))

    # -- inside --------------------------------------------------------------------------------

    async def _scope(self, actor: Actor, query: PeriodQuery) -> _Scope:
        actor.require(Permission.REPORT_VIEW, query.account)
        everything = [Account.of(row) for row in await self._store.read("account_all")]
        known = by_id(everything)
        if (query.last - query.first).days >= MAX_DAYS:
            raise BadPeriod(f"more than {MAX_DAYS} days")
        if query.account not in known:
            raise NotVisible(f"there is no account {query.account}")
        asked = known[query.account]
        training = frozenset(
            one.id for one in everything
            if any(above.kind is AccountKind.TRAINING for above in line_of(one, known))
        )  # fmt: skip
        chosen = with_all_below(asked, everything) if query.subtree else [asked]
        if asked.id not in training:
            chosen = [one for one in chosen if (one.id in training) == query.training]
        for one in chosen:
            actor.require(Permission.REPORT_VIEW, one.id)
        depth = len(line_of(asked, known))
        zone = ZoneInfo(asked.timezone) if asked.timezone else self._zone
        return _Scope(
            Days(query.first, query.last, zone),
            chosen,
            {one.id: len(line_of(one, known)) - depth for one in chosen},
            training,
        )

    async def _campaigns(self, scope: _Scope) -> Sequence[Any]:
        """Rows of `period_campaigns`."""
        return await self._store.read("period_campaigns", accounts=scope.values["accounts"])

    async def _owners(self, scope: _Scope) -> Mapping[int, int]:
        """The account of each flow."""
        rows = await self._store.read("period_flows", accounts=scope.values["accounts"])
        return {row[0]: row[1] for row in rows}

    async def _read(self, scope: _Scope, query: PeriodQuery) -> _Read:
        values = scope.values
        outcomes, engagement = await asyncio.gather(
            self._store.read("period_outcomes", **values),
            self._store.read("period_engagement", **values, **_classes(query)),
        )
        return _Read(outcomes, engagement, query.automatic)


def _campaign_lines(
    scope: _Scope, read: _Read, campaigns: Sequence[Any]
) -> Sequence[CampaignPeriod]:
    sums = read.by(_by_flow)
    found = [
        CampaignPeriod(
            number, flow, account, scope.named(account), name, status, started, finished, figures
        )
        for number, account, name, status, flow, started, finished in campaigns
        if not (figures := sums.figures_of(flow)).is_empty
    ]
    return sorted(found, key=lambda one: (one.started_ms, one.campaign))


def _other_mail(read: _Read, campaigns: Sequence[Any]) -> PeriodFigures:
    flows = {row[4] for row in campaigns}
    return read.by(lambda flow, _: flow in flows).figures_of(False)


def _provider_lines(read: _Read) -> Sequence[ProviderPeriod]:
    found = [ProviderPeriod(name, one) for name, one in read.by(_by_provider).all().items()]
    return sorted(found, key=lambda one: (-one.figures.attempted, one.provider))


def _account_lines(
    scope: _Scope, read: _Read, owners: Mapping[int, int]
) -> Sequence[AccountPeriod]:
    sums = read.by(lambda flow, _: owners[flow])
    return [
        AccountPeriod(
            one.id, one.name, scope.depths[one.id], one.id in scope.training,
            sums.figures_of(one.id),
        )
        for one in scope.accounts
    ]  # fmt: skip


def _together(_flow: int, _provider: str) -> Hashable:
    return 0


def _by_flow(flow: int, _provider: str) -> Hashable:
    return flow


def _by_provider(_flow: int, provider: str) -> Hashable:
    return provider


def _classes(query: PeriodQuery) -> dict[str, int]:
    """Which classes of hits are read: those below."""
    return {"classes": _ALL_CLASSES if query.automatic else FIRST_AUTOMATIC}


def _by_hour(scope: _Scope) -> dict[str, Any]:
    values = scope.values
    return {name: values[name] for name in ("accounts", "first_hour", "last_hour")}


def _place_of(days: Days) -> Callable[[int], tuple[int, int]]:
    """Weekday and hour of the day of an hour."""
    known: dict[int, tuple[int, int]] = {}

    def place_of(hour: int) -> tuple[int, int]:
        place = known.get(hour)
        if place is None:
            at = days.local(hour)
            place = known[hour] = (at.weekday(), at.hour)
        return place

    return place_of
