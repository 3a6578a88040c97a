"""What an outcome means for a delivery: its next state, when it is tried again, when it expires."""

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass

from mta.model.outcome import Outcome, OutcomeKind
from mta.model.traffic import DeliveryState, TrafficClass
from mta.spool.rows import DeliveryFlag, QueuedDelivery

JITTER = 0.1
MAX_RETURNS = 3  # times a delivery may come back untried before it counts as an attempt


@dataclass(frozen=True, slots=True)
class RetryPlan:
    """The settings `[queue]` as numbers: seconds."""

    steps_s: tuple[int, ...]
    urgent_steps_s: tuple[int, ...]
    expire_s: Mapping[int, int]  # by ExpiryKind
    uncertain_s: int
    greylist_s: int


@dataclass(frozen=True, slots=True)
class Decision:
    """The new state; the delivery itself carries its changed counters and flags."""

    state: DeliveryState
    due_ms: int = 0


def decide(
    plan: RetryPlan,
    delivery: QueuedDelivery,
    outcome: Outcome,
    *,
    now_ms: int,
    flow_time_ms: int,
    is_greylisted: bool,
    rng: random.Random,
) -> Decision:
    """Apply the outcome of an attempt to `delivery` (attempts, first attempt, deadline, flags).

    `flow_time_ms` is the flow's own time at `now_ms`; deadlines are kept in it.
    """
    kind = outcome.kind
    if kind is OutcomeKind.RETURNED:
        delivery.returns += 1
        if delivery.returns <= MAX_RETURNS:
            return Decision(DeliveryState.READY)
    delivery.returns = 0
    delivery.attempts += 1
    start_clock(plan, delivery, now_ms=now_ms, flow_time_ms=flow_time_ms)
    if kind is OutcomeKind.DELIVERED:
        return Decision(DeliveryState.DELIVERED)
    if kind is OutcomeKind.BOUNCED:
        return Decision(DeliveryState.BOUNCED)
    if kind is OutcomeKind.UNCERTAIN:
        delivery.flags |= DeliveryFlag.UNCERTAIN  # its history says so, also if this was the end
    if flow_time_ms >= delivery.expires_ms:
        return Decision(DeliveryState.EXPIRED)
    if kind is OutcomeKind.UNCERTAIN:
        delay_ms = plan.uncertain_s * 1000
    else:
        delay_ms = delay_after(plan, delivery, is_greylisted=is_greylisted, rng=rng)
    left_ms = delivery.expires_ms - flow_time_ms
    return Decision(DeliveryState.SCHEDULED, now_ms + min(delay_ms, left_ms))


def start_clock(
    plan: RetryPlan, delivery: QueuedDelivery, *, now_ms: int, flow_time_ms: int
) -> None:
    """The first attempt starts the clock of expiry, unless release has."""
    if not delivery.first_attempt_ms:
        delivery.first_attempt_ms = now_ms
    if not delivery.expires_ms:
        delivery.expires_ms = flow_time_ms + plan.expire_s[delivery.kind] * 1000


def delay_after(
    plan: RetryPlan, delivery: QueuedDelivery, *, is_greylisted: bool, rng: random.Random
) -> int:
    """Milliseconds to the next attempt after `delivery.attempts` failed ones, ±10 %."""
    steps = plan.urgent_steps_s if delivery.klass == TrafficClass.URGENT else plan.steps_s
    step = steps[min(delivery.attempts, len(steps)) - 1]
    if is_greylisted and delivery.attempts == 1 and delivery.klass != TrafficClass.URGENT:
        step = plan.greylist_s
        return step * 1000
    return round(step * 1000 * rng.uniform(1 - JITTER, 1 + JITTER))


def longest_wait_s(plan: RetryPlan) -> int:
    """The longest time that any retry can be off."""
    longest = max(*plan.steps_s, *plan.urgent_steps_s, plan.uncertain_s, plan.greylist_s)
    return math.ceil(longest * (1 + JITTER))
