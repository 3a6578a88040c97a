"""Who is behind a number: the recipients of a campaign, by what became of them, page by page."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson

from console.accounts.actor import Actor, NotVisible
from console.accounts.audit import AuditTrail
from console.accounts.permissions import Permission
from console.tracking.reader import Did, Engaged, EngagementReader
from mta.events.record import EVENT_CODES
from mta.model.traffic import DeliveryState, EventType
from mta.store.base import Store

PAGE = 50
EXPORT_PAGE = 1_000


class Who(StrEnum):
    """Which recipients; the values stand in addresses of pages."""

    ALL = "all"
    WAITING = "waiting"
    ATTEMPTED = "attempted"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    EXPIRED = "expired"
    SUPPRESSED = "suppressed"
    CANCELLED = "cancelled"
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"
    OPENED = "opened"
    OPENED_AGAIN = "opened_again"
    NOT_OPENED = "not_opened"
    CLICKED = "clicked"


# Of which states of deliveries a group is, where it is one of states.
STATES: Mapping[Who, tuple[DeliveryState, ...]] = MappingProxyType(
    {
        Who.ALL: tuple(DeliveryState),
        Who.WAITING: tuple(state for state in DeliveryState if not state.is_final),
        Who.ATTEMPTED: (
            DeliveryState.DELIVERED,
            DeliveryState.BOUNCED,
            DeliveryState.EXPIRED,
        ),
        Who.DELIVERED: (DeliveryState.DELIVERED,),
        Who.SUPPRESSED: (DeliveryState.SUPPRESSED,),
        Who.CANCELLED: (DeliveryState.CANCELLED,),
    }
)
_EVENTS: Mapping[Who, int] = MappingProxyType(
    {
        Who.BOUNCED: EVENT_CODES[EventType.BOUNCED],
        Who.EXPIRED: EVENT_CODES[EventType.EXPIRED],
        Who.COMPLAINED: EVENT_CODES[EventType.COMPLAINED],
        Who.UNSUBSCRIBED: EVENT_CODES[EventType.UNSUBSCRIBED],
    }
)


_DID: Mapping[Who, Did] = MappingProxyType(
    {
        Who.OPENED: Did.OPENED,
        Who.OPENED_AGAIN: Did.OPENED_AGAIN,
        Who.NOT_OPENED: Did.NOT_OPENED,
        Who.CLICKED: Did.CLICKED,
    }
)


class Recipient(NamedTuple):
    """One recipient; `bounce_class` and `at_ms` where something happened to it."""

    id: int  # of the delivery
    n: int  # -1: not told
    address: str
    state: DeliveryState
    attempts: int
    changed_ms: int
    reply: str
    host: str
    bounce_class: str
    at_ms: int
    times: int = 0  # opened or clicked

    @classmethod
    def of(cls, row: Sequence[Any]) -> "Recipient":
        """From a row of `figures_people` or `figures_recipients`."""
        return cls(row[0], row[1], row[2], DeliveryState(row[3]), *row[4:])


@dataclass(frozen=True, slots=True)
class Choice:
    """Whom to show: a kind, of bounces one class, or one address.

    `flow` and `messages` are a campaign's; the ids of later messages are greater.
    """

    flow: int
    messages: tuple[int, ...]
    who: Who = Who.ALL
    bounce_class: str = ""
    address: str = ""
    link: int | None = None  # of clicks: on that one
    provider: str | None = None  # of outcomes: at that mailbox provider, "" for one not known
    is_automatic: bool = False  # of opens and clicks: also those of machines


@dataclass(frozen=True, slots=True)
class People:
    """A page; `next` is where the following one begins, 0 when there is none."""

    rows: Sequence[Recipient]
    next: int


class RecipientService:
    """Reads by keys, so the last page is as fast as the first."""

    def __init__(self, store: Store, trail: AuditTrail, engagement: EngagementReader) -> None:
        self._store = store
        self._trail = trail
        self._engagement = engagement

    async def page(
        self, actor: Actor, choice: Choice, *, after: int = 0, limit: int = PAGE
    ) -> People:
        """Recipients in the order of the file. Raises `NotVisible`."""
        await self._check(actor, choice, Permission.CAMPAIGN_VIEW)
        return await self._read(choice, after, limit)

    async def export(self, actor: Actor, choice: Choice) -> AsyncIterator[Sequence[Recipient]]:
        """All of them in pieces; noted in the audit trail. Raises `NotVisible`."""
        account = await self._check(actor, choice, Permission.EXPORT)
        after = {"who": choice.who.value, "class": choice.bounce_class, "address": choice.address}
        await self._trail.note(actor, "recipients.exported", account, choice.flow, after=after)
        place, is_first = 0, True
        while is_first or place:
            people = await self._read(choice, place, EXPORT_PAGE)
            yield people.rows
            place, is_first = people.next, False

    async def _read(self, choice: Choice, after: int, limit: int) -> People:
        if not choice.address and (did := _DID.get(choice.who)):
            return await self._engaged(choice, did, after, limit)
        rows: list[Any] = []
        for name, values in _statements(choice):
            if len(rows) <= limit:
                count = limit + 1 - len(rows)
                rows += await self._store.read(
                    name, flow=choice.flow, after=after, limit=count, **values
                )
        found = [Recipient.of(row) for row in rows[:limit]]
        return People(found, found[-1].id if len(rows) > limit else 0)

    async def _engaged(self, choice: Choice, did: Did, after: int, limit: int) -> People:
        limit = min(limit, EXPORT_PAGE - 1)
        rows: list[Engaged] = []
        for message in choice.messages:
            if len(rows) <= limit:
                rows += await self._engagement.who(
                    message,
                    did,
                    link=choice.link,
                    after=after,
                    count=limit + 1 - len(rows),
                    automatic=choice.is_automatic,
                )
        found = [
            Recipient(
                row.delivery, -1, row.address, DeliveryState.DELIVERED, 0, row.last_ms, "", "", "",
                row.first_ms, row[4],
            )
            for row in rows[:limit]
        ]  # fmt: skip
        return People(found, found[-1].id if len(rows) > limit else 0)

    async def _check(self, actor: Actor, choice: Choice, permission: Permission) -> int:
        rows = await self._store.read("figures_account_of", flow=choice.flow)
        if not rows:
            raise NotVisible("there is no such campaign")
        account: int = rows[0][0]
        actor.require(permission, account)
        return account


def _statements(choice: Choice) -> Sequence[tuple[str, dict[str, Any]]]:
    """What to read for it one after the other, and with which values."""
    values: dict[str, Any]
    if not choice.address and (code := _EVENTS.get(choice.who)):
        values = {"type": code, "class": choice.bounce_class or None, "provider": choice.provider}
        return [("figures_people", values)]
    if choice.address:
        name, values = "figures_recipient", {"address": choice.address}
    else:
        states = orjson.dumps(STATES[choice.who]).decode()
        name, values = "figures_recipients", {"states": states, "provider": choice.provider}
    return [(name, {**values, "message": message}) for message in choice.messages]
