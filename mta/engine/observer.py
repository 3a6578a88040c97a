"""What happened to mail, for the operator: metrics, log lines, bounce classes."""

from collections.abc import Callable

from mta.bounces.classes import BounceClass
from mta.bounces.classifier import Classifier
from mta.events.mail_log import MailLog
from mta.events.metrics import Metrics
from mta.feedback.storms import BounceStorms
from mta.model.clock import Clock
from mta.model.ids import id_time_ms
from mta.model.outcome import Outcome, OutcomeKind
from mta.model.traffic import DeliveryState, EventType, TrafficClass
from mta.spool.rows import QueuedDelivery

_CLASSES = tuple(TrafficClass)  # calling an enumeration costs a microsecond


class Observer:
    """Classifies outcomes and counts them."""

    def __init__(
        self,
        classifier: Classifier,
        metrics: Metrics,
        log: MailLog,
        clock: Clock,
        provider_of: Callable[[int], str],
        storms: BounceStorms,
    ) -> None:
        """`provider_of` names the provider behind a site's number."""
        self._provider_of = provider_of
        self._classifier = classifier
        self._metrics = metrics
        self._log = log
        self._clock = clock
        self._storms = storms

    def classify(self, outcome: Outcome, delivery: QueuedDelivery) -> str:
        """The bounce class of an outcome that is not a success."""
        provider = self._provider_of(delivery.site)
        return self._classifier.classify(outcome.reply, outcome.phase, provider)

    def is_greylisted(self, outcome: Outcome) -> bool:
        """Whether the peer only wants us to come again."""
        return (
            outcome.kind is OutcomeKind.DEFERRED
            and self._classifier.classify(outcome.reply, outcome.phase).is_greylist
        )

    def counted(self, delivery: QueuedDelivery, state: DeliveryState, outcome: Outcome) -> None:
        """A delivery was settled durably."""
        klass = _CLASSES[delivery.klass]
        now_ms = self._clock.now_ms()
        match state:
            case DeliveryState.DELIVERED:
                age_s = max(0.0, (now_ms - id_time_ms(delivery.message.id)) / 1000)
                self._metrics.delivered(klass, age_s)
                self._storms.accepted(delivery.site, now_ms)
                if self._log.is_enabled:
                    self._log_delivered(delivery, outcome, now_ms, age_s)
            case DeliveryState.SCHEDULED:
                reason = self.classify(outcome, delivery)
                self._metrics.deferred(klass, reason)
                if outcome.kind is OutcomeKind.UNCERTAIN:
                    self._metrics.uncertain(klass)
                self._log_failed(EventType.DEFERRED, delivery, outcome, now_ms, reason)
            case DeliveryState.BOUNCED:
                reason = self.classify(outcome, delivery)
                self._metrics.bounced(klass, reason)
                if reason == BounceClass.BAD_MAILBOX:
                    self._storms.refused(delivery.site, now_ms)
                self._log_failed(EventType.BOUNCED, delivery, outcome, now_ms, reason)
            case DeliveryState.EXPIRED:
                self._metrics.expired(klass)
                self._log_failed(EventType.EXPIRED, delivery, outcome, now_ms, "expired")
            case DeliveryState.CANCELLED:
                self._metrics.cancelled(klass)
            case DeliveryState.SUPPRESSED:
                self._metrics.suppressed(klass)
            case _:
                pass

    def _log_delivered(
        self, delivery: QueuedDelivery, outcome: Outcome, now_ms: int, age_s: float
    ) -> None:
        self._log.delivered(
            now_ms,
            delivery.message.id,
            delivery.id,
            recipient=delivery.address,
            host=outcome.host,
            reply=str(outcome.reply),
            tls=outcome.tls,
            delay_s=age_s,
            attempt=delivery.attempts,
        )

    def _log_failed(
        self,
        event: EventType,
        delivery: QueuedDelivery,
        outcome: Outcome,
        now_ms: int,
        bounce_class: str,
    ) -> None:
        if not self._log.is_enabled:
            return
        self._log.not_delivered(
            now_ms,
            event,
            delivery.message.id,
            delivery.id,
            recipient=delivery.address,
            host=outcome.host,
            reply=str(outcome.reply),
            bounce_class=bounce_class,
            phase=outcome.phase,
            attempt=delivery.attempts,
        )
