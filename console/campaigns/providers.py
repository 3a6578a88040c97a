"""A campaign's deliveries by mailbox provider: counted from its rows, now and then.

The rows are read in pieces, and no oftener than that it costs a reader a twentieth of its time,
so watching a campaign of millions costs little; the counters of the flow are exact at any moment.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson

from console.campaigns.values import Campaign
from mta.delivery.sites import UNRESOLVED, SiteDirectory
from mta.engine.port import DispatcherPort, SiteView
from mta.model.clock import Clock
from mta.model.traffic import DeliveryState
from mta.store.base import Store

SPAN = 20_000  # rows of one read
FRESH_S = 2.0  # figures that are no older are good
SHARE = 20  # and no older than so many times what they cost
KEPT = 200  # campaigns
UNKNOWN = "unresolved"  # its domains are being looked up


@dataclass(frozen=True, slots=True)
class ProviderProgress:
    """How far a campaign is at one provider, and what holds it up there."""

    provider: str
    total: int = 0
    queued: int = 0
    deferred: int = 0
    delivered: int = 0
    failed: int = 0  # bounced or expired
    left_out: int = 0  # suppressed or cancelled
    reply: str = ""  # of those put off
    rate_per_s: float = 0.0  # what the limits allow; 0: no limit, or nothing is known
    connections: int = 0
    limit: int = 0  # connections
    why: str = ""  # the limit or the trouble that holds the next mail


@dataclass(slots=True)
class _Counted:
    at_s: float
    cost_s: float
    counts: Counter[tuple[int, int]]
    replies: dict[int, str]
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class ProviderFigures:
    """Counts by provider, kept for a moment."""

    def __init__(
        self, store: Store, clock: Clock, sites: SiteDirectory, port: DispatcherPort | None
    ) -> None:
        """`port`: the running dispatcher, for limits; None when no server runs."""
        self._store = store
        self._clock = clock
        self._sites = sites
        self._port = port
        self._kept: OrderedDict[int, _Counted] = OrderedDict()

    async def of(self, campaign: Campaign) -> Sequence[ProviderProgress]:
        """Its providers, those with most mail first."""
        if not campaign.frozen.messages:
            return ()
        kept = self._kept.setdefault(campaign.id, _Counted(-1e9, 0.0, Counter(), {}))
        self._kept.move_to_end(campaign.id)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        age_s = self._clock.monotonic_s() - kept.at_s
        if age_s > max(FRESH_S, SHARE * kept.cost_s) and not kept.lock.locked():
            async with kept.lock:
                await self._count(campaign, kept)
        return self._grouped(kept, campaign)

    def name_of(self, site: int) -> str:
        """The provider of a site."""
        return UNKNOWN if site == UNRESOLVED else self._sites.get(site).provider

    async def _count(self, campaign: Campaign, kept: _Counted) -> None:
        began_s = self._clock.monotonic_s()
        messages = orjson.dumps(campaign.frozen.messages).decode()
        counts: Counter[tuple[int, int]] = Counter()
        replies: dict[int, str] = {}
        after, looked = 0, SPAN
        while looked == SPAN:
            ((upto, looked),) = await self._store.read(
                "campaign_span", messages=messages, after=after, size=SPAN
            )
            rows = await self._store.read(
                "campaign_sites", messages=messages, after=after, upto=upto
            )
            for site, state, n, reply in rows:
                counts[site, state] += n
                if reply:
                    replies[site] = reply
            after = upto
        kept.counts, kept.replies = counts, replies
        kept.at_s = self._clock.monotonic_s()
        kept.cost_s = kept.at_s - began_s

    def _grouped(self, kept: _Counted, campaign: Campaign) -> Sequence[ProviderProgress]:
        by_provider: dict[str, Counter[int]] = {}
        sites: dict[str, set[int]] = {}
        for (site, state), n in kept.counts.items():
            name = self.name_of(site)
            by_provider.setdefault(name, Counter())[state] += n
            sites.setdefault(name, set()).add(site)
        views = {} if self._port is None else {v.site: v for v in self._port.site_views()}
        shown = [
            self._shown(name, counts, sites[name], views, kept.replies, campaign)
            for name, counts in by_provider.items()
        ]
        return sorted(shown, key=lambda one: (-one.total, one.provider))

    @staticmethod
    def _shown(
        name: str,
        counts: Counter[int],
        sites: set[int],
        views: dict[int, SiteView],
        replies: dict[int, str],
        campaign: Campaign,
    ) -> ProviderProgress:
        seen = [views[site] for site in sites if site in views]
        reasons = [(why_of(view, campaign), view.waiting) for view in seen]
        why = max(reasons, key=lambda one: (bool(one[0]), one[1]), default=("", 0))[0]
        state = DeliveryState
        return ProviderProgress(
            name,
            total=counts.total(),
            queued=counts[state.READY] + counts[state.CLAIMED],
            deferred=counts[state.SCHEDULED],
            delivered=counts[state.DELIVERED],
            failed=counts[state.BOUNCED] + counts[state.EXPIRED],
            left_out=counts[state.SUPPRESSED] + counts[state.CANCELLED],
            reply=next((replies[site] for site in sites if site in replies), ""),
            rate_per_s=sum(view.rate for view in seen),
            connections=sum(view.connections for view in seen),
            limit=sum(view.limit for view in seen),
            why=why,
        )


def why_of(view: SiteView, campaign: Campaign) -> str:
    """What holds the next mail of a campaign to a site, shortest first; empty: nothing does."""
    if view.hold_reason:
        return view.hold_reason
    if view.stage != "normal":
        return f"{view.stage}: {view.stage_reply}".removesuffix(": ")
    domain = campaign.content.from_address.rpartition("@")[2].lower()
    own = (campaign.account, domain)
    cold = next((one.reason for one in view.cold if (one.account, one.domain) == own), "")
    return view.rest_reply or view.warm_up or cold or view.wait_reason
