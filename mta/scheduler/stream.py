"""A stream is what one flow has for one site in one class: a small window in memory over the rows
on disk, read in the order of their ids.

Invariant: every ready row of the stream is in the window (or further on its way), or `more` is
true and its id is greater than `cursor`, or rows are being read that begin before it.
"""

from collections import deque

from mta.scheduler.fair import Member
from mta.spool.flows import Flow
from mta.spool.rows import QueuedDelivery

WINDOW_FIRST = 50  # rows read when a stream is first looked at
WINDOW_MAX = 2_000
_NOWHERE = 1 << 63  # the cursor while rows are read: greater than every id


class Stream(Member):
    """The window of (site, class, flow)."""

    __slots__ = (
        "cursor",
        "flow",
        "is_refilling",
        "klass",
        "more",
        "next_count",
        "overtaken",
        "site",
        "window",
    )

    def __init__(self, site: int, klass: int, flow: Flow) -> None:
        super().__init__()
        self.site = site
        self.klass = klass
        self.flow = flow
        self.window: deque[QueuedDelivery] = deque()
        self.cursor = 0
        self.more = False
        self.is_refilling = False
        self.next_count = WINDOW_FIRST
        self.overtaken: set[int] | None = None  # while rows are read: those that ended meanwhile

    @property
    def wants_refill(self) -> bool:
        """Whether rows should be read before the window runs dry."""
        return self.more and not self.is_refilling and len(self.window) * 2 < self.next_count

    def offer(self, delivery: QueuedDelivery, *, has_room: bool) -> bool:
        """Take a row that has just become ready; False when it has to be read again from disk."""
        if (
            has_room
            and not self.more
            and not self.is_refilling  # what is being read is older and comes before it
            and len(self.window) < WINDOW_MAX
        ):
            self.window.append(delivery)
            self.cursor = max(self.cursor, delivery.id)
            return True
        self.rewind(delivery.id)
        return False

    def rewind(self, delivery_id: int) -> None:
        """There is a ready row on disk that is not in the window."""
        self.more = True
        self.cursor = min(self.cursor, delivery_id - 1)

    def begin_reading(self) -> int:
        """Rows are read from now on: give the id they begin after.

        Whoever rewinds meanwhile names rows that the reading may not see; they are read afterwards.
        """
        after = self.cursor
        self.is_refilling = True
        self.more = False
        self.cursor = _NOWHERE
        self.overtaken = set()
        return after

    def left_ready(self, delivery_id: int) -> None:
        """The row is not ready any more; what is being read may still show it so."""
        if self.overtaken is not None:
            self.overtaken.add(delivery_id)

    def filled(self, rows: list[QueuedDelivery], upto: int, *, is_end: bool) -> None:
        """Rows up to the id `upto` were read; a bigger bite next time."""
        self.window.extend(rows)
        if not is_end:
            self.rewind(upto + 1)
        elif not self.more:
            self.cursor = upto
        self.is_refilling = False
        self.overtaken = None
        self.next_count = min(WINDOW_MAX, self.next_count * 2)

    def not_filled(self, after: int) -> None:
        """Nothing was read: the rows after that id are still to be found on disk."""
        self.rewind(after + 1)
        self.is_refilling = False
        self.overtaken = None

    def unload(self) -> list[QueuedDelivery]:
        """Forget the window (the rows stay ready on disk) and give back what was in it."""
        dropped = list(self.window)
        self.window.clear()
        if dropped:
            self.rewind(min(d.id for d in dropped))
        self.next_count = WINDOW_FIRST
        return dropped
