"""Which usage guide was mailed to whom, and what became of that mail (T-k)."""

from dataclasses import dataclass

from console.accounts.values import Role
from mta.model.clock import Clock
from mta.model.traffic import DeliveryState
from mta.store.base import Store
from mta.store.work import Rows

_WORDS = {
    DeliveryState.DELIVERED: "delivered",
    DeliveryState.BOUNCED: "bounced",
    DeliveryState.EXPIRED: "bounced",
    DeliveryState.SUPPRESSED: "bounced",
    DeliveryState.CANCELLED: "bounced",
}
_MAX_REPLY = 500


@dataclass(frozen=True, slots=True)
class GuideMail:
    """The newest guide of a person."""

    message: int
    account: int
    role: Role
    language: str
    sent_ms: int
    state: str  # none | waiting | delivered | bounced
    changed_ms: int  # when it came to that; 0: not known
    reply: str  # of the person's server, or why it was given up


class GuideBook:
    """Of all people; whoever calls has asked whether he may."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def sent(self, message: int, user: int, account: int, role: Role, language: str) -> None:
        """Note a mail that is on its way."""
        row = (message, user, account, role.value, language, self._clock.now_ms())
        await self._store.submit([Rows("guide_insert", [row])])

    async def last(self, user: int) -> GuideMail | None:
        """What became of the newest one; None: none was sent yet."""
        rows = await self._store.read("guide_last", user=user)
        if not rows:
            return None
        message, account, role, language, sent_ms, state, changed_ms, reply = rows[0]
        word = "none" if state < 0 else _WORDS.get(DeliveryState(state), "waiting")
        return GuideMail(
            message, account, Role(role), language, sent_ms, word, changed_ms, reply[:_MAX_REPLY]
        )

    async def tidy(self) -> None:
        """Keep the end of those that have come to one, before the log of mail forgets it."""
        rows = await self._store.read("guide_settled")
        if rows:
            await self._store.submit([Rows("guide_settle", [tuple(row) for row in rows])])
