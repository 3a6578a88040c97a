"""Days of a time zone as UTC hours: what a period's figures are summed over.

Everything is counted by UTC hours. In a zone that is off by a part of an hour an hour belongs to
the day in which it begins.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from mta.model.errors import PermanentError

HOUR_S = 3600


class BadPeriod(PermanentError):
    """Days that are no period, or too many for what is asked."""


@dataclass(frozen=True, slots=True)
class Days:
    """From the first to the last day, both included, of a time zone."""

    first: date
    last: date
    zone: ZoneInfo

    def __post_init__(self) -> None:
        """Raise `BadPeriod`."""
        if self.first > self.last:
            raise BadPeriod(f"from {self.first} is after to {self.last}")

    @property
    def first_hour(self) -> int:
        """Hours since 1970 UTC."""
        return self.begin_hour(self.first)

    @property
    def last_hour(self) -> int:
        """The last one that belongs to it."""
        return self.begin_hour(self.last + timedelta(days=1)) - 1

    def whole(self) -> dict[str, int]:
        """The whole UTC days within, and the hours before and behind them, as values of reads.

        Without a whole day the hours at the beginning are all there are.
        """
        first, last = self.first_hour, self.last_hour
        first_day, last_day = -(-first // 24), (last + 1) // 24 - 1
        if last_day < first_day:
            first_day, last_day, head, tail = 1, 0, last + 1, last + 1
        else:
            head, tail = first_day * 24, (last_day + 1) * 24
        return {
            "first_day": first_day, "last_day": last_day,
            "first_hour": first, "head": head, "tail": tail, "last_hour": last,
        }  # fmt: skip

    def __iter__(self) -> Iterator[date]:
        """Each day."""
        for offset in range((self.last - self.first).days + 1):
            yield self.first + timedelta(days=offset)

    def begin_hour(self, day: date) -> int:
        """The first UTC hour that begins on a day, since 1970."""
        midnight = datetime.combine(day, time(), self.zone).astimezone(UTC).timestamp()
        return -(-round(midnight) // HOUR_S)

    def local(self, hour: int) -> datetime:
        """An hour since 1970 UTC as a moment of the zone."""
        return datetime.fromtimestamp(hour * HOUR_S, UTC).astimezone(self.zone)
