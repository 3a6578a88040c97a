"""The part of the queue that is in memory: windows of streams, and the deliveries under way.

Bounded: at most `MAX_LOADED` deliveries and `MAX_CONTENT_BYTES` of bodies, whatever is queued.
What does not fit stays ready on disk and is read when its turn comes near.
"""

from weakref import WeakValueDictionary

from mta.delivery.sites import Site, SiteDirectory
from mta.scheduler.site_queue import SiteQueue
from mta.scheduler.stream import Stream
from mta.spool.flows import Flow, FlowDirectory
from mta.spool.rows import QueuedDelivery, QueuedMessage

MAX_LOADED = 20_000
MAX_CONTENT_BYTES = 64 << 20

StreamKey = tuple[int, int, int]


class SiteBoard:
    """What waits in memory for one site."""

    __slots__ = ("queue", "site", "streams", "waiting")

    def __init__(self, site: Site) -> None:
        self.site = site
        self.queue = SiteQueue()
        self.streams: dict[tuple[int, int], Stream] = {}  # by (class, flow)
        self.waiting = 0  # deliveries in windows


class Board:
    """Streams by site and flow, and every delivery that is loaded, by id."""

    def __init__(self, sites: SiteDirectory, flows: FlowDirectory) -> None:
        self._sites = sites
        self.flows = flows
        self.sites: dict[int, SiteBoard] = {}
        self.by_flow: dict[int, set[Stream]] = {}
        self.loaded: dict[int, QueuedDelivery] = {}
        self.messages: WeakValueDictionary[int, QueuedMessage] = WeakValueDictionary()
        self.content_bytes = 0

    def site(self, site_id: int) -> SiteBoard:
        """The board of a site, made when it is first needed."""
        board = self.sites.get(site_id)
        if board is None:
            board = self.sites[site_id] = SiteBoard(self._sites.get(site_id))
        return board

    def stream(self, site_id: int, klass: int, flow: Flow) -> Stream:
        """The stream, made when it is first needed."""
        board = self.site(site_id)
        stream = board.streams.get((klass, flow.id))
        if stream is None:
            stream = board.streams[klass, flow.id] = Stream(site_id, klass, flow)
            self.by_flow.setdefault(flow.id, set()).add(stream)
        return stream

    @property
    def has_room(self) -> bool:
        """Whether more deliveries may be loaded."""
        return len(self.loaded) < MAX_LOADED

    def offer(self, delivery: QueuedDelivery, flow: Flow, now_ms: int) -> Stream:
        """Take a ready delivery into its stream's window, or leave it on disk for later."""
        stream = self.stream(delivery.site, delivery.klass, flow)
        room = len(self.loaded) < MAX_LOADED and flow.is_open(now_ms)
        if stream.offer(delivery, has_room=room):
            self.load(delivery)
            board = self.sites[delivery.site]
            board.waiting += 1
            board.queue.wake(stream)
        else:
            self.release(delivery)
        return stream

    def current(self, stream: Stream) -> Stream:
        """The stream that stands for the same mail now: an idle one may have been forgotten."""
        return self.stream(stream.site, stream.klass, stream.flow)

    def put_back(self, delivery: QueuedDelivery, stream: Stream) -> None:
        """A delivery that was picked and not sent goes to the head of its window again."""
        stream = self.current(stream)
        stream.window.appendleft(delivery)
        board = self.sites[stream.site]
        board.waiting += 1
        board.queue.wake(stream)

    def load(self, delivery: QueuedDelivery) -> None:
        """The delivery is in memory from now on."""
        if delivery.id in self.loaded:
            return
        self.loaded[delivery.id] = delivery
        message = delivery.message
        message.waiting += 1
        if message.waiting == 1:
            self.messages[message.id] = message
            if message.content is not None:
                self._hold(message, message.content)

    def keep_content(self, message: QueuedMessage, content: bytes) -> None:
        """The body was read from disk for a delivery that is under way."""
        if message.content is None:
            message.content = content
            if message.waiting:  # else its deliveries were let go meanwhile
                self.content_bytes += len(content)

    def release(self, delivery: QueuedDelivery) -> None:
        """The delivery leaves memory: final, or back on disk."""
        if self.loaded.get(delivery.id) is not delivery:
            return  # it never was, or another object stands for the row by now
        del self.loaded[delivery.id]
        message = delivery.message
        message.waiting -= 1
        if not message.waiting and message.content is not None:
            self.content_bytes -= len(message.content)
            message.content = message.signed = message.template = None

    def settled(self, delivery: QueuedDelivery) -> None:
        """The delivery leaves memory because its row is not ready any more."""
        site = self.sites.get(delivery.site)
        stream = site.streams.get((delivery.klass, delivery.flow)) if site is not None else None
        if stream is not None:
            stream.left_ready(delivery.id)
        self.release(delivery)

    def release_kept(self, delivery: QueuedDelivery) -> None:
        """As `release`, for one that will be offered in a moment: its body stays."""
        content = delivery.message.content
        self.release(delivery)
        delivery.message.content = content

    def unload(self, flow_id: int) -> None:
        """Forget the windows of a flow whose gate was closed; its rows stay ready on disk."""
        for stream in self.by_flow.get(flow_id, ()):
            dropped = stream.unload()
            self.sites[stream.site].waiting -= len(dropped)
            for delivery in dropped:
                self.release(delivery)

    def forget_idle(self) -> None:
        """Drop streams and sites without work, so that memory follows what is queued."""
        for board in list(self.sites.values()):
            idle = [
                k
                for k, s in board.streams.items()
                if not s.window and not s.more and not s.is_refilling and not s.active
            ]
            for key in idle:
                stream = board.streams.pop(key)
                streams = self.by_flow.get(stream.flow.id, set())
                streams.discard(stream)
                if not streams:
                    self.by_flow.pop(stream.flow.id, None)
            board.queue.forget_idle()
        self.flows.trim({*self.by_flow, *(d.flow for d in self.loaded.values())})

    def _hold(self, message: QueuedMessage, content: bytes) -> None:
        if self.content_bytes + len(content) > MAX_CONTENT_BYTES:
            message.content = None
        else:
            self.content_bytes += len(content)
