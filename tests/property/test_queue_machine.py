"""Whatever is accepted, held, read ahead, deferred and retried in whatever order: every delivery is
sent exactly once, and nothing that could go is left behind.

The machine drives the real windows and site queue over a plain dict that stands for the rows on
disk; only the file and the network are missing.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from mta.delivery.board import Board, SiteBoard
from mta.delivery.sites import Site
from mta.model.traffic import Gate, TrafficClass
from mta.scheduler.stream import Stream
from mta.spool.flows import Flow, FlowDirectory
from mta.spool.rows import QueuedDelivery, QueuedMessage
from mta.store.work import ContentRef
from tests.property.effort import tries

NOW_MS = 1_800_000_000_000
READY, CLAIMED, SCHEDULED, DONE = "ready", "claimed", "scheduled", "done"
SITE = 7


class _Sites:
    def get(self, site_id: int) -> Site:
        return Site(site_id, "mx.test", "other")


class QueueMachine(RuleBasedStateMachine):
    """The queue of one site with a few flows."""

    @initialize()
    def start(self) -> None:
        self.flows = FlowDirectory()
        self.board = Board(_Sites(), self.flows)
        self.disk: dict[int, str] = {}
        self.owner: dict[int, tuple[int, int]] = {}
        self.sent: list[int] = []
        self.in_hand: list[tuple[Stream, QueuedDelivery]] = []
        self.next_id = 100
        self.readings: dict[Stream, tuple[int, int, list[int]]] = {}
        for number in range(4):
            klass = TrafficClass(number % 4)
            self.flows.add(
                Flow(number, account=number // 2, name=str(number), kind="application", klass=klass)
            )

    def _object(self, delivery_id: int) -> QueuedDelivery:
        flow_id, klass = self.owner[delivery_id]
        message = QueuedMessage(delivery_id, 1, "a@b", ContentRef(0, 0, 0, 0), 0, "", "", "", b"x")
        return QueuedDelivery(
            delivery_id, message, 0, flow_id, klass, klass, SITE, "d.test", "u@d.test"
        )

    def _site(self) -> SiteBoard:
        return self.board.site(SITE)

    @rule(flow=st.integers(0, 3), count=st.integers(1, 60), has_room=st.booleans())
    def accept(self, flow: int, count: int, has_room: bool) -> None:
        """New mail: durable first, then offered to memory (which may be full)."""
        for _ in range(count):
            self.next_id += 1
            self.disk[self.next_id] = READY
            self.owner[self.next_id] = (flow, self.flows.get(flow).klass)
            if has_room:
                self.board.offer(self._object(self.next_id), self.flows.get(flow), NOW_MS)
            else:
                self.board.stream(SITE, self.flows.get(flow).klass, self.flows.get(flow)).rewind(
                    self.next_id
                )

    @rule(bulk=st.booleans(), count=st.integers(1, 20))
    def pick(self, bulk: bool, count: int) -> None:
        """A lane takes what is next; the claim is durable before anything else happens."""
        for _ in range(count):
            picked = self._site().queue.pick(NOW_MS, bulk=bulk)
            if picked is None:
                return
            self._site().waiting -= 1
            stream, delivery = picked
            assert stream.flow.is_open(NOW_MS), "a closed flow was served"
            assert bulk or delivery.klass < TrafficClass.AUTOMATED
            if self.disk[delivery.id] != READY:  # a row that was read before it was sent
                self.board.release(delivery)
                self.board.current(stream).rewind(delivery.id)
                continue
            self.disk[delivery.id] = CLAIMED
            self.in_hand.append(picked)

    @rule(
        kind=st.sampled_from(["sent", "deferred", "returned", "lost claim"]),
        count=st.integers(1, 10),
    )
    def settle(self, kind: str, count: int) -> None:
        """What became of attempts."""
        for _ in range(min(count, len(self.in_hand))):
            stream, delivery = self.in_hand.pop(0)
            if kind == "sent":
                self.disk[delivery.id] = DONE
                self.sent.append(delivery.id)
                self.board.release(delivery)
            elif kind == "deferred":
                self.disk[delivery.id] = SCHEDULED
                self.board.release(delivery)
            elif kind == "returned":
                self.disk[delivery.id] = READY
                self.board.put_back(delivery, stream)
            else:
                self.disk[delivery.id] = READY
                self.board.release(delivery)
                self.board.current(stream).rewind(delivery.id)

    @rule(count=st.integers(1, 30))
    def promote(self, count: int) -> None:
        """Scheduled rows become ready on disk; memory only hears that there is something."""
        for delivery_id in [i for i, s in self.disk.items() if s == SCHEDULED][:count]:
            self.disk[delivery_id] = READY
            flow_id, klass = self.owner[delivery_id]
            self.board.stream(SITE, klass, self.flows.get(flow_id)).rewind(delivery_id)

    @rule(flow=st.integers(0, 3), gate=st.sampled_from([Gate.OPEN, Gate.HELD]))
    def gate(self, flow: int, gate: Gate) -> None:
        """An operator holds or releases a flow."""
        held = self.flows.get(flow)
        held.gate = gate
        if gate == Gate.HELD:
            self.board.unload(flow)
        else:
            for stream in self.board.by_flow.get(flow, ()):
                self._site().queue.wake(stream)

    @rule()
    def refill(self) -> None:
        """Streams that run low read the next rows by key."""
        for stream in list(self._site().streams.values()):
            if stream.wants_refill and stream.flow.gate == Gate.OPEN:
                self._begin(stream)
                self._end(stream)

    @rule(flow=st.integers(0, 3))
    def begin_reading(self, flow: int) -> None:
        """A reader looks at the disk; much may happen before its answer is there."""
        for stream in self.board.by_flow.get(flow, ()):
            if stream.wants_refill and stream.flow.gate == Gate.OPEN:
                self._begin(stream)

    @rule(flow=st.integers(0, 3))
    def end_reading(self, flow: int) -> None:
        """The answer of the reader comes, which may be out of date."""
        for stream in [s for s in self.readings if s.flow.id == flow]:
            self._end(stream)

    @rule(flow=st.integers(0, 3))
    def reading_fails(self, flow: int) -> None:
        """The store could not be read."""
        for stream in [s for s in self.readings if s.flow.id == flow]:
            stream.not_filled(self.readings.pop(stream)[0])

    @rule()
    def forget(self) -> None:
        """Idle streams and tenants are dropped from memory."""
        self.board.forget_idle()

    def _begin(self, stream: Stream) -> None:
        count, after = stream.next_count, stream.begin_reading()
        rows = sorted(
            i
            for i, s in self.disk.items()
            if s == READY and i > after and self.owner[i] == (stream.flow.id, stream.klass)
        )[:count]
        self.readings[stream] = after, count, rows

    def _end(self, stream: Stream) -> None:
        after, count, rows = self.readings.pop(stream)
        if stream.flow.gate != Gate.OPEN:
            stream.not_filled(after)
            return
        fresh = [self._object(i) for i in rows if i not in self.board.loaded]
        for delivery in fresh:
            self.board.load(delivery)
        stream.filled(fresh, rows[-1] if rows else after, is_end=len(rows) < count)
        self._site().waiting += len(fresh)
        if fresh:
            self._site().queue.wake(stream)

    @invariant()
    def every_ready_row_can_be_found(self) -> None:
        if not hasattr(self, "disk"):
            return
        windows = {d.id for s in self._site().streams.values() for d in s.window}
        for delivery_id, state in self.disk.items():
            if state != READY or delivery_id in windows:
                continue
            flow_id, klass = self.owner[delivery_id]
            stream = self._site().streams[klass, flow_id]
            reading = self.readings.get(stream)
            if reading is not None and delivery_id in reading[2]:
                continue
            if (
                reading is not None
                and len(reading[2]) == reading[1]
                and delivery_id > reading[2][-1]
            ):
                continue  # the reading will not be the last
            assert stream.more, f"{delivery_id} is ready, not in memory, and nobody will look"
            assert delivery_id > stream.cursor

    @invariant()
    def counters_hold(self) -> None:
        if not hasattr(self, "disk"):
            return
        assert self._site().waiting == sum(len(s.window) for s in self._site().streams.values())
        assert len(self.sent) == len(set(self.sent)), "sent twice"

    def teardown(self) -> None:
        """With all gates open and every attempt succeeding, everything ends sent, once."""
        if not hasattr(self, "disk"):
            return
        for flow in self.flows:
            self.gate(flow.id, Gate.OPEN)
            self.end_reading(flow.id)
        for _ in range(10_000):
            self.promote(1_000)
            self.refill()
            self.pick(True, 500)
            self.settle("sent", 500)
            if all(state == DONE for state in self.disk.values()):
                break
        assert all(state == DONE for state in self.disk.values())
        assert sorted(self.sent) == sorted(self.disk)
        assert not self.board.loaded
        assert self.board.content_bytes == 0


TestQueueMachine = QueueMachine.TestCase
TestQueueMachine.settings = settings(tries(60), stateful_step_count=40)
