"""The door: every submission, from wherever, becomes durable here or is refused with a reason.

What belongs together is one transaction: message, deliveries, flow counters, event, idempotency
key and the policy's guarded statements. `250` is said after that transaction is on disk.
Checks at MAIL and RCPT are synchronous and in memory; `submit` makes no task for a message whose
flow is known.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Protocol

from mta.events.mail_log import MailLog
from mta.intake.admission import (
    MAX_RECIPIENTS,
    Admission,
    Admitted,
    Draft,
    Joined,
    check_sender,
    draft,
)
from mta.intake.content import ContentRefused
from mta.intake.flow_lookup import FlowLookup
from mta.intake.ports import AllowAll, ReadyListener, Receipt, RecipientOutcome, SubmissionPolicy
from mta.intake.rate import CredentialRates
from mta.model.address import Address
from mta.model.clock import Clock
from mta.model.envelope import Identity, Recipient, Submission
from mta.model.errors import JobRefused, StoreError
from mta.model.reply import Reply
from mta.model.traffic import DeliveryState, EventType, Gate, TrafficClass
from mta.spool.flows import Flow
from mta.spool.jobs import JobBuilder
from mta.store.base import Store
from mta.store.work import Rows

STORE_FAILED = Reply.of(451, "4.3.0", "Cannot store the message now, try again later")
RATE_EXCEEDED = Reply.of(450, "4.7.1", "Rate of this credential exceeded, try again later")
KEY_REUSED = Reply.of(554, "5.5.4", "Idempotency key was used for another message")
NOT_FOR_TRAINING = Reply.of(
    550, "5.7.1", "Training accounts write only to addresses on their list of recipients"
)
TOO_MANY = Reply.of(452, "4.5.3", "Too many recipients")
REVOKED = Reply.of(535, "5.7.8", "This credential is no longer valid")


class IntakeMetrics(Protocol):
    """What the door counts."""

    def accepted(self, traffic_class: TrafficClass, door: str, recipients: int) -> None:
        """A message became durable."""
        ...

    def refused(self, door: str, reason: str) -> None:
        """A submission was refused at the end of its data."""
        ...


class Intake:
    """Takes mail from SMTP, the API and campaigns."""

    def __init__(
        self,
        *,
        store: Store,
        flows: FlowLookup,
        admission: Admission,
        listener: ReadyListener,
        clock: Clock,
        max_hops: int,
        policy: SubmissionPolicy | None = None,
        capacity: Callable[[], Reply | None] = lambda: None,
        still_valid: Callable[[Identity], bool] = lambda _identity: True,
        metrics: IntakeMetrics,
        mail_log: MailLog,
    ) -> None:
        """`capacity` says when nothing can be taken now (disk low, stopping); `still_valid` whether
        a credential that logged in a while ago has been revoked since.
        """
        self._store = store
        self._flows = flows
        self._admission = admission
        self._listener = listener
        self._clock = clock
        self._max_hops = max_hops
        self._policy = policy or AllowAll()
        self._capacity = capacity
        self._still_valid = still_valid
        self._metrics = metrics
        self._mail_log = mail_log
        self._rates = CredentialRates()

    def check_capacity(self) -> Reply | None:
        """A refusal when the disk is low or the server stops, at MAIL."""
        return self._capacity()

    def check_sender(self, identity: Identity, sender: Address | None) -> Reply | None:
        """A refusal unless the account owns the envelope sender (RFC 6409 §6.1)."""
        if not self._still_valid(identity):
            return REVOKED
        try:
            check_sender(identity, sender)
        except ContentRefused as refused:
            return refused.reply
        return None

    def foreign_reply(self, identity: Identity, value: str) -> str:
        """The domain of another account here that a Reply-To names; empty: none does."""
        return self._admission.foreign_reply(identity, value)

    def check_recipient(
        self,
        identity: Identity,
        recipient: Recipient,
        count: int,
    ) -> Reply | None:
        """A refusal by quota, rate or number for the `count`-th recipient."""
        if count > MAX_RECIPIENTS:
            return TOO_MANY
        if identity.is_training:
            refusal = not_addressed(self._policy, identity, (recipient.address,))
            if refusal is not None:
                return refusal
        return self._policy.check_recipient(identity, count) or self._rate_refusal(identity, 1)

    def check_batch(self, identity: Identity, recipients: int) -> Reply | None:
        """A refusal of so many recipients that come together; `check_capacity` is asked, too."""
        if recipients > MAX_RECIPIENTS:
            return TOO_MANY
        if not self._still_valid(identity):
            return REVOKED
        refusal = self._capacity() or self._policy.check_recipient(identity, recipients)
        return refusal or self._rate_refusal(identity, recipients)

    def _rate_refusal(self, identity: Identity, count: int) -> Reply | None:
        limit = identity.rate_per_minute
        if not limit:
            return None
        now_s = self._clock.monotonic_s()
        fits = self._rates.take(identity.credential_id, limit, now_s, count)
        return None if fits else RATE_EXCEEDED

    def submit(
        self, submission: Submission, joined: Joined | None = None
    ) -> asyncio.Future[Receipt]:
        """Store the message and its deliveries; the receipt comes after the durable commit.

        The rows of `joined` become durable with them, or nothing does.

        Never raises: what fails is a receipt with a refusal. Cancelling the future does not undo
        a commit that is under way.
        """
        answer: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        now_ms = self._clock.now_ms()
        try:
            read = draft(submission, max_hops=self._max_hops, now_ms=now_ms, joined=joined)
            identity = submission.identity
            if read.scan.replies:
                self._admission.check_replies(identity, read.scan.replies)
            if identity.is_training:
                addresses = [r.address for r in submission.envelope.recipients]
                refusal = not_addressed(self._policy, identity, addresses)
                if refusal is not None:
                    self._refuse(answer, submission, refusal)
                    return answer
            account = identity.account_id
            flow = self._flows.known(account, read.klass, read.flow_name, read.flow_kind)
        except ContentRefused as refused:
            self._refuse(answer, submission, refused.reply)
            return answer
        except Exception as error:
            self._broken(answer, submission, error)
            return answer
        if flow is not None:
            self._store_message(answer, read, flow, now_ms)
        else:
            found = self._flows.find(account, read.klass, read.flow_name, read.flow_kind)
            found.add_done_callback(partial(self._flow_found, answer, read))
        return answer

    def _flow_found(
        self, answer: asyncio.Future[Receipt], read: Draft, found: asyncio.Future[Flow]
    ) -> None:
        error = None if found.cancelled() else found.exception()
        if error is None and not found.cancelled():
            self._store_message(answer, read, found.result(), self._clock.now_ms())
        else:
            self._broken(answer, read.submission, error)

    def _store_message(
        self, answer: asyncio.Future[Receipt], read: Draft, flow: Flow, now_ms: int
    ) -> None:
        if flow.gate == Gate.CANCELLED:
            self._refuse(answer, read.submission, cancelled(flow))
            return
        admitted = None
        try:
            admitted = self._admission.admit(read, flow, now_ms)
            policy = self._policy.admit(
                read.submission.identity, flow.id, admitted.message.id, admitted.charged, now_ms
            )
            if isinstance(policy, Reply):
                self._refuse(answer, read.submission, policy)
                return
            admitted.is_guarded = bool(policy)
            if not admitted.due_ms:
                self._listener.accepting(admitted.deliveries)
            work = [*policy, *_job(admitted, flow, now_ms).work(now_ms)]
            work += (Rows(*one) for one in admitted.companions)
            if read.joined is not None:
                work += read.joined(admitted.message.id, admitted.outcomes)
        except Exception as error:
            if admitted is not None:
                self._listener.refused(admitted.deliveries)
            self._broken(answer, read.submission, error)
            return
        committed = self._store.submit(work, (admitted.content,))
        committed.add_done_callback(partial(self._committed, answer, read, admitted))

    def _committed(
        self,
        answer: asyncio.Future[Receipt],
        read: Draft,
        admitted: Admitted,
        committed: asyncio.Future[None],
    ) -> None:
        error = None if committed.cancelled() else committed.exception()
        if error is not None or committed.cancelled():
            self._listener.refused(admitted.deliveries)
        if isinstance(error, JobRefused):
            self._job_refused(answer, read, admitted, error)
            return
        if error is not None or committed.cancelled():
            self._broken(answer, read.submission, error)
            return
        # Whatever becomes of the rest: the message is ours, and its client hears so.
        if not answer.done():
            outcomes = () if read.submission.origin.is_smtp else admitted.outcomes
            answer.set_result(queued(admitted.message.id, outcomes))
        self._metrics.accepted(read.klass, read.submission.origin.door, len(admitted.deliveries))
        self._log_accepted(read, admitted)
        deliveries = admitted.deliveries
        if admitted.suppressed:
            deliveries = [d for d in deliveries if d.state != DeliveryState.SUPPRESSED]
        if deliveries:
            self._listener.accepted(deliveries, admitted.due_ms)

    def _job_refused(
        self,
        answer: asyncio.Future[Receipt],
        read: Draft,
        admitted: Admitted,
        error: JobRefused,
    ) -> None:
        """A guard did not hold: the idempotency key is used, or the policy's statements say no."""
        if admitted.idempotency_key:
            again = self._flows.earlier(admitted.message.account, admitted.idempotency_key)
            again.add_done_callback(partial(self._repeated, answer, read, admitted))
        elif admitted.is_guarded:
            self._refuse(answer, read.submission, self._guard_refusal(read, admitted))
        else:
            self._broken(answer, read.submission, error)

    def _repeated(
        self,
        answer: asyncio.Future[Receipt],
        read: Draft,
        admitted: Admitted,
        earlier: asyncio.Future[tuple[int, str] | None],
    ) -> None:
        error = None if earlier.cancelled() else earlier.exception()
        if error is not None or earlier.cancelled():
            self._broken(answer, read.submission, error)
            return
        found = earlier.result()
        if found is None and admitted.is_guarded:
            self._refuse(answer, read.submission, self._guard_refusal(read, admitted))
        elif found is None:
            self._refuse(answer, read.submission, STORE_FAILED)
        elif found[1] != admitted.digest:
            self._refuse(answer, read.submission, KEY_REUSED)
        elif not answer.done():
            answer.set_result(queued(found[0]))

    def _guard_refusal(self, read: Draft, admitted: Admitted) -> Reply:
        return self._policy.guard_refusal(read.submission.identity, admitted.charged)

    def _broken(
        self,
        answer: asyncio.Future[Receipt],
        submission: Submission,
        error: BaseException | None,
    ) -> None:
        """451 for whatever the store or we ourselves failed at; our own faults are reported."""
        self._refuse(answer, submission, STORE_FAILED)
        if error is not None and not isinstance(error, StoreError):
            asyncio.get_running_loop().call_exception_handler(
                {"message": "a submission failed", "exception": error}
            )

    def _refuse(
        self, answer: asyncio.Future[Receipt], submission: Submission, reply: Reply
    ) -> None:
        self._metrics.refused(submission.origin.door, reply.enhanced)
        if not answer.done():
            answer.set_result(Receipt(reply))

    def _log_accepted(self, read: Draft, admitted: Admitted) -> None:
        if not self._mail_log.is_enabled:
            return
        message, origin = admitted.message, read.submission.origin
        self._mail_log.accepted(
            self._clock.now_ms(),
            message.id,
            account=message.account,
            sender=message.sender,
            recipients=len(admitted.deliveries),
            size_bytes=message.ref.length,
            traffic_class=read.klass,
            door=origin.door,
            peer=origin.peer,
        )


