"""The metrics Relevo exposes, as data: `Metrics` fills them and the reference page lists them.

Names follow Prometheus: `relevo_` first, base units (seconds, bytes), `_total` for what only grows.
Every label has a small, closed set of values; nothing a client or a peer sends becomes a label.
"""

from dataclasses import dataclass
from enum import StrEnum

# The useful range of an fsync: a fast NVMe disk takes 0.1 ms, an overloaded cloud volume seconds.
COMMIT_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
BATCH_BUCKETS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0)
LAG_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
DNS_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
# From a one-time code that must arrive in seconds to relayed mail that is tried for five days.
DELIVERY_BUCKETS = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0, 86400.0)


class Kind(StrEnum):
    """Prometheus types."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Family:
    """One metric: its name as scraped, its type, what it means and what it is split by."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()  # upper bounds, without +Inf


MESSAGES_ACCEPTED = Family(
    "relevo_messages_accepted_total",
    Kind.COUNTER,
    "Messages taken and durably stored.",
    ("class", "door"),
)
RECIPIENTS_ACCEPTED = Family(
    "relevo_recipients_accepted_total",
    Kind.COUNTER,
    "Recipients of the messages taken.",
    ("class", "door"),
)
SUBMISSIONS_REFUSED = Family(
    "relevo_submissions_refused_total",
    Kind.COUNTER,
    "Messages or recipients refused at the door, by reason.",
    ("door", "reason"),
)
DELIVERED = Family(
    "relevo_deliveries_delivered_total",
    Kind.COUNTER,
    "Deliveries that the recipient's server took.",
    ("class",),
)
DEFERRED = Family(
    "relevo_deliveries_deferred_total",
    Kind.COUNTER,
    "Attempts that failed for now and will be repeated.",
    ("class", "bounce_class"),
)
BOUNCED = Family(
    "relevo_deliveries_bounced_total",
    Kind.COUNTER,
    "Deliveries that failed for good.",
    ("class", "bounce_class"),
)
EXPIRED = Family(
    "relevo_deliveries_expired_total",
    Kind.COUNTER,
    "Deliveries given up because their time was over.",
    ("class",),
)
SUPPRESSED = Family(
    "relevo_deliveries_suppressed_total",
    Kind.COUNTER,
    "Deliveries not tried because the address is on a suppression list.",
    ("class",),
)
CANCELLED = Family(
    "relevo_deliveries_cancelled_total",
    Kind.COUNTER,
    "Deliveries cancelled before they were sent.",
    ("class",),
)
UNCERTAIN = Family(
    "relevo_deliveries_uncertain_total",
    Kind.COUNTER,
    "Attempts whose final reply was never seen: the peer may have the message, a duplicate is possible.",
    ("class",),
)
DELIVERY_SECONDS = Family(
    "relevo_delivery_seconds",
    Kind.HISTOGRAM,
    "Time from acceptance (or release, if later) to the recipient server's final reply.",
    ("class",),
    DELIVERY_BUCKETS,
)
PAST_DEADLINE = Family(
    "relevo_deliveries_past_deadline",
    Kind.GAUGE,
    "Deliveries still in the queue after their expiry, found by the self-audit. Must be 0: alert on it.",
)
QUEUE_DELIVERIES = Family(
    "relevo_queue_deliveries",
    Kind.GAUGE,
    "Deliveries in the queue, by state.",
    ("class", "state"),
)
QUEUE_AGE = Family(
    "relevo_queue_age_seconds",
    Kind.GAUGE,
    "Age of the deliveries in the queue: the median, the 95th and the 99th percentile.",
    ("class", "quantile"),
)
QUEUE_OLDEST_DUE = Family(
    "relevo_queue_oldest_due_seconds",
    Kind.GAUGE,
    "For how long the next delivery of the longest waiting flow has been due; 0 when none waits.",
    ("class",),
)
CONNECTIONS_OPEN = Family(
    "relevo_connections_open",
    Kind.GAUGE,
    "SMTP connections open now: in (submission) and out (delivery).",
    ("direction",),
)
CONNECTIONS_OPENED = Family(
    "relevo_connections_opened_total",
    Kind.COUNTER,
    "SMTP connections opened.",
    ("direction",),
)
CONNECTIONS_FAILED = Family(
    "relevo_connections_failed_total",
    Kind.COUNTER,
    "Outgoing connections that failed before the first message, by the phase that failed.",
    ("phase",),
)
CONNECTIONS_REFUSED = Family(
    "relevo_listener_connections_refused_total",
    Kind.COUNTER,
    "Connections from clients that were turned away, by reason.",
    ("reason",),
)
AUTH_FAILURES = Family(
    "relevo_auth_failures_total",
    Kind.COUNTER,
    "Failed logins, by mechanism.",
    ("mechanism",),
)
TLS_SESSIONS = Family(
    "relevo_tls_sessions_total",
    Kind.COUNTER,
    "Connections by TLS version; version none: in clear.",
    ("direction", "version"),
)
TLS_FAILURES = Family(
    "relevo_tls_failures_total",
    Kind.COUNTER,
    "TLS handshakes that failed.",
    ("direction",),
)
COMMIT_SECONDS = Family(
    "relevo_store_commit_seconds",
    Kind.HISTOGRAM,
    "Time of one group commit, its disk syncs included.",
    (),
    COMMIT_BUCKETS,
)
COMMIT_JOBS = Family(
    "relevo_store_commit_jobs",
    Kind.HISTOGRAM,
    "Jobs merged into one group commit.",
    (),
    BATCH_BUCKETS,
)
COMMIT_ROWS = Family(
    "relevo_store_rows_written_total",
    Kind.COUNTER,
    "Rows handed to the database in group commits.",
)
THROTTLE_WAITS = Family(
    "relevo_throttle_waits_total",
    Kind.COUNTER,
    "How often a lane had to wait for one of its limits, by limit.",
    ("reason",),
)
WARM_UP_STEP = Family(
    "relevo_warm_up_step",
    Kind.GAUGE,
    "Row of the plan, from 1 on, of each address and domain that is being warmed up.",
    ("subject", "provider"),
)
WARM_UP_MESSAGES = Family(
    "relevo_warm_up_messages",
    Kind.GAUGE,
    "Messages of the running day of a warm-up: planned and sent.",
    ("subject", "provider", "what"),
)
LOOP_LAG = Family(
    "relevo_event_loop_lag_seconds",
    Kind.HISTOGRAM,
    "How late the event loop ran a timer.",
    (),
    LAG_BUCKETS,
)
LOOP_LAG_MAX = Family(
    "relevo_event_loop_lag_max_seconds",
    Kind.GAUGE,
    "The worst lag of the event loop in the last 60 to 120 seconds.",
)
DNS_LOOKUPS = Family(
    "relevo_dns_lookups_total",
    Kind.COUNTER,
    "DNS questions by record type and result; what the cache answered is not counted.",
    ("type", "result"),
)
DNS_SECONDS = Family(
    "relevo_dns_lookup_seconds",
    Kind.HISTOGRAM,
    "Time of one DNS question, repeats included.",
    (),
    DNS_BUCKETS,
)
LOG_DROPPED = Family(
    "relevo_log_lines_dropped_total",
    Kind.COUNTER,
    "Log lines lost because nobody read standard error fast enough.",
)
FEEDBACK = Family(
    "relevo_feedback_mails_total",
    Kind.COUNTER,
    "Mails and recipients at the feedback listener, by what became of them.",
    ("result",),
)
HITS = Family(
    "relevo_hits_total",
    Kind.COUNTER,
    "Opens and clicks that came in, by what was done and who did it.",
    ("kind", "class"),
)
HITS_LOST = Family(
    "relevo_hits_lost_total",
    Kind.COUNTER,
    "Opens and clicks that found no room in memory because the disk was behind.",
)
FOLLOWER_LAG = Family(
    "relevo_follower_lag_events",
    Kind.GAUGE,
    "Events that one who follows them (quota, webhooks, …) had not seen when it last came by.",
    ("name",),
)
HTTP_OPEN = Family(
    "relevo_http_connections_open",
    Kind.GAUGE,
    "Connections open now at the HTTP listeners: console (pages and API), public and metrics.",
    ("listener",),
)
HTTP_REFUSED = Family(
    "relevo_http_connections_refused_total",
    Kind.COUNTER,
    "Connections that the HTTP listeners turned away (limit, address_limit, tls) or ended for their "
    "slowness (headers, body, stalled, closing).",
    ("listener", "reason"),
)

