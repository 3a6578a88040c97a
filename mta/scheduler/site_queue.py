"""Who goes next at one site: classes by deficit round robin, tenants and flows fairly inside.

Weights 8:4:2:1 (urgent, transactional, automated, campaign): while all have work, of 15 turns
urgent gets 8 and campaigns one, so bulk never starves. Closed flows are set aside when their
turn comes and return with `wake`.
"""

import math
from collections.abc import Collection, Iterator, Mapping

from mta.model.traffic import TrafficClass
from mta.scheduler.fair import FairQueue, Member
from mta.scheduler.stream import Stream
from mta.shaping.warm_up import WarmUp
from mta.spool.flows import Flow
from mta.spool.rows import QueuedDelivery

WEIGHTS = (8, 4, 2, 1)
FIRST_BULK = TrafficClass.AUTOMATED


class _Tenant(Member):
    __slots__ = ("streams",)

    def __init__(self) -> None:
        super().__init__()
        self.streams: FairQueue[Stream] = FairQueue()


class SiteQueue:
    """The streams of one site."""

    def __init__(self) -> None:
        self._tenants: list[dict[int, _Tenant]] = [{} for _ in WEIGHTS]
        self._classes: list[FairQueue[_Tenant]] = [FairQueue() for _ in WEIGHTS]
        self._deficits = [0.0] * len(WEIGHTS)
        self._turn = 0
        self.paced: set[Flow] = set()  # flows with a rate of their own that were just served
        self.warming: Mapping[str, WarmUp] = {}  # by sender's domain
        self._aside: set[Stream] = set()  # whose next sender has had its share for now

    def wake(self, stream: Stream) -> None:
        """The stream has rows in its window and its flow is open."""
        if stream.active:
            return
        klass = stream.klass
        tenants = self._tenants[klass]
        tenant = tenants.get(stream.flow.account)
        if tenant is None:
            tenant = tenants[stream.flow.account] = _Tenant()
        tenant.streams.activate(stream)
        self._classes[klass].activate(tenant)

    def has_work(self, *, bulk: bool = True) -> bool:
        """Whether anything could be picked; without `bulk`: anything urgent or transactional."""
        last = len(WEIGHTS) if bulk else FIRST_BULK
        return any(self._classes[k] for k in range(last))

    def pick(self, now_ms: int, *, bulk: bool = True) -> tuple[Stream, QueuedDelivery] | None:
        """Take the next delivery out of its window, or None.

        Without `bulk` only urgent and transactional mail is looked at (the reserved connection).
        """
        last = len(WEIGHTS) if bulk else FIRST_BULK
        while True:
            picked = self._pick_in_turn(now_ms, last)
            if picked is not None or not self._let_rounds_pass(last):
                return picked

    def _pick_in_turn(self, now_ms: int, last: int) -> tuple[Stream, QueuedDelivery] | None:
        classes, deficits = self._classes, self._deficits
        for _ in range(2 * len(WEIGHTS)):
            klass = self._turn
            if klass < last and classes[klass]:
                if deficits[klass] >= 1.0:
                    picked = self._pick_from(klass, now_ms)
                    if picked is not None:
                        deficits[klass] -= 1.0
                        return picked
                    deficits[klass] = 0.0
            elif klass < last:
                deficits[klass] = 0.0
            self._turn = (klass + 1) % len(WEIGHTS)
            if classes[self._turn] and self._turn < last:
                deficits[self._turn] = min(
                    deficits[self._turn] + WEIGHTS[self._turn], 2.0 * WEIGHTS[self._turn]
                )
        return None

    def _let_rounds_pass(self, last: int) -> bool:
        """All that have work owe turns for companions that went along: skip to who has paid first."""
        owing = [k for k in range(last) if self._classes[k]]
        if not owing:
            return False
        deficits = self._deficits
        rounds = max(1, min(math.ceil((1.0 - deficits[k]) / WEIGHTS[k]) for k in owing))
        for klass in owing:
            deficits[klass] += rounds * WEIGHTS[klass]
        return True

    def charge(self, stream: Stream, extra: int) -> None:
        """`extra` more deliveries of the stream went along with the one picked."""
        self._deficits[stream.klass] -= extra
        stream.start += extra
        tenant = self._tenants[stream.klass].get(stream.flow.account)
        if tenant is not None:
            tenant.start += extra

    def _pick_from(self, klass: int, now_ms: int) -> tuple[Stream, QueuedDelivery] | None:
        queue = self._classes[klass]
        while (tenant := queue.first()) is not None:
            streams = tenant.streams
            while (stream := streams.first()) is not None:
                window = stream.window
                flow = stream.flow
                if not window or not flow.is_open(now_ms):
                    streams.retire()
                    continue
                if self.warming and klass >= FIRST_BULK and self._is_cold(window[0], now_ms):
                    self._aside.add(stream)
                    streams.retire()
                    continue
                delivery = window.popleft()
                if flow.rate_per_hour:
                    flow.take(now_ms)
                    self.paced.add(flow)
                if window:
                    streams.served(1.0)
                else:
                    streams.retire()
                    stream.start += 1.0
                if streams:
                    queue.served(1.0)
                else:
                    queue.retire()
                    tenant.start += 1.0
                return stream, delivery
            queue.retire()
        return None

    def _is_cold(self, delivery: QueuedDelivery, now_ms: int) -> bool:
        """Whether the sender's domain is being warmed up and may send no more for now."""
        warming = self.warming_of(delivery)
        return warming is not None and not warming.is_open(now_ms)

    def warming_of(self, delivery: QueuedDelivery) -> WarmUp | None:
        """The warm-up of the sender's domain, if there is one."""
        return self.warming.get(delivery.message.sender.rpartition("@")[2])

    def may_pass(self, delivery: QueuedDelivery, now_ms: int) -> bool:
        """Whether a warm-up of its sender's domain lets it go now."""
        return delivery.klass < FIRST_BULK or not self._is_cold(delivery, now_ms)

    @property
    def aside(self) -> Collection[Stream]:
        """Streams that were set aside since the last `wake_aside`."""
        return self._aside

    def wake_aside(self) -> None:
        """Let those that were set aside take part again: their domains may send more by now."""
        if self._aside:
            aside, self._aside = self._aside, set()
            for stream in aside:
                if stream.window:
                    self.wake(stream)

    def streams(self) -> Iterator[Stream]:
        """The streams that take part now (for `top` and the tests)."""
        for tenants in self._tenants:
            for tenant in tenants.values():
                for _, _, stream in tenant.streams._heap:  # same package
                    yield stream

    def forget_idle(self) -> None:
        """Drop tenants without work, so that memory follows what is queued."""
        for tenants in self._tenants:
            for account in [a for a, t in tenants.items() if not t.active and not t.streams]:
                del tenants[account]
