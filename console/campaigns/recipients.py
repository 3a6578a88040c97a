"""The recipients of a campaign, each with what became of its mail: the rows of the queue."""

from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from console.campaigns.values import Campaign
from mta.model.traffic import DeliveryState
from mta.store.base import Store

SPAN = 20_000  # rows looked at by one read
MAX_SPANS = 25  # of one page: half a million rows

_S = DeliveryState
# Names of states as people ask for them.
STATES: dict[str, tuple[DeliveryState, ...]] = {
    "queued": (_S.READY, _S.CLAIMED),
    "deferred": (_S.SCHEDULED,),
    "delivered": (_S.DELIVERED,),
    "bounced": (_S.BOUNCED,),
    "expired": (_S.EXPIRED,),
    "suppressed": (_S.SUPPRESSED,),
    "cancelled": (_S.CANCELLED,),
}
NAMES = {state: name for name, states in STATES.items() for state in states}


@dataclass(frozen=True, slots=True)
class Recipient:
    """One of them."""

    delivery: int
    number: int  # in its message, from 0
    message: int
    address: str
    state: str  # one of `STATES`
    attempts: int
    changed_ms: int
    reply: str
    host: str
    contact: int | None


@dataclass(frozen=True, slots=True)
class RecipientPage:
    """Some of them; `after` begins the next page, 0: there is none."""

    recipients: Sequence[Recipient]
    after: int


async def recipients_of(
    store: Store, campaign: Campaign, state: str, after: int, count: int
) -> RecipientPage:
    """The first in that state ('': in any) behind a delivery; those without a row yet are not told."""
    messages = orjson.dumps(campaign.frozen.messages).decode()
    states = orjson.dumps([int(one) for one in STATES.get(state, ())]).decode()
    found: list[Recipient] = []
    for _ in range(MAX_SPANS):
        ((upto, looked),) = await store.read(
            "campaign_span", messages=messages, after=after, size=SPAN
        )
        rows = await store.read(
            "campaign_recipients", messages=messages, states=states, after=after, upto=upto,
            count=count - len(found),
        )  # fmt: skip
        found += [_recipient(row) for row in rows]
        if len(found) == count:
            return RecipientPage(found, found[-1].delivery)
        if looked < SPAN:
            return RecipientPage(found, 0)
        after = upto
    return RecipientPage(found, after)


def _recipient(row: tuple[int, int, int, str, int, int, int, str, str, int | None]) -> Recipient:
    number, n, message, address, state, attempts, changed_ms, reply, host, contact = row
    name = NAMES[DeliveryState(state)]
    return Recipient(number, n, message, address, name, attempts, changed_ms, reply, host, contact)
