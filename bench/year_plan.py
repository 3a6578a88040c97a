"""The simulated year: who sends what when, and what becomes of it. The same for the same seed.

An institution with five sub-accounts and one for training; campaigns on working days, mail of
applications every day. Shares of outcomes, opens and clicks are those of ordinary Latin American
mailings; what they are hardly matters to the time of a query, how many rows they make does.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("America/Lima")
SEED = 20261123
DAYS = 365
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
LINKS = 8
APPLICATIONS_SHARE = 0.1  # of all deliveries
TRAINING_SHARE = 0.001
MAIN = "Institución"
SUBS = ("Comunicaciones", "Recaudación", "Salud", "Educación", "Transportes")
TRAINING = "Capacitación"
BOUNCES = ("bad-mailbox", "bad-mailbox", "bad-mailbox", "quota", "inactive", "policy", "bad-domain")
# Openings by hour of the day in Lima: people read in the morning, after lunch and at night.
READING = (2, 1, 1, 1, 1, 3, 8, 14, 20, 24, 22, 18, 15, 17, 18, 15, 13, 12, 13, 15, 16, 13, 8, 4)


@dataclass(frozen=True, slots=True)
class Site:
    """A mailbox provider's server, with what its replies look like."""

    id: int
    name: str
    provider: str
    domain: str
    weight: float


@dataclass(frozen=True, slots=True)
class Mailing:
    """A campaign."""

    n: int
    account: str
    name: str
    start_ms: int
    size: int

    @property
    def flow(self) -> int:
        """Its id, as ids are made of the time."""
        return self.start_ms * 1_000_000


@dataclass(frozen=True, slots=True)
class Workday:
    """What an application of an account sends on one day."""

    account: str
    stream: str
    day: date
    count: int

    def flow(self, first: date) -> int:
        """The same every day; `first`: of the year."""
        return at_ms(first, 0) * 1_000_000 + len(self.stream)


@dataclass(frozen=True, slots=True)
class Year:
    """All of it."""

    first: date
    last: date
    sites: Sequence[Site]
    mailings: Sequence[Mailing]
    workdays: Sequence[Workday]

    @property
    def deliveries(self) -> int:
        """How many recipients there are in all."""
        return sum(m.size for m in self.mailings) + sum(w.count for w in self.workdays)


def plan_year(deliveries: int, campaigns: int, last: date) -> Year:
    """So many deliveries in the year that ends on `last`, about a tenth of them of applications."""
    rng = random.Random(SEED)
    first = last - timedelta(days=DAYS - 1)
    of_applications = round(deliveries * APPLICATIONS_SHARE)
    of_training = max(3, round(deliveries * TRAINING_SHARE))
    sizes = [rng.uniform(0.3, 2.0) for _ in range(campaigns)]
    scale = (deliveries - of_applications - of_training) / sum(sizes)
    mailings = [
        Mailing(n, rng.choice((MAIN, *SUBS)), f"Boletín {n + 1}", _start(rng, first), round(size * scale))
        for n, size in enumerate(sizes)
    ]  # fmt: skip
    mailings += [
        Mailing(campaigns + n, TRAINING, f"Ejercicio {n + 1}", _start(rng, first), of_training // 3)
        for n in range(3)
    ]
    streams = (
        (SUBS[0], "facturas"),
        (SUBS[1], "constancias"),
        (SUBS[2], "citas"),
        (MAIN, "avisos"),
    )
    each = of_applications / (DAYS * len(streams))
    workdays = [
        Workday(account, stream, first + timedelta(days=day), round(each * rng.uniform(0.6, 1.4)))
        for day in range(DAYS)
        for account, stream in streams
    ]
    return Year(first, last, _sites(), sorted(mailings, key=lambda m: m.start_ms), workdays)


def at_ms(day: date, hour: float) -> int:
    """A moment of a day in Lima."""
    midnight = datetime.combine(day, time(), ZONE).astimezone(UTC)
    return round(midnight.timestamp() * 1000) + round(hour * HOUR_MS)


def _start(rng: random.Random, first: date) -> int:
    """On a working day, between eight and four; not in the last week, so that people read it."""
    while True:
        day = first + timedelta(days=rng.randrange(DAYS - 7))
        if day.weekday() < 5:
            return at_ms(day, rng.uniform(8, 16))


def _sites() -> Sequence[Site]:
    known = [
        Site(1, "google", "google", "gmail.com", 0.52),
        Site(2, "microsoft", "microsoft", "hotmail.com", 0.2),
        Site(3, "yahoo", "yahoo", "yahoo.es", 0.05),
    ]
    gob = [Site(10 + n, f"mx.e{n}.gob.pe", "gob.pe", f"e{n}.gob.pe", 0.003) for n in range(40)]
    other = [Site(100 + n, f"mx.o{n}.pe", "other", f"o{n}.pe", 0.0011) for n in range(100)]
    return [*known, *gob, *other]
