"""What is told of a person, as values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Erased:
    """What was forgotten."""

    deliveries: int
    contents: int
    suppressions: int


@dataclass(frozen=True, slots=True)
class Erasure:
    """A person was forgotten: what the audit trail has of it."""

    number: int  # of the entry
    at_ms: int
    actor: str
    figures: Mapping[str, Any]  # deliveries, contents, suppressions, why
    hash: str  # of the entry in the chain; "" until it is sealed, about a second later

    @classmethod
    def of(cls, row: Sequence[Any]) -> "Erasure":
        """From a row of `privacy_erasures`."""
        number, at_ms, actor, after, digest = row
        return cls(number, at_ms, actor, orjson.loads(after) if after else {}, digest)


@dataclass(frozen=True, slots=True)
class Held:
    """How much is kept about a person."""

    address: str
    deliveries: int
    waiting: int  # of them not over: they stand in the way of forgetting
    first_ms: int  # accepted; 0: none
    last_ms: int
    suppressions: int
    others: Mapping[str, int]  # by name of the holder
    erasures: Sequence[Erasure]  # the newest first

    @property
    def is_anything(self) -> bool:
        """Whether there is something to tell or to forget."""
        return bool(self.deliveries or self.suppressions or any(self.others.values()))
