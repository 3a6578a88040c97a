"""The figures of opens and clicks, with and without automatic ones; `docs/explanation/tracking.md`.

Whoever calls has seen to it that the flow or message may be shown to who asks.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from console.tracking.folding import HOUR_MS
from console.tracking.hits import FIRST_AUTOMATIC, HitClass, HitKind
from mta.store.base import Store

MAX_PAGE = 1_000


@dataclass(frozen=True, slots=True)
class EngagementFigures:
    """Sums; `unique` counts recipients. Anonymous hits are in the totals only."""

    unique_opens: int = 0
    total_opens: int = 0
    inferred_opens: int = 0  # of the unique ones
    opened_again: int = 0
    unique_clicks: int = 0
    total_clicks: int = 0


class EngagementHour(NamedTuple):
    """One hour of the day it was, in the zone that was asked for."""

    begin: datetime
    unique_opens: int  # recipients who opened for the first time
    total_opens: int
    unique_clicks: int
    total_clicks: int


class LinkFigures(NamedTuple):
    """A tracked link of a message."""

    number: int
    url: str
    unique: int
    total: int
    first_ms: int  # 0: nobody yet


class Engaged(NamedTuple):
    """A recipient in a list; `link` is that of the first click, -1 for none."""

    delivery: int
    address: str
    first_ms: int
    last_ms: int
    times: int
    link: int = -1


class Did(StrEnum):
    """Lists of recipients."""

    OPENED = "opened"
    OPENED_AGAIN = "opened_again"
    CLICKED = "clicked"
    NOT_OPENED = "not_opened"


class DeliveryHit(NamedTuple):
    """One thing that a recipient did."""

    kind: HitKind
    klass: HitClass
    at_ms: int
    link: int  # -1: none
    url: str


class EngagementReader:
    """Reads what was made of hits; nothing is cached."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def of_flow(self, flow: int, *, automatic: bool = False) -> EngagementFigures:
        """The sums of a flow (a campaign, an application), from its roll-ups."""
        rows = await self._store.read("engagement_of_flow", flow=flow)
        return _summed(rows, automatic=automatic)

    async def of_account(
        self, account: int, *, first_ms: int, last_ms: int, automatic: bool = False
    ) -> EngagementFigures:
        """The sums of all that an account sent, of the hours between two moments."""
        first, last = first_ms // HOUR_MS, last_ms // HOUR_MS
        first_day, last_day = -(-first // 24), (last + 1) // 24 - 1
        head = tail = last + 1  # without a whole day
        if first_day <= last_day:
            head, tail = first_day * 24, (last_day + 1) * 24
        rows = await self._store.read(
            "engagement_of_account", account=account, first=first, head=head,
            first_day=first_day, last_day=last_day, tail=tail, last=last,
        )  # fmt: skip
        return _summed(rows, automatic=automatic)

    async def of_message(self, message: int, *, automatic: bool = False) -> EngagementFigures:
        """The sums of one message, from its deliveries: 1 µs for each that was opened."""
        ((_, opens, opened, inferred, again, clicks, clicked, *auto),) = await self._store.read(
            "engagement_of_message", message=message
        )
        if automatic:
            opens, clicks, opened, clicked = opens + auto[0], clicks + auto[1], auto[2], auto[3]
        return EngagementFigures(opened, opens, inferred, again, clicked, clicks)

    async def hours(
        self,
        flow: int,
        zone: ZoneInfo,
        *,
        first_ms: int = 0,
        last_ms: int = 1 << 52,
        automatic: bool = False,
    ) -> list[EngagementHour]:
        """By hour, those with anything in them; a zone that is off by half an hour shows whole ones."""
        sums: dict[int, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
        for hour, kind, klass, n, firsts, firsts_any in await self._store.read(
            "engagement_hours", flow=flow, first=first_ms // HOUR_MS, last=last_ms // HOUR_MS
        ):
            if klass < FIRST_AUTOMATIC or automatic:
                place = 0 if kind == HitKind.OPEN else 2
                sums[hour][place] += firsts_any if automatic else firsts
                sums[hour][place + 1] += n
        return [
            EngagementHour(datetime.fromtimestamp(hour * 3600, UTC).astimezone(zone), *counts)
            for hour, counts in sums.items()
            if any(counts)
        ]

    async def links(self, message: int, *, automatic: bool = False) -> list[LinkFigures]:
        """Every tracked link of a message; `unique` counts the recipients who followed it.

        With automatic ones a recipient who has both kinds of clicks counts twice.
        """
        first = dict(await self._store.read("engagement_first_clicks", message=message))
        found = []
        for number, url, total, unique, auto, auto_unique in await self._store.read(
            "engagement_links", message=message
        ):
            if automatic:
                total, unique = total + auto, unique + auto_unique
            found.append(LinkFigures(number, url, unique, total, first.get(number, 0)))
        return found

    async def links_of(
        self, messages: Sequence[int], *, automatic: bool = False
    ) -> list[LinkFigures]:
        """Of messages with the same links, a canary's and the rest's; the most followed first."""
        by_url: dict[str, LinkFigures] = {}
        for message in messages:
            for one in await self.links(message, automatic=automatic):
                known = by_url.get(one.url)
                by_url[one.url] = one if known is None else known._replace(
                    unique=known.unique + one.unique, total=known.total + one.total,
                    first_ms=min(filter(None, (known.first_ms, one.first_ms)), default=0),
                )  # fmt: skip
        return sorted(by_url.values(), key=lambda one: -one.unique)

    async def who(
        self,
        message: int,
        did: Did,
        *,
        link: int | None = None,
        after: int = 0,
        count: int = 100,
        automatic: bool = False,
    ) -> list[Engaged]:
        """Up to `count` recipients behind the delivery `after`, in the order of deliveries.

        `link` narrows `Did.CLICKED` to those who followed it.
        """
        statement = f"engagement_{did}" if link is None else "engagement_clicked_link"
        rows = await self._store.read(
            statement,
            message=message,
            after=after,
            count=min(count, MAX_PAGE),
            automatic=int(automatic),
            **({} if link is None else {"link": link}),
        )
        if did in (Did.OPENED, Did.OPENED_AGAIN):
            return [Engaged(*row[:5]) for row in rows]
        return [Engaged(*row) for row in rows]

    async def of_delivery(self, delivery: int, message: int) -> Sequence[DeliveryHit]:
        """What one recipient did, in order, with the classes as they are settled."""
        rows = await self._store.read("engagement_of_delivery", delivery=delivery, message=message)
        return [
            DeliveryHit(HitKind(kind), HitClass(klass), at_ms, link, url or "")
            for kind, link, at_ms, klass, url in rows
        ]


def _summed(
    rows: Sequence[tuple[int, int, int, int, int, int]], *, automatic: bool
) -> EngagementFigures:
    """Sums by kind and class as figures."""
    sums: dict[HitKind, list[int]] = defaultdict(lambda: [0, 0, 0])
    inferred = 0
    for kind, klass, n, firsts, firsts_any, again in rows:
        if klass >= FIRST_AUTOMATIC and not automatic:
            continue
        if klass == HitClass.INFERRED:
            inferred += firsts
        found = sums[HitKind(kind)]
        found[0] += firsts_any if automatic else firsts
        found[1] += n
        found[2] += again
    opens, clicks = sums[HitKind.OPEN], sums[HitKind.CLICK]
    return EngagementFigures(opens[0], opens[1], inferred, opens[2], clicks[0], clicks[1])
