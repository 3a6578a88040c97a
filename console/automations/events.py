"""Events of other systems: `POST /events` lets a contact into the automations that wait for them."""

from collections.abc import Mapping
from typing import Any

from console.accounts.actor import Actor, NotVisible
from console.accounts.permissions import Permission
from console.automations.entering import Active, Entrance
from console.automations.ports import Readers
from mta.model.ids import IdGenerator
from mta.store.base import Store


class EventService:
    """Takes what happened elsewhere."""

    def __init__(
        self, store: Store, ids: IdGenerator, readers: Readers, active: Active, entrance: Entrance
    ) -> None:
        self._store = store
        self._ids = ids
        self._readers = readers
        self._active = active
        self._entrance = entrance

    async def take(
        self,
        actor: Actor,
        account: int,
        name: str,
        address: str,
        *,
        event_id: str = "",
        values: Mapping[str, Any] | None = None,
    ) -> int:
        """How many automations wait for it; durable when this returns.

        The same `event_id` lets the same contact in once. Raises `NotVisible` for an address that
        is no contact, `StoreError`.
        """
        actor.require(Permission.MAIL_SEND, account)
        reader = await self._readers.by_address(account, address)
        if reader is None:
            raise NotVisible(f"{address} is no contact of this account")
        await self._active.refresh()
        occasion = event_id or str(self._ids.new())
        rows = self._entrance.happened(account, name, reader.id, occasion, values or {})
        if rows:
            await self._store.submit(rows)
        return len(rows)
