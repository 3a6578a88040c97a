"""Slows a lane down when the remote asks for it, and lets it recover: never bounces, never stops for good.

Theory of operation. A lane starts at `connections_start` and gains a connection per clean cohort (ten
deliveries for each connection it may have) up to `connections_max`. Three slow-down replies within a
minute, with no delivery between them or making up a tenth of all answers, halve connections and rates
(`reduced`), at most once a minute. If nothing at all gets through after such a cut, the lane rests: one
connection, one message a minute, for an hour, then two, four, … twelve. After the rest it recovers from
one connection and an eighth of the rates, an eighth and a connection per clean cohort. A rest in which the
last answer was still a refusal goes on, doubled.

Deliveries cost two additions; everything else happens on trouble, per cohort, or in `tick`.
"""

from collections import deque
from collections.abc import Mapping

from mta.model.outcome import Outcome, OutcomeKind
from mta.model.reply import Reply
from mta.shaping.policy import SitePolicy
from mta.shaping.throttle import ShapingChange, Stage, Throttle
from mta.shaping.trouble import slow_down

THRESHOLD = 3  # slow-down replies …
WINDOW_S = 60.0  # … within this time; also the least time between two cuts
FREQUENT = 0.1  # of all answers in the window: trouble although some mail gets through
COHORT = 10  # deliveries per connection without trouble that earn a step up
RATE_STEP = 0.125
LEAST_RATE = 0.0625
REST_S = 3_600.0
MAX_REST_S = 43_200.0
REST_MESSAGES_PER_MINUTE = 1.0
FORGET_S = 86_400.0  # a lane without trouble for so long is back to normal, whether it sent or not
_NEVER = 1 << 62


