"""Says who made a hit: a person, a proxy of theirs, or a machine. Nothing is ever dropped.

Signs, in this order: the program's name (image proxies of Gmail and Yahoo, Gmail's prefetch,
Apple's Mail Privacy Protection, crawlers and libraries), a HEAD request, and the time since the
receiving server's `250`, which only a relay knows: scanners follow links before a person can. What
is not clear stays unknown and is settled later with what came after it. There are no hidden links.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

from console.tracking.hits import Hit, HitClass, HitKind

MACHINE_MS = 2_000  # nobody reads and follows a link so soon after the 250
HASTE_MS = 15_000  # a person may, if nothing speaks against it
SETTLE_MS = 15 * 60_000  # so long it stays open who it was
BURST_MS = 10_000
BURST_LINKS = 3  # distinct links of one mail within `BURST_MS`
EARLY_MS = 60_000  # a burst so soon after the 250 is no person's
_AGENTS_KEPT = 4_096
_APPLE = "Mozilla/5.0"
_GMAIL_PREFETCH = "Chrome/42.0.2311.135 Safari/537.36 Edge/12.246 Mozilla/5.0"
_PROXIES = (("GoogleImageProxy", HitClass.PROXY_GMAIL), ("YahooMailProxy", HitClass.PROXY_YAHOO))

# Filters of mail that say who they are, and a library that ua-parser takes for a browser. Most filters
# name a browser of people: those are found by the time and by bursts.
_FILTERS = re.compile(
    r"barracuda|mimecast|proofpoint|safe ?links|symantec|messagelabs|fireeye|trend ?micro|ironport"
    r"|sophos|forcepoint|url ?(?:defense|scan|protect)|link ?protect|\Ajava/",
    re.IGNORECASE,
)

AgentClass = Callable[[str], HitClass]


class Signs(NamedTuple):
    """What there is to know of a request."""

    kind: HitKind
    agent: str
    is_head: bool
    since_ms: int | None  # since the 250; negative before it; None: not known


class Classifier:
    """Gives the class of each hit."""

    def __init__(self) -> None:
        self._of_agent: AgentClass = lru_cache(_AGENTS_KEPT)(_agent_class)

    def warm(self) -> None:
        """Load the tables of programs, some 0.3 s: in a thread, before the first hit."""
        self._of_agent("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")

    def classify(self, signs: Signs) -> tuple[HitClass, bool]:
        """The class, and whether it is to be settled later."""
        if signs.is_head:
            return HitClass.SCANNER, False
        found = self._of_agent(signs.agent)
        if found is HitClass.MPP_APPLE and signs.kind is HitKind.CLICK:
            return HitClass.SCANNER, False
        if found not in (HitClass.HUMAN, HitClass.UNKNOWN) or signs.since_ms is None:
            return found, False
        if signs.since_ms < MACHINE_MS:
            return HitClass.SCANNER, False
        if signs.since_ms < HASTE_MS:
            return HitClass.UNKNOWN, True
        return found, False


def _agent_class(agent: str) -> HitClass:
    """By the name alone."""
    # Loaded when the first hit comes: commands do without.
    from crawleruseragents import is_crawler
    from ua_parser import parse_user_agent

    if agent == _APPLE:
        return HitClass.MPP_APPLE
    for name, klass in _PROXIES:
        if name in agent:
            return klass
    if agent.endswith(_GMAIL_PREFETCH):
        return HitClass.PREFETCH_GMAIL
    if not agent or _FILTERS.search(agent) or is_crawler(agent):
        return HitClass.SCANNER
    return HitClass.HUMAN if parse_user_agent(agent) is not None else HitClass.UNKNOWN


def with_bursts(hits: Sequence[Hit], delivered_ms: int) -> list[Hit]:
    """The hits of a delivery, clicks that came in a burst as what they then are.

    Three distinct links within 10 s are a machine's soon after the 250, and unclear later.
    """
    clicks = sorted(
        (h for h in hits if h.kind == HitKind.CLICK and h.klass != HitClass.SCANNER),
        key=lambda hit: hit.at_ms,
    )
    burst: set[int] = set()
    for first in range(len(clicks)):
        together = [h for h in clicks[first:] if h.at_ms - clicks[first].at_ms < BURST_MS]
        if len({hit.link for hit in together}) >= BURST_LINKS:
            burst.update(hit.id for hit in together)
    if not burst:
        return list(hits)
    return [_in_burst(hit, delivered_ms) if hit.id in burst else hit for hit in hits]


def _in_burst(hit: Hit, delivered_ms: int) -> Hit:
    if delivered_ms and hit.at_ms - delivered_ms < EARLY_MS:
        return hit._replace(klass=HitClass.SCANNER, due_ms=0)
    if hit.klass == HitClass.UNKNOWN:  # waits already, or was settled
        return hit
    return hit._replace(klass=HitClass.UNKNOWN, due_ms=hit.at_ms + SETTLE_MS)


def settled(hits: Sequence[Hit], now_ms: int) -> list[Hit]:
    """The hits of a delivery with those settled that are due.

    An unclear one was a machine's when a machine came within a minute of it, or when its burst of
    links had no open of a person before it; else a person's.
    """
    return [
        hit._replace(klass=_settled_class(hit, hits), due_ms=0)
        if hit.due_ms and hit.due_ms <= now_ms
        else hit
        for hit in hits
    ]


def _settled_class(hit: Hit, hits: Sequence[Hit]) -> HitClass:
    near = [other for other in hits if abs(other.at_ms - hit.at_ms) < EARLY_MS]
    if any(other.klass == HitClass.SCANNER for other in near):
        return HitClass.SCANNER
    links = {
        other.link
        for other in near
        if other.kind == HitKind.CLICK and abs(other.at_ms - hit.at_ms) < BURST_MS
    }
    if hit.kind == HitKind.CLICK and len(links) >= BURST_LINKS:
        people = (HitClass.HUMAN, HitClass.PROXY_GMAIL, HitClass.PROXY_YAHOO)
        opened = any(
            other.kind == HitKind.OPEN and other.klass in people and other.at_ms < hit.at_ms
            for other in hits
        )
        return HitClass.HUMAN if opened else HitClass.SCANNER
    return HitClass.HUMAN
