"""What is being warmed up, as people see it: each address and domain, at each provider it wrote to."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from mta.delivery.warm_ups import Kind, WarmUps
from mta.engine.warming import state_of
from mta.shaping.rules import OTHER
from mta.shaping.warm_up import DAY_MS, WarmUp

EVERYWHERE = ""


@dataclass(frozen=True, slots=True)
class WarmUpLine:
    """A subject at one provider; times are milliseconds, 0 for none."""

    subject: str
    is_domain: bool
    provider: str  # empty: everywhere, for nothing has been sent yet
    step: int  # of the plan, from 1 on
    steps: int
    planned: int  # messages of the running day; 0: no limit any more
    sent: int
    state: str  # warm, held, full, open
    last_day: str  # what the day before led to; empty: there was none
    until_ms: int  # when the day ends, or the hold

    @property
    def is_other(self) -> bool:
        """Whether these are all sites of no known provider together."""
        return self.provider == OTHER


def warm_up_lines(warm_ups: WarmUps, domains: Collection[str], now_ms: int) -> Sequence[WarmUpLine]:
    """All source addresses, and those of the domains, at the providers where they have begun."""
    found: list[WarmUpLine] = []
    for subject in warm_ups:
        is_domain = subject.kind is Kind.DOMAIN
        if is_domain and subject.name not in domains:
            continue
        lines = [
            _line(subject.name, is_domain, provider, one, now_ms)
            for provider, one in subject.by_provider.items()
        ]
        begun = [one for one in lines if one.sent or one.step > 1 or one.last_day]
        if begun:
            found += sorted(begun, key=lambda one: (one.is_other, one.provider))
        elif lines:
            first = subject.by_provider[lines[0].provider]
            found.append(_line(subject.name, is_domain, EVERYWHERE, first, now_ms))
    return found


def _line(subject: str, is_domain: bool, provider: str, warm_up: WarmUp, now_ms: int) -> WarmUpLine:
    warm_up.look(now_ms)
    day = warm_up.progress
    ends_ms = day.day_start_ms + DAY_MS if day.day_start_ms else 0
    return WarmUpLine(
        subject,
        is_domain,
        provider,
        min(day.step + 1, len(warm_up.plan.days)),
        len(warm_up.plan.days),
        warm_up.cap,
        day.sent,
        state_of(warm_up, now_ms),
        day.last_verdict,
        day.hold_until_ms if day.hold_until_ms > now_ms else ends_ms,
    )
