"""First figures: what became of a campaign's mail, of an account's, at each mailbox provider.

All of them are sums of small tables that are kept while mail goes out (`counting`, the queue's own
counters of flows). *Attempted* is what was delivered, bounced or expired; *success* is the share of
it that was delivered and did not come back.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from console.accounts.actor import Actor, NotVisible
from console.accounts.permissions import Permission
from console.reports.daily import DaySplit
from console.reports.days import Days
from mta.events.record import EVENT_CODES
from mta.model.traffic import DeliveryState, EventType
from mta.store.base import Store

_DELIVERED = EVENT_CODES[EventType.DELIVERED]
_BOUNCED = EVENT_CODES[EventType.BOUNCED]
_EXPIRED = EVENT_CODES[EventType.EXPIRED]
_COMPLAINED = EVENT_CODES[EventType.COMPLAINED]
_UNSUBSCRIBED = EVENT_CODES[EventType.UNSUBSCRIBED]
_SUPPRESSED = EVENT_CODES[EventType.SUPPRESSED]
_Sum = tuple[int, str, str, int, int]  # type, class, provider, is_late, n


@dataclass(frozen=True, slots=True)
class ProviderFigures:
    """What happened at one mailbox provider; `provider` "" is "not known"."""

    provider: str
    delivered: int = 0
    bounced: int = 0
    expired: int = 0
    complained: int = 0
    unsubscribed: int = 0

    @property
    def attempted(self) -> int:
        """Of which the outcome is known."""
        return self.delivered + self.bounced + self.expired


@dataclass(frozen=True, slots=True)
class Figures:
    """Of a campaign or an account. `states`: deliveries by state, all of them."""

    states: Mapping[DeliveryState, int]
    complained: int
    unsubscribed: int
    bounces: Mapping[str, int] = field(default_factory=dict)  # by class, the most first
    providers: Sequence[ProviderFigures] = ()  # the largest first

    def of(self, state: DeliveryState) -> int:
        """How many are in that state."""
        return self.states.get(state, 0)

    @property
    def audience(self) -> int:
        """Everybody, also who was suppressed."""
        return sum(self.states.values())

    @property
    def delivered(self) -> int:
        """Taken by the recipient's server, and not sent back."""
        return self.of(DeliveryState.DELIVERED)

    @property
    def bounced(self) -> int:
        """Refused for good, or sent back."""
        return self.of(DeliveryState.BOUNCED)

    @property
    def attempted(self) -> int:
        """Of which the outcome is known."""
        return self.delivered + self.bounced + self.of(DeliveryState.EXPIRED)

    @property
    def waiting(self) -> int:
        """Not decided yet."""
        return sum(n for state, n in self.states.items() if not state.is_final)


@dataclass(frozen=True, slots=True)
class Day:
    """One day of an account."""

    day: date
    delivered: int
    bounced: int
    expired: int


