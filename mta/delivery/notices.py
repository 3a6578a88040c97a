"""Delivery status notifications for mail that came over SMTP (RFC 3461, RFC 3464).

Who gets one: the envelope sender of relay mail, never the null sender, never for a notice, never
for campaigns. A notice is one more message in the queue, written in the transaction that settles
what it tells of: so there is no settlement without its notice, and no notice twice.
`settled` may be called again for the same settlement while the store cannot take it.
"""

import weakref
from collections.abc import Callable

from mta.delivery.notice_text import SUBJECTS, Action, Notice, compose
from mta.intake.admission import SEGMENT_RELAY
from mta.intake.trace import TraceWriter
from mta.model.envelope import Notify
from mta.model.ids import IdGenerator, id_time_ms
from mta.model.outcome import Outcome, Phase
from mta.model.traffic import DeliveryState, EventType, TrafficClass
from mta.spool.flows import Flow, FlowDirectory, flow_from_row
from mta.spool.jobs import JobBuilder
from mta.spool.rows import DeliveryFlag, ExpiryKind, MessageFlag, QueuedDelivery, QueuedMessage
from mta.store.base import Store
from mta.store.work import Content

FLOW_NAME = "notices"
FLOW_KIND = "notices"
MAX_FULL_OCTETS = 1 << 20  # a larger original comes back as its header
MAX_JOB_OCTETS = 16 << 20  # and so does any, once a job holds that much
EXPIRED_STATUS = "4.4.7"  # RFC 3463 §3.5: delivery time expired
_MANY = 256
_RELAY = int(MessageFlag.RELAY)  # operations on flags cost microseconds
_NOTICE = int(MessageFlag.NOTICE)
_OURS = frozenset({Phase.DNS, Phase.CONNECT, Phase.LOCAL})


class NoticeFlows:
    """The flow of each account's notices; `load` before the first is asked for."""

    def __init__(self, directory: FlowDirectory, ids: IdGenerator) -> None:
        self._directory = directory
        self._ids = ids
        self._by_account: dict[int, Flow] = {}
        self._fresh: set[int] = set()  # made by this process, perhaps not committed
        self._job: weakref.ref[JobBuilder] | None = None
        self._in_job: set[int] = set()  # fresh flows that the last job makes durable

    async def load(self, store: Store) -> None:
        """Read what earlier processes made. Raises `StoreError`."""
        for row in await store.read("flows_of_kind", kind=FLOW_KIND):
            flow = self._directory.add(flow_from_row(row))
            self._by_account.setdefault(flow.account, flow)

    def of(self, job: JobBuilder, account: int, now_ms: int) -> Flow:
        """The account's flow; `job` makes it durable unless an earlier process has."""
        flow = self._by_account.get(account)
        if flow is None:
            flow = Flow(self._ids.new(), account, FLOW_NAME, FLOW_KIND, TrafficClass.AUTOMATED)
            self._by_account[account] = self._directory.add(flow)
            self._fresh.add(flow.id)
        if flow.id in self._fresh:
            self._ensure(job, flow, now_ms)
        return flow

    def _ensure(self, job: JobBuilder, flow: Flow, now_ms: int) -> None:
        """Once in each job, for nobody tells whether an earlier one was committed.

        The statement does nothing for a flow that is there.
        """
        if self._job is None or self._job() is not job:
            self._job = weakref.ref(job)
            self._in_job.clear()
        if flow.id not in self._in_job:
            self._in_job.add(flow.id)
            row = (flow.id, flow.account, flow.name, flow.kind, flow.klass, now_ms)
            job.add("flow_ensure", row)


