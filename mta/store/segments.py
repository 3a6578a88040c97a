"""Places for contents: which segment file, and where in it; decided on the loop, without I/O.

A segment grows to 64 MiB and is then left; contents of different expiry classes (`kind`) never
share one, because a file goes as a whole. After a start every segment of before is sealed and
new ones are begun: so nothing has to be known of how far an interrupted write came.
"""

from collections.abc import Iterable, Sequence
from zlib import crc32

from mta.model.clock import Clock
from mta.model.errors import InternalError
from mta.store.work import Content, ContentRef, Rows

SEGMENT_BYTES = 64 * 1024 * 1024
GRACE_MS = 600_000  # from leaving a segment to sealing it: what was reserved in it is submitted


class Segment:
    """A segment that still takes contents, or has some that are not committed yet."""

    __slots__ = ("end", "is_recorded", "kind", "left_ms", "number", "opened_ms", "pending")

    def __init__(self, number: int, kind: int, opened_ms: int) -> None:
        self.number = number
        self.kind = kind
        self.opened_ms = opened_ms
        self.end = 0
        self.pending = 0  # contents submitted and not answered yet
        self.left_ms: int | None = None  # when it became full or old; None: takes contents
        self.is_recorded = False  # its row in the database is committed


class Segments:
    """The open segments of this process."""

    def __init__(self, last: int, clock: Clock, segment_bytes: int = SEGMENT_BYTES) -> None:
        """`last`: the greatest number ever used; numbers are never used again."""
        self._last = last
        self._clock = clock
        self._segment_bytes = segment_bytes
        self._current: dict[int, Segment] = {}
        self._open: dict[int, Segment] = {}

    def reserve(self, data: bytes, kind: int) -> Content:
        """A place right behind the content reserved before it."""
        length = len(data)
        segment = self._current.get(kind)
        if segment is None or (segment.end and segment.end + length > self._segment_bytes):
            segment = self._begin(kind)
        ref = ContentRef(segment.number, segment.end, length, crc32(data))
        segment.end += length
        return Content(ref, data)

    def _begin(self, kind: int) -> Segment:
        now_ms = self._clock.now_ms()
        left = self._current.get(kind)
        if left is not None:
            left.left_ms = now_ms
        self._last += 1
        segment = Segment(self._last, kind, now_ms)
        self._current[kind] = self._open[segment.number] = segment
        return segment

    def rows(self, contents: Sequence[Content]) -> list[Rows]:
        """What a job with these contents says of their segments; a guard among it.

        The job is answered later (`answered`). Raises `InternalError` when a place is not (or
        no longer) reserved.
        """
        ends: dict[int, int] = {}
        for content in contents:
            number, offset, length, _ = content.ref
            ends[number] = max(ends.get(number, 0), offset + length)
        opened: list[tuple[int, int, int]] = []
        for number in ends:
            segment = self._open.get(number)
            if segment is None:
                raise InternalError(f"no place is reserved in segment {number}: reserve again")
            if not segment.is_recorded:
                opened.append((number, segment.kind, segment.opened_ms))
        for content in contents:
            self._open[content.ref.segment].pending += 1
        work = [Rows("segment_grow", list(ends.items()), expect=len(ends))]
        if opened:
            work.append(Rows("segment_open", opened))
        return work

    def answered(self, contents: Iterable[Content], *, is_committed: bool) -> None:
        """The job with these contents is done, well or not."""
        for content in contents:
            segment = self._open.get(content.ref.segment)
            if segment is not None:
                segment.pending -= 1
                segment.is_recorded = segment.is_recorded or is_committed

    def leave_older(self, before_ms: int) -> None:
        """Begin new segments where the present one is older, so that old contents can go."""
        for segment in list(self._current.values()):
            if segment.opened_ms <= before_ms:
                segment.left_ms = self._clock.now_ms()
                del self._current[segment.kind]

    def finished(self) -> list[int]:
        """Segments that get nothing any more: left long ago, and no job with them is under way."""
        before_ms = self._clock.now_ms() - GRACE_MS
        return [
            s.number
            for s in self._open.values()
            if s.left_ms is not None and s.left_ms <= before_ms and s.pending == 0
        ]

    def forget(self, numbers: Iterable[int]) -> None:
        """These are sealed: no job may refer to them as new any more."""
        for number in numbers:
            self._open.pop(number, None)