FAMILIES: tuple[Family, ...] = (
    MESSAGES_ACCEPTED,
    RECIPIENTS_ACCEPTED,
    SUBMISSIONS_REFUSED,
    DELIVERED,
    DEFERRED,
    BOUNCED,
    EXPIRED,
    SUPPRESSED,
    CANCELLED,
    UNCERTAIN,
    DELIVERY_SECONDS,
    PAST_DEADLINE,
    QUEUE_DELIVERIES,
    QUEUE_AGE,
    QUEUE_OLDEST_DUE,
    CONNECTIONS_OPEN,
    CONNECTIONS_OPENED,
    CONNECTIONS_FAILED,
    CONNECTIONS_REFUSED,
    AUTH_FAILURES,
    TLS_SESSIONS,
    TLS_FAILURES,
    COMMIT_SECONDS,
    COMMIT_JOBS,
    COMMIT_ROWS,
    THROTTLE_WAITS,
    WARM_UP_STEP,
    WARM_UP_MESSAGES,
    LOOP_LAG,
    LOOP_LAG_MAX,
    DNS_LOOKUPS,
    DNS_SECONDS,
    LOG_DROPPED,
    FEEDBACK,
    HITS,
    HITS_LOST,
    FOLLOWER_LAG,
    HTTP_OPEN,
    HTTP_REFUSED,
)
