"""A recipient's values, for links that hold merge fields."""

from typing import Any

import orjson

from mta.store.base import Store


class MergeValues:
    """Reads the values that a delivery was rendered with."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def of(self, delivery: int) -> dict[str, Any]:
        """By field; none when the delivery's history has been removed. Raises `StoreError`."""
        rows = await self._store.read("tracked_merge", delivery=delivery)
        if not rows:
            return {}
        address, merge = rows[0]
        values = orjson.loads(merge) if merge else {}
        return {**values, "email": address, "delivery_id": str(delivery)}