class DsnNotices:
    """Decides on notices and adds them to jobs; see `mta.delivery.settlement.Notices`."""

    def __init__(
        self,
        *,
        ids: IdGenerator,
        reserve: Callable[[bytes, int], Content],
        trace: TraceWriter,
        site_of: Callable[[str], int],
        flows: NoticeFlows,
        flow_of: Callable[[int], Flow | None],
        delay_notice_s: float,
    ) -> None:
        """`site_of`: the site of a domain if known, else 0. `flow_of`: a flow by its id."""
        self._ids = ids
        self._reserve = reserve
        self._trace = trace
        self._site_of = site_of
        self._flows = flows
        self._flow_of = flow_of
        self._delay_ms = round(delay_notice_s * 1000)
        self._telling: dict[int, QueuedDelivery] = {}

    def settled(
        self,
        job: JobBuilder,
        delivery: QueuedDelivery,
        state: DeliveryState,
        outcome: Outcome,
        now_ms: int,
        due_ms: int = 0,
    ) -> QueuedDelivery | None:
        """Add a notice to `job` if the sender is to get one; gives its delivery.

        `due_ms` is the next attempt, if known: mail is told to be late when that one would come
        after the time set, not only when it has.
        """
        message = delivery.message
        if (
            not message.flags & _RELAY
            or not message.sender
            or message.flags & _NOTICE
            or delivery.klass == TrafficClass.CAMPAIGN
        ):
            return None
        action = self._action(delivery, state, outcome, max(now_ms, due_ms))
        if action is None:
            return None
        return self._add(job, delivery, state, outcome, action, now_ms)

    # -- whether ------------------------------------------------------------------------------

    def _action(
        self, delivery: QueuedDelivery, state: DeliveryState, outcome: Outcome, late_ms: int
    ) -> Action | None:
        notify = delivery.notify
        if state == DeliveryState.DELIVERED and not notify:
            return None  # by far the most
        if notify & Notify.NEVER:
            return None
        if state in {DeliveryState.BOUNCED, DeliveryState.EXPIRED}:
            return Action.FAILED if not notify or notify & Notify.FAILURE else None
        if state == DeliveryState.DELIVERED:
            wanted = notify & Notify.SUCCESS and not outcome.takes_dsn
            return Action.RELAYED if wanted else None
        if state == DeliveryState.SCHEDULED and (not notify or notify & Notify.DELAY):
            return Action.DELAYED if self._is_late(delivery, late_ms) else None
        return None

    def _is_late(self, delivery: QueuedDelivery, late_ms: int) -> bool:
        """Once per delivery. Its age counts from the first attempt: a time of release is no delay."""
        if delivery.flags & DeliveryFlag.DELAY_TOLD:
            return self._telling.get(delivery.id) is delivery  # the commit failed: tell it again
        started_ms = delivery.first_attempt_ms or id_time_ms(delivery.message.id)
        if not self._delay_ms or late_ms - started_ms < self._delay_ms:
            return False
        delivery.flags |= DeliveryFlag.DELAY_TOLD
        if len(self._telling) >= _MANY:
            self._forget_told()
        self._telling[delivery.id] = delivery
        return True

    def _forget_told(self) -> None:
        """Deliveries whose settlement is on disk are in the state it gave them."""
        telling = self._telling
        for number, delivery in list(telling.items()):
            if delivery.state == DeliveryState.SCHEDULED:
                del telling[number]
        while len(telling) >= 16 * _MANY:  # settlements that were given up
            del telling[next(iter(telling))]

    # -- what ---------------------------------------------------------------------------------

    def _add(
        self,
        job: JobBuilder,
        delivery: QueuedDelivery,
        state: DeliveryState,
        outcome: Outcome,
        action: Action,
        now_ms: int,
    ) -> QueuedDelivery:
        about = delivery.message
        flow = self._flows.of(job, about.account, now_ms)
        ids = self._ids.block(2)
        notice = self._notice(ids[0], delivery, state, outcome, action, now_ms)
        full = action is Action.FAILED and about.ret == "FULL" and _fits(job, about)
        content = compose(notice, about.content, full=full)
        place = self._reserve(content, SEGMENT_RELAY)
        flags = MessageFlag.NOTICE
        if not content.isascii():
            flags |= MessageFlag.EIGHT_BIT
        if not about.sender.isascii():
            flags |= MessageFlag.NEEDS_UTF8
        message = QueuedMessage(
            ids[0], about.account, "", place.ref, flags, "", "", notice.notice_id, content
        )
        domain = about.sender.rpartition("@")[2]
        told = QueuedDelivery(
            ids[1], message, 0, flow.id, flow.klass, ExpiryKind.RELAY, self._site_of(domain),
            domain, about.sender, notify=Notify.NEVER,
        )  # fmt: skip
        job.contents.append(place)
        job.insert_message(message, flow.id, 0, SUBJECTS[action], "", "", "")
        job.insert_delivery(told, now_ms, now_ms)
        job.event(
            EventType.ACCEPTED,
            now_ms,
            account=about.account,
            flow=flow.id,
            message=message.id,
            data={
                "recipients": 1,
                "size": len(content),
                "notice": action,
                "about": str(delivery.id),
            },
        )
        return told

    def _notice(
        self,
        number: int,
        delivery: QueuedDelivery,
        state: DeliveryState,
        outcome: Outcome,
        action: Action,
        now_ms: int,
    ) -> Notice:
        about = delivery.message
        expires_ms = delivery.expires_ms
        flow = self._flow_of(delivery.flow)
        if expires_ms and flow is not None:  # deadlines are kept in the flow's own time
            expires_ms += now_ms - flow.time_ms(now_ms)
        return Notice(
            action=action,
            notice_id=self._trace.message_id(number),
            server=self._trace.hostname,
            queue_id=number,
            to=about.sender,
            recipient=delivery.address,
            status=status_of(action, state, outcome),
            reply=str(outcome.reply),
            is_remote=bool(outcome.host) and outcome.phase not in _OURS,
            now_ms=now_ms,
            arrived_ms=id_time_ms(about.id),
            attempted_ms=now_ms if outcome.phase is not Phase.LOCAL else 0,
            retry_until_ms=expires_ms,
            remote=outcome.host.partition("[")[0],
            original_recipient=delivery.original,
            envelope_id=about.envelope_id,
            header_id=about.header_id,
            has_expired=state == DeliveryState.EXPIRED,
        )


def status_of(action: Action, state: DeliveryState, outcome: Outcome) -> str:
    """The Status field: the reply's own status, made to fit what became of the delivery."""
    if state == DeliveryState.EXPIRED:
        return EXPIRED_STATUS
    kind = {Action.FAILED: "5", Action.DELAYED: "4", Action.RELAYED: "2"}[action]
    enhanced = outcome.reply.enhanced
    return f"{kind}{enhanced[1:]}" if enhanced else f"{kind}.0.0"


def _fits(job: JobBuilder, about: QueuedMessage) -> bool:
    """Whether the whole original can come back: not too large, and 7- or 8-bit MIME can hold it."""
    content = about.content
    if content is None or len(content) > MAX_FULL_OCTETS or about.flags & MessageFlag.NEEDS_UTF8:
        return False
    return sum(len(c.data) for c in job.contents) + len(content) <= MAX_JOB_OCTETS