class FigureService:
    """Reads sums; each method asks for `report.view`."""

    def __init__(self, store: Store, zone: ZoneInfo) -> None:
        """`zone`: of accounts that have none of their own."""
        self._store = store
        self._zone = zone

    async def of_flow(self, actor: Actor, flow: int) -> Figures:
        """Of a campaign, by its flow. Raises `NotVisible`."""
        await self._check(actor, flow)
        states = await self._store.read("figures_states", flows=orjson.dumps([flow]).decode())
        sums: Sequence[_Sum] = await self._store.read("figures_flow", flow=flow)
        people = dict(await self._store.read("figures_flow_people", flow=flow))
        return Figures(
            {DeliveryState(state): n for state, n in states if n},
            people.get(_COMPLAINED, 0),
            people.get(_UNSUBSCRIBED, 0),
            _by_class(sums),
            _by_provider(sums),
        )

    async def of_account(
        self, actor: Actor, accounts: Sequence[int], first: date, last: date
    ) -> Figures:
        """Of accounts together, from one day to another; what is still waiting is not in it."""
        for account in accounts:
            actor.require(Permission.REPORT_VIEW, account)
        days = await self._days(accounts, first, last)
        sums: Sequence[_Sum] = await self._store.read(
            "figures_account", accounts=orjson.dumps(list(accounts)).decode(), **days.whole()
        )
        total = _totals(sums)
        states = {
            DeliveryState.DELIVERED: total[_DELIVERED],
            DeliveryState.BOUNCED: total[_BOUNCED],
            DeliveryState.EXPIRED: total[_EXPIRED],
            DeliveryState.SUPPRESSED: total[_SUPPRESSED],
        }
        return Figures(
            states, total[_COMPLAINED], total[_UNSUBSCRIBED], _by_class(sums), _by_provider(sums)
        )

    async def days(
        self, actor: Actor, accounts: Sequence[int], first: date, last: date
    ) -> Sequence[Day]:
        """Each day from the first to the last, also those without mail."""
        for account in accounts:
            actor.require(Permission.REPORT_VIEW, account)
        days = await self._days(accounts, first, last)
        split, found = DaySplit(days), {day: Counter[int]() for day in days}
        values: dict[str, Any] = {"accounts": orjson.dumps(list(accounts)).decode(), **split.values}
        for of, place in (("day", split.of_day), ("edge", split.of_hour)):
            for number, kind, late, n in await self._store.read(f"period_{of}_outcomes", **values):
                for day, sign in place(number):
                    _add(found[day], kind, late, sign * n)
        return [
            Day(day, sums[_DELIVERED], sums[_BOUNCED], sums[_EXPIRED])
            for day, sums in found.items()
        ]

    async def states(
        self, actor: Actor, account: int, flows: Sequence[int]
    ) -> Mapping[int, Mapping[DeliveryState, int]]:
        """Deliveries of flows of an account, by flow and state."""
        actor.require(Permission.CAMPAIGN_VIEW, account)
        found: dict[int, dict[DeliveryState, int]] = {}
        for flow, state, n in await self._store.read(
            "figures_states_of", flows=orjson.dumps(list(flows)).decode(), account=account
        ):
            found.setdefault(flow, {})[DeliveryState(state)] = n
        return found

    async def hours(self, actor: Actor, flow: int, kind: EventType) -> Mapping[int, int]:
        """How often something happened to a flow, by UTC hour since 1970. Raises `NotVisible`."""
        await self._check(actor, flow)
        rows = await self._store.read("figures_flow_hours", flow=flow, type=EVENT_CODES[kind])
        return dict(rows)

    async def _days(self, accounts: Sequence[int], first: date, last: date) -> Days:
        """In the time zone of the first of the accounts."""
        zones = {row[0]: row[7] for row in await self._store.read("account_all")}
        name = zones.get(accounts[0], "") if accounts else ""
        return Days(first, last, ZoneInfo(name) if name else self._zone)

    async def _check(self, actor: Actor, flow: int) -> None:
        rows = await self._store.read("figures_account_of", flow=flow)
        if not rows:
            raise NotVisible("there is no such flow")
        actor.require(Permission.REPORT_VIEW, rows[0][0])


def _add(sums: Counter[int], kind: int, late: int, n: int) -> None:
    """What came back late is bounced, and no longer delivered."""
    sums[kind] += n
    if late:
        sums[_DELIVERED] -= n


def _totals(sums: Sequence[_Sum]) -> Counter[int]:
    total: Counter[int] = Counter()
    for kind, _, _, late, n in sums:
        _add(total, kind, late, n)
    return total


def _by_class(sums: Sequence[_Sum]) -> Mapping[str, int]:
    classes: Counter[str] = Counter()
    for kind, name, _, _, n in sums:
        if kind == _BOUNCED:
            classes[name] += n
    return dict(classes.most_common())


def _by_provider(sums: Sequence[_Sum]) -> Sequence[ProviderFigures]:
    counts: dict[str, Counter[int]] = {}
    for kind, _, provider, late, n in sums:
        _add(counts.setdefault(provider, Counter()), kind, late, n)
    found = [
        ProviderFigures(
            provider, c[_DELIVERED], c[_BOUNCED], c[_EXPIRED], c[_COMPLAINED], c[_UNSUBSCRIBED]
        )
        for provider, c in counts.items()
    ]
    return sorted((f for f in found if f.attempted), key=lambda f: -f.attempted)
