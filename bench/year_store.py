"""Builds the simulated year in a data directory, as a year of Relevo would have left it.

Accounts, contract, shares, keys and refunds are made by the services themselves. The mail goes in by
bulk inserts with synchronisation off, as rows that engine, tracking and counting write; the ledger's
entries in order of time, with its triggers, and a checkpoint a day.
"""

import random
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson

from bench.year_mail import Row, Rows, Stream, Writer
from bench.year_plan import (
    DAY_MS,
    HOUR_MS,
    LINKS,
    READING,
    SEED,
    Mailing,
    Workday,
    Year,
    at_ms,
)  # fmt: skip
from console.accounts.usage.counters import BUCKETS
from console.campaigns.values import Content, Figures, Frozen
from console.reports.counting import NAME
from mta.model.traffic import TrafficClass
from mta.store.database import DATABASE_NAME
from mta.store.statements import Catalogue, StatementPackage

PAGE = 20_000  # rows in memory before they are written
_TABLES: Mapping[str, tuple[str, str]] = {
    "messages": ("message", ""),
    "deliveries": (
        "delivery",
        (
            "(id, message, n, flow, class, kind, site, domain, address, state, due_ms, attempts, "
            "first_attempt_ms, expires_ms, changed_ms, flags, notify, original, source, last_reply, "
            "last_host)"
        ),
    ),
    "events": ("event", "(type, at_ms, account, flow, message, delivery, data)"),
    "hits": ("hit", ""),
    "engagement": ("engagement", ""),
    "people": ("figure_person", ""),
    "charges": ("quota_charge", ""),
}
_INDEXES = ("delivery_address", "delivery_message", "engagement_message", "event_message")


@dataclass(frozen=True, slots=True)
class Ground:
    """What the services made: ids by name."""

    accounts: Mapping[str, int]
    bags: Mapping[int, int]  # of accounts
    keys: Mapping[int, int]  # a credential of each account


@dataclass(slots=True)
class Counts:
    """How much was written."""

    deliveries: int = 0
    events: int = 0
    hits: int = 0


