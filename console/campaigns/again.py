"""Those of an earlier campaign as recipients: read from its deliveries, page by page.

The place is the id of the last delivery that was looked at, so nobody comes twice, whatever
happens to those deliveries meanwhile.
"""

from collections.abc import Sequence

import orjson

from mta.intake.recipients import Page, TemplateRecipient
from mta.model.address import parse_address
from mta.model.errors import AddressSyntaxError
from mta.model.traffic import DeliveryState
from mta.store.base import Store

SPAN = 5_000  # rows looked at by one read

_S = DeliveryState
PICKS: dict[str, tuple[DeliveryState, ...]] = {
    "failed": (_S.BOUNCED, _S.EXPIRED, _S.CANCELLED),
    "not_opened": (_S.DELIVERED,),
    "received": (_S.DELIVERED,),
}


class Again:
    """Recipients of some messages whose deliveries came to some end (`RecipientSource`)."""

    def __init__(self, store: Store, messages: Sequence[int], pick: str) -> None:
        self._store = store
        self._messages = orjson.dumps(list(messages)).decode()
        self._states = orjson.dumps([int(state) for state in PICKS[pick]]).decode()
        self._statement = "campaign_again_unopened" if pick == "not_opened" else "campaign_again"

    async def page(self, place: str, count: int) -> Page:
        """As `RecipientSource.page`; pages may have fewer than asked for, or none."""
        after = int(place or 0)
        ((upto, looked),) = await self._store.read(
            "campaign_span", messages=self._messages, after=after, size=SPAN
        )
        if not looked:
            return Page((), place or "0", is_last=True)
        rows = await self._store.read(
            self._statement,
            messages=self._messages, states=self._states, after=after, upto=upto, count=count,
        )  # fmt: skip
        is_cut = len(rows) == count
        last = rows[-1][0] if is_cut else upto
        return Page(_recipients(rows), str(last), is_last=not is_cut and looked < SPAN)

    async def count(self) -> int:
        """How many there are now, by one look at the deliveries of the messages alone."""
        statement = f"{self._statement}_count"
        rows = await self._store.read(statement, messages=self._messages, states=self._states)
        return int(rows[0][0])

    async def total(self) -> int:
        """How many there are, in all pages."""
        total, place, is_last = 0, "", False
        while not is_last:
            page = await self.page(place, SPAN)
            total, place, is_last = total + len(page.recipients), page.place, page.is_last
        return total


def _recipients(rows: Sequence[tuple[int, str, str | None, int | None]]) -> list[TemplateRecipient]:
    found = []
    for _, address, merge, contact in rows:
        try:
            found.append(TemplateRecipient(parse_address(address), merge or "", contact))
        except AddressSyntaxError:
            continue  # it never could be written to
    return found
