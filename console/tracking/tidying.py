"""Forgets where links of old mail lead. What recipients did goes with the history of deliveries."""

from mta.model.clock import Clock
from mta.store.base import Store
from mta.store.work import Rows

KEPT_DAYS = 400  # people look for last year's mail
BATCH = 1_000
_DAY_MS = 86_400_000


async def tidy_links(store: Store, clock: Clock) -> int:
    """Remove the oldest links beyond their time, some at a time; how many. Raises `StoreError`."""
    before = (clock.now_ms() - KEPT_DAYS * _DAY_MS) * 1_000_000  # ids tell the time in nanoseconds
    rows = await store.read("campaign_links_old", before=before, count=BATCH)
    if rows:
        await store.submit([Rows("campaign_link_delete", rows)], bulk=True)
    return len(rows)