class YearWriter:
    """Writes the mail of a year into a database that nobody else has open."""

    def __init__(self, folder: Path, year: Year, ground: Ground) -> None:
        self._year, self._ground = year, ground
        self._writer = Writer(year.sites, SEED)
        self._rng = random.Random(SEED + 1)
        self._ledger: list[Row] = []
        self.counts = Counts()
        self._base = sqlite3.connect(folder / DATABASE_NAME, isolation_level=None)
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -400000"):
            self._base.execute(f"PRAGMA {pragma}")

    def write(self) -> Counts:
        """All of it."""
        made = {
            name: self._base.execute("SELECT sql FROM sqlite_master WHERE name = ?", (name,)).fetchone()[0]
            for name in _INDEXES
        }  # fmt: skip
        for name in made:
            self._base.execute(f"DROP INDEX {name}")
        self._base.execute("BEGIN")
        sites = [(site.id, site.name, site.provider) for site in self._year.sites]
        self._many("site", "", sites)
        for mailing in self._year.mailings:
            self._mailing(mailing)
        for workday in self._year.workdays:
            self._workday(workday)
        self._flush()
        self._roll_ups()
        self._doors()
        self._write_ledger()
        self._base.execute("COMMIT")
        for sql in made.values():
            self._base.execute(sql)
        self._base.execute("PRAGMA optimize")
        self._base.execute("PRAGMA journal_mode = WAL")
        self._base.close()
        return self.counts

    # -- mail ----------------------------------------------------------------------------------

    def _mailing(self, mailing: Mailing) -> None:
        account = self._ground.accounts[mailing.account]
        flow = mailing.flow
        message, campaign = flow + 1, flow - 1
        stream = Stream(account, flow, True, self._rng.uniform(0.4, 0.65))
        self._flow(stream, f"{mailing.name} ({campaign})", mailing.start_ms)
        links = [(message, n, flow, f"https://x.gob.pe/{mailing.n}/{n}") for n in range(LINKS)]
        self._many("campaign_link", "", links)
        self._writer.accepted(stream, message, mailing.start_ms, mailing.size)
        audience = self._rng.randrange(1_000_000)
        for n in range(mailing.size):
            at = mailing.start_ms + n * 12  # 300,000 an hour
            self._writer.mail(stream, message, message + 1 + n, n, audience + n, at)
            if len(self._writer.rows.deliveries) >= PAGE:
                self._flush()
        self._campaign(mailing, campaign, stream, message)
        bag = self._ground.bags.get(account)
        if bag is not None:
            self._charge(mailing.start_ms, bag, stream, message, mailing.size)

    def _campaign(self, mailing: Mailing, campaign: int, stream: Stream, message: int) -> None:
        ended = mailing.start_ms + mailing.size * 12
        frozen = Frozen(flow=stream.flow, total=mailing.size, messages=(message,), is_planned=True)
        figures = Figures(
            started_ms=mailing.start_ms, finished_ms=ended + DAY_MS, sending_ms=ended - mailing.start_ms,
            per_hour=300_000, t50_ms=mailing.size * 6, t90_ms=mailing.size * 11, t99_ms=mailing.size * 12,
        )  # fmt: skip
        content = Content("avisos@x.gob.pe", "Avisos", subject=mailing.name, source="<p>Hola</p>")
        columns = "(id, account, name, status, etag, content, audience, plan, frozen, figures, is_settled, created_by_kind, created_by, created_by_name, created_ms, changed_ms)"
        row = (
            campaign, stream.account, mailing.name, "finished", 9, content.dump(), "{}", "{}",
            frozen.dump(), figures.dump(), 1, "user", 1, "Ana", mailing.start_ms - DAY_MS, ended,
        )  # fmt: skip
        self._many("campaign", columns, [row])

    def _workday(self, workday: Workday) -> None:
        account = self._ground.accounts[workday.account]
        stream = Stream(account, workday.flow(self._year.first), False, 0.5)
        if workday.day == self._year.first:
            self._flow(stream, workday.stream, stream.flow // 1_000_000)
        for hour in sorted(self._rng.choices(range(24), READING, k=workday.count)):
            at = at_ms(workday.day, hour) + self._rng.randrange(HOUR_MS)
            message = at * 1_000_000 + self._rng.randrange(1_000_000)
            self._writer.accepted(stream, message, at, 1)
            self._writer.mail(stream, message, message + 1, 0, self._rng.randrange(300_000), at)
            self._charge(at, self._ground.bags[account], stream, message, 1)
        if len(self._writer.rows.deliveries) >= PAGE:
            self._flush()

    def _flow(self, stream: Stream, name: str, at: int) -> None:
        kind = "campaign" if stream.is_campaign else "application"
        klass = TrafficClass.CAMPAIGN if stream.is_campaign else TrafficClass.TRANSACTIONAL
        row = (stream.flow, stream.account, name, kind, int(klass), at)
        self._many("flow", "(id, account, name, kind, class, created_ms)", [row])

    def _charge(self, at: int, bag: int, stream: Stream, message: int, n: int) -> None:
        self._writer.rows.charges.append((message, bag, stream.account, n))
        if stream.is_campaign:
            reserve = ("reserve", -n, n, 0, f"campaign {stream.flow - 1}", "", "campaigns")
            self._ledger.append((at - 60_000, bag, stream.account, stream.flow, *reserve))
        moved = (0, -n, n) if stream.is_campaign else (-n, 0, n)
        consume = ("consume", *moved, "", "accepted", "intake")
        self._ledger.append((at, bag, stream.account, stream.flow, *consume))

    def _flush(self) -> None:
        rows = self._writer.rows
        for name, (table, columns) in _TABLES.items():
            self._many(table, columns, getattr(rows, name))
        self.counts.deliveries += len(rows.deliveries)
        self.counts.events += len(rows.events)
        self.counts.hits += len(rows.hits)
        self._writer.rows = Rows()

    # -- sums ----------------------------------------------------------------------------------

    def _roll_ups(self) -> None:
        sums = self._writer.sums
        self._many("flow_count", "", ((*key, n) for key, n in sums.states.items()))
        outcomes = ((*key[1:], n) for key, n in sums.outcomes.items())
        self._many("figure_hour", "", sorted(outcomes))
        days: dict[Row, int] = {}
        for (_, flow, hour, *rest), n in sums.outcomes.items():
            key = (flow, hour // 24, *rest)
            days[key] = days.get(key, 0) + n
        self._many("figure_flow_day", "", sorted((*key, n) for key, n in days.items()))
        self._many("engagement_hour", "", sorted((*k, *n) for k, n in sums.engaged.items()))
        engaged: dict[Row, list[int]] = {}
        for (flow, hour, *rest), counts in sums.engaged.items():
            known = engaged.setdefault((flow, hour // 24, *rest), [0, 0, 0, 0])
            known[:] = [a + b for a, b in zip(known, counts, strict=True)]
        self._many("engagement_day", "", sorted((*k, *n) for k, n in engaged.items()))
        self._many("engagement_link", "", sorted((*k, *n) for k, n in sums.links.items()))
        self._many("engagement_link_hour", "", sorted((*k, *n) for k, n in sums.link_hours.items()))
        ((last,),) = self._base.execute("SELECT max(id) FROM event")
        self._base.execute("INSERT OR REPLACE INTO event_cursor VALUES (?, ?, 0)", (NAME, last))

    def _doors(self) -> None:
        """What each key did at its doors, every day."""
        rows = []
        for offset in range((self._year.last - self._year.first).days + 1):
            day = self._year.first + timedelta(days=offset)
            for account, key in self._ground.keys.items():
                for door in ("api", "smtp"):
                    asked = self._rng.randrange(200, 400)
                    wrong, failed = asked // 50, int(self._rng.random() < 0.1)
                    taken = asked - wrong - failed
                    slow = [0] * BUCKETS
                    for bucket in self._rng.choices(range(2, 8), (3, 8, 10, 6, 2, 1), k=20):
                        slow[bucket] += asked // 20
                    rows.append(
                        (
                            day.isoformat(),
                            account,
                            key,
                            door,
                            asked,
                            taken,
                            wrong,
                            failed,
                            taken,
                            wrong,
                            *slow,
                        )
                    )
        self._many("door_usage", "", rows)

    def _write_ledger(self) -> None:
        """In the order of time, with the triggers that move the balances."""
        package = StatementPackage.of("console.accounts.quota")
        checkpoint = Catalogue([package], "sqlite").writes["quota_checkpoint_put"].sql
        self._ledger.sort()
        columns = "(at_ms, bag, account, flow, kind, available, reserved, consumed, reference, reason, actor_kind, actor_id, actor_name)"
        begin, day = 0, at_ms(self._year.first, 24)
        for place, row in enumerate([*self._ledger, (1 << 60,)]):
            while row[0] >= day and day <= at_ms(self._year.last, 24):
                entries = [(*e[:-1], "system", 0, e[-1]) for e in self._ledger[begin:place]]
                self._many("quota_entry", columns, entries)
                self._base.execute(checkpoint, {"rows": orjson.dumps([[day]]).decode()})
                begin, day = place, day + DAY_MS

    def _many(self, table: str, columns: str, rows: Iterable[Row]) -> None:
        found: list[Any] = list(rows)
        if found:
            places = ", ".join("?" * len(found[0]))
            self._base.executemany(f"INSERT INTO {table} {columns} VALUES ({places})", found)
