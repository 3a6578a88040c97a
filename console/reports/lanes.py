"""Where an account's mail waits: each receiving site, what holds it up there and until when.

Sites are shared by all accounts; what a server said is shown without the addresses in it.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from console.accounts.actor import Actor
from console.accounts.permissions import Permission
from console.reports.causes import same_in
from console.reports.warming import WarmUpLine, warm_up_lines
from mta.delivery.sites import UNRESOLVED, SiteDirectory
from mta.delivery.warm_ups import WarmUps
from mta.engine.port import DispatcherPort, SiteView
from mta.model.clock import Clock, SystemClock
from mta.model.traffic import DeliveryState
from mta.store.base import Store

SHOWN = 30  # sites


class Holder(StrEnum):
    """What holds the next mail; the values name texts."""

    NOTHING = "nothing"  # it is about to go
    LOOKUP = "lookup"  # the mail servers of the domain are being looked up
    OPERATOR = "operator"  # somebody holds the site
    BACK_OFF = "back_off"  # slowed down after refusals
    REST = "rest"  # the last connection failed
    LIMIT = "limit"  # one of the limits of the provider
    CONNECTIONS = "connections"  # all that are allowed are open
    WARM_UP = "warm_up"  # its source or domain is new: bulk mail waits for its day
    RETRY = "retry"  # put off by the receiver
    LATER = "later"  # a later hour was asked for
    STOPPED = "stopped"  # no server runs


@dataclass(frozen=True, slots=True)
class Lane:
    """Mail of one account for one site; times are milliseconds, 0 for not known."""

    site: str
    provider: str
    ready: int
    scheduled: int
    holder: Holder
    detail: str = ""  # a limit's name, or what the server said
    until_ms: int = 0
    connections: int = 0
    limit: int = 0
    rate: float = 0.0  # mails a second that the limits allow; 0: no limit

    @property
    def waiting(self) -> int:
        """All of it."""
        return self.ready + self.scheduled


class LaneService:
    """Looks at up to 50,000 waiting deliveries."""

    def __init__(
        self,
        store: Store,
        sites: SiteDirectory,
        port: DispatcherPort | None,
        warm_ups: WarmUps | None = None,
        clock: Clock | None = None,
    ) -> None:
        """`port`: the running dispatcher; None when no server runs. `warm_ups`: those of it."""
        self._warm_ups = warm_ups
        self._clock = clock or SystemClock()
        self._store = store
        self._sites = sites
        self._port = port

    async def of_account(self, actor: Actor, account: int) -> Sequence[Lane]:
        """The sites where mail of the account waits, the most first. Asks for `report.view`."""
        actor.require(Permission.REPORT_VIEW, account)
        waiting: dict[int, list[tuple[int, int, int, str]]] = {}
        for site, state, n, due_ms, reply in await self._store.read(
            "lanes_waiting", account=account
        ):
            waiting.setdefault(site, []).append((state, n, due_ms, reply))
        views = {} if self._port is None else {v.site: v for v in self._port.site_views()}
        lanes = [self._lane(site, rows, views.get(site), account) for site, rows in waiting.items()]
        return sorted(lanes, key=lambda lane: (-lane.waiting, lane.site))[:SHOWN]

    async def warming(
        self, actor: Actor, account: int, domains: Collection[str]
    ) -> Sequence[WarmUpLine]:
        """What is new and warms up: source addresses, and of `domains`. Asks for `report.view`."""
        actor.require(Permission.REPORT_VIEW, account)
        if self._warm_ups is None:
            return ()
        return warm_up_lines(self._warm_ups, domains, self._clock.now_ms())

    def _lane(
        self,
        site: int,
        rows: Sequence[tuple[int, int, int, str]],
        view: SiteView | None,
        account: int,
    ) -> Lane:
        is_known = site != UNRESOLVED
        name = self._sites.get(site).name if is_known else ""
        provider = self._sites.get(site).provider if is_known else ""
        scheduled = [row for row in rows if row[0] == DeliveryState.SCHEDULED]
        ready = sum(row[1] for row in rows if row[0] != DeliveryState.SCHEDULED)
        holder, detail, until_ms = self._held(is_known, ready, scheduled, view, account)
        return Lane(
            name, provider, ready, sum(row[1] for row in scheduled), holder, same_in(detail),
            until_ms,
            view.connections if view else 0, view.limit if view else 0, view.rate if view else 0.0,
        )  # fmt: skip

    def _held(
        self,
        is_known: bool,
        ready: int,
        scheduled: Sequence[tuple[int, int, int, str]],
        view: SiteView | None,
        account: int,
    ) -> tuple[Holder, str, int]:
        if self._port is None:
            return Holder.STOPPED, "", 0
        if ready and not is_known:
            return Holder.LOOKUP, "", 0
        if view is not None and (held := held_by(view, account)) is not None:
            return held
        if scheduled and not ready:
            due_ms = min(row[2] for row in scheduled)
            reply = next((row[3] for row in scheduled if row[3]), "")
            return (Holder.RETRY if reply else Holder.LATER), reply, due_ms
        return Holder.NOTHING, "", 0


def held_by(view: SiteView, account: int) -> tuple[Holder, str, int] | None:
    """What of a site holds an account's next mail: the most severe first; None: nothing does."""
    if view.hold_reason:
        return Holder.OPERATOR, view.hold_reason, 0
    if view.stage != "normal":
        return Holder.BACK_OFF, view.stage_reply, view.stage_until_ms
    if view.rest_until_ms:
        return Holder.REST, view.rest_reply, view.rest_until_ms
    if view.warm_up:
        return Holder.WARM_UP, view.warm_up, view.warm_up_until_ms
    for cold in view.cold:
        if cold.account == account:
            return Holder.WARM_UP, cold.reason, cold.until_ms
    if view.wait_reason:
        return Holder.LIMIT, view.wait_reason, view.wait_until_ms
    if view.limit and view.connections >= view.limit:
        return Holder.CONNECTIONS, f"{view.connections}/{view.limit}", 0
    return None
