"""What whoever processes personal data has to account for: retention, requests, amounts, people (T-t)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from console.accounts.actor import Actor
from console.accounts.permissions import Permission
from mta.model.clock import Clock
from mta.store.base import Store

MOST_COUNTED = 100_000
_DAY_S = 24 * 3600.0
_MS = 1_000_000  # ids are nanoseconds
UPLOADS = "uploads"
FILES = "exports"  # of those the page tells no number
COUNTED = ("contacts", "consents", "suppressions", "deliveries", "uploads")


@dataclass(frozen=True, slots=True)
class Kept:
    """How long something is kept, and what goes within a day."""

    name: str  # of the texts
    setting: str
    seconds: float  # 0: as long as the next one, or until somebody removes it
    next_day: int | None  # None: nothing is counted; more than `MOST_COUNTED`: at least so many


@dataclass(frozen=True, slots=True)
class Account:
    """The figures of the processor's report."""

    held: Mapping[str, int]
    requests: Mapping[str, int]  # by action of the audit trail
    people: int
    with_factor: int


class DutyReader:
    """For who may see the audit trail of the accounts."""

    def __init__(
        self, store: Store, clock: Clock, settings: Sequence[tuple[str, str, float]]
    ) -> None:
        """`settings`: name, setting and seconds of everything that has a retention."""
        self._store = store
        self._clock = clock
        self._settings = settings

    async def retention(self, actor: Actor, accounts: Sequence[int]) -> list[Kept]:
        """Each with what goes in the next 24 hours, of those accounts. Raises `NotPermitted`."""
        chosen = self._checked(actor, accounts)
        return [
            Kept(name, setting, seconds, await self._next_day(name, seconds, chosen))
            for name, setting, seconds in self._settings
        ]

    async def account(
        self, actor: Actor, accounts: Sequence[int], since_ms: int, until_ms: int
    ) -> Account:
        """What is held now, and what was done in a time. Raises `NotPermitted`."""
        chosen = self._checked(actor, accounts)
        (held,) = await self._store.read("duties_counts", accounts=chosen)
        requests = await self._store.read(
            "duties_requests", accounts=chosen, since=since_ms, until=until_ms
        )
        ((people, with_factor),) = await self._store.read("duties_people", accounts=chosen)
        figures = dict(zip(COUNTED, held, strict=True))
        return Account(figures, {row[0]: row[1] for row in requests}, people, with_factor)

    async def _next_day(self, name: str, seconds: float, accounts: str) -> int | None:
        if not seconds or name == FILES:
            return None
        begins_ms = self._clock.now_ms() - round(seconds * 1000)
        ends_ms = begins_ms + round(_DAY_S * 1000)
        if name == UPLOADS:
            rows = await self._store.read(
                "duties_uploads_between", until=ends_ms, accounts=accounts
            )
        else:
            rows = await self._store.read(
                "duties_mail_between", first=begins_ms * _MS, until=ends_ms * _MS,
                accounts=accounts, most=MOST_COUNTED + 1,
            )  # fmt: skip
        return int(rows[0][0])

    def _checked(self, actor: Actor, accounts: Sequence[int]) -> str:
        for account in accounts:
            actor.require(Permission.AUDIT_VIEW, account)
        return orjson.dumps(list(accounts)).decode()
