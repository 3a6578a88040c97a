"""Where tracked links lead: by message and number, the most used ones in memory."""

from collections import OrderedDict
from collections.abc import Sequence

from mta.model.rendering import Companion
from mta.store.base import Store

KEPT = 2_000  # messages


def link_rows(message: int, urls: Sequence[str]) -> Sequence[Companion]:
    """What becomes durable with a message: where its links lead."""
    rows = [(message, number, url) for number, url in enumerate(urls)]
    return [("campaign_link_insert", rows)] if rows else []


class LinkBook:
    """Finds the address of a link."""

    def __init__(self, store: Store, kept: int = KEPT) -> None:
        """`kept`: messages whose links stay in memory."""
        self._store = store
        self._kept = kept
        self._by_message: OrderedDict[int, Sequence[str]] = OrderedDict()

    def known(self, message: int, link: int) -> str | None:
        """The address, may it hold merge fields; None when it is not in memory."""
        urls = self._by_message.get(message)
        return urls[link] if urls is not None and link < len(urls) else None

    async def find(self, message: int, link: int) -> str | None:
        """The address; None when there is no such link. Raises `StoreError`."""
        urls = self._by_message.get(message)
        if urls is None:
            rows = await self._store.read("campaign_links", message=message)
            if not rows:  # not kept: whoever holds an old token could fill the memory with them
                return None
            urls = self._by_message[message] = tuple(url for _, url in rows)
            if len(self._by_message) > self._kept:
                self._by_message.popitem(last=False)
        return urls[link] if link < len(urls) else None
