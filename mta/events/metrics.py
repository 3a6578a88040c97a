"""The numbers operators watch: one method per thing that happens, each well under a microsecond."""

from collections.abc import Callable, Mapping, Sequence

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
)

from mta.events import families
from mta.events.families import FAMILIES, Family, Kind
from mta.events.instruments import Distributions, FamilyCollector, Values
from mta.model.traffic import TrafficClass

_PER_CLASS = (
    families.DELIVERED,
    families.EXPIRED,
    families.SUPPRESSED,
    families.CANCELLED,
    families.UNCERTAIN,
)


class Metrics:
    """All metrics of one process, registered with the registry that is handed in.

    Implements the store's `StoreMetrics`. Labels are strings of closed sets; the traffic class is
    given as `TrafficClass`. Methods may be called from the event loop only, except
    `observe_commit`, which belongs to the store's writer thread.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        values = {f: Values(f) for f in FAMILIES if f.kind is not Kind.HISTOGRAM}
        spreads = {f: Distributions(f) for f in FAMILIES if f.kind is Kind.HISTOGRAM}
        for (
            family
        ) in _PER_CLASS:  # a rate needs a first value, so that nothing seen is 0, not absent
            for traffic_class in TrafficClass:
                values[family].by_key[(traffic_class,)] = 0
        self._bind_traffic(values, spreads)
        self._bind_machinery(values, spreads)
        instruments = [values[f] if f in values else spreads[f] for f in FAMILIES]
        registry.register(FamilyCollector(instruments))

    def _bind_traffic(
        self, values: dict[Family, Values], spreads: dict[Family, Distributions]
    ) -> None:
        self._messages = values[families.MESSAGES_ACCEPTED].by_key
        self._recipients = values[families.RECIPIENTS_ACCEPTED].by_key
        self._refused = values[families.SUBMISSIONS_REFUSED].by_key
        self._delivered = values[families.DELIVERED].by_key
        self._deferred = values[families.DEFERRED].by_key
        self._bounced = values[families.BOUNCED].by_key
        self._expired = values[families.EXPIRED].by_key
        self._suppressed = values[families.SUPPRESSED].by_key
        self._cancelled = values[families.CANCELLED].by_key
        self._uncertain = values[families.UNCERTAIN].by_key
        self._past_deadline = values[families.PAST_DEADLINE].by_key
        self._queue = values[families.QUEUE_DELIVERIES].by_key
        self._queue_age = values[families.QUEUE_AGE].by_key
        self._oldest_due = values[families.QUEUE_OLDEST_DUE].by_key
        times = spreads[families.DELIVERY_SECONDS]
        self._delivery_seconds = {c: times.child((c,)) for c in TrafficClass}

    def _bind_machinery(
        self, values: dict[Family, Values], spreads: dict[Family, Distributions]
    ) -> None:
        self._open = values[families.CONNECTIONS_OPEN].by_key
        self._opened = values[families.CONNECTIONS_OPENED].by_key
        self._connect_failed = values[families.CONNECTIONS_FAILED].by_key
        self._turned_away = values[families.CONNECTIONS_REFUSED].by_key
        self._feedback = values[families.FEEDBACK].by_key
        self._hits = values[families.HITS].by_key
        self._hits_lost = values[families.HITS_LOST].by_key
        self._auth_failures = values[families.AUTH_FAILURES].by_key
        self._tls_sessions = values[families.TLS_SESSIONS].by_key
        self._tls_failures = values[families.TLS_FAILURES].by_key
        self._rows = values[families.COMMIT_ROWS].by_key
        self._throttle_waits = values[families.THROTTLE_WAITS].by_key
        self._warm_up_step = values[families.WARM_UP_STEP].by_key
        self._warm_up_messages = values[families.WARM_UP_MESSAGES].by_key
        self._lag_max = values[families.LOOP_LAG_MAX].by_key
        self._dns = values[families.DNS_LOOKUPS].by_key
        self._follower_lag = values[families.FOLLOWER_LAG].by_key
        self._http_open = values[families.HTTP_OPEN].by_key
        self._http_refused = values[families.HTTP_REFUSED].by_key
        self._log_dropped = values[families.LOG_DROPPED].by_key
        self._commit_seconds = spreads[families.COMMIT_SECONDS].child(())
        self._commit_jobs = spreads[families.COMMIT_JOBS].child(())
        self._lag = spreads[families.LOOP_LAG].child(())
        self._dns_seconds = spreads[families.DNS_SECONDS].child(())
        for direction in ("in", "out"):
            self._open[(direction,)] = 0
            self._opened[(direction,)] = 0

    # -- mail -------------------------------------------------------------------------------

    def accepted(self, traffic_class: TrafficClass, door: str, recipients: int) -> None:
        """One message taken; `door` is `smtp`, `api`, a dialect of it, or `campaign`."""
        key = (traffic_class, door)
        self._messages[key] += 1
        self._recipients[key] += recipients

    def expanded(self, traffic_class: TrafficClass, recipients: int) -> None:
        """Recipients of a template message became deliveries."""
        self._recipients[(traffic_class, "campaign")] += recipients

    def refused(self, door: str, reason: str) -> None:
        """One message or recipient refused at the door."""
        self._refused[(door, reason)] += 1

    def delivered(self, traffic_class: TrafficClass, seconds: float) -> None:
        """One delivery done, `seconds` after its acceptance or release."""
        self._delivered[(traffic_class,)] += 1
        self._delivery_seconds[traffic_class].observe(seconds)

    def deferred(self, traffic_class: TrafficClass, bounce_class: str) -> None:
        """One attempt to be repeated."""
        self._deferred[(traffic_class, bounce_class)] += 1

    def bounced(self, traffic_class: TrafficClass, bounce_class: str) -> None:
        """One delivery that failed for good."""
        self._bounced[(traffic_class, bounce_class)] += 1

    def expired(self, traffic_class: TrafficClass, count: int = 1) -> None:
        """Deliveries whose time was over."""
        self._expired[(traffic_class,)] += count

    def suppressed(self, traffic_class: TrafficClass, count: int = 1) -> None:
        """Deliveries to suppressed addresses."""
        self._suppressed[(traffic_class,)] += count

    def cancelled(self, traffic_class: TrafficClass, count: int = 1) -> None:
        """Deliveries cancelled."""
        self._cancelled[(traffic_class,)] += count

    def uncertain(self, traffic_class: TrafficClass, count: int = 1) -> None:
        """Attempts whose final reply was never seen."""
        self._uncertain[(traffic_class,)] += count

    # -- queue ------------------------------------------------------------------------------

    def set_queue(self, traffic_class: TrafficClass, state: str, count: int) -> None:
        """How many deliveries are `scheduled`, `ready`, `held` or `claimed` now."""
        self._queue[(traffic_class, state)] = count

    def set_queue_age(
        self, traffic_class: TrafficClass, p50_s: float, p95_s: float, p99_s: float
    ) -> None:
        """How old the queued deliveries of a class are now, in seconds."""
        self._queue_age[(traffic_class, "0.5")] = p50_s
        self._queue_age[(traffic_class, "0.95")] = p95_s
        self._queue_age[(traffic_class, "0.99")] = p99_s

    def set_oldest_due(self, traffic_class: TrafficClass, seconds: float) -> None:
        """For how long the longest waiting delivery of a class has been due."""
        self._oldest_due[(traffic_class,)] = seconds

    def set_past_deadline(self, count: int) -> None:
        """What the self-audit found; anything but 0 is a fault of ours."""
        self._past_deadline[()] = count

    # -- what alerts ask (`mta.engine.alerts.conditions.Figures`) ----------------------------

    @property
    def delivered_total(self) -> float:
        """Deliveries done since the start."""
        return sum(self._delivered.values())

    @property
    def deferred_total(self) -> float:
        """Attempts that have to be repeated, since the start."""
        return sum(self._deferred.values())

    @property
    def past_deadline(self) -> float:
        """Deliveries that should have ended."""
        return self._past_deadline[()]

    @property
    def follower_lags(self) -> Mapping[str, float]:
        """How many events each follower has still before it."""
        return {str(name): lag for (name,), lag in self._follower_lag.items()}

    def oldest_due_s(self, traffic_class: TrafficClass) -> float:
        """For how long the longest waiting delivery of a class has been due."""
        return self._oldest_due.get((traffic_class,), 0.0)

    def set_warm_ups(self, numbers: Sequence[tuple[str, str, int, int, int]]) -> None:
        """What is being warmed up: name, provider, row of the plan, messages of the day, sent."""
        self._warm_up_step.clear()
        self._warm_up_messages.clear()
        for name, provider, step, cap, sent in numbers:
            self._warm_up_step[(name, provider)] = step
            self._warm_up_messages[(name, provider, "planned")] = cap
            self._warm_up_messages[(name, provider, "sent")] = sent

    def throttle_wait(self, reason: str) -> None:
        """A lane waits for one of its limits (`rate`, `connections`, `daily`, `backoff`, …)."""
        self._throttle_waits[(reason,)] += 1

    # -- connections ------------------------------------------------------------------------

    def connection_opened(self, direction: str) -> None:
        """`in`: a client connected; `out`: we reached a peer."""
        key = (direction,)
        self._open[key] += 1
        self._opened[key] += 1

    def connection_closed(self, direction: str) -> None:
        """The counterpart of `connection_opened`."""
        self._open[(direction,)] -= 1

    def connection_failed(self, phase: str) -> None:
        """An outgoing connection came to nothing in `phase` (`Phase` values)."""
        self._connect_failed[(phase,)] += 1

    def connection_refused(self, reason: str) -> None:
        """The listener turned a client away."""
        self._turned_away[(reason,)] += 1

    def set_http_connections(self, listener: str, count: int) -> None:
        """Connections open at the HTTP listener `console`, `public` or `metrics`."""
        self._http_open[(listener,)] = count

    def http_refused(self, listener: str, reason: str) -> None:
        """An HTTP connection was turned away or ended for its slowness."""
        self._http_refused[(listener, reason)] += 1

    def feedback(self, result: str) -> None:
        """A mail or recipient at the feedback listener; `result` is one of a known few."""
        self._feedback[(result,)] += 1

    def hits(self, kind: str, klass: str, count: int) -> None:
        """Opens or clicks came in; both names are of the few that tracking knows."""
        self._hits[(kind, klass)] += count

    def hits_lost(self, count: int) -> None:
        """Opens or clicks found no room."""
        self._hits_lost[()] += count

    def auth_failed(self, mechanism: str) -> None:
        """One failed login; `mechanism` is one that we offer, never what the client wrote."""
        self._auth_failures[(mechanism,)] += 1

    def tls_session(self, direction: str, version: str) -> None:
        """A connection's TLS version, `none` in clear."""
        self._tls_sessions[(direction, version or "none")] += 1

    def tls_failed(self, direction: str) -> None:
        """A handshake failed."""
        self._tls_failures[(direction,)] += 1

    def dns_lookup(self, record_type: str, result: str, seconds: float) -> None:
        """One question to DNS: type (`MX`, `A`, …), result (`ok`, `nxdomain`, `servfail`, …)."""
        self._dns[(record_type, result)] += 1
        self._dns_seconds.observe(seconds)

    def set_follower_lag(self, name: str, events: int) -> None:
        """How many events a follower (`EventFollower`) had still before it."""
        self._follower_lag[(name,)] = events

    # -- process ----------------------------------------------------------------------------

    def observe_commit(self, seconds: float, jobs: int, rows: int) -> None:
        """One group commit (`StoreMetrics`)."""
        self._commit_seconds.observe(seconds)
        self._commit_jobs.observe(jobs)
        self._rows[()] += rows

    def observe_loop_lag(self, seconds: float) -> None:
        """How late a timer ran."""
        self._lag.observe(seconds)

    def set_loop_lag_max(self, seconds: float) -> None:
        """The worst recent lag."""
        self._lag_max[()] = seconds

    def log_lines_dropped(self, count: int) -> None:
        """Log lines that were lost."""
        self._log_dropped[()] += count


def register_process(registry: CollectorRegistry) -> None:
    """Add prometheus_client's own metrics of the process: memory, CPU, files, garbage collection."""
    collectors: tuple[Callable[..., object], ...] = (
        ProcessCollector,
        PlatformCollector,
        GCCollector,
    )
    for collector in collectors:
        collector(registry=registry)
