"""What every server watches; the layers above add theirs with `AlertService.watch`."""

from mta.engine.alerts import conditions
from mta.engine.alerts.book import Condition
from mta.engine.alerts.conditions import CertificateEnds, Figures, NothingLeaves, Question
from mta.engine.alerts.service import AlertService
from mta.engine.health import Health
from mta.model.clock import Clock
from mta.settings.schema import Settings

DISK = Condition("disk", hold_s=5.0)
STORE = Condition("store", hold_s=0.0, breaks_mail=True)


def watch_all(
    alerts: AlertService, settings: Settings, health: Health, figures: Figures, clock: Clock
) -> None:
    """Disk, store, queue, deadlines, followers, certificates."""
    alerts.watch(DISK, _of_health(health, "disk"))
    alerts.watch(STORE, _of_health(health, "store"))
    alerts.watch(conditions.QUEUE, conditions.queue_waits(figures))
    alerts.watch(conditions.NOTHING_LEAVES, NothingLeaves(figures, clock))
    alerts.watch(conditions.PAST_DEADLINE, conditions.deadlines_missed(figures))
    alerts.watch(conditions.FOLLOWERS, conditions.followers_stand(figures))
    for name, path in (
        ("submission", settings.submission.tls_certificate),
        ("console", settings.console.tls_certificate),
        ("public", settings.public.tls_certificate),
    ):
        if path is not None:
            condition = Condition(f"certificate-{name}", conditions.CERTIFICATE_SEVERITY, 0.0)
            alerts.watch(condition, CertificateEnds(name, path, clock))


def _of_health(health: Health, name: str) -> Question:
    return lambda: health.problems[name]() if name in health.problems else ""
