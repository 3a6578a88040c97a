"""Warm-up: a new source address or sending domain begins with little mail and doubles while that goes well.

Receivers distrust an address that sends much and was never seen before. So a subject (an egress
address, or a domain that mail comes from) has a plan for each provider: so many messages on the first
sending day, about twice as many on the next, and in an hour never more than a tenth of the day. A day
begins with its first message and lasts 24 hours; days without mail do not count. At its end the day
is judged: on to the next row of the plan, the same row again, or one back.

Only automated and campaign mail is held by it. Urgent and transactional mail counts and goes: a code
that arrives tomorrow is worth nothing. All of it is numbers; time is an argument (wall clock, ms).
"""

import re
from dataclasses import dataclass, replace

from mta.model.outcome import Outcome, OutcomeKind
from mta.shaping.gcra import RateGate
from mta.shaping.policy import Period, Rate
from mta.shaping.trouble import slow_down

DAYS = (
    50, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 50_000, 75_000, 100_000, 120_000,
    144_000, 172_800, 207_000, 250_000,
)  # fmt: skip
DAY_MS = 86_400_000
_HOUR = "hour"
HOURS = 10  # a day's mail takes at least so many
ENOUGH = 0.5  # of the day's messages: a day with less says too little to send more
CAUTIOUS_DAYS = 3  # good days that a step takes after trouble
MIN_CASES = 2  # a single bounce of fifty mails says nothing

