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
from mta.events.record import EVENT_CODES
from mta.model.traffic import DeliveryState, EventType
from mta.store.base import Store

PAGE = 50
EXPORT_PAGE = 1_000


class Who(StrEnum):
    """Which recipients; the values stand in addresses of pages."""

    ALL = "all"
    WAITING = "waiting"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    EXPIRED = "expired"
    SUPPRESSED = "suppressed"
    CANCELLED = "cancelled"
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"


_STATES: Mapping[Who, tuple[DeliveryState, ...]] = MappingProxyType(
    {
        Who.ALL: tuple(DeliveryState),
        Who.WAITING: tuple(state for state in DeliveryState if not state.is_final),
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


class Recipient(NamedTuple):
    """One recipient; `bounce_class` and `at_ms` where something happened to it."""

    id: int  # of the delivery
    n: int
    address: str
    state: DeliveryState
    attempts: int
    changed_ms: int
    reply: str
    host: str
    bounce_class: str
    at_ms: int

    @classmethod
    def of(cls, row: Sequence[Any]) -> "Recipient":
        """From a row of `figures_people` or `figures_recipients`."""
        return cls(row[0], row[1], row[2], DeliveryState(row[3]), *row[4:])


@dataclass(frozen=True, slots=True)
class Choice:
    """Whom to show: a kind, of bounces one class, or one address; `flow` and `message` are a campaign's."""

    flow: int
    message: int
    who: Who = Who.ALL
    bounce_class: str = ""
    address: str = ""


@dataclass(frozen=True, slots=True)
class People:
    """A page; `next` is where the following one begins, 0 when there is none."""

    rows: Sequence[Recipient]
    next: int


class RecipientService:
    """Reads by keys, so the last page is as fast as the first."""

    def __init__(self, store: Store, trail: AuditTrail) -> None:
        self._store = store
        self._trail = trail

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
        name, values = _statement(choice)
        rows = await self._store.read(
            name, flow=choice.flow, after=after, limit=limit + 1, **values
        )
        found = [Recipient.of(row) for row in rows[:limit]]
        return People(found, found[-1].id if len(rows) > limit else 0)

    async def _check(self, actor: Actor, choice: Choice, permission: Permission) -> int:
        rows = await self._store.read("figures_account_of", flow=choice.flow)
        if not rows:
            raise NotVisible("there is no such campaign")
        account: int = rows[0][0]
        actor.require(permission, account)
        return account


def _statement(choice: Choice) -> tuple[str, dict[str, Any]]:
    """What to read for it, and with which values."""
    if choice.address:
        return "figures_recipient", {"message": choice.message, "address": choice.address}
    if code := _EVENTS.get(choice.who):
        return "figures_people", {"type": code, "class": choice.bounce_class or None}
    states = orjson.dumps(_STATES[choice.who]).decode()
    return "figures_recipients", {"message": choice.message, "states": states}
