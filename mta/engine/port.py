"""What the queue operations need of the running dispatcher, and how it shows a site."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from mta.delivery.warming import ColdSender


@dataclass(frozen=True, slots=True)
class SiteView:
    """A site as the running dispatcher sees it; times are milliseconds since 1970, 0 for none.

    `limit` connections of which `connections` are open; `wait_reason` is the limit that holds the
    next message or connection, as `shaping.toml` names it. `stage` is that of the back-off.
    """

    site: int
    name: str
    waiting: int = 0  # deliveries in memory
    claimed: int = 0
    connections: int = 0
    limit: int = 0
    rate: float = 0.0  # messages a second that the limits allow; 0: no limit
    hold_reason: str = ""
    wait_reason: str = ""
    wait_until_ms: int = 0
    rest_until_ms: int = 0  # no connection is tried before
    rest_reply: str = ""
    stage: str = "normal"
    stage_reply: str = ""  # the reply that led to it
    stage_until_ms: int = 0
    warm_up: str = ""  # the plan of all its sources that holds automated and campaign mail
    warm_up_until_ms: int = 0
    cold: Sequence[ColdSender] = ()  # whose domains' own plans hold theirs


class DispatcherPort(Protocol):
    """What the operations need of the running dispatcher."""

    def gate_changed(self, flow_id: int) -> None:
        """A flow's gate was changed and committed."""
        ...

    def note_due(self, due_ms: int) -> None:
        """Scheduled rows are due then."""
        ...

    def withdraw(self, deliveries: Collection[int]) -> None:
        """Forget those of these deliveries that wait in memory; what is under way stays.

        Those that turn out to be ready on disk still are read again.
        """
        ...

    async def cancel(self, rows: list[tuple[Any, ...]]) -> int:
        """End those of these rows (columns of `flow_open_rows`) that are not under way."""
        ...

    def hold_site(self, site_id: int, reason: str) -> None:
        """Begin no further attempt to the site; an empty reason releases it. Disk is ours."""
        ...

    def insist(self, site_id: int) -> None:
        """Let the next attempt to the site wait for no host that failed lately."""
        ...

    def is_under_way(self, delivery_id: int) -> bool:
        """Whether the delivery was picked for a connection."""
        ...

    def site_view(self, site_id: int) -> SiteView | None:
        """The site as it is now, None when nothing is known of it in memory."""
        ...

    def site_views(self) -> Sequence[SiteView]:
        """All sites with anything in memory, in no order."""
        ...
