"""Start-time fair queueing over members that have work (Goyal, Vin, Chen 1996).

Each member carries the virtual time at which its next piece may start; the member with the
smallest goes next. One that was idle joins at the present virtual time, so it neither jumps the
queue for having been idle nor waits behind a backlog that is not its own.
"""

from heapq import heappop, heappush, heapreplace
from typing import Generic, TypeVar


class Member:
    """Something that shares: it keeps its own place in virtual time."""

    __slots__ = ("active", "start")

    def __init__(self) -> None:
        self.start = 0.0
        self.active = False


M = TypeVar("M", bound=Member)


class FairQueue(Generic[M]):
    """The active members, in the order of their start tags."""

    __slots__ = ("_heap", "_order", "_virtual")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, M]] = []
        self._virtual = 0.0
        self._order = 0

    def __len__(self) -> int:
        return len(self._heap)

    def activate(self, member: M) -> None:
        """The member has work now; nothing happens when it is active already."""
        if member.active:
            return
        member.active = True
        member.start = max(member.start, self._virtual)
        self._order += 1
        heappush(self._heap, (member.start, self._order, member))

    def first(self) -> M | None:
        """The member whose turn it is; one that was charged meanwhile takes its later place."""
        heap = self._heap
        while heap:
            start, order, member = heap[0]
            if member.start <= start:
                return member
            heapreplace(heap, (member.start, order, member))
        return None

    def served(self, cost: float) -> None:
        """The first member got its turn, which took `cost`; it stays active."""
        start, _, member = self._heap[0]
        self._virtual = start
        member.start = start + cost
        self._order += 1
        heapreplace(self._heap, (member.start, self._order, member))

    def retire(self) -> None:
        """The first member has no work now."""
        start, _, member = heappop(self._heap)
        self._virtual = max(self._virtual, start)
        member.active = False
