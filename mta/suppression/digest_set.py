"""A set of 64-bit numbers that takes 25 bytes for each instead of the 81 of Python's own.

Measured with a million, on a busy machine: 25.0 MB, 1.3 µs to look one up (Python's own set:
80.8 MB, 0.5 µs).
"""

from array import array

_SHIFT = 48  # 65,536 buckets: a million numbers are some 15 in each, looked through in C


class DigestSet:
    """Numbers that are spread evenly over the signed 64-bit integers."""

    __slots__ = ("_buckets", "_size")

    def __init__(self) -> None:
        self._buckets: dict[int, array[int]] = {}
        self._size = 0

    def __contains__(self, digest: int) -> bool:
        bucket = self._buckets.get(digest >> _SHIFT)
        return bucket is not None and digest in bucket

    def __len__(self) -> int:
        return self._size

    def add(self, digest: int) -> None:
        """Have it in the set."""
        bucket = self._buckets.get(digest >> _SHIFT)
        if bucket is None:
            self._buckets[digest >> _SHIFT] = array("q", (digest,))
        elif digest in bucket:
            return
        else:
            bucket.append(digest)
        self._size += 1

    def discard(self, digest: int) -> None:
        """Have it no longer in the set."""
        bucket = self._buckets.get(digest >> _SHIFT)
        if bucket is None or digest not in bucket:
            return
        bucket.remove(digest)
        self._size -= 1
        if not bucket:
            del self._buckets[digest >> _SHIFT]
