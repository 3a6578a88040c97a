"""Turns a submission into rows: header repaired, class and expiry chosen, ids given. No I/O."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn

import orjson

from mta.intake.content import ContentRefused, Scan, check_octets, scan
from mta.intake.fingerprint import fingerprint
from mta.intake.ports import RecipientOutcome, SuppressionCheck
from mta.intake.replies import IsForeign, foreign_domain
from mta.intake.trace import TraceWriter
from mta.intake.tracking import MARKED, marked, tracking_flags
from mta.model.address import Address
from mta.model.envelope import SIMULATOR_DOMAIN, Identity, Recipient, Submission
from mta.model.ids import IdGenerator
from mta.model.rendering import Companion, ContentTracker
from mta.model.reply import Reply
from mta.model.traffic import DeliveryState, TrafficClass
from mta.settings.delivery_schema import Queue
from mta.spool.flows import Flow
from mta.spool.rows import ExpiryKind, MessageFlag, QueuedDelivery, QueuedMessage
from mta.store.work import Content, Rows

MAX_RELEASE_MS = 60 * 24 * 3600 * 1000  # RFC 4865: we offer 5,184,000 seconds

URGENT_REFUSED = Reply.of(550, "5.7.1", "This credential may not send class urgent")

# A job of the store has at most 2,000 rows, some of which tell of the message as a whole.
MAX_RECIPIENTS = 1_900

# Content lives as long as its slowest companion, so bodies are kept apart by expiry.
# Templates too: hundreds of thousands of deliveries point at one, few at any other content.
SEGMENT_SHORT, SEGMENT_RELAY, SEGMENT_CAMPAIGN, SEGMENT_TEMPLATE = 0, 1, 2, 3
SEGMENTS = {
    ExpiryKind.URGENT: SEGMENT_SHORT,
    ExpiryKind.TRANSACTIONAL: SEGMENT_SHORT,
    ExpiryKind.AUTOMATED: SEGMENT_SHORT,
    ExpiryKind.CAMPAIGN: SEGMENT_CAMPAIGN,
    ExpiryKind.RELAY: SEGMENT_RELAY,
}


# Rows of the door that become durable with the message: of its id and what became of recipients.
Joined = Callable[[int, Sequence[RecipientOutcome]], Sequence[Rows]]

TRAINING_FIELD = "X-Training: 1\r\n"  # in every mail of a training account

_KINDS = tuple(ExpiryKind)
# Operations on flags cost microseconds, on integers they do not.
_EIGHT_BIT = int(MessageFlag.EIGHT_BIT)
_NEEDS_UTF8 = int(MessageFlag.NEEDS_UTF8)
_RELAY = int(MessageFlag.RELAY)
_TEST = int(MessageFlag.TEST)
_TRAINING = int(MessageFlag.TRAINING)
_UNSUBSCRIBE = int(MessageFlag.UNSUBSCRIBE)


@dataclass(slots=True, repr=False)  # a fault that shows its arguments must not log the mail
class Draft:
    """A submission that was read and found good, before it has a flow and ids."""

    submission: Submission
    scan: Scan
    klass: TrafficClass
    kind: ExpiryKind
    flow_name: str
    flow_kind: str
    release_at_ms: int
    joined: Joined | None = None


def draft(
    submission: Submission, *, max_hops: int, now_ms: int, joined: Joined | None = None
) -> Draft:
    """Read the content and decide class, expiry and flow.

    What the doors have checked is checked again where forgetting it would let an account write in
    another one's name. Raises `ContentRefused` with the reply to give.
    """
    envelope, identity = submission.envelope, submission.identity
    over_smtp = submission.origin.is_smtp
    if not over_smtp:
        check_octets(submission.content)
    check_sender(identity, envelope.sender)
    _check_recipients(envelope.recipients)
    found = scan(submission.content, smtputf8=envelope.smtputf8)
    if found.hops >= max_hops:
        raise ContentRefused(554, "5.4.6", f"routing loop: {found.hops} Received fields")
    _check_header(found, identity)
    steering = found.steering
    klass = submission.klass if submission.klass is not None else steering.klass
    if klass is None:
        klass = identity.default_class
    if klass is TrafficClass.URGENT and not identity.may_send_urgent:
        raise ContentRefused(URGENT_REFUSED.code, URGENT_REFUSED.enhanced, URGENT_REFUSED.text)
    relay = over_smtp and steering.klass is None and klass is TrafficClass.TRANSACTIONAL
    release_at_ms = envelope.release_at_ms or steering.send_at_ms
    if release_at_ms > now_ms + MAX_RELEASE_MS:
        raise ContentRefused(550, "5.5.4", "release time more than 60 days ahead")
    campaign = submission.campaign or steering.campaign
    return Draft(
        submission,
        found,
        klass,
        ExpiryKind.RELAY if relay else _KINDS[klass],
        campaign or identity.name,
        "campaign" if campaign else "system" if identity.is_free else "application",
        release_at_ms if release_at_ms > now_ms else 0,
        joined,
    )


def check_sender(identity: Identity, sender: Address | None) -> None:
    """Refuse an envelope sender that the account does not own (RFC 6409 §6.1, §3.3).

    Raises `ContentRefused`.
    """
    if sender is None:
        if not identity.may_use_null_sender:
            raise ContentRefused(550, "5.7.1", "This credential may not use the null sender")
    elif not identity.may_send_as(sender):
        raise ContentRefused(
            550, "5.7.1", f"Sender {sender.domain} does not belong to this account"
        )


def _check_recipients(recipients: Sequence[Recipient]) -> None:
    if not recipients:
        raise ContentRefused(554, "5.5.1", "No valid recipients")
    if len(recipients) > MAX_RECIPIENTS:
        raise ContentRefused(452, "4.5.3", f"More than {MAX_RECIPIENTS} recipients")


def _check_header(found: Scan, identity: Identity) -> None:
    """Whoever the message names as its author or sender belongs to the account."""
    for address in found.froms:
        if not identity.may_send_as(address):
            _refuse_name("From", address)
    for name, address in found.owned:
        if not identity.may_send_as(address):
            _refuse_name(name, address)


def _refuse_name(name: str, address: Address) -> NoReturn:
    raise ContentRefused(
        550, "5.7.1", f"{name}: <{address}>: {address.domain} does not belong to this account"
    )


@dataclass(slots=True, repr=False)
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
    is_guarded: bool = False  # by statements of the policy
    companions: Sequence[Companion] = ()

    @property
    def outcomes(self) -> list[RecipientOutcome]:
        """What becomes of each recipient, before anything is sent."""
        state = DeliveryState.SCHEDULED if self.due_ms else DeliveryState.READY
        gone = DeliveryState.SUPPRESSED
        return [
            RecipientOutcome(d.id, d.address, gone if d.state == gone else state)
            for d in self.deliveries
        ]

    @property
    def charged(self) -> int:
        """Recipients that count against a quota: a suppressed one does not."""
        return len(self.deliveries) - self.suppressed


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
        adds_unsubscribe: bool = False,
        tracker: ContentTracker | None = None,
        is_foreign: IsForeign = lambda _identity, _domain: False,
    ) -> None:
        """`site_of` gives the site of a domain if it is known (else 0), without waiting.

        `tracker` prepares messages whose opens or clicks are wanted; `is_foreign` says whose domains
        no Reply-To may name.
        """
        self._ids = ids
        self._trace = trace
        # Urgent and transactional mail expires from its release, other mail from its first attempt.
        self._lifetimes_ms = {
            ExpiryKind.URGENT: int(queue.expire.urgent) * 1000,
            ExpiryKind.TRANSACTIONAL: int(queue.expire.transactional) * 1000,
        }
        self._suppression = suppression
        self._site_of = site_of
        self._reserve = reserve
        self._adds_unsubscribe = adds_unsubscribe
        self._tracker = tracker
        self._is_foreign = is_foreign

    def foreign_reply(self, identity: Identity, value: str) -> str:
        """The domain of another account that a Reply-To names; empty: none."""
        if not value or identity.any_sender:
            return ""
        return foreign_domain(identity, value, self._is_foreign)

    def check_replies(self, identity: Identity, value: str) -> None:
        """Refuse a Reply-To at a domain of another account here. Raises `ContentRefused`."""
        domain = self.foreign_reply(identity, value)
        if domain:
            raise ContentRefused(550, "5.7.1", f"Reply-To: {domain} belongs to another account")

    def admit(self, draft: Draft, flow: Flow, now_ms: int) -> Admitted:
        """Give ids, write the trace fields, reserve the place of the content."""
        submission, found = draft.submission, draft.scan
        envelope, identity = submission.envelope, submission.identity
        recipients = _distinct(envelope.recipients)
        ids = self._ids.block(1 + len(recipients))
        message_id = ids[0]
        own_id = ""
        if not found.header_id and not found.has_signature:
            own_id = self._trace.message_id(message_id)
        content = self._content(draft, recipients, own_id, message_id, now_ms)
        track = submission.track if submission.track is not None else found.steering.track
        flags = tracking_flags(track)
        tracked = None
        if flags and not found.has_signature:  # what its author has signed stays whole
            tracked = marked(self._tracker, content, identity.account_id, flags, len(recipients))
        if tracked is not None:
            content, flags = tracked.content, flags | MARKED
        place = self._reserve(content, SEGMENTS[draft.kind])
        message = QueuedMessage(
            message_id,
            identity.account_id,
            str(envelope.sender) if envelope.sender else "",
            place.ref,
            _flags(draft, content) | flags | self._unsubscribe_of(draft),
            envelope.ret,
            envelope.envelope_id,
            found.header_id or own_id,
            content,
        )
        deliveries, suppressed = self._deliveries(draft, message, flow, recipients, now_ms)
        steering = found.steering
        tags = (*submission.tags, *steering.tags)
        key = submission.idempotency_key or steering.idempotency_key
        return Admitted(
            message,
            deliveries,
            place,
            draft.release_at_ms,
            found.subject,
            submission.origin.peer,
            identity.credential_id,
            orjson.dumps(tags).decode() if tags else "",
            submission.metadata or steering.metadata,
            suppressed,
            fingerprint(envelope, submission.content) if key else "",
            key,
            companions=tracked.companions(message_id) if tracked is not None else (),
        )

    def _content(
        self,
        draft: Draft,
        recipients: Sequence[Recipient],
        own_id: str,
        message_id: int,
        now_ms: int,
    ) -> bytes:
        found, submission = draft.scan, draft.submission
        target = str(recipients[0].address) if len(recipients) == 1 else ""
        head = self._trace.received(submission.origin, message_id, target, now_ms)
        if submission.identity.is_training:
            head += TRAINING_FIELD
        if not found.has_date and not found.has_signature:
            head += f"Date: {self._trace.date(now_ms)}\r\n"
        if own_id:
            head += f"Message-ID: {own_id}\r\n"
        if not found.has_from:
            sender = submission.envelope.sender or f"MAILER-DAEMON@{self._trace.hostname}"
            head += f"From: <{sender}>\r\n"
        return b"".join((head.encode(), *found.parts))

    def _deliveries(
        self,
        draft: Draft,
        message: QueuedMessage,
        flow: Flow,
        recipients: Sequence[Recipient],
        now_ms: int,
    ) -> tuple[list[QueuedDelivery], int]:
        expires_ms = self.first_deadline(draft.kind, flow, now_ms, draft.release_at_ms)
        state = DeliveryState.SCHEDULED if draft.release_at_ms else DeliveryState.READY
        deliveries, suppressed = [], 0
        is_test = draft.submission.identity.is_test
        for n, recipient in enumerate(recipients):
            address = recipient.address
            domain = SIMULATOR_DOMAIN if is_test else address.domain
            delivery = QueuedDelivery(
                message.id + 1 + n,
                message,
                n,
                flow.id,
                draft.klass,
                draft.kind,
                self._site_of(domain),
                domain,
                str(address),
                0,
                0,
                expires_ms,
                0,
                recipient.notify,
                recipient.original,
                "",
                state,
            )
            if self._suppression.reason(message.account, address, draft.klass):
                delivery.state = DeliveryState.SUPPRESSED
                suppressed += 1
            deliveries.append(delivery)
        return deliveries, suppressed

    def unsubscribe_flag(self, klass: TrafficClass, asked: bool | None = None) -> int:
        """Whether recipients get unsubscribe fields: campaigns do unless told otherwise."""
        wanted = klass is TrafficClass.CAMPAIGN if asked is None else asked
        return _UNSUBSCRIBE if wanted and self._adds_unsubscribe else 0

    def _unsubscribe_of(self, draft: Draft) -> int:
        found = draft.scan
        if found.has_unsubscribe or found.has_signature:  # what its author has signed stays whole
            return 0
        asked = draft.submission.unsubscribe
        return self.unsubscribe_flag(
            draft.klass, found.steering.unsubscribe if asked is None else asked
        )

    def first_deadline(
        self, kind: ExpiryKind, flow: Flow, now_ms: int, release_at_ms: int = 0
    ) -> int:
        """In the flow's own time; 0: the clock starts with the first attempt."""
        lifetime_ms = self._lifetimes_ms.get(kind)
        if lifetime_ms is None:
            return 0
        waiting_ms = release_at_ms - now_ms if release_at_ms else 0
        return flow.time_ms(now_ms) + waiting_ms + lifetime_ms


def _distinct(recipients: Sequence[Recipient]) -> Sequence[Recipient]:
    """Each address once, neighbours of one domain together: they go in one transaction."""
    if len(recipients) == 1:
        return recipients
    by_address: dict[str, Recipient] = {}
    for recipient in recipients:
        by_address.setdefault(str(recipient.address), recipient)
    return sorted(by_address.values(), key=lambda r: r.address.domain)


def _flags(draft: Draft, content: bytes) -> int:
    submission = draft.submission
    sender = submission.envelope.sender
    flags = _TEST if submission.identity.is_test else 0
    if submission.identity.is_training:
        flags |= _TRAINING
    if not content.isascii():
        flags |= _EIGHT_BIT
    if draft.scan.has_utf8_header or (sender is not None and not sender.is_ascii):
        flags |= _NEEDS_UTF8
    if submission.origin.is_smtp and draft.klass is not TrafficClass.CAMPAIGN:
        flags |= _RELAY
    return flags
