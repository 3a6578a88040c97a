"""Metrics: what is counted is what is scraped."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from mta.events.families import FAMILIES, Kind
from mta.events.loop_lag import WINDOW_S, LoopLagMonitor
from mta.events.metrics import Metrics, register_process
from mta.model.clock import ManualClock
from mta.model.traffic import TrafficClass


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def metrics(registry):
    return Metrics(registry)


def scraped(registry):
    text = generate_latest(registry).decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(registry, name, **labels):
    return scraped(registry)[name, tuple(sorted(labels.items()))]


def test_accepted_mail_is_counted_by_class_and_door(metrics, registry):
    metrics.accepted(TrafficClass.URGENT, "smtp", 3)
    metrics.accepted(TrafficClass.URGENT, "smtp", 1)
    labels = {"class": "urgent", "door": "smtp"}
    assert value(registry, "relevo_messages_accepted_total", **labels) == 2
    assert value(registry, "relevo_recipients_accepted_total", **labels) == 4


def test_deferred_and_bounced_carry_the_bounce_class(metrics, registry):
    metrics.deferred(TrafficClass.CAMPAIGN, "greylist")
    metrics.bounced(TrafficClass.CAMPAIGN, "bad-mailbox")
    assert (
        value(
            registry,
            "relevo_deliveries_deferred_total",
            **{"class": "campaign", "bounce_class": "greylist"},
        )
        == 1
    )
    assert (
        value(
            registry,
            "relevo_deliveries_bounced_total",
            **{"class": "campaign", "bounce_class": "bad-mailbox"},
        )
        == 1
    )


def test_a_delivery_counts_and_is_timed(metrics, registry):
    metrics.delivered(TrafficClass.TRANSACTIONAL, 0.7)
    assert value(registry, "relevo_deliveries_delivered_total", **{"class": "transactional"}) == 1
    bucket = {"class": "transactional", "le": "1.0"}
    assert value(registry, "relevo_delivery_seconds_bucket", **bucket) == 1
    bucket["le"] = "0.5"
    assert value(registry, "relevo_delivery_seconds_bucket", **bucket) == 0
    assert value(registry, "relevo_delivery_seconds_sum", **{"class": "transactional"}) == 0.7


def test_a_value_on_a_bound_belongs_to_that_bucket(metrics, registry):
    metrics.observe_commit(0.001, jobs=1, rows=4)
    assert value(registry, "relevo_store_commit_seconds_bucket", le="0.001") == 1
    assert value(registry, "relevo_store_commit_seconds_bucket", le="0.0005") == 0
    assert value(registry, "relevo_store_commit_seconds_bucket", le="+Inf") == 1
    assert value(registry, "relevo_store_commit_jobs_count") == 1
    assert value(registry, "relevo_store_rows_written_total") == 4


def test_what_never_happened_is_zero_not_absent(metrics, registry):
    for name in ("delivered", "expired", "suppressed", "cancelled", "uncertain"):
        for traffic_class in TrafficClass:
            labels = {"class": traffic_class.label}
            assert value(registry, f"relevo_deliveries_{name}_total", **labels) == 0
    assert value(registry, "relevo_deliveries_past_deadline") == 0


def test_queue_gauges_show_the_last_value_set(metrics, registry):
    metrics.set_queue(TrafficClass.CAMPAIGN, "ready", 5)
    metrics.set_queue(TrafficClass.CAMPAIGN, "ready", 2)
    metrics.set_queue_age(TrafficClass.CAMPAIGN, 1.0, 2.0, 3.0)
    metrics.set_oldest_due(TrafficClass.CAMPAIGN, 9.0)
    metrics.set_past_deadline(1)
    labels = {"class": "campaign"}
    assert value(registry, "relevo_queue_deliveries", state="ready", **labels) == 2
    assert value(registry, "relevo_queue_age_seconds", quantile="0.5", **labels) == 1
    assert value(registry, "relevo_queue_age_seconds", quantile="0.99", **labels) == 3
    assert value(registry, "relevo_queue_oldest_due_seconds", **labels) == 9
    assert value(registry, "relevo_deliveries_past_deadline") == 1


def test_open_connections_go_up_and_down_and_opened_only_up(metrics, registry):
    metrics.connection_opened("out")
    metrics.connection_opened("out")
    metrics.connection_closed("out")
    assert value(registry, "relevo_connections_open", direction="out") == 1
    assert value(registry, "relevo_connections_opened_total", direction="out") == 2
    assert value(registry, "relevo_connections_open", direction="in") == 0


def test_every_family_can_be_filled_and_scraped(metrics, registry):
    one = TrafficClass.AUTOMATED
    metrics.accepted(one, "http", 1)
    metrics.refused("smtp", "quota_exhausted")
    metrics.delivered(one, 1)
    metrics.deferred(one, "quota")
    metrics.bounced(one, "policy")
    metrics.expired(one)
    metrics.suppressed(one)
    metrics.feedback("bounce")
    metrics.hits("open", "human", 3)
    metrics.hits_lost(1)
    metrics.set_follower_lag("quota", 1)
    metrics.set_http_connections("console", 1)
    metrics.http_refused("console", "limit")
    metrics.cancelled(one, 3)
    metrics.uncertain(one)
    metrics.set_queue(one, "held", 1)
    metrics.set_queue_age(one, 1, 2, 3)
    metrics.set_oldest_due(one, 1)
    metrics.throttle_wait("rate")
    metrics.connection_failed("connect")
    metrics.connection_refused("too-many")
    metrics.auth_failed("PLAIN")
    metrics.tls_session("in", "")
    metrics.tls_failed("out")
    metrics.dns_lookup("MX", "ok", 0.01)
    metrics.observe_loop_lag(0.01)
    metrics.set_loop_lag_max(0.02)
    metrics.log_lines_dropped(2)
    metrics.set_warm_ups([("192.0.2.7", "google", 1, 0, 50)])
    names = {name for name, _labels in scraped(registry)}
    for family in FAMILIES:
        suffix = "_count" if family.kind is Kind.HISTOGRAM else ""
        assert family.name + suffix in names
    assert value(registry, "relevo_tls_sessions_total", direction="in", version="none") == 1


def test_names_follow_the_conventions():
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)
    for family in FAMILIES:
        assert family.name.startswith("relevo_")
        assert (family.kind is Kind.COUNTER) == family.name.endswith("_total")
        assert (family.kind is Kind.HISTOGRAM) == bool(family.buckets)
        assert list(family.buckets) == sorted(family.buckets)


def test_a_registry_refuses_the_same_metrics_twice(metrics, registry):
    with pytest.raises(ValueError, match="Duplicated"):
        Metrics(registry)


def test_the_process_shows_its_memory(registry):
    register_process(registry)
    assert value(registry, "process_resident_memory_bytes") > 0


async def test_loop_lag_is_what_a_sleep_took_longer(metrics, registry):
    clock = ManualClock()
    lags = iter((0.0, 0.3, 0.02))
    stop = asyncio.Event()

    async def sleep(seconds):
        lag = next(lags, None)
        if lag is None:
            stop.set()
            await asyncio.Event().wait()
        clock.advance(seconds + lag)

    task = asyncio.create_task(LoopLagMonitor(metrics, clock, sleep=sleep).run())
    await stop.wait()
    task.cancel()
    assert value(registry, "relevo_event_loop_lag_seconds_count") == 3
    assert value(registry, "relevo_event_loop_lag_seconds_bucket", le="0.25") == 2
    assert value(registry, "relevo_event_loop_lag_max_seconds") == pytest.approx(0.3)


def test_the_worst_lag_is_forgotten_after_two_windows(metrics, registry):
    clock = ManualClock()
    monitor = LoopLagMonitor(metrics, clock)
    monitor.observe(2.0)
    clock.advance(WINDOW_S)
    monitor.observe(0.1)
    assert value(registry, "relevo_event_loop_lag_max_seconds") == 2.0
    clock.advance(WINDOW_S)
    monitor.observe(0.1)
    assert value(registry, "relevo_event_loop_lag_max_seconds") == 0.1