# Google's "unusual rate", Yahoo's TSS04 and Microsoft's 4.7.650: leave them alone for a day.
_REFUSED = re.compile(r"4\.7\.28\b|\bTSS?0?4\b|\bIPTS04\b|4\.7\.650\b")
_ABOUT_DOMAIN = re.compile(r"\b(?:spf|dkim|sender|from)[- ]domain\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class WarmUpPlan:
    """Messages a day, row by row, and the shares of a day's messages that end its progress."""

    days: tuple[int, ...] = DAYS
    max_bounces: float = 0.02
    hold_deferrals: float = 0.05
    max_deferrals: float = 0.10
    max_complaints: float = 0.001


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a subject is at one provider; the numbers are those of the running day."""

    step: int = 0  # row of the plan; behind the last one: the subject is warm
    needed: int = 1  # good days until the next row
    day_start_ms: int = 0  # 0: no day has begun
    sent: int = 0
    bounced: int = 0
    deferred: int = 0
    complained: int = 0
    hold_until_ms: int = 0
    is_amber: bool = False  # the provider complained of the rate today
    last_verdict: str = ""  # of the day before
    paced_ms: int = 0  # up to when the hour's share is used; only in what is stored


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a day led to."""

    progress: Progress
    reason: str  # one of "went well", "too little mail", …, for events and people


def judge(plan: WarmUpPlan, day: Progress) -> Verdict:
    """The day is over: where the plan goes on."""
    found = _judge(plan, day)
    return replace(found, progress=replace(found.progress, last_verdict=found.reason))


def _judge(plan: WarmUpPlan, day: Progress) -> Verdict:
    fresh = Progress(day.step, day.needed, hold_until_ms=day.hold_until_ms)
    sent = max(1, day.sent)
    for reason, cases, most in (
        ("too many bounces", day.bounced, plan.max_bounces),
        ("too many deferrals", day.deferred, plan.max_deferrals),
        ("too many complaints", day.complained, plan.max_complaints),
    ):
        if cases >= MIN_CASES and cases / sent >= most:
            back = max(0, day.step - 1)
            return Verdict(replace(fresh, step=back, needed=CAUTIOUS_DAYS), reason)
    slow = day.deferred >= MIN_CASES and day.deferred / sent >= plan.hold_deferrals
    if day.is_amber or slow or (day.complained and day.complained / sent >= plan.max_complaints):
        reason = "a complaint" if day.complained and not (day.is_amber or slow) else "slowed down"
        return Verdict(replace(fresh, needed=CAUTIOUS_DAYS), reason)
    cap = plan.days[day.step] if day.step < len(plan.days) else 0
    if day.sent < ENOUGH * cap:
        return Verdict(fresh, "too little mail")
    if day.needed > 1:
        return Verdict(replace(fresh, needed=day.needed - 1), "went well")
    return Verdict(replace(fresh, step=day.step + 1, needed=1), "went well")


def days_needed(plan: WarmUpPlan, progress: Progress, messages: int) -> float:
    """Days until so many messages have gone, if every day goes well; a tenth for each hour of the last."""
    days, step, needed = 0.0, progress.step, progress.needed
    left_today = plan.days[step] - progress.sent if step < len(plan.days) else 0
    while messages > 0 and step < len(plan.days):
        cap = plan.days[step]
        free = max(0, left_today) if not days else cap
        if messages <= free:
            return days + messages / cap * HOURS / 24
        messages -= free
        days += 1
        needed -= 1
        if needed <= 0:
            step, needed = step + 1, 1
    return days


class WarmUp:
    """One subject at one provider."""

    __slots__ = ("_gate", "plan", "progress", "refusal", "verdict")

    def __init__(self, plan: WarmUpPlan, progress: Progress, now_ms: int = 0) -> None:
        """`progress` may be a stored one."""
        self.plan = plan
        self.progress = progress
        self.refusal = ""  # the reply that led to the present hold
        self.verdict = ""  # of the last day that ended; empty: not yet told
        self._gate = RateGate()
        self._set_gate(0.0)
        if progress.paced_ms:
            self._gate.restore({_HOUR: progress.paced_ms}, now_ms / 1000, now_ms)

    @property
    def is_warm(self) -> bool:
        """Whether the plan is behind it."""
        return self.progress.step >= len(self.plan.days)

    @property
    def cap(self) -> int:
        """Messages that the running day may hold; 0: no limit any more."""
        return 0 if self.is_warm else self.plan.days[self.progress.step]

    def is_open(self, now_ms: int) -> bool:
        """Whether bulk mail may go now."""
        self.look(now_ms)
        return self.is_warm or self.ready_ms(now_ms) <= now_ms

    def ready_ms(self, now_ms: int) -> int:
        """When the next bulk mail may go, as far as is known now; not later than `now_ms`: at once."""
        progress = self.progress
        if progress.hold_until_ms > now_ms:
            return progress.hold_until_ms
        if progress.sent >= self.cap:
            return progress.day_start_ms + DAY_MS
        return round(self._gate.ready_s * 1000)

    def take(self, count: int, now_ms: int) -> None:
        """So many messages go now."""
        self.look(now_ms)
        if self.is_warm:
            return
        progress = self.progress
        start_ms = progress.day_start_ms or now_ms
        self.progress = replace(progress, day_start_ms=start_ms, sent=progress.sent + count)
        for _ in range(count):
            self._gate.take(now_ms / 1000)

    def observe(self, outcome: Outcome, now_ms: int, *, is_domain: bool) -> None:
        """What became of a message that was taken; a refusal for the rate holds for a day."""
        progress = self.progress
        match outcome.kind:
            case OutcomeKind.BOUNCED:
                self.progress = replace(progress, bounced=progress.bounced + 1)
            case OutcomeKind.RETURNED:  # it was never tried
                self.progress = replace(progress, sent=max(0, progress.sent - 1))
            case OutcomeKind.DEFERRED:
                reply = slow_down(outcome)
                if reply is not None:
                    self.progress = replace(progress, deferred=progress.deferred + 1)
                    if concerns(str(reply), is_domain=is_domain):
                        self.hold(now_ms + DAY_MS, str(reply))
            case _:
                pass

    def complained(self) -> None:
        """A recipient called a message spam."""
        self.progress = replace(self.progress, complained=self.progress.complained + 1)

    def bounced_late(self) -> None:
        """A message that had been taken came back."""
        self.progress = replace(self.progress, bounced=self.progress.bounced + 1)

    def hold(self, until_ms: int, refusal: str) -> None:
        """Send no bulk mail until then."""
        self.refusal = refusal
        self.progress = replace(self.progress, hold_until_ms=until_ms, is_amber=True)

    def go_to(self, step: int) -> None:
        """An operator's word: this row from now on; what was sent today counts on."""
        last = len(self.plan.days)
        self.progress = replace(
            self.progress, step=max(0, min(step, last)), needed=1, hold_until_ms=0, is_amber=False
        )
        self._set_gate(0.0)

    def change(self, plan: WarmUpPlan, now_ms: int) -> None:
        """Another plan from now on (reload); the row stays."""
        self.plan = plan
        self._set_gate(now_ms / 1000)

    def look(self, now_ms: int) -> None:
        """Let time pass: a day that is over is judged."""
        progress = self.progress
        if not progress.day_start_ms or now_ms < progress.day_start_ms + DAY_MS or self.is_warm:
            return
        found = judge(self.plan, progress)
        self.progress, self.verdict = found.progress, found.reason
        self._set_gate(now_ms / 1000)

    def stored(self, now_ms: int) -> Progress:
        """What is to be kept over a restart: the hour's share as well."""
        used = self._gate.snapshot(now_ms / 1000, now_ms)
        return replace(self.progress, paced_ms=used.get(_HOUR, 0))

    def held_by(self, now_ms: int) -> str:
        """What holds bulk mail, in English; empty: nothing does."""
        if self.is_open(now_ms):
            return ""
        progress, cap = self.progress, self.cap
        if progress.hold_until_ms > now_ms:
            return (
                f"warm-up: on hold after the reply {self.refusal}"
                if self.refusal
                else "warm-up: on hold"
            )
        place = f"step {progress.step + 1} of {len(self.plan.days)}"
        if progress.sent >= cap:
            return f"warm-up: {progress.sent} of {cap} messages today, {place}"
        return f"warm-up: {_hourly(cap):g} an hour, {place}"

    def _set_gate(self, now_s: float) -> None:
        rates = () if self.is_warm else (Rate(_HOUR, _hourly(self.cap), Period.HOUR),)
        self._gate.change(rates, factor=1.0, now_s=now_s)


def concerns(reply: str, *, is_domain: bool) -> bool:
    """Whether the reply refuses the rate of that kind of subject: the domain, or the address."""
    return bool(_REFUSED.search(reply)) and bool(_ABOUT_DOMAIN.search(reply)) == is_domain


def _hourly(cap: int) -> float:
    return max(1.0, cap / HOURS)
