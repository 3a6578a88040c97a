"""Counts what credentials do at the doors: in memory, one dictionary look-up a request.

A day is one of the server's time zone; it ends where the next begins, also when a clock change
makes it 23 or 25 hours long.
"""

from datetime import UTC, date, datetime, time, timedelta
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

    def __init__(self, clock: Clock, timezone: str) -> None:
        self._clock = clock
        self._zone = ZoneInfo(timezone)
        self._day = ""
        self._begins_ms = self._ends_ms = 0
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
        return taken

    def put_back(self, taken: dict[Key, list[int]]) -> None:
        """What could not be written counts again."""
        for key, counts in taken.items():
            row = self._counts.setdefault(key, [0] * COLUMNS)
            for column, count in enumerate(counts):
                row[column] += count

    def today(self) -> str:
        """The day as of now, like 2026-11-22."""
        self._look(self._clock.now_ms())
        return self._day

    def _row(self, identity: Identity, door: str) -> list[int]:
        now_ms = self._clock.now_ms()
        if not self._begins_ms <= now_ms < self._ends_ms:
            self._look(now_ms)
        key = (self._day, identity.account_id, identity.credential_id, door)
        row = self._counts.get(key)
        if row is None:
            row = self._counts[key] = [0] * COLUMNS
        return row

    def _look(self, now_ms: int) -> None:
        day = datetime.fromtimestamp(now_ms / 1000, self._zone).date()
        self._day = day.isoformat()
        self._begins_ms = _midnight_ms(day, self._zone)
        self._ends_ms = _midnight_ms(day + timedelta(days=1), self._zone)


def _midnight_ms(day: date, zone: ZoneInfo) -> int:
    moment = datetime.combine(day, time(), zone)
    return round(moment.astimezone(UTC).timestamp() * 1000)


def _failed(reply: Reply) -> int:
    """X.3.z is the system's fault (RFC 3463 §3.4), everything else the caller's or a rule's."""
    return ERRORS if reply.enhanced.startswith("4.3.") else REJECTED