def cancelled(flow: Flow) -> Reply:
    """The refusal of mail for a cancelled flow: to take it would be to cancel it in silence."""
    text = f"Campaign {flow.name!r} was cancelled, use another name"
    return Reply.of(554, "5.7.0", text.encode("ascii", "replace").decode())


def queued(message_id: int, outcomes: Sequence[RecipientOutcome] = ()) -> Receipt:
    """The receipt of a message that is durable."""
    return Receipt(Reply(250, "2.0.0", (f"{message_id} queued",)), message_id, outcomes)


def _job(admitted: Admitted, flow: Flow, now_ms: int) -> JobBuilder:
    """What becomes durable of a message."""
    job = JobBuilder()
    message = admitted.message
    if admitted.idempotency_key:
        key = (message.account, admitted.idempotency_key, message.id, admitted.digest, now_ms)
        job.add("idempotency_insert", key, guarded=True)
    job.insert_message(
        message,
        flow.id,
        admitted.credential,
        admitted.subject,
        admitted.source,
        admitted.tags,
        admitted.metadata,
    )
    due_ms = admitted.due_ms or now_ms
    for delivery in admitted.deliveries:
        job.insert_delivery(delivery, due_ms, now_ms)

    def tell(event: EventType, data: dict[str, object]) -> None:
        about = {"account": message.account, "flow": flow.id, "message": message.id}
        job.event(event, now_ms, **about, data=data)

    if admitted.suppressed:
        # One event for all: a job has a bounded number of rows, a message 1,000 recipients.
        ids = [str(d.id) for d in admitted.deliveries if d.state == DeliveryState.SUPPRESSED]
        tell(EventType.SUPPRESSED, {"deliveries": ids})
    tell(EventType.ACCEPTED, {"recipients": len(admitted.deliveries), "size": message.ref.length})
    return job


def not_addressed(
    policy: SubmissionPolicy, identity: Identity, addresses: Iterable[Address]
) -> Reply | None:
    """A refusal when an account for training writes to somebody who is not on its list."""
    allowed = None if identity.is_free else policy.addressees(identity.account_id)
    if allowed is None or all(address.key in allowed for address in addresses):
        return None
    return NOT_FOR_TRAINING
