"""Counts opens by program and device as their events come, and reads the counts of a campaign."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from console.accounts.actor import Actor, NotVisible
from console.accounts.permissions import Permission
from console.reports.clients.naming import Client, Device, named
from console.tracking.hits import HitClass
from mta.model.traffic import EventType
from mta.spool.follower import FollowedEvent
from mta.store.base import Store
from mta.store.work import Rows

NAME = "clients"
FOLLOWED = (EventType.OPENED,)
BATCH = 1_000
_AUTOMATIC = frozenset(one.shown for one in HitClass if not one.is_counted)


class ClientOpens(NamedTuple):
    """How often a campaign was opened with a program on a kind of device."""

    client: Client
    device: Device
    n: int


class ClientCounting:
    """The handler of an `EventFollower` named `NAME` for `FOLLOWED`, in batches of `BATCH`."""

    async def handle(self, events: Sequence[FollowedEvent]) -> Sequence[Rows]:
        """The rows that count these events."""
        sums: Counter[tuple[int, str, str, int]] = Counter()
        for event in events:
            values = event.values() if event.data else {}
            client, device = named(str(values.get("agent", "")))
            is_auto = int(values.get("class") in _AUTOMATIC)
            sums[event.flow, client.value, device.value, is_auto] += 1
        return [Rows("client_open_add", [(*key, n) for key, n in sums.items()])] if sums else []


class ClientReader:
    """Asks for `report.view`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def of_flow(
        self, actor: Actor, flow: int, *, automatic: bool = False
    ) -> Sequence[ClientOpens]:
        """Of a campaign, by its flow, the most first. Raises `NotPermitted`, `NotVisible`."""
        rows = await self._store.read("figures_account_of", flow=flow)
        if not rows:
            raise NotVisible("there is no such flow")
        actor.require(Permission.REPORT_VIEW, rows[0][0])
        return [
            ClientOpens(Client(client), Device(device), n)
            for client, device, n in await self._store.read(
                "client_opens", flow=flow, automatic=int(automatic)
            )
        ]
