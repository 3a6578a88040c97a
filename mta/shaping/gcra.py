"""Rates by GCRA, the generic cell rate algorithm (ITU-T I.371): one number per rate, no timers.

Each rate keeps the time at which its bucket would be empty again (theoretical arrival time, TAT). A
message may go when no TAT lies further ahead than the rate's slack ((burst − 1) steps); it moves each TAT
one step on. So in any span, wherever it starts, a pace of `count` per period lets at most
`count + burst` through, and a cap never more than `count` (`Rate.step_s`).
"""

from collections.abc import Mapping

from mta.shaping.policy import Rate

EARLY_S = 1e-6  # a wait below this is rounding: a timer for it would only spin
PERSISTED_FROM_S = 3_600.0  # shorter periods are over before a restart is


class RateGate:
    """Holds a stream to several rates at once; taking costs well under a microsecond per rate."""

    __slots__ = ("_arrivals", "_rates", "_slacks", "_steps", "ready_s")

    def __init__(self, rates: tuple[Rate, ...] = ()) -> None:
        self.ready_s = 0.0  # monotonic time from which the next one may go
        self._rates: tuple[Rate, ...] = ()
        self._arrivals: list[float] = []
        self._steps: list[float] = []
        self._slacks: list[float] = []
        self.change(rates, factor=1.0, now_s=0.0)

    def wait_s(self, now_s: float) -> float:
        """Seconds until the next one may go; 0: now."""
        wait = self.ready_s - now_s
        return wait if wait > EARLY_S else 0.0

    def take(self, now_s: float) -> None:
        """Count one that goes now."""
        arrivals, slacks = self._arrivals, self._slacks
        ready_s = 0.0
        for index, step in enumerate(self._steps):
            arrival = arrivals[index]
            arrival = (arrival if arrival > now_s else now_s) + step
            arrivals[index] = arrival
            free_s = arrival - slacks[index]
            if free_s > ready_s:  # noqa: PLR1730 - max() costs three times as much
                ready_s = free_s
        self.ready_s = ready_s

    def change(self, rates: tuple[Rate, ...], *, factor: float, now_s: float) -> None:
        """Other rates from now on, all slowed by `factor` (0.5: half as fast).

        What went before still counts for rates of the same name.
        """
        before = {rate.name: a for rate, a in zip(self._rates, self._arrivals, strict=True)}
        self._rates = rates
        self._steps = [rate.step_s / factor for rate in rates]
        self._slacks = [
            (rate.burst - 1) * step for rate, step in zip(rates, self._steps, strict=True)
        ]
        self._set(before, now_s)

    def held_by(self, now_s: float) -> Rate | None:
        """The rate that makes the next one wait longest; None when it may go."""
        worst, longest_s = None, 0.0
        for rate, arrival, slack in zip(self._rates, self._arrivals, self._slacks, strict=True):
            if arrival - slack - now_s > longest_s:
                worst, longest_s = rate, arrival - slack - now_s
        return worst

    def snapshot(self, now_s: float, now_ms: int) -> dict[str, int]:
        """What of the long periods is used up, as wall-clock milliseconds by rate name."""
        return {
            rate.name: now_ms + round((arrival - now_s) * 1000)
            for rate, arrival in zip(self._rates, self._arrivals, strict=True)
            if rate.period.length_s >= PERSISTED_FROM_S and arrival > now_s
        }

    def restore(self, saved: Mapping[str, int | float], now_s: float, now_ms: int) -> None:
        """Take up a snapshot; a clock that was set meanwhile can never block longer than full use."""
        self._set({name: now_s + (at - now_ms) / 1000 for name, at in saved.items()}, now_s)

    def _set(self, arrivals: Mapping[str, float], now_s: float) -> None:
        self._arrivals = [
            min(arrivals.get(rate.name, 0.0), now_s + slack + step)
            for rate, slack, step in zip(self._rates, self._slacks, self._steps, strict=True)
        ]
        free_s = (a - slack for a, slack in zip(self._arrivals, self._slacks, strict=True))
        self.ready_s = max(free_s, default=0.0)
