"""Segments as the table has them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Segment:
    """A filter under a name; `counted` is what a count gave at `counted_ms` (0: never)."""

    id: int
    account: int
    name: str
    filter: Mapping[str, Any]
    counted: int
    counted_ms: int
    created_ms: int
    changed_ms: int

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> Self:
        """From a row of `contact_segment_by_id`."""
        return cls(row[0], row[1], row[2], json.loads(row[3]), *row[4:])
