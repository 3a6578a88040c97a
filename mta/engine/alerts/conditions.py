"""What can be wrong: each condition with the question that finds it, asked every few seconds."""

from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from cryptography import x509

from mta.engine.alerts.book import Condition, Severity
from mta.model.clock import Clock
from mta.model.traffic import TrafficClass

WINDOW_S = 600.0  # for "nothing gets out"
FEW_FAILURES = 20  # attempts that failed, before nothing delivered means anything
WAITS_S: Mapping[TrafficClass, float] = {
    TrafficClass.URGENT: 300.0,
    TrafficClass.TRANSACTIONAL: 900.0,
}
CERTIFICATE_WARNING = timedelta(days=14)
CERTIFICATE_CRITICAL = timedelta(days=3)

Question = Callable[[], str]  # what is wrong, empty when nothing is


class Figures(Protocol):
    """What is asked of the metrics."""

    @property
    def delivered_total(self) -> float:
        """Deliveries done since the start."""
        ...

    @property
    def deferred_total(self) -> float:
        """Attempts that have to be repeated, since the start."""
        ...

    @property
    def past_deadline(self) -> float:
        """Deliveries that should have ended."""
        ...

    @property
    def follower_lags(self) -> Mapping[str, float]:
        """How many events each follower of the events has still before it."""
        ...

    def oldest_due_s(self, traffic_class: TrafficClass) -> float:
        """For how long the longest waiting delivery of a class has been due."""
        ...


QUEUE = Condition("queue", hold_s=60.0, breaks_mail=True)
NOTHING_LEAVES = Condition("sending", hold_s=0.0, breaks_mail=True)
PAST_DEADLINE = Condition("deadlines", hold_s=120.0)
FOLLOWERS = Condition("followers", Severity.WARNING, hold_s=600.0)
CERTIFICATE_SEVERITY = Severity.WARNING


def queue_waits(figures: Figures) -> Question:
    """Urgent or transactional mail that is due and does not go."""

    def ask() -> str:
        late = {
            klass.label: figures.oldest_due_s(klass)
            for klass, most_s in WAITS_S.items()
            if figures.oldest_due_s(klass) > most_s
        }
        if not late:
            return ""
        told = ", ".join(
            f"{name} mail for {seconds / 60:.0f} min" for name, seconds in late.items()
        )
        return f"due mail waits: {told}"

    return ask


def deadlines_missed(figures: Figures) -> Question:
    """The self-audit: deliveries past their deadline that did not end."""

    def ask() -> str:
        count = int(figures.past_deadline)
        return f"{count} deliveries are past their deadline and have not ended" if count else ""

    return ask


def followers_stand(figures: Figures) -> Question:
    """What follows the events (quota, suppression, webhooks, …) and does not get to their end."""

    def ask() -> str:
        behind = {name: int(lag) for name, lag in figures.follower_lags.items() if lag > 0}
        told = ", ".join(f"{name} by {lag} events" for name, lag in sorted(behind.items()))
        return f"followers of the events are behind: {told}" if told else ""

    return ask


class NothingLeaves:
    """Attempts fail everywhere and not one delivery succeeds: the network or the address is cut."""

    def __init__(self, figures: Figures, clock: Clock) -> None:
        self._figures = figures
        self._clock = clock
        self._samples: deque[tuple[float, float, float]] = deque()

    def __call__(self) -> str:
        """What is wrong."""
        figures, now_s = self._figures, self._clock.monotonic_s()
        self._samples.append((now_s, figures.delivered_total, figures.deferred_total))
        while self._samples[0][0] < now_s - WINDOW_S:
            self._samples.popleft()
        _, delivered, deferred = self._samples[0]
        failed = int(figures.deferred_total - deferred)
        if figures.delivered_total > delivered or failed < FEW_FAILURES:
            return ""
        return f"no mail gets out: {failed} attempts failed in ten minutes, none succeeded"


class CertificateEnds:
    """A certificate in use that ends soon; the file is read again when it changed."""

    def __init__(self, name: str, path: Path, clock: Clock) -> None:
        self._name = name
        self._path = path
        self._clock = clock
        self._seen_ns = -1
        self._ends = datetime.max.replace(tzinfo=UTC)

    def __call__(self) -> str:
        """What is wrong."""
        try:
            changed_ns = self._path.stat().st_mtime_ns
            if changed_ns != self._seen_ns:
                leaf = x509.load_pem_x509_certificates(self._path.read_bytes())[0]
                self._ends, self._seen_ns = leaf.not_valid_after_utc, changed_ns
        except (OSError, ValueError) as error:
            return f"{self._name} certificate {self._path}: cannot be read: {error}"
        left = self._ends - datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC)
        if left > CERTIFICATE_WARNING:
            return ""
        tone = "has expired" if left < timedelta() else f"ends in {left.days} days"
        urgency = "; clients will refuse it soon" if left < CERTIFICATE_CRITICAL else ""
        return f"{self._name} certificate {self._path} {tone} ({self._ends:%Y-%m-%d}){urgency}"
