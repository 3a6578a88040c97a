"""What a believed notice changes: state, counters and event in one transaction, once.

Every job is guarded by the row it changes, so a notice that comes twice, or two at the same time,
have one effect. Quota is not touched: what was taken by the other side was sent. Suppression lists
follow the events (`message.bounced` with `late`, `message.complained`, `message.unsubscribed`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from mta.bounces.classifier import Classifier
from mta.model.clock import Clock
from mta.model.errors import JobRefused
from mta.model.outcome import Outcome, OutcomeKind, Phase
from mta.model.reply import Reply
from mta.model.traffic import DeliveryState, EventType
from mta.spool.inspection import rows_of
from mta.spool.jobs import JobBuilder
from mta.spool.rows import DeliveryFlag, QueuedDelivery
from mta.store.base import Store

MAX_TEXT = 500


class Effect(Enum):
    """What became of a notice."""

    DONE = "done"
    REPEATED = "repeated"  # it was known, nothing changed
    UNKNOWN = "unknown"  # there is no such delivery (any more)
    NOT_YET = "not-yet"  # the delivery is still under way: come again later


@dataclass(frozen=True, slots=True)
class Subject:
    """The delivery that a notice is about."""

    delivery: int
    message: int
    flow: int
    account: int
    address: str
    state: DeliveryState
    flags: int
    provider: str
    sender: str  # of the envelope, as the application gave it
    site: str  # name; empty: it had none yet
    source: str  # egress address; empty: the system chose it


@dataclass(frozen=True, slots=True)
class LateBounce:
    """What a delivery status notification says of one recipient."""

    reply: Reply
    reporter: str = ""  # the server that says so, at most a name


class NoticeWriter(Protocol):
    """Writes the notice that an application gets for relay mail into the job it tells of."""

    def settled(
        self,
        job: JobBuilder,
        delivery: QueuedDelivery,
        state: DeliveryState,
        outcome: Outcome,
        now_ms: int,
        due_ms: int = 0,
    ) -> QueuedDelivery | None:
        """Add a notice if the sender is to get one; gives its delivery."""
        ...


Accepted = Callable[[Sequence[QueuedDelivery], int], None]


class FeedbackEffects:
    """Writes what came back."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        classifier: Classifier,
        notices: NoticeWriter | None = None,
        accepted: Accepted = lambda _d, _m: None,
    ) -> None:
        """`classifier` sorts late bounces.

        The return path is ours, so an application would not hear of them: `notices` tells it, and
        `accepted` has its notice sent.
        """
        self._store = store
        self._clock = clock
        self._classifier = classifier
        self._notices = notices
        self._accepted = accepted
        # Told of what came back; the running server's warm-ups count it.
        self.heard: Callable[[Subject, EventType], None] = lambda _subject, _event: None

    async def find(self, delivery_id: int) -> Subject | None:
        """The delivery, if it is still known. Raises `StoreError`."""
        rows = await self._store.read("feedback_subject", delivery=delivery_id)
        return _subject(rows[0]) if rows else None

    async def bounced(self, subject: Subject, bounce: LateBounce) -> Effect:
        """`delivered` becomes `bounced`. Raises `StoreError` when that cannot be written now."""
        if not subject.state.is_final:
            return Effect.NOT_YET
        if subject.state is not DeliveryState.DELIVERED:
            return Effect.REPEATED
        reply = bounce.reply
        verdict = self._classifier.classify(reply, Phase.RCPT, subject.provider)
        now_ms = self._clock.now_ms()
        job = JobBuilder()
        shown = str(reply)[:MAX_TEXT]
        job.add(
            "delivery_reverse",
            (subject.delivery, now_ms, shown, bounce.reporter[:MAX_TEXT]),
            guarded=True,
        )
        job.count(subject.flow, DeliveryState.DELIVERED, -1)
        job.count(subject.flow, DeliveryState.BOUNCED, 1)
        data: dict[str, object] = {
            "reply": shown,
            "phase": Phase.RCPT,
            "class": verdict,
            "late": True,
            "address": subject.address,
            "status": reply.enhanced,
        }
        if bounce.reporter:
            data["host"] = bounce.reporter[:MAX_TEXT]
        notice = await self._notice(job, subject, bounce, now_ms)
        effect = await self._write(job, EventType.BOUNCED, subject, now_ms, data)
        if effect is Effect.DONE and notice is not None:
            self._accepted((notice,), 0)
        return effect

    async def _notice(
        self, job: JobBuilder, subject: Subject, bounce: LateBounce, now_ms: int
    ) -> QueuedDelivery | None:
        """What the application is told, as part of the job."""
        if self._notices is None:
            return None
        rows = rows_of(await self._store.read("row_of_id", id=subject.delivery))
        if not rows:
            return None
        outcome = Outcome(OutcomeKind.BOUNCED, bounce.reply, Phase.RCPT, bounce.reporter)
        return self._notices.settled(job, rows[0].delivery, DeliveryState.BOUNCED, outcome, now_ms)

    async def complained(self, subject: Subject, kind: str, reporter: str) -> Effect:
        """The recipient called the mail spam; `kind` is the report's Feedback-Type."""
        data = {"address": subject.address, "kind": kind, "host": reporter[:MAX_TEXT]}
        return await self._mark(subject, DeliveryFlag.COMPLAINED, EventType.COMPLAINED, data)

    async def unsubscribed(
        self, subject: Subject, by: str, evidence: Mapping[str, str] | None = None
    ) -> Effect:
        """The recipient wants no more of it.

        `by` is `one-click`, `page` or `mail`; `evidence` is who asked: client address and program.
        """
        data: dict[str, object] = {"address": subject.address, "by": by}
        data.update({k: v[:MAX_TEXT] for k, v in (evidence or {}).items() if v})
        return await self._mark(subject, DeliveryFlag.UNSUBSCRIBED, EventType.UNSUBSCRIBED, data)

    async def resubscribed(
        self, subject: Subject, evidence: Mapping[str, str] | None = None
    ) -> Effect:
        """The recipient took the unsubscribe back."""
        now_ms = self._clock.now_ms()
        job = JobBuilder()
        row = (subject.delivery, int(DeliveryFlag.UNSUBSCRIBED))
        job.add("delivery_unmark", row, guarded=True)
        data: dict[str, object] = {"address": subject.address, "by": "page"}
        data.update({k: v[:MAX_TEXT] for k, v in (evidence or {}).items() if v})
        return await self._write(job, EventType.RESUBSCRIBED, subject, now_ms, data)

    async def _mark(
        self, subject: Subject, flag: DeliveryFlag, event: EventType, data: Mapping[str, object]
    ) -> Effect:
        now_ms = self._clock.now_ms()
        job = JobBuilder()
        job.add("delivery_mark", (subject.delivery, int(flag)), guarded=True)
        return await self._write(job, event, subject, now_ms, data)

    async def _write(
        self,
        job: JobBuilder,
        event: EventType,
        subject: Subject,
        now_ms: int,
        data: Mapping[str, object],
    ) -> Effect:
        job.event(
            event,
            now_ms,
            account=subject.account,
            flow=subject.flow,
            message=subject.message,
            delivery=subject.delivery,
            data=data,
        )
        try:
            await self._store.submit(job.work(now_ms), job.contents)
        except JobRefused:  # somebody was faster, or it had been said before
            return Effect.REPEATED
        self.heard(subject, event)
        return Effect.DONE


def _subject(row: tuple[Any, ...]) -> Subject:
    delivery, message, flow, account, address, state, *others = row
    return Subject(delivery, message, flow, account, address, DeliveryState(state), *others)
