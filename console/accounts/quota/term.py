"""The term of a contract: whole days of one time zone, the first one included."""

from datetime import date, datetime, time, timedelta
from typing import NamedTuple, Self
from zoneinfo import ZoneInfo

from console.accounts.quota.values import Contract
from mta.model.errors import PermanentError

NEVER_MS = 2**62


class Term(NamedTuple):
    """From when to when, in milliseconds; a contract without a first day is never in its term."""

    begin_ms: int
    end_ms: int  # the first millisecond after it

    @classmethod
    def of(cls, contract: Contract, zone: ZoneInfo) -> Self:
        """365 days from 1 March: the last one is 28 February, until midnight."""
        if not contract.starts_on:
            return cls(NEVER_MS, NEVER_MS)
        first = date.fromisoformat(contract.starts_on)
        after = first + timedelta(days=contract.days)
        return cls(midnight_ms(first, zone), midnight_ms(after, zone))

    def overlaps(self, other: "Term") -> bool:
        """Whether a moment belongs to both."""
        return self.begin_ms < other.end_ms and other.begin_ms < self.end_ms


def midnight_ms(day: date, zone: ZoneInfo) -> int:
    """When the day begins there."""
    return round(datetime.combine(day, time(), zone).timestamp() * 1000)


def last_day(contract: Contract) -> str:
    """The last day of the term as an ISO date; '' while the first is not decided."""
    if not contract.starts_on:
        return ""
    return str(date.fromisoformat(contract.starts_on) + timedelta(days=contract.days - 1))


def read_day(text: str) -> date:
    """A date as people write it, 2026-03-01. Raises `PermanentError`."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise PermanentError(f"{text!r}: expected a date such as 2026-03-01") from None


def day_of(at_ms: int, zone: ZoneInfo) -> date:
    """The day of a moment there."""
    return datetime.fromtimestamp(at_ms / 1000, zone).date()
