"""What delivery counts, as a Protocol: whoever counts is handed in."""

from collections.abc import Sequence
from typing import Protocol


class DeliveryMetrics(Protocol):
    """What is counted on the way out; `mta.events.Metrics` fits."""

    def connection_opened(self, direction: str) -> None:
        """A connection is being opened."""
        ...

    def connection_closed(self, direction: str) -> None:
        """It is gone."""
        ...

    def connection_failed(self, phase: str) -> None:
        """It could not be had."""
        ...

    def tls_session(self, direction: str, version: str) -> None:
        """It is encrypted."""
        ...

    def set_warm_ups(self, numbers: Sequence[tuple[str, str, int, int, int]]) -> None:
        """What is being warmed up: name, provider, row of the plan, messages of the day, sent."""
        ...

    def throttle_wait(self, reason: str) -> None:
        """A lane waits for one of its limits."""
        ...
