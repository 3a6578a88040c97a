"""A lane's limits in one place: the limiter's numbers and the back-off that moves them."""

import re
from collections.abc import Callable

from mta.model.clock import Clock
from mta.model.outcome import Outcome, OutcomeKind
from mta.shaping.backoff import Backoff
from mta.shaping.limiter import LaneLimiter, TotalLimiter
from mta.shaping.policy import SitePolicy
from mta.shaping.throttle import ShapingChange, Stage
from mta.shaping.warm_up import WarmUp


class LaneLimits:
    """What a lane may do now."""

    def __init__(
        self,
        policy: SitePolicy,
        total: TotalLimiter,
        *,
        clock: Clock,
        changed: Callable[[ShapingChange], None],
    ) -> None:
        """`changed` is told of every automatic change."""
        self._clock = clock
        self._changed = changed
        self.total = total
        self.cause = ""  # the reply that led to the present slow-down
        self.limiter = LaneLimiter(policy, total)
        self.backoff = Backoff(policy)
        self.warm_up: WarmUp | None = None  # None: the source is warm

    @property
    def policy(self) -> SitePolicy:
        """The rules as written."""
        return self.limiter.policy

    @property
    def messages_per_connection(self) -> int:
        """Messages after which a connection is closed."""
        return self.limiter.policy.messages_per_connection

    @property
    def idle_timeout_s(self) -> float:
        """How long a connection without work stays open."""
        return self.limiter.policy.idle_timeout_s

    @property
    def tls(self) -> str | None:
        """What the rules say of TLS; None: the general setting."""
        return self.limiter.policy.tls

    @property
    def bulk_connections(self) -> int:
        """Connections that automated and campaign mail may use: one is kept, where there are two."""
        limit = self.limiter.connection_limit
        return limit - 1 if limit > 1 else 1

    def holds_bulk(self) -> bool:
        """Whether the source is being warmed up and may send no more bulk mail for now."""
        return self.warm_up is not None and not self.warm_up.is_open(self._clock.now_ms())

    @property
    def rate_per_s(self) -> float:
        """Messages a second that the rates allow over time; 0: no limit."""
        policy, throttle = self.limiter.policy, self.limiter.throttle
        paces = [throttle.rate_factor / rate.step_s for rate in policy.messages]
        if throttle.messages_per_minute:
            paces.append(throttle.messages_per_minute / 60.0)
        return min(paces, default=0.0)

    def message_wait_s(self, now_s: float) -> float:
        """Seconds until the next message; 0: now."""
        return self.limiter.message_wait_s(now_s)

    def take_message(self, now_s: float) -> None:
        """A message goes now."""
        self.limiter.take_message(now_s)

    def observe(self, outcome: Outcome, now_s: float) -> None:
        """Learn from an outcome: success earns more, a slow-down reply costs."""
        if outcome.kind is OutcomeKind.DELIVERED:
            change = self.backoff.on_delivered()
        else:
            change = self.backoff.observe(outcome, now_s, self._clock.now_ms())
        if change is not None:
            self._apply(change, now_s)

    def tick(self, now_s: float) -> None:
        """Time passed: a rest may be over."""
        self._apply(self.backoff.tick(now_s, self._clock.now_ms()), now_s)

    def change(self, policy: SitePolicy, now_s: float) -> None:
        """The rules were read anew."""
        self.limiter.change(policy, now_s)
        self._apply(self.backoff.change(policy), now_s)

    def undo(self, now_s: float) -> None:
        """An operator takes the automatic limits back."""
        self._apply(self.backoff.undo(), now_s)

    def _apply(self, change: ShapingChange | None, now_s: float) -> None:
        if change is not None:
            self.limiter.apply(change.new, now_s)
            if change.cause is not None:
                self.cause = str(change.cause)
            elif change.stage is Stage.NORMAL:
                self.cause = ""
            self._changed(change)


def limit_of(reason: str) -> str:
    """The name of a limit without its numbers, for a metric's label: `messages_per_second`."""
    return re.split(r"[ :,=]", reason, maxsplit=1)[0]
