"""Rules by which a campaign pauses by itself, before it does more harm to the sender's name.

What they count is kept by a follower of the events; the rules themselves are a pure function. Who
resumes a campaign has looked: the rule that stopped it does not stop it again.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from console.campaigns.providers import ProviderFigures, ProviderProgress
from console.campaigns.states import Reason
from console.campaigns.values import Campaign, Counts
from mta.bounces.classes import BounceClass
from mta.model.traffic import DeliveryState, EventType
from mta.spool.follower import FollowedEvent
from mta.store.base import Store
from mta.store.work import Rows

FOLLOWER = "campaigns.tally"
TYPES = frozenset({EventType.BOUNCED, EventType.COMPLAINED})

HARD_AFTER = 500  # mails that were tried
HARD_PERCENT = 5.0
COMPLAINTS_LEAST = 3  # one or two are chance
COMPLAINTS_PERCENT = 0.3  # of what was delivered; what Gmail and Yahoo name as the limit
POLICY_AFTER = 100  # mails tried at a provider
POLICY_PERCENT = 20.0

_POLICY = frozenset(
    (
        BounceClass.POLICY,
        BounceClass.SPAM_CONTENT,
        BounceClass.SPAM_REPUTATION,
        BounceClass.AUTH_FAILURE,
    )
)


class Tally(StrEnum):
    """What is counted; stored."""

    HARD = "hard"
    POLICY = "policy"
    COMPLAINT = "complaint"


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a campaign has to pause."""

    reason: Reason
    note: str


async def tally(events: Sequence[FollowedEvent]) -> Sequence[Rows]:
    """Rows that count these events (the follower's handler)."""
    rows = [
        (event.flow, event.delivery, kind.value)
        for event in events
        if event.flow and (kind := _kind(event)) is not None
    ]
    return [Rows("campaign_tally_add", rows)] if rows else ()


def _kind(event: FollowedEvent) -> Tally | None:
    if event.type is EventType.COMPLAINED:
        return Tally.COMPLAINT
    try:
        found = BounceClass(str(event.values().get("class", "")))
    except ValueError:
        return None
    if found.is_hard:
        return Tally.HARD
    return Tally.POLICY if found in _POLICY else None


def stop_of(
    counts: Counts,
    tallies: Mapping[Tally, int],
    policy: Mapping[str, int],
    providers: Sequence[ProviderProgress],
    passed: Collection[str],
) -> Stop | None:
    """The first rule that is broken; `policy`: refusals by provider; `passed`: rules that are off."""
    delivered = counts.get(DeliveryState.DELIVERED, 0)
    tried = delivered + counts.get(DeliveryState.BOUNCED, 0)
    hard, complaints = tallies.get(Tally.HARD, 0), tallies.get(Tally.COMPLAINT, 0)
    if Reason.COMPLAINTS not in passed and complaints >= COMPLAINTS_LEAST:
        percent = 100 * complaints / max(1, delivered)
        if percent > COMPLAINTS_PERCENT:
            return Stop(Reason.COMPLAINTS, f"{complaints} complaints: {percent:.2f} %")
    if Reason.BOUNCES not in passed and tried >= HARD_AFTER:
        percent = 100 * hard / tried
        if percent > HARD_PERCENT:
            return Stop(
                Reason.BOUNCES, f"{hard} of {tried} addresses do not exist: {percent:.1f} %"
            )
    if Reason.POLICY not in passed:
        for one in providers:
            refused, tried = policy.get(one.provider, 0), one.delivered + one.failed
            if tried >= POLICY_AFTER and 100 * refused > POLICY_PERCENT * tried:
                percent = 100 * refused / tried
                note = f"{one.provider} refuses {refused} of {tried}: {percent:.0f} %"
                return Stop(Reason.POLICY, note)
    return None


def summed(rows: Sequence[tuple[int, str, int]]) -> Counter[Tally]:
    """Rows of `campaign_tallies` over all sites."""
    found: Counter[Tally] = Counter()
    for _, kind, n in rows:
        found[Tally(kind)] += n
    return found


class StopRules:
    """Asks the rules about running campaigns."""

    def __init__(self, store: Store, providers: ProviderFigures) -> None:
        self._store = store
        self._providers = providers

    async def look(self, campaign: Campaign, counts: Counts) -> Stop | None:
        """The rule that is broken, if one is."""
        rows = await self._store.read("campaign_tallies", flow=campaign.frozen.flow)
        if not rows:
            return None
        policy: Counter[str] = Counter()
        for site, kind, n in rows:
            if kind == Tally.POLICY:
                policy[self._providers.name_of(site)] += n
        is_much = policy.total() > POLICY_AFTER * POLICY_PERCENT / 100
        providers = await self._providers.of(campaign) if is_much else ()
        return stop_of(counts, summed(rows), policy, providers, campaign.plan.passed)
