"""Counts what credentials do at the doors: in memory, two dictionary look-ups a request.

A day is one of the account's time zone; it ends where the next begins, also when a clock change
makes it 23 or 25 hours long.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from zoneinfo import ZoneInfo

from mta.model.clock import Clock
from mta.model.envelope import Identity
from mta.model.reply import Reply

BUCKETS = 16  # answers under 1, 2, 4 … 16,384 ms, and slower ones
REQUESTS, ACCEPTED, REJECTED, ERRORS, RECIPIENTS, REFUSED, FIRST_BUCKET = range(7)
COLUMNS = FIRST_BUCKET + BUCKETS

SMTP = "smtp"

Key = tuple[str, int, int, str]  # day, account, credential, door


class Result(StrEnum):
    """How a request ended."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"  # the caller's fault, or a rule
    ERROR = "error"  # ours


_COLUMN_OF = {Result.ACCEPTED: ACCEPTED, Result.REJECTED: REJECTED, Result.ERROR: ERRORS}


class UsageCounters:
    """What was counted and not written yet. Implements the listener's `UsagePort`."""

    def __init__(
        self, clock: Clock, timezone: str, zone_of: Callable[[int], tzinfo] | None = None
    ) -> None:
        """`timezone` of the server; `zone_of(account)`: whose days count, else the server's."""
        self._clock = clock
        self._zone = ZoneInfo(timezone)
        self._zone_of = zone_of or (lambda _: self._zone)
        self._days: dict[int, _Day] = {}  # by account, of those with requests since the last `take`
        self._counts: dict[Key, list[int]] = {}

    def note(
        self,
        identity: Identity,
        door: str,
        result: Result,
        *,
        recipients: int = 0,
        refused: int = 0,
        seconds: float | None = None,
    ) -> None:
        """Count one request that took `seconds`; None: it is not part of the histogram."""
        counts = self._row(identity, door)
        counts[REQUESTS] += 1
        counts[_COLUMN_OF[result]] += 1
        counts[RECIPIENTS] += recipients
        counts[REFUSED] += refused
        if seconds is not None:
            bucket = int(seconds * 1000).bit_length()
            counts[FIRST_BUCKET + (bucket if bucket < BUCKETS else BUCKETS - 1)] += 1

    def submitted(self, identity: Identity, reply: Reply, recipients: int, seconds: float) -> None:
        """A message over SMTP was answered."""
        counts = self._row(identity, SMTP)
        counts[REQUESTS] += 1
        if reply.code == 250:
            counts[ACCEPTED] += 1
            counts[RECIPIENTS] += recipients
        else:
            counts[_failed(reply)] += 1
            counts[REFUSED] += recipients
        bucket = int(seconds * 1000).bit_length()
        counts[FIRST_BUCKET + (bucket if bucket < BUCKETS else BUCKETS - 1)] += 1

    def refused(self, identity: Identity, reply: Reply) -> None:
        """A sender or a recipient over SMTP was refused."""
        counts = self._row(identity, SMTP)
        counts[REQUESTS] += 1
        counts[_failed(reply)] += 1
        counts[REFUSED] += 1

    def take(self) -> dict[Key, list[int]]:
        """What was counted since the last time; it is the caller's now."""
        taken, self._counts = self._counts, {}
        self._days = {}  # an account's zone may have changed
        return taken

    def put_back(self, taken: dict[Key, list[int]]) -> None:
        """What could not be written counts again."""
        for key, counts in taken.items():
            row = self._counts.setdefault(key, [0] * COLUMNS)
            for column, count in enumerate(counts):
                row[column] += count

    def today(self, account: int | None = None) -> str:
        """The day as of now for an account, like 2026-11-22; None: for the server."""
        zone = self._zone if account is None else self._zone_of(account)
        return _Day.at(self._clock.now_ms(), zone).name

    def _row(self, identity: Identity, door: str) -> list[int]:
        now_ms = self._clock.now_ms()
        account = identity.account_id
        day = self._days.get(account)
        if day is None or not day.begins_ms <= now_ms < day.ends_ms:
            day = self._days[account] = _Day.at(now_ms, self._zone_of(account))
        key = (day.name, account, identity.credential_id, door)
        row = self._counts.get(key)
        if row is None:
            row = self._counts[key] = [0] * COLUMNS
        return row


@dataclass(frozen=True, slots=True)
class _Day:
    """A day of a time zone."""

    name: str
    begins_ms: int
    ends_ms: int

    @classmethod
    def at(cls, now_ms: int, zone: tzinfo) -> "_Day":
        """The one that a moment is in."""
        day = datetime.fromtimestamp(now_ms / 1000, zone).date()
        ends_ms = _midnight_ms(day + timedelta(days=1), zone)
        return cls(day.isoformat(), _midnight_ms(day, zone), ends_ms)


def _midnight_ms(day: date, zone: tzinfo) -> int:
    moment = datetime.combine(day, time(), zone)
    return round(moment.astimezone(UTC).timestamp() * 1000)


def _failed(reply: Reply) -> int:
    """X.3.z is the system's fault (RFC 3463 §3.4), everything else the caller's or a rule's."""
    return ERRORS if reply.enhanced.startswith("4.3.") else REJECTED
