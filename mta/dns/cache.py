"""A bounded memory with expiry: least recently used entries go first, stale ones serve in need."""

from collections import OrderedDict
from typing import Generic, Protocol, TypeVar


class Expiring(Protocol):
    """What the cache keeps: anything that knows when it ends (monotonic seconds)."""

    @property
    def expires_s(self) -> float:
        """The time from which the value must be asked for again."""
        ...


Value = TypeVar("Value", bound=Expiring)
Key = TypeVar("Key")


class TtlCache(Generic[Key, Value]):
    """At most `max_entries` values; reading costs well under a microsecond."""

    def __init__(self, max_entries: int) -> None:
        self._entries: OrderedDict[Key, Value] = OrderedDict()
        self._max_entries = max_entries

    def __len__(self) -> int:
        return len(self._entries)

    def fresh(self, key: Key, now_s: float) -> Value | None:
        """The value if it has not expired; reading it makes it the last to be dropped."""
        value = self._entries.get(key)
        if value is None or value.expires_s <= now_s:
            return None
        self._entries.move_to_end(key)
        return value

    def last(self, key: Key) -> Value | None:
        """The value, expired or not."""
        return self._entries.get(key)

    def put(self, key: Key, value: Value) -> None:
        """Remember the value; drops the entry used longest ago when there are too many."""
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) > self._max_entries:
            self._entries.popitem(last=False)

    def discard(self, key: Key) -> None:
        """Forget one entry, if it is there."""
        self._entries.pop(key, None)

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
