"""One message for many recipients with values of their own, in one transaction: the API's batches.

A template message like those of `mta.intake.expansion`, but its recipients come with it: message,
deliveries, counters, the policy's rows and whatever the door joins become durable together, so a
caller hears of each recipient at once and nothing is left half done by a crash. The rows enter
their lanes from the disk, as those of campaigns do.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from mta.intake.admission import (
    MAX_RECIPIENTS,
    MAX_RELEASE_MS,
    SEGMENTS,
    URGENT_REFUSED,
    Admission,
    Joined,
    check_sender,
)
from mta.intake.content import ContentRefused
from mta.intake.flow_lookup import FlowLookup
from mta.intake.intake import (
    KEY_REUSED,
    STORE_FAILED,
    TOO_MANY,
    IntakeMetrics,
    cancelled,
    not_addressed,
    queued,
)
from mta.intake.ports import (
    AllowAll,
    ReadyListener,
    Receipt,
    RecipientOutcome,
    SubmissionPolicy,
    SuppressionCheck,
)
from mta.intake.recipients import TemplateRecipient
from mta.intake.tracking import tracking_flags
from mta.model.address import Address
from mta.model.clock import Clock
from mta.model.envelope import SIMULATOR_DOMAIN, Identity
from mta.model.errors import JobRefused, PermanentError
from mta.model.ids import IdGenerator
from mta.model.rendering import ContentRenderer, Template
from mta.model.reply import Reply
from mta.model.traffic import DeliveryState, EventType, Gate, TrafficClass
from mta.spool.flows import Flow
from mta.spool.jobs import JobBuilder
from mta.spool.rows import ExpiryKind, MessageFlag, QueuedMessage
from mta.store.base import Store
from mta.store.work import Content, Rows

MAX_MERGE = 16_384  # characters of one recipient's values


@dataclass(frozen=True, slots=True)
class BatchSubmission:
    """A template message with all of its recipients, as the API hands it in."""

    identity: Identity
    sender: Address  # of the envelope
    compiled: bytes  # for the `ContentRenderer`
    recipients: Sequence[TemplateRecipient]
    subject: str  # shown to operators
    klass: TrafficClass
    campaign: str = ""  # '': the flow of the credential
    release_at_ms: int = 0  # 0: now
    idempotency_key: str = ""
    digest: str = ""  # of what the key stands for
    tags: str = ""  # JSON array
    metadata: str = ""  # JSON object
    track: frozenset[str] = frozenset()
    unsubscribe: bool | None = None  # None: campaigns get unsubscribe fields, others do not
    source: str = ""  # address of the client
    door: str = "api"


class BatchMetrics(IntakeMetrics, Protocol):
    """The counters of the door."""


class _Lane(NamedTuple):
    """The first ready row of a lane, for the dispatcher."""

    delivery: int
    site: int
    klass: int
    flow: int
    domain: str


@dataclass(slots=True)
class _Drafted:
    """What is to become durable."""

    message: QueuedMessage
    place: Content
    outcomes: list[RecipientOutcome]
    lanes: dict[int | str, _Lane]
    job: JobBuilder
    suppressed: list[str]


class BatchIntake:
    """Takes batches."""

    def __init__(
        self,
        *,
        store: Store,
        flows: FlowLookup,
        admission: Admission,
        ids: IdGenerator,
        listener: ReadyListener,
        clock: Clock,
        suppression: SuppressionCheck,
        site_of: Callable[[str], int],
        renderer: ContentRenderer,
        metrics: BatchMetrics,
        policy: SubmissionPolicy | None = None,
    ) -> None:
        """`site_of`: as of `Admission`. Capacity and rates are checked by `Intake.check_batch`."""
        self._store = store
        self._flows = flows
        self._admission = admission
        self._ids = ids
        self._listener = listener
        self._clock = clock
        self._suppression = suppression
        self._site_of = site_of
        self._renderer = renderer
        self._metrics = metrics
        self._policy = policy or AllowAll()

    async def submit(self, batch: BatchSubmission, joined: Joined | None = None) -> Receipt:
        """Store the message with all deliveries; the receipt comes after the durable commit.

        The rows of `joined` become durable with them. A refusal is a receipt; raises `StoreError`.
        """
        now_ms = self._clock.now_ms()
        template = self._load(batch, now_ms)
        if isinstance(template, Reply):
            return self._refused(batch, template)
        account, klass = batch.identity.account_id, batch.klass
        name, kind = batch.campaign or batch.identity.name, "application"
        if batch.campaign:
            kind = "campaign"
        flow = self._flows.known(account, klass, name, kind)
        if flow is None:
            flow = await self._flows.find(account, klass, name, kind)
        if flow.gate == Gate.CANCELLED:
            return self._refused(batch, cancelled(flow))
        drafted = self._draft(batch, flow, now_ms)
        charged = len(drafted.outcomes) - len(drafted.suppressed)
        policy = self._policy.admit(batch.identity, flow.id, drafted.message.id, charged, now_ms)
        if isinstance(policy, Reply):
            return self._refused(batch, policy)
        work = [*policy, *drafted.job.work(now_ms)]
        work += (Rows(*one) for one in template.companions(drafted.message.id))
        if joined is not None:
            work += joined(drafted.message.id, drafted.outcomes)
        try:
            await self._store.submit(work, (drafted.place,))
        except JobRefused:
            return await self._job_refused(batch, policy, charged)
        self._metrics.accepted(batch.klass, batch.door, len(drafted.outcomes))
        if batch.release_at_ms > now_ms:
            self._listener.accepted((), batch.release_at_ms)
        else:
            self._listener.stored(list(drafted.lanes.values()))
        return queued(drafted.message.id, drafted.outcomes)

    def _load(self, batch: BatchSubmission, now_ms: int) -> Template | Reply:
        identity = batch.identity
        if not batch.recipients or len(batch.recipients) > MAX_RECIPIENTS:
            return TOO_MANY
        if identity.is_training:
            refusal = not_addressed(self._policy, identity, (r.address for r in batch.recipients))
            if refusal is not None:
                return refusal
        if batch.release_at_ms > now_ms + MAX_RELEASE_MS:
            return Reply.of(550, "5.5.4", "release time more than 60 days ahead")
        try:
            template = self._renderer.load(batch.compiled)
            author = template.author
            check_sender(identity, batch.sender)
            check_sender(identity, author)
            self._admission.check_replies(identity, template.reply_to)
        except ContentRefused as refused:
            return refused.reply
        except PermanentError as error:
            return Reply.of(554, "5.6.0", str(error).encode("ascii", "replace").decode())
        if batch.klass is TrafficClass.URGENT and not identity.may_send_urgent:
            return URGENT_REFUSED
        return template

    def _draft(self, batch: BatchSubmission, flow: Flow, now_ms: int) -> _Drafted:
        """Give ids, reserve the place of the content, write the rows."""
        kind = ExpiryKind(int(batch.klass))
        ids = self._ids.block(1 + len(batch.recipients))
        flags = int(MessageFlag.TEMPLATE) | tracking_flags(batch.track)
        flags |= self._admission.unsubscribe_flag(batch.klass, batch.unsubscribe)
        if batch.identity.is_test:
            flags |= int(MessageFlag.TEST)
        if batch.identity.is_training:
            flags |= int(MessageFlag.TRAINING)
        place = self._store.reserve(batch.compiled, SEGMENTS[kind])
        message = QueuedMessage(
            ids[0], batch.identity.account_id, str(batch.sender), place.ref, flags, "", "", ""
        )
        drafted = _Drafted(message, place, [], {}, JobBuilder(), [])
        job = drafted.job
        if batch.idempotency_key:
            key = (message.account, batch.idempotency_key, message.id, batch.digest, now_ms)
            job.add("idempotency_insert", key, guarded=True)
        job.insert_message(
            message,
            flow.id,
            batch.identity.credential_id,
            batch.subject[:200],
            batch.source,
            batch.tags,
            batch.metadata,
        )
        self._insert(drafted, batch, flow, kind, now_ms)
        about = {"account": message.account, "flow": flow.id, "message": message.id}
        if drafted.suppressed:
            job.event(
                EventType.SUPPRESSED, now_ms, **about, data={"deliveries": drafted.suppressed}
            )
        data = {"recipients": len(batch.recipients), "size": place.ref.length, "template": True}
        job.event(EventType.ACCEPTED, now_ms, **about, data=data)
        return drafted

    def _insert(
        self, drafted: _Drafted, batch: BatchSubmission, flow: Flow, kind: ExpiryKind, now_ms: int
    ) -> None:
        """Add the deliveries to the job."""
        message, job, klass = drafted.message, drafted.job, int(batch.klass)
        account, is_test = batch.identity.account_id, batch.identity.is_test
        is_later = batch.release_at_ms > now_ms
        due_ms = batch.release_at_ms if is_later else now_ms
        waiting = DeliveryState.SCHEDULED if is_later else DeliveryState.READY
        release_at_ms = batch.release_at_ms if is_later else 0
        expires_ms = self._admission.first_deadline(kind, flow, now_ms, release_at_ms)
        sites: dict[str, int] = {}
        for n, (address, merge, contact) in enumerate(batch.recipients):
            if len(merge) > MAX_MERGE:
                raise PermanentError(f"{address}: more than {MAX_MERGE} characters of merge values")
            domain = SIMULATOR_DOMAIN if is_test else address.domain
            site = sites.get(domain)
            if site is None:
                site = sites[domain] = self._site_of(domain)
            delivery, state, text = message.id + 1 + n, waiting, str(address)
            if self._suppression.reason(account, address, klass):
                state = DeliveryState.SUPPRESSED
                drafted.suppressed.append(str(delivery))
            elif (site or domain) not in drafted.lanes:
                drafted.lanes[site or domain] = _Lane(delivery, site, klass, flow.id, domain)
            drafted.outcomes.append(RecipientOutcome(delivery, text, state))
            job.add(
                "delivery_insert_merged",
                (
                    delivery, message.id, n, flow.id, klass, int(kind), site, domain, text,
                    int(state), due_ms, expires_ms, now_ms, 0, "", merge or None, contact,
                ),
            )  # fmt: skip
        gone = len(drafted.suppressed)
        job.count(flow.id, waiting, len(batch.recipients) - gone)
        job.count(flow.id, DeliveryState.SUPPRESSED, gone)
        job.live(message.ref.segment, len(batch.recipients) - gone)

    async def _job_refused(
        self, batch: BatchSubmission, policy: Sequence[Rows], charged: int
    ) -> Receipt:
        """A guard did not hold: the idempotency key is used, or the policy's statements say no."""
        account, key = batch.identity.account_id, batch.idempotency_key
        found = await self._flows.earlier(account, key) if key else None
        if found is not None:
            return (
                queued(found[0]) if found[1] == batch.digest else self._refused(batch, KEY_REUSED)
            )
        if policy:
            return self._refused(batch, self._policy.guard_refusal(batch.identity, charged))
        return self._refused(batch, STORE_FAILED)

    def _refused(self, batch: BatchSubmission, reply: Reply) -> Receipt:
        self._metrics.refused(batch.door, reply.enhanced)
        return Receipt(reply)
