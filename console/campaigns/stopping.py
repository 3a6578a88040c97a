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
from mta.settings.console_schema import Campaigns
from mta.spool.follower import FollowedEvent
from mta.store.base import Store
from mta.store.work import Rows

FOLLOWER = "campaigns.tally"
TYPES = frozenset({EventType.BOUNCED, EventType.COMPLAINED})

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
class Limits:
    """How much harm is too much; percentages, 0: the rule is off. Defaults are those of settings."""

    bounces: float = 5.0
    bounces_after: int = 500  # mails that were tried
    complaints: float = 0.3  # of what was delivered; what Gmail and Yahoo name as the limit
    complaints_after: int = 3  # one or two are chance
    policy: float = 20.0
    policy_after: int = 100  # mails tried at a provider

    @classmethod
    def of(cls, settings: Campaigns) -> "Limits":
        """As the settings say."""
        return cls(
            settings.stop_bounces, settings.stop_bounces_after,
            settings.stop_complaints, settings.stop_complaints_after,
            settings.stop_policy, settings.stop_policy_after,
        )  # fmt: skip


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
    limits: Limits,
) -> Stop | None:
    """The first rule that is broken; `policy`: refusals by provider; `passed`: rules that are off."""
    delivered = counts.get(DeliveryState.DELIVERED, 0)
    tried = delivered + counts.get(DeliveryState.BOUNCED, 0)
    hard, complaints = tallies.get(Tally.HARD, 0), tallies.get(Tally.COMPLAINT, 0)
    is_judged = Reason.COMPLAINTS not in passed and complaints >= limits.complaints_after
    if is_judged and _is_over(complaints, delivered, limits.complaints):
        percent = 100 * complaints / max(1, delivered)
        return Stop(Reason.COMPLAINTS, f"{complaints} complaints: {percent:.2f} %")
    is_judged = Reason.BOUNCES not in passed and tried >= limits.bounces_after
    if is_judged and _is_over(hard, tried, limits.bounces):
        note = f"{hard} of {tried} addresses do not exist: {100 * hard / tried:.1f} %"
        return Stop(Reason.BOUNCES, note)
    return None if Reason.POLICY in passed else _refused(policy, providers, limits)


def _refused(
    policy: Mapping[str, int], providers: Sequence[ProviderProgress], limits: Limits
) -> Stop | None:
    """Whether one provider refuses too much."""
    for one in providers:
        refused, tried = policy.get(one.provider, 0), one.delivered + one.failed
        if tried >= limits.policy_after and _is_over(refused, tried, limits.policy):
            note = f"{one.provider} refuses {refused} of {tried}: {100 * refused / tried:.0f} %"
            return Stop(Reason.POLICY, note)
    return None


def _is_over(part: int, whole: int, percent: float) -> bool:
    return bool(percent) and 100 * part > percent * whole


def summed(rows: Sequence[tuple[int, str, int]]) -> Counter[Tally]:
    """Rows of `campaign_tallies` over all sites."""
    found: Counter[Tally] = Counter()
    for _, kind, n in rows:
        found[Tally(kind)] += n
    return found


class StopRules:
    """Asks the rules about running campaigns."""

    def __init__(self, store: Store, providers: ProviderFigures, limits: Limits) -> None:
        self._store = store
        self._providers = providers
        self._limits = limits

    async def look(self, campaign: Campaign, counts: Counts) -> Stop | None:
        """The rule that is broken, if one is."""
        rows = await self._store.read("campaign_tallies", flow=campaign.frozen.flow)
        if not rows:
            return None
        policy: Counter[str] = Counter()
        for site, kind, n in rows:
            if kind == Tally.POLICY:
                policy[self._providers.name_of(site)] += n
        limits = self._limits
        is_much = _is_over(policy.total(), limits.policy_after, limits.policy)
        providers = await self._providers.of(campaign) if is_much else ()
        passed = campaign.plan.passed
        return stop_of(counts, summed(rows), policy, providers, passed, limits)
