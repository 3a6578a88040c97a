"""Template messages: stored once, with a row for each recipient, rendered when they are sent.

`submit` makes the message durable; `expand` makes its deliveries, page by page. A page is one bulk
job with its rows, counters and the place in the source where the next one begins, so a crash loses
nothing and repeats nobody: whoever calls `expand` again goes on behind the last page that was
committed. The domains of a page are looked up before its rows are written, while the page before
is being committed: so the rows enter the lanes where they will be sent.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, Protocol

from mta.intake.admission import SEGMENT_TEMPLATE, Admission, check_sender
from mta.intake.content import ContentRefused
from mta.intake.fingerprint import fingerprint
from mta.intake.flow_lookup import FlowLookup
from mta.intake.intake import KEY_REUSED, STORE_FAILED, IntakeMetrics, cancelled, queued
from mta.intake.ports import (
    AllowAll,
    ReadyListener,
    Receipt,
    SiteFinder,
    SubmissionPolicy,
    SuppressionCheck,
)
from mta.intake.recipients import Page, RecipientSource, TemplateRecipient
from mta.model.address import Address
from mta.model.clock import Clock
from mta.model.envelope import Envelope, Identity
from mta.model.errors import InternalError, JobRefused, PermanentError, StoreError
from mta.model.ids import IdGenerator
from mta.model.rendering import ContentRenderer, Template
from mta.model.reply import Reply
from mta.model.traffic import DeliveryState, EventType, Gate, TrafficClass
from mta.spool.flows import Flow
from mta.spool.jobs import JobBuilder
from mta.spool.rows import ExpiryKind, MessageFlag, QueuedMessage
from mta.store.base import MAX_JOB_ROWS, Store
from mta.store.work import Rows

PAGE = 250  # recipients of one job, 5 ms of the writer: what transactional mail may wait for
MAX_PAGE = MAX_JOB_ROWS - 50  # the job also has counters, an event and the place
MAX_MERGE = 4_096  # characters; 20,000 deliveries are in memory at a time


@dataclass(frozen=True, slots=True)
class TemplateSubmission:
    """A template message as the layers above hand it in."""

    identity: Identity
    sender: Address  # of the envelope
    compiled: bytes  # for the `ContentRenderer`
    subject: str  # shown to operators
    flow_name: str
    flow_kind: str = "campaign"
    klass: TrafficClass = TrafficClass.CAMPAIGN
    idempotency_key: str = ""
    tags: str = ""  # JSON array
    metadata: str = ""  # JSON object


class Expanded(NamedTuple):
    """What became of an expansion."""

    deliveries: int  # made in all, suppressed ones included
    is_complete: bool  # False: the flow was cancelled before all were made


class ExpansionRefused(PermanentError):
    """The policy does not let the next deliveries be made; `reply` says why."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(str(reply))
        self.reply = reply


class ExpansionMetrics(IntakeMetrics, Protocol):
    """What is counted here."""

    def expanded(self, traffic_class: TrafficClass, recipients: int) -> None:
        """Deliveries of a template message became durable."""
        ...


@dataclass(slots=True)
class _Standing:
    """A row of `expansion`."""

    message: int
    flow: int
    klass: int
    kind: int
    place: str
    n: int
    account: int
    segment: int


