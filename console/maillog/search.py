"""What the message log can be narrowed by, and what it gives.

A page costs the same however much mail there is: with 4,000,000 deliveries on a busy two-core machine
40 to 90 ms for whatever is looked for (20,000 deliveries are looked at), under 1 ms for a recipient.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from mta.model.address import parse_address
from mta.model.errors import AddressSyntaxError
from mta.model.ids import id_time_ms
from mta.model.traffic import DeliveryState, TrafficClass
from mta.store.base import Store

SCANNED = 20_000  # deliveries that one page looks at: a page may come short and have a next
ANY = -1
_FOREVER = (1 << 63) - 1


class Standing(StrEnum):
    """How a delivery stands, as people are told: what waits for another attempt is not "scheduled"."""

    SCHEDULED = "scheduled"  # somebody asked for a later hour
    DEFERRED = "deferred"  # tried, and tried again later
    READY = "ready"
    CLAIMED = "claimed"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    EXPIRED = "expired"
    SUPPRESSED = "suppressed"
    CANCELLED = "cancelled"

    @classmethod
    def of(cls, state: int, attempts: int) -> "Standing":
        """Of a delivery in that state after so many attempts."""
        if state == DeliveryState.SCHEDULED and attempts:
            return cls.DEFERRED
        return cls(DeliveryState(state).label)

    @property
    def parameters(self) -> tuple[int, int]:
        """Its state, and whether it was tried (1 or 0; -1 where that does not matter)."""
        if self is Standing.DEFERRED:
            return DeliveryState.SCHEDULED, 1
        is_scheduled = self is Standing.SCHEDULED
        return DeliveryState[self.name], 0 if is_scheduled else ANY


@dataclass(frozen=True, slots=True)
class Search:
    """Empty values mean anything; texts are looked for in any case of ASCII letters."""

    recipient: str = ""  # a whole address
    sender: str = ""  # a part of it
    subject: str = ""  # a part of it
    tag: str = ""
    standing: Standing | None = None
    klass: TrafficClass | None = None
    credential: int = 0
    since_ms: int = 0
    until_ms: int = 0  # 0: now
    key: str = ""  # an idempotency key
    provider: str = ""  # of mailboxes, as figures name it

    @property
    def _is_narrowed(self) -> bool:
        """Whether rows that are looked at may not fit; else a page need not look further."""
        words = (
            self.recipient,
            self.sender,
            self.subject,
            self.tag,
            self.credential,
            self.key,
            self.provider,
        )
        return any(words) or self.standing is not None or self.klass is not None

    @property
    def statement(self) -> str:
        """Which of the three."""
        if self.key:
            return "maillog_of_key"
        return "maillog_to" if self.recipient else "maillog_page"

    def parameters(self, account: int, before: int, count: int) -> dict[str, Any]:
        """For the statement; `before`: the place of the page, 0: the beginning."""
        state, tried = (ANY, ANY) if self.standing is None else self.standing.parameters
        values = {
            "account": account,
            "before": before or _FOREVER,
            "since": min(self.since_ms * 1_000_000, _FOREVER),
            "until": min(self.until_ms * 1_000_000, _FOREVER) or _FOREVER,
            "state": int(state),
            "tried": tried,
            "class": ANY if self.klass is None else int(self.klass),
            "credential": self.credential,
            "sender": self.sender.lower(),
            "subject": self.subject.lower(),
            "tag": self.tag,
            "provider": self.provider,
            "count": count,
            "scanned": SCANNED if self._is_narrowed else count,
        }
        if self.key:
            return {**values, "key": self.key}
        if self.recipient:
            values["address"], values["same"] = self._spellings()
        return values

    def _spellings(self) -> tuple[str, str]:
        """The address as it was given and as it is compared."""
        try:
            address = parse_address(self.recipient.strip().strip("<>"))
        except AddressSyntaxError:
            return "", ""  # nobody has it
        return str(address), address.key


@dataclass(frozen=True, slots=True)
class LogRow:
    """One delivery of the list."""

    id: int
    message: int
    address: str
    state: DeliveryState
    klass: TrafficClass
    attempts: int
    reply: str
    changed_ms: int
    sender: str
    subject: str
    tags: Sequence[str]
    credential: int
    host: str

    @property
    def accepted_ms(self) -> int:
        """When its message was taken."""
        return id_time_ms(self.message)

    @property
    def standing(self) -> Standing:
        """As people are told."""
        return Standing.of(self.state, self.attempts)

    @classmethod
    def of(cls, row: Sequence[Any]) -> "LogRow":
        """From a row of the statements."""
        tags = orjson.loads(row[10]) if row[10] else []
        return cls(
            row[0], row[1], row[2], DeliveryState(row[3]), TrafficClass(row[4]), row[5], row[6],
            row[7], row[8], row[9], tags, row[11], row[12],
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class LogPage:
    """Some deliveries, newest first, and where the next page begins; 0: there is none."""

    rows: Sequence[LogRow]
    next: int


async def find_page(
    store: Store, account: int, wanted: Search, *, before: int = 0, limit: int
) -> LogPage:
    """Deliveries of an account that fit; `before`: the place of the page, 0: the beginning.

    A page may come short and still have a next one.
    """
    parameters = wanted.parameters(account, before, limit + 1)
    *found, (_, place, *_) = await store.read(wanted.statement, **parameters)
    rows = [LogRow.of(row) for row in found[:limit]]
    return LogPage(rows, rows[-1].id if len(found) > limit else place or 0)
