"""Write jobs for the store: what changes together stands in one job, and so in one transaction."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from mta.events.record import event_row
from mta.model.traffic import DeliveryState, EventType
from mta.spool.rows import QueuedDelivery, QueuedMessage
from mta.store.work import Content, Rows

Scalar = int | float | str | None
Row = tuple[Scalar, ...]


class JobBuilder:
    """Collects the rows of one job, adding up counters by flow and by segment.

    `work()` gives the statements; a builder is used once.
    """

    def __init__(self) -> None:
        self._rows: dict[str, list[Row]] = {}
        self._counts: defaultdict[tuple[int, int], int] = defaultdict(int)
        self._live: defaultdict[int, int] = defaultdict(int)
        self._expect: dict[str, int] = {}
        self.contents: list[Content] = []
        self.size = 0

    def add(self, statement: str, row: Row, *, guarded: bool = False) -> None:
        """One row for a statement; a guarded row must change exactly one row."""
        self._rows.setdefault(statement, []).append(row)
        self.size += 1
        if guarded:
            self._expect[statement] = self._expect.get(statement, 0) + 1

    def count(self, flow: int, state: int, difference: int) -> None:
        """Move a flow's counter."""
        self._counts[flow, state] += difference

    def event(
        self,
        event: EventType,
        now_ms: int,
        *,
        account: int = 0,
        flow: int = 0,
        message: int = 0,
        delivery: int = 0,
        data: Mapping[str, object] | str = "",
    ) -> None:
        """What happened; the database gives the id at the commit, so cursors miss nothing."""
        row = event_row(0, event, now_ms, account, flow, message, delivery, data)
        self.add("event_insert", row[1:])

    def live(self, segment: int, difference: int) -> None:
        """Move a content segment's count of deliveries that are not final."""
        self._live[segment] += difference

    def work(self, now_ms: int) -> list[Rows]:
        """The statements of the job."""
        work = [Rows(name, rows, self._expect.get(name)) for name, rows in self._rows.items()]
        counts: list[Row] = [(f, s, n) for (f, s), n in self._counts.items() if n]
        if counts:
            work.append(Rows("flow_count_add", counts))
        live: list[Row] = [(segment, n, now_ms) for segment, n in self._live.items() if n]
        if live:
            work.append(Rows("segment_live", live))
        return work

    # -- what happens to mail, in terms of rows ------------------------------------------------

    def insert_message(
        self,
        message: QueuedMessage,
        flow: int,
        credential: int,
        subject: str,
        source: str,
        tags: str,
        metadata: str,
    ) -> None:
        """A message; its deliveries follow with `insert_delivery`."""
        ref = message.ref
        self.add(
            "message_insert",
            (
                message.id, flow, message.account, credential, message.sender,
                ref.segment, ref.offset, ref.length, ref.checksum, int(message.flags),
                message.ret, message.envelope_id, message.header_id, subject, source,
                tags, metadata,
            ),
        )  # fmt: skip

    def insert_delivery(self, d: QueuedDelivery, due_ms: int, now_ms: int) -> None:
        """A delivery in its state, counted in its flow and in the content's segment."""
        self.add(
            "delivery_insert",
            (
                d.id, d.message.id, d.n, d.flow, d.klass, d.kind, d.site, d.domain, d.address,
                int(d.state), due_ms, d.expires_ms, now_ms, int(d.notify), d.original,
            ),
        )  # fmt: skip
        self._counts[d.flow, d.state] += 1
        if d.state < DeliveryState.DELIVERED:
            self._live[d.message.ref.segment] += 1

    def claim(self, deliveries: Iterable[QueuedDelivery], now_ms: int) -> None:
        """Ready rows become claimed."""
        for d in deliveries:
            self.add("delivery_claim", (d.id, now_ms), guarded=True)
            self._counts[d.flow, DeliveryState.READY] -= 1
            self._counts[d.flow, DeliveryState.CLAIMED] += 1

    def settle(
        self,
        d: QueuedDelivery,
        state: DeliveryState,
        now_ms: int,
        *,
        due_ms: int = 0,
        reply: str | None = "",
        host: str | None = "",
    ) -> None:
        """The delivery leaves `d.state` for `state`, with `d`'s counters and flags as they are.

        `reply` and `host` None: what the last attempt left stays.
        """
        self.add(
            "delivery_settle",
            (
                d.id, int(d.state), int(state), due_ms, d.attempts, d.first_attempt_ms,
                d.expires_ms, now_ms, int(d.flags), d.source, reply, host,
            ),
            guarded=True,
        )  # fmt: skip
        self._counts[d.flow, int(d.state)] -= 1
        self._counts[d.flow, int(state)] += 1
        if state >= DeliveryState.DELIVERED and d.state < DeliveryState.DELIVERED:
            self._live[d.message.ref.segment] -= 1
