"""What warm-ups ask of a lane: counting what goes, learning from what comes back, saying what waits.

Called only where something is being warmed up, so that other mail pays one comparison for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mta.delivery.attempt import Attempt
from mta.delivery.board import SiteBoard
from mta.delivery.limits import LaneLimits
from mta.delivery.picker import Picker
from mta.model.clock import Clock
from mta.model.outcome import Outcome
from mta.shaping.warm_up import WarmUp
from mta.spool.rows import QueuedDelivery


def count(
    limits: LaneLimits, site: SiteBoard, deliveries: list[QueuedDelivery], clock: Clock
) -> None:
    """These go now, together."""
    if limits.warm_up is not None or site.queue.warming:
        for warm_up, _ in _of(limits, site, deliveries[0]):
            warm_up.take(len(deliveries), clock.now_ms())


def companions(limits: LaneLimits, site: SiteBoard, most: int) -> int:
    """How many recipients more may share a transaction: none where each of them is counted."""
    return most if limits.warm_up is None and not site.queue.warming else 0


def may_pass(site: SiteBoard, delivery: QueuedDelivery, clock: Clock) -> bool:
    """Whether a warm-up of its sender's domain lets the delivery go now."""
    queue = site.queue
    return not queue.warming or queue.may_pass(delivery, clock.now_ms())


def learn(
    limits: LaneLimits, site: SiteBoard, attempt: Attempt, outcomes: list[Outcome], clock: Clock
) -> None:
    """The receiver has answered for each of them."""
    if limits.warm_up is None and not site.queue.warming:
        return
    now_ms = clock.now_ms()
    for warm_up, is_domain in _of(limits, site, attempt.deliveries[0]):
        for outcome in outcomes:
            warm_up.observe(outcome, now_ms, is_domain=is_domain)


def _of(limits: LaneLimits, site: SiteBoard, delivery: QueuedDelivery) -> list[tuple[WarmUp, bool]]:
    """Those that count a delivery, and whether each is a domain's."""
    found = [] if limits.warm_up is None else [(limits.warm_up, False)]
    domain = site.queue.warming_of(delivery)
    return found if domain is None else [*found, (domain, True)]


def holds_all(limits: LaneLimits, site: SiteBoard, picker: Picker, now_ms: int) -> bool:
    """Whether only bulk mail waits, for which it is too early: more connections help nothing.

    What was picked of it goes back.
    """
    if limits.warm_up is None and not site.queue.warming:
        return False
    if picker.parked:
        picker.give_back_cold(now_ms)
    if picker.parked or site.queue.has_work(bulk=False):
        return False
    if limits.holds_bulk():
        return True
    return bool(site.queue.aside) and not site.queue.has_work()


@dataclass(frozen=True, slots=True)
class ColdSender:
    """Bulk mail of an account from a domain that is being warmed up, and waits; times in ms."""

    account: int
    domain: str
    reason: str  # in English
    until_ms: int


def source_told(limits: LaneLimits, now_ms: int) -> tuple[str, int]:
    """What holds the source's bulk mail and until when at least; "" and 0: nothing does."""
    warm_up = limits.warm_up
    reason = "" if warm_up is None else warm_up.held_by(now_ms)
    return (reason, warm_up.ready_ms(now_ms)) if warm_up is not None and reason else ("", 0)


def senders_told(site: SiteBoard, now_ms: int) -> Sequence[ColdSender]:
    """Whose mail waits for the day of its domain."""
    found: dict[tuple[int, str], ColdSender] = {}
    for stream in site.queue.aside:
        sender = site.queue.warming_of(stream.window[0]) if stream.window else None
        reason = "" if sender is None else sender.held_by(now_ms)
        if sender is not None and reason:
            domain = stream.window[0].message.sender.rpartition("@")[2]
            cold = ColdSender(
                stream.flow.account, domain, f"{reason} ({domain})", sender.ready_ms(now_ms)
            )
            found[cold.account, domain] = cold
    return list(found.values())