class Expansion:
    """Takes template messages and makes their deliveries."""

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
        sites: SiteFinder,
        renderer: ContentRenderer,
        metrics: ExpansionMetrics,
        capacity: Callable[[], Reply | None] = lambda: None,
        policy: SubmissionPolicy | None = None,
        page: int = PAGE,
    ) -> None:
        """`capacity`: as of `Intake`; `page`: recipients of one job, at most `MAX_PAGE`."""
        self._store = store
        self._flows = flows
        self._admission = admission
        self._ids = ids
        self._listener = listener
        self._clock = clock
        self._suppression = suppression
        self._sites = sites
        self._renderer = renderer
        self._metrics = metrics
        self._capacity = capacity
        self._policy = policy or AllowAll()
        self._page = min(page, MAX_PAGE)

    # -- the message ---------------------------------------------------------------------------

    async def submit(self, submission: TemplateSubmission) -> Receipt:
        """Make the message durable, without recipients yet; a receipt with its id, or a refusal.

        The same idempotency key gives the same message. Raises `StoreError`.
        """
        loaded = self._capacity() or self._load(submission)
        if isinstance(loaded, Reply):
            self._metrics.refused("campaign", loaded.enhanced)
            return Receipt(loaded)
        account = submission.identity.account_id
        flow = await self._flows.find(
            account, submission.klass, submission.flow_name, submission.flow_kind
        )
        if flow.gate == Gate.CANCELLED:
            return Receipt(cancelled(flow))
        now_ms = self._clock.now_ms()
        place = self._store.reserve(submission.compiled, SEGMENT_TEMPLATE)
        flags = int(MessageFlag.TEMPLATE) | self._admission.unsubscribe_flag(submission.klass)
        if submission.identity.is_training:
            flags |= int(MessageFlag.TRAINING)
        message = QueuedMessage(
            self._ids.new(), account, str(submission.sender), place.ref, flags, "", "", ""
        )
        digest = fingerprint(Envelope(submission.sender, ()), submission.compiled)
        work = _message_job(submission, message, flow, digest, now_ms).work(now_ms)
        work += (Rows(*one) for one in loaded.companions(message.id))
        try:
            await self._store.submit(work, (place,))
        except JobRefused:
            return await self._earlier(submission, digest)
        self._metrics.accepted(submission.klass, "campaign", 0)
        return queued(message.id)

    def _load(self, submission: TemplateSubmission) -> Template | Reply:
        """Whoever the message names as its sender or author belongs to the account."""
        identity = submission.identity
        try:
            template = self._renderer.load(submission.compiled)
            author = template.author
            check_sender(identity, submission.sender)
            if not identity.may_send_as(author):
                text = f"From: <{author}>: {author.domain} does not belong to this account"
                raise ContentRefused(550, "5.7.1", text)
            self._admission.check_replies(identity, template.reply_to)
        except ContentRefused as refused:
            return refused.reply
        except PermanentError as error:
            return Reply.of(554, "5.6.0", str(error).encode("ascii", "replace").decode())
        return template

    async def _earlier(self, submission: TemplateSubmission, digest: str) -> Receipt:
        """The key is taken: by this very message, or by another."""
        account, key = submission.identity.account_id, submission.idempotency_key
        found = await self._flows.earlier(account, key) if key else None
        if found is None:
            return Receipt(STORE_FAILED)
        return queued(found[0]) if found[1] == digest else Receipt(KEY_REUSED)

    # -- its deliveries ------------------------------------------------------------------------

    async def unfinished(self) -> list[int]:
        """Messages that do not have all their deliveries yet. Raises `StoreError`."""
        return [row[0] for row in await self._store.read("expansions")]

    async def expand(self, message_id: int, source: RecipientSource) -> Expanded:
        """Make the deliveries of a message, from where an earlier call came to, to the end.

        A message that has them all stays as it is. Raises `StoreError` (also when the disk is
        low or the server stops), `ExpansionRefused` when the account's bag has not enough, or what the source raises; then, and when it is cancelled, it can be
        called again. Not twice at the same time: the later one fails with `JobRefused`.
        """
        rows = await self._store.read("expansion_of", message=message_id)
        if not rows:
            return Expanded(0, is_complete=True)
        standing = _Standing(*rows[0])
        flow = await self._flows.by_id(standing.flow)
        page = await source.page(standing.place, self._page)
        sites = await self._sites_of(page)
        while True:
            if flow.gate == Gate.CANCELLED:
                await self._end(standing)
                return Expanded(standing.n, is_complete=False)
            refusal = self._capacity()
            if refusal is not None:
                raise StoreError(str(refusal))
            committed = self._write(standing, flow, page, sites)
            if page.is_last:
                await asyncio.shield(committed)
                return Expanded(standing.n, is_complete=True)
            # Read on and look up meanwhile; whatever comes of that, the commit is waited for.
            try:
                page = await source.page(standing.place, self._page)
                sites = await self._sites_of(page)
            finally:
                await asyncio.shield(committed)

    async def _sites_of(self, page: Page) -> dict[str, int]:
        domains = {recipient.address.domain for recipient in page.recipients}
        return dict(await self._sites.find(domains))

    def _write(
        self, standing: _Standing, flow: Flow, page: Page, sites: dict[str, int]
    ) -> "asyncio.Future[None]":
        """Submit the rows of a page; `standing` is as it will be once they are committed."""
        if len(page.recipients) > self._page or (page.place == standing.place and not page.is_last):
            raise InternalError("the source of recipients gave too many at once, or the same again")
        now_ms = self._clock.now_ms()
        job = JobBuilder()
        old = (standing.message, standing.place, standing.n)
        first, charged = self._insert(job, standing, flow, page.recipients, sites, now_ms)
        standing.place, standing.n = page.place, standing.n + len(page.recipients)
        if page.is_last:
            job.add("expansion_end", old, guarded=True)
            job.live(standing.segment, -1)
        else:
            job.add("expansion_advance", (*old, standing.place, standing.n), guarded=True)
        work = [*self._charge(standing, flow, charged, now_ms), *job.work(now_ms)]
        committed = self._store.submit(work, bulk=True)
        committed.add_done_callback(partial(self._committed, first, len(page.recipients), flow))
        return committed

    def _insert(
        self,
        job: JobBuilder,
        standing: _Standing,
        flow: Flow,
        recipients: Sequence[TemplateRecipient],
        sites: dict[str, int],
        now_ms: int,
    ) -> tuple[list[tuple[int, int, int, int, str]], int]:
        """Add deliveries to the job; gives the first of each lane, for the dispatcher, and how
        many are to be charged.
        """
        klass, kind, n = standing.klass, standing.kind, standing.n
        expires_ms = self._admission.first_deadline(ExpiryKind(kind), flow, now_ms)
        first: dict[int | str, tuple[int, int, int, int, str]] = {}
        suppressed: list[str] = []
        allowed = self._policy.addressees(standing.account)
        ready, gone = int(DeliveryState.READY), int(DeliveryState.SUPPRESSED)
        rows = zip(self._ids.block(len(recipients)), recipients, strict=True)
        for number, (delivery, (address, merge, contact)) in enumerate(rows, n):
            if len(merge) > MAX_MERGE:
                raise PermanentError(f"{address}: more than {MAX_MERGE} characters of merge values")
            domain = address.domain
            site, state = sites.get(domain, 0), ready
            is_barred = allowed is not None and address.key not in allowed
            if is_barred or self._suppression.reason(standing.account, address, klass):
                state = gone
                suppressed.append(str(delivery))
            else:
                first.setdefault(site or domain, (delivery, site, klass, flow.id, domain))
            job.add(
                "delivery_insert_merged",
                (
                    delivery, standing.message, number, flow.id, klass, kind, site, domain,
                    str(address), state, now_ms, expires_ms, now_ms, 0, "", merge or None, contact,
                ),
            )  # fmt: skip
        job.count(flow.id, ready, len(recipients) - len(suppressed))
        job.count(flow.id, gone, len(suppressed))
        job.live(standing.segment, len(recipients) - len(suppressed))
        if suppressed:
            job.event(
                EventType.SUPPRESSED, now_ms, account=standing.account, flow=flow.id,
                message=standing.message, data={"deliveries": suppressed},
            )  # fmt: skip
        return list(first.values()), len(recipients) - len(suppressed)

    def _charge(self, standing: _Standing, flow: Flow, charged: int, now_ms: int) -> Sequence[Rows]:
        policy = self._policy.expand(standing.account, flow.id, standing.message, charged, now_ms)
        if isinstance(policy, Reply):
            raise ExpansionRefused(policy)
        return policy

    def _committed(
        self,
        first: list[tuple[int, int, int, int, str]],
        count: int,
        flow: Flow,
        committed: "asyncio.Future[None]",
    ) -> None:
        if not committed.cancelled() and committed.exception() is None:
            self._metrics.expanded(TrafficClass(flow.klass), count)
            self._listener.stored(first)

    async def _end(self, standing: _Standing) -> None:
        """No more deliveries are made."""
        now_ms = self._clock.now_ms()
        job = JobBuilder()
        row = (standing.message, standing.place, standing.n)
        job.add("expansion_end", row, guarded=True)
        job.live(standing.segment, -1)
        await self._store.submit(job.work(now_ms), bulk=True)


def _message_job(
    submission: TemplateSubmission, message: QueuedMessage, flow: Flow, digest: str, now_ms: int
) -> JobBuilder:
    """What becomes durable of a template message; it needs its content until it is expanded."""
    job = JobBuilder()
    if submission.idempotency_key:
        key = (message.account, submission.idempotency_key, message.id, digest, now_ms)
        job.add("idempotency_insert", key, guarded=True)
    job.insert_message(
        message,
        flow.id,
        submission.identity.credential_id,
        submission.subject[:200],
        "",
        submission.tags,
        submission.metadata,
    )
    kind = ExpiryKind(int(submission.klass))
    job.add("expansion_begin", (message.id, flow.id, int(submission.klass), int(kind)))
    job.live(message.ref.segment, 1)
    job.event(
        EventType.ACCEPTED, now_ms, account=message.account, flow=flow.id, message=message.id,
        data={"template": True, "size": message.ref.length},
    )  # fmt: skip
    return job
