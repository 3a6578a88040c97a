"""Turns a submission into rows: header repaired, class and expiry chosen, ids given. No I/O."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import orjson

from mta.intake.content import ContentRefused, Scan, scan
from mta.intake.ports import SuppressionCheck
from mta.intake.trace import TraceWriter
from mta.model.envelope import Envelope, Identity, Submission
from mta.model.ids import IdGenerator
from mta.model.traffic import DeliveryState, TrafficClass
from mta.settings.delivery_schema import Queue
from mta.spool.flows import Flow
from mta.spool.rows import ExpiryKind, MessageFlag, QueuedDelivery, QueuedMessage
from mta.store.work import Content

MAX_RELEASE_MS = 60 * 24 * 3600 * 1000  # RFC 4865: we offer 5,184,000 seconds

# Content lives as long as its slowest companion, so bodies are kept apart by expiry.
SEGMENT_SHORT, SEGMENT_RELAY, SEGMENT_CAMPAIGN = 0, 1, 2
_SEGMENTS = {
    ExpiryKind.URGENT: SEGMENT_SHORT,
    ExpiryKind.TRANSACTIONAL: SEGMENT_SHORT,
    ExpiryKind.AUTOMATED: SEGMENT_SHORT,
    ExpiryKind.CAMPAIGN: SEGMENT_CAMPAIGN,
    ExpiryKind.RELAY: SEGMENT_RELAY,
}


@dataclass(slots=True)
class Draft:
    """A submission that was read and found good, before it has a flow and ids."""

    submission: Submission
    scan: Scan
    klass: TrafficClass
    kind: ExpiryKind
    flow_name: str
    flow_kind: str
    release_at_ms: int


def draft(submission: Submission, *, max_hops: int, now_ms: int) -> Draft:
    """Read the content and decide class, expiry and flow.

    Raises `ContentRefused` with the reply to give.
    """
    envelope, identity = submission.envelope, submission.identity
    found = scan(submission.content, smtputf8=envelope.smtputf8)
    if found.hops >= max_hops:
        raise ContentRefused(554, "5.4.6", f"routing loop: {found.hops} Received fields")
    _check_from(found, identity)
    steering = found.steering
    klass = identity.default_class if steering.klass is None else steering.klass
    if klass is TrafficClass.URGENT and not identity.may_send_urgent:
        raise ContentRefused(550, "5.7.1", "this credential may not send class urgent")
    over_smtp = submission.origin.is_smtp
    relay = over_smtp and steering.klass is None and klass is TrafficClass.TRANSACTIONAL
    release_at_ms = envelope.release_at_ms or steering.send_at_ms
    if release_at_ms > now_ms + MAX_RELEASE_MS:
        raise ContentRefused(550, "5.5.4", "release time more than 60 days ahead")
    return Draft(
        submission,
        found,
        klass,
        ExpiryKind.RELAY if relay else ExpiryKind(klass),
        steering.campaign or identity.name,
        "campaign" if steering.campaign else "application",
        release_at_ms if release_at_ms > now_ms else 0,
    )


def _check_from(found: Scan, identity: Identity) -> None:
    for address in found.froms:
        if not identity.may_send_as(address):
            raise ContentRefused(
                550, "5.7.1", f"From: <{address}>: {address.domain} does not belong to this account"
            )


@dataclass(slots=True)
class Admitted:
    """All that becomes durable together, still without its places on disk."""

    message: QueuedMessage
    deliveries: list[QueuedDelivery]
    content: Content
    due_ms: int
    subject: str
    source: str
    credential: int
    tags: str
    metadata: str
    suppressed: int
    digest: str
    idempotency_key: str


class Admission:
    """Makes rows of drafts."""

    def __init__(
        self,
        *,
        ids: IdGenerator,
        trace: TraceWriter,
        queue: Queue,
        suppression: SuppressionCheck,
        site_of: Callable[[str], int],
        reserve: Callable[[bytes, int], Content],
    ) -> None:
        """`site_of` gives the site of a domain if it is known (else 0), without waiting."""
        self._ids = ids
        self._trace = trace
        self._queue = queue
        self._suppression = suppression
        self._site_of = site_of
        self._reserve = reserve

    def admit(self, draft: Draft, flow: Flow, now_ms: int) -> Admitted:
        """Give ids, write the trace fields, reserve the place of the content."""
        submission = draft.submission
        envelope = submission.envelope
        ids = self._ids.block(1 + len(envelope.recipients))
        content = self._content(draft, ids[0], now_ms)
        place = self._reserve(content, _SEGMENTS[draft.kind])
        message = QueuedMessage(
            ids[0],
            submission.identity.account_id,
            str(envelope.sender) if envelope.sender else "",
            place.ref,
            _flags(draft, content),
            envelope.ret,
            envelope.envelope_id,
            draft.scan.header_id or self._trace.message_id(ids[0]),
            content,
        )
        deliveries, suppressed = self._deliveries(draft, message, flow, ids, now_ms)
        steering = draft.scan.steering
        tags = (*submission.tags, *steering.tags)
        return Admitted(
            message,
            deliveries,
            place,
            draft.release_at_ms,
            draft.scan.subject,
            submission.origin.peer,
            submission.identity.credential_id,
            orjson.dumps(tags).decode() if tags else "",
            submission.metadata or steering.metadata,
            suppressed,
            _digest(envelope, submission.content) if _key(draft) else "",
            _key(draft),
        )

    def _content(self, draft: Draft, message_id: int, now_ms: int) -> bytes:
        found, submission = draft.scan, draft.submission
        recipients = submission.envelope.recipients
        target = str(recipients[0].address) if len(recipients) == 1 else ""
        head = self._trace.received(submission.origin, message_id, target, now_ms)
        if not found.has_date and not found.has_signature:
            head += f"Date: {self._trace.date(now_ms)}\r\n"
        if not found.header_id and not found.has_signature:
            head += f"Message-ID: {self._trace.message_id(message_id)}\r\n"
        if not found.has_from:
            sender = submission.envelope.sender or f"MAILER-DAEMON@{self._trace.hostname}"
            head += f"From: <{sender}>\r\n"
        return b"".join((head.encode("utf-8", "replace"), *found.parts))

    def _deliveries(
        self, draft: Draft, message: QueuedMessage, flow: Flow, ids: range, now_ms: int
    ) -> tuple[list[QueuedDelivery], int]:
        expires_ms = self._first_deadline(draft, flow, now_ms)
        state = DeliveryState.SCHEDULED if draft.release_at_ms else DeliveryState.READY
        recipients = draft.submission.envelope.recipients
        if len(recipients) > 1:  # neighbours go to the same domain in one transaction
            recipients = tuple(sorted(recipients, key=lambda r: r.address.domain))
        deliveries, suppressed = [], 0
        for n, recipient in enumerate(recipients):
            address = recipient.address
            delivery = QueuedDelivery(
                ids[1 + n],
                message,
                n,
                flow.id,
                draft.klass,
                draft.kind,
                self._site_of(address.domain),
                address.domain,
                str(address),
                expires_ms=expires_ms,
                notify=recipient.notify,
                original=recipient.original,
                state=state,
            )
            if self._suppression.reason(message.account, address):
                delivery.state = DeliveryState.SUPPRESSED
                suppressed += 1
            deliveries.append(delivery)
        return deliveries, suppressed

    def _first_deadline(self, draft: Draft, flow: Flow, now_ms: int) -> int:
        """Urgent and transactional mail expires from its release, other mail from its first attempt."""
        if draft.kind not in {ExpiryKind.URGENT, ExpiryKind.TRANSACTIONAL}:
            return 0
        seconds = getattr(self._queue.expire, draft.kind.setting)
        start = draft.release_at_ms or now_ms
        return flow.time_ms(now_ms) + (start - now_ms) + int(seconds) * 1000


def _key(draft: Draft) -> str:
    return draft.submission.idempotency_key or draft.scan.steering.idempotency_key


def _digest(envelope: Envelope, content: bytes) -> str:
    state = hashlib.blake2b(content, digest_size=16)
    state.update(f"\n{envelope.sender}\n".encode())
    state.update("\n".join(str(r.address) for r in envelope.recipients).encode())
    return state.hexdigest()


def _flags(draft: Draft, content: bytes) -> MessageFlag:
    envelope = draft.submission.envelope
    flags = MessageFlag(0)
    if not content.isascii():
        flags |= MessageFlag.EIGHT_BIT
    if draft.scan.has_utf8_header or (envelope.sender and not envelope.sender.is_ascii):
        flags |= MessageFlag.NEEDS_UTF8
    if draft.submission.origin.is_smtp and draft.klass is not TrafficClass.CAMPAIGN:
        flags |= MessageFlag.RELAY
    track = draft.scan.steering.track or frozenset()
    if "opens" in track:
        flags |= MessageFlag.TRACK_OPENS
    if "clicks" in track:
        flags |= MessageFlag.TRACK_CLICKS
    return flags