class Backoff:
    """The feedback of one lane; `throttle` is what holds at the moment, changes are returned."""

    __slots__ = (
        "_cause",
        "_clean",
        "_delivered",
        "_delivered_at_cut",
        "_delivered_at_window",
        "_goal",
        "_last_cut_s",
        "_last_trouble_s",
        "_policy",
        "_recent",
        "_rests",
        "_troubles",
        "_until_s",
        "_window_s",
        "stage",
        "throttle",
    )

    def __init__(self, policy: SitePolicy) -> None:
        self._policy = policy
        self.stage = Stage.NORMAL
        self.throttle = Throttle(policy.connections_start)
        self._recent: deque[float] = deque(maxlen=THRESHOLD)  # troubles since the last delivery
        self._clean = 0  # deliveries since the last trouble or step
        self._delivered = 0  # ever; the window's and those since the last cut are differences
        self._delivered_at_window = 0
        self._delivered_at_cut = 0
        self._troubles = 0  # in the window
        self._cause: Reply | None = None  # the last trouble
        self._window_s = 0.0
        self._last_cut_s = -WINDOW_S
        self._last_trouble_s = 0.0
        self._until_s = 0.0
        self._rests = 0
        self._goal = self._next_goal()

    def observe(self, outcome: Outcome, now_s: float, now_ms: int) -> ShapingChange | None:
        """Learn from any outcome; the change it led to, if any."""
        if outcome.kind is OutcomeKind.DELIVERED:
            return self.on_delivered()
        cause = slow_down(outcome)
        return None if cause is None else self._on_trouble(cause, now_s, now_ms)

    def on_delivered(self) -> ShapingChange | None:
        """Count a delivery: the short way for the hot path."""
        self._delivered += 1
        self._clean += 1
        if self._recent:
            self._recent.clear()
        return None if self._clean < self._goal else self._step_up()

    def tick(self, now_s: float, now_ms: int) -> ShapingChange | None:
        """Let time pass: ends a rest, forgets old trouble. Cheap, call it whenever the lane is looked at."""
        if self.stage is Stage.NORMAL:
            return None
        if self.stage is Stage.RESTING:
            if now_s < self._until_s:
                return None
            if self._recent:
                return self._rest("still refused at the end of a rest", now_s, now_ms)
            throttle = Throttle(1, min(self.throttle.rate_factor, RATE_STEP))
            return self._change(Stage.RECOVERING, throttle, "rest is over", None)
        if now_s < self._last_trouble_s + FORGET_S:
            return None
        self._rests = 0
        throttle = Throttle(max(self.throttle.connections, self._policy.connections_start))
        return self._change(Stage.NORMAL, throttle, "no trouble for a day", None)

    @property
    def until_s(self) -> float:
        """When `tick` has something to do next (monotonic); infinite when only mail changes anything."""
        if self.stage is Stage.RESTING:
            return self._until_s
        if self.stage is Stage.NORMAL:
            return float("inf")
        return self._last_trouble_s + FORGET_S

    def undo(self) -> ShapingChange | None:
        """An operator's word: back to the start at once, history forgotten; None when nothing is slowed."""
        if self.stage is Stage.NORMAL:
            return None
        self._rests = 0
        self._last_cut_s = -WINDOW_S
        self._recent.clear()
        self._troubles = 0
        throttle = Throttle(self._policy.connections_start)
        return self._change(Stage.NORMAL, throttle, "undone by an operator", None)

    def change(self, policy: SitePolicy) -> ShapingChange | None:
        """Another policy from now on (reload); a lane that is not slowed takes its limits over at once."""
        self._policy = policy
        connections = min(self.throttle.connections, policy.connections_max)
        if self.stage is Stage.NORMAL:
            connections = max(connections, policy.connections_start)
        if connections == self.throttle.connections:
            self._goal = self._next_goal()
            return None
        old = self.throttle
        throttle = Throttle(connections, old.rate_factor, old.messages_per_minute)
        return self._change(self.stage, throttle, "rules reloaded", None)

    def snapshot(self, now_s: float, now_ms: int) -> dict[str, str | int | float]:
        """State as plain values, to be kept over a restart; empty when the lane is not slowed."""
        if self.stage is Stage.NORMAL:
            return {}
        return {
            "stage": self.stage.value,
            "connections": self.throttle.connections,
            "rate_factor": self.throttle.rate_factor,
            "rests": self._rests,
            "left_s": round(max(0.0, self._until_s - now_s)),
            "trouble_ms": now_ms - round((now_s - self._last_trouble_s) * 1000),
            "saved_ms": now_ms,
        }

    def restore(self, saved: Mapping[str, str | int | float], now_s: float, now_ms: int) -> None:
        """Take up a snapshot; a rest that ended meanwhile ends at the next `tick`."""
        if not saved:
            return
        away_s = max(0.0, (now_ms - float(saved["saved_ms"])) / 1000)
        self.stage = Stage(str(saved["stage"]))
        self._rests = int(saved["rests"])
        self._until_s = now_s + min(MAX_REST_S, max(0.0, float(saved["left_s"]) - away_s))
        quiet_s = max(0.0, (now_ms - float(saved["trouble_ms"])) / 1000)
        self._last_trouble_s = now_s - quiet_s
        self.throttle = Throttle(
            max(1, min(int(saved["connections"]), self._policy.connections_max)),
            min(1.0, max(LEAST_RATE, float(saved["rate_factor"]))),
            REST_MESSAGES_PER_MINUTE if self.stage is Stage.RESTING else 0.0,
        )
        self._goal = self._next_goal()

    def _on_trouble(self, cause: Reply, now_s: float, now_ms: int) -> ShapingChange | None:
        if now_s - self._window_s > WINDOW_S:
            self._open_window(now_s)
        self._troubles += 1
        self._clean = 0
        self._recent.append(now_s)
        self._last_trouble_s = now_s
        self._cause = cause
        if self.stage is Stage.RESTING or now_s - self._last_cut_s < WINDOW_S:
            return None
        nothing_passes = len(self._recent) == THRESHOLD and now_s - self._recent[0] <= WINDOW_S
        answers = self._troubles + self._delivered - self._delivered_at_window
        often = self._troubles >= THRESHOLD and self._troubles >= FREQUENT * answers
        was_cut = self.stage is not Stage.NORMAL and self._delivered == self._delivered_at_cut
        if nothing_passes and was_cut:
            return self._rest("nothing gets through", now_s, now_ms)
        return self._cut(now_s) if nothing_passes or often else None

    def _open_window(self, now_s: float) -> None:
        self._window_s = now_s
        self._troubles = 0
        self._delivered_at_window = self._delivered

    def _mark_cut(self, now_s: float) -> None:
        self._last_cut_s = now_s
        self._delivered_at_cut = self._delivered
        self._recent.clear()
        self._open_window(now_s)

    def _cut(self, now_s: float) -> ShapingChange | None:
        old = self.throttle
        self._mark_cut(now_s)
        throttle = Throttle(max(1, old.connections // 2), max(LEAST_RATE, old.rate_factor / 2))
        if throttle == old:
            return None
        return self._change(Stage.REDUCED, throttle, "asked to slow down", self._cause)

    def _rest(self, reason: str, now_s: float, now_ms: int) -> ShapingChange:
        length_s = min(MAX_REST_S, REST_S * 2 ** min(self._rests, 16))
        self._rests += 1
        self._until_s = now_s + length_s
        self._mark_cut(now_s)
        throttle = Throttle(1, self.throttle.rate_factor, REST_MESSAGES_PER_MINUTE)
        until_ms = now_ms + round(length_s * 1000)
        return self._change(Stage.RESTING, throttle, reason, self._cause, until_ms)

    def _step_up(self) -> ShapingChange:
        """A clean cohort: one connection and an eighth of the rates more, up to the policy's."""
        old = self.throttle
        connections = min(self._policy.connections_max, old.connections + 1)
        throttle = Throttle(connections, min(1.0, old.rate_factor + RATE_STEP))
        stage = self.stage
        if throttle.rate_factor == 1.0 and connections >= self._policy.connections_start:
            stage = Stage.NORMAL
            self._rests = 0
        return self._change(stage, throttle, "mail goes well", None)

    def _change(
        self, stage: Stage, throttle: Throttle, reason: str, cause: Reply | None, until_ms: int = 0
    ) -> ShapingChange:
        old, self.throttle, self.stage = self.throttle, throttle, stage
        self._clean = 0
        self._goal = self._next_goal()
        return ShapingChange(stage, reason, cause, old, throttle, until_ms)

    def _next_goal(self) -> int:
        """Deliveries until the next step up; never while resting or at the top."""
        top = self._policy.connections_max
        if self.stage is Stage.RESTING:
            return _NEVER
        if self.throttle.connections >= top and self.throttle.rate_factor == 1.0:
            return _NEVER if self.stage is Stage.NORMAL else 1
        return COHORT * self.throttle.connections
