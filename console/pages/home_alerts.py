"""What needs somebody now, as the first page tells it: each with where it is looked at."""

from collections.abc import Sequence
from dataclasses import dataclass

from console.accounts.permissions import Permission
from console.accounts.quota.values import Share
from console.accounts.sending.values import DomainStatus
from console.accounts.signin.sessions import Session
from console.campaigns.service import CampaignService
from console.campaigns.states import CampaignStatus, Reason
from console.pages.deliverability import BOUNCES, COMPLAINTS, tone
from console.pages.texts import Texts
from console.reports.figures import Figures
from console.suppressions.service import SuppressionService

LOW_SHARE = 0.9  # of the bag: from here on the page warns
MIN_ATTEMPTED = 200  # below, a rate says little
MAX_PAUSED = 5
# A person paused it, or it goes on by itself: nobody needs to be told.
_QUIET = frozenset((Reason.USER, Reason.WINDOW, Reason.STOPPED))


@dataclass(frozen=True, slots=True)
class Alert:
    """Something to look at; `text` is ready."""

    tone: str
    text: str
    href: str


def bag_alerts(texts: Texts, share: Share | None) -> Sequence[Alert]:
    """That the bag is empty, or nearly."""
    if share is None or share.available is None or not share.granted:
        return ()
    if share.available <= 0:
        return (Alert("bad", texts("home.exhausted"), "/quota"),)
    if share.available < share.granted * (1 - LOW_SHARE):
        left = texts.number(share.available)
        return (Alert("warn", texts("home.low", n=left), "/quota"),)
    return ()


def domain_alerts(texts: Texts, domains: Sequence[DomainStatus] | None) -> Sequence[Alert]:
    """Domains whose records are gone."""
    return [
        Alert("bad", texts("home.failing", domain=status.name), f"/domains/{status.name}")
        for status in domains or ()
        if status.failing_since_ms
    ]


def rate_alerts(texts: Texts, figures: Figures | None) -> Sequence[Alert]:
    """Bounces or complaints beyond what providers bear."""
    if figures is None or figures.attempted < MIN_ATTEMPTED:
        return ()
    found = []
    for key, part, whole, limits in (
        ("bounces", figures.bounced, figures.attempted, BOUNCES),
        ("complaints", figures.complained, figures.delivered, COMPLAINTS),
    ):
        said = tone(part, whole, limits)
        if said == "bad":
            share = texts.percent(part, whole, 2)
            found.append(Alert("warn", texts(f"home.high.{key}", n=share), "/deliverability"))
    return found


class WorkAlerts:
    """What waits for a person: campaigns that stopped, requests, addresses that were held."""

    def __init__(self, campaigns: CampaignService, suppressions: SuppressionService) -> None:
        self._campaigns = campaigns
        self._suppressions = suppressions

    async def of(self, session: Session, texts: Texts, inbox: tuple[int, str]) -> Sequence[Alert]:
        """Those that the person may do something about, or look at."""
        actor, account, found = session.actor, session.account, list[Alert]()
        if inbox[0]:
            found.append(Alert("warn", texts.count("home.inbox", inbox[0]), inbox[1]))
        if actor.may(Permission.CAMPAIGN_VIEW, account):
            paused = await self._campaigns.list(
                actor, account, statuses=(CampaignStatus.PAUSED,), count=MAX_PAUSED
            )
            found += [
                Alert(
                    "bad",
                    texts("home.paused", name=c.name, why=texts(f"campaign.reason.{c.reason}")),
                    f"/campaigns/{c.id}",
                )
                for c in paused
                if c.reason and c.reason not in _QUIET
            ]
        if actor.may(Permission.SUPPRESSION_MANAGE, account):
            held = await self._suppressions.held(actor, account, limit=1)
            if held:
                found.append(Alert("warn", texts("home.held"), "/suppressions"))
        return found
