"""Keeps the reports: each with its number in the contract, the hash of its data and its files.

A report has its number from the moment it is asked for, so numbers have no gap: one that could not be
made stays in the list with the reason, and is made under the same number when it is tried again.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

import orjson

from console.accounts.actor import Actor, NotVisible
from console.accounts.audit import AuditTrail
from console.accounts.permissions import Permission
from mta.model.address import parse_address
from mta.model.clock import Clock
from mta.model.errors import AddressSyntaxError, InternalError, PermanentError
from mta.model.ids import IdGenerator
from mta.store.base import Store
from mta.store.work import Rows

PAGE = 20
PART = 192 * 1024  # octets of a row: what the writer is kept busy with
MAX_DAYS = 366
MAX_ADDRESSEES = 20
LAST = (1 << 63) - 1
LANGUAGES = ("es", "en")
FORMATS = ("pdf", "xlsx", "json")
MAILED = ("pdf", "xlsx", "pdf,xlsx")


class ReportState(StrEnum):
    """How far a report is."""

    WAITING = "waiting"
    WORKING = "working"
    DONE = "done"
    FAILED = "failed"


class BadReport(PermanentError):
    """What was asked for is no report."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for. `series`: the contract, or the account where there is none."""

    account: int
    series: int
    first: date
    last: date
    language: str = "es"
    addressees: tuple[str, ...] = ()
    formats: str = "pdf,xlsx"  # what is mailed
    is_scheduled: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """One of them, without its files."""

    id: int
    account: int
    series: int
    number: int
    first: date
    last: date
    language: str
    is_scheduled: bool
    addressees: tuple[str, ...]
    formats: str
    state: ReportState
    attempts: int
    due_ms: int
    error: str
    asked_by: str
    created_ms: int
    done_ms: int
    digest: str
    mailed_ms: int
    mail_error: str

    @classmethod
    def of(cls, row: Sequence[Any]) -> "Report":
        """From a row of `usage_report_get`."""
        number, account, series, place, first, last, language, is_scheduled, *rest = row
        addressees, formats, state, *more = rest
        return cls(
            number, account, series, place, date.fromisoformat(first), date.fromisoformat(last),
            language, bool(is_scheduled), tuple(orjson.loads(addressees)), formats,
            ReportState(state), *more,
        )  # fmt: skip

    def told(self) -> Mapping[str, object]:
        """For the audit trail."""
        return {"number": self.number, "from": str(self.first), "to": str(self.last)}


@dataclass(frozen=True, slots=True)
class ReportFile:
    """A file of a report."""

    format: str
    size: int  # octets
    parts: int
    sha256: str


class ReportBook:
    """All reports of all accounts; who asks is checked in each method."""

    def __init__(self, store: Store, ids: IdGenerator, clock: Clock, trail: AuditTrail) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._trail = trail

    async def observe_ids(self) -> None:
        """Tell the id generator of the greatest id on disk; once at start."""
        ((last,),) = await self._store.read("usage_report_last_id")
        self._ids.observe(last)

    async def add(self, actor: Actor, order: Order, today: date) -> Report:
        """Ask for a report, with the next number. Raises `BadReport`, `NotPermitted`, `NotVisible`."""
        actor.require(Permission.EXPORT, order.account)
        order = checked(order, today)
        identifier = await self.put(actor, order)
        rows = await self._store.read("usage_report_get", id=identifier)
        if not rows:
            raise InternalError(f"report {identifier} is not there after its commit")
        return Report.of(rows[0])

    async def put(self, actor: Actor, order: Order) -> int:
        """As `add`, unchecked; a period of the schedule that is there already is left alone."""
        identifier, now_ms = self._ids.new(), self._clock.now_ms()
        row = (
            identifier, order.account, order.series, str(order.first), str(order.last),
            order.language, int(order.is_scheduled), orjson.dumps(order.addressees).decode(),
            order.formats, now_ms, actor.name, now_ms,
        )  # fmt: skip
        told = {
            "from": str(order.first),
            "to": str(order.last),
            "to_people": list(order.addressees),
        }
        entry = self._trail.entry(actor, "report.ordered", order.account, identifier, after=told)
        await self._store.submit([Rows("usage_report_insert", [row]), entry])
        return identifier

    async def get(self, actor: Actor, report: int) -> Report:
        """One of them. Raises `NotVisible`."""
        rows = await self._store.read("usage_report_get", id=report)
        if rows and _may_see(actor, rows[0][1]):
            return Report.of(rows[0])
        raise NotVisible(f"there is no report {report}")

    async def list(
        self, actor: Actor, accounts: Sequence[int], *, before: int = LAST, count: int = PAGE
    ) -> list[Report]:
        """Those of accounts, the newest first, before an id."""
        for account in accounts:
            if not _may_see(actor, account):
                actor.require(Permission.REPORT_VIEW, account)
        rows = await self._store.read(
            "usage_report_page",
            accounts=orjson.dumps(list(accounts)).decode(), before=before, count=count,
        )  # fmt: skip
        return [Report.of(row) for row in rows]

    async def files(self, actor: Actor, report: int) -> Mapping[str, ReportFile]:
        """Its files by format, none until it is done. Raises `NotVisible`."""
        await self.get(actor, report)
        rows = await self._store.read("usage_report_files", report=report)
        return {row[0]: ReportFile(*row) for row in rows}

    async def content(self, actor: Actor, report: int, format: str) -> bytes:
        """A file; noted in the audit trail. Raises `NotVisible` where there is none, `NotPermitted`."""
        found = await self.get(actor, report)
        actor.require(Permission.EXPORT, found.account)
        data = await self.read(report, format)
        told = {**found.told(), "format": format}
        await self._trail.note(actor, "report.downloaded", found.account, report, after=told)
        return data

    async def read(self, report: int, format: str) -> bytes:
        """A file, unchecked."""
        rows = await self._store.read("usage_report_files", report=report)
        found = next((ReportFile(*row) for row in rows if row[0] == format), None)
        if found is None:
            raise NotVisible(f"report {report} has no file {format}")
        parts = []
        for number in range(found.parts):
            part = await self._store.read(
                "usage_report_part_get", report=report, format=format, number=number
            )
            parts.append(base64.b64decode(part[0][0]))
        return b"".join(parts)

    async def find(self, actor: Actor, sha256: str) -> tuple[Report, str] | None:
        """The report whose file has that hash, and which file; None where it is no original."""
        sha256 = sha256.strip().lower()
        for account, report, name in await self._store.read("usage_report_of_hash", sha256=sha256):
            if _may_see(actor, account):
                return await self.get(actor, report), name
        return None

    async def again(self, actor: Actor, report: int) -> Report:
        """Try one that failed once more. Raises `BadReport` for another."""
        found = await self.get(actor, report)
        actor.require(Permission.EXPORT, found.account)
        if found.state is not ReportState.FAILED:
            raise BadReport("only a report that could not be made is tried again")
        entry = self._trail.entry(
            actor, "report.retried", found.account, report, after=found.told()
        )
        row = (report, ReportState.WAITING.value, 0, self._clock.now_ms(), "")
        await self._store.submit([Rows("usage_report_state", [row], expect=1), entry])
        return await self.get(actor, report)

    # -- for the one that makes them ---------------------------------------------------------------

    async def next(self) -> Report | None:
        """The one that is due."""
        rows = await self._store.read("usage_report_next", now_ms=self._clock.now_ms())
        return Report.of(rows[0]) if rows else None

    async def unmailed(self) -> Sequence[Report]:
        """Made and not mailed, because the server ended in between."""
        return [Report.of(row) for row in await self._store.read("usage_report_unmailed")]

    async def state(
        self, report: Report, state: ReportState, *, due_ms: int = 0, error: str = ""
    ) -> None:
        """It is in that state now; an attempt begins with `WORKING`."""
        attempts = report.attempts + int(state is ReportState.WORKING)
        row = (report.id, state.value, attempts, due_ms or report.due_ms, error)
        await self._store.submit([Rows("usage_report_state", [row])])

    async def keep(
        self, actor: Actor, report: Report, digest: str, files: Mapping[str, bytes]
    ) -> None:
        """The report is done: all of its files, or nothing."""
        await self._store.submit([Rows("usage_report_part_clear", [(report.id,)])])
        rows = []
        for name, data in files.items():
            count = -(-len(data) // PART)
            for number in range(count):
                piece = base64.b64encode(data[number * PART : (number + 1) * PART]).decode()
                row = (report.id, name, number, piece)
                await self._store.submit([Rows("usage_report_part_put", [row])], bulk=True)
            rows.append((report.id, name, len(data), count, hashlib.sha256(data).hexdigest()))
        told = {**report.told(), "sha256": digest}
        await self._store.submit(
            [
                Rows("usage_report_file_put", rows),
                Rows("usage_report_done", [(report.id, self._clock.now_ms(), digest)], expect=1),
                self._trail.entry(actor, "report.made", report.account, report.id, after=told),
            ]
        )

    async def mailed(
        self, actor: Actor, report: Report, addressees: Sequence[str], error: str
    ) -> None:
        """It was mailed to all of them, or why not."""
        now_ms = 0 if error else self._clock.now_ms()
        row = (report.id, orjson.dumps(list(addressees)).decode(), now_ms, error)
        told = {**report.told(), "to_people": list(addressees), "error": error}
        entry = self._trail.entry(actor, "report.mailed", report.account, report.id, after=told)
        await self._store.submit([Rows("usage_report_mailed", [row]), entry])


def _may_see(actor: Actor, account: int) -> bool:
    """Who takes reports as files sees them, too: a key with that scope alone."""
    return actor.may(Permission.REPORT_VIEW, account) or actor.may(Permission.EXPORT, account)


def checked(order: Order, today: date) -> Order:
    """The order as it is kept. Raises `BadReport`."""
    if order.first > order.last:
        raise BadReport(f"from {order.first} is after to {order.last}")
    if order.last > today:
        raise BadReport(f"to {order.last} has not come yet")
    if (order.last - order.first).days >= MAX_DAYS:
        raise BadReport(f"more than {MAX_DAYS} days")
    if order.language not in LANGUAGES:
        raise BadReport("the language is es or en")
    if order.formats not in MAILED:
        raise BadReport("mailed are pdf, xlsx or both")
    check_addressees(order.addressees)
    return order


def check_addressees(addressees: Sequence[str]) -> None:
    """Raise `BadReport` unless all of them are addresses, and not too many."""
    if len(addressees) > MAX_ADDRESSEES:
        raise BadReport(f"up to {MAX_ADDRESSEES} addressees are possible")
    for address in addressees:
        try:
            parse_address(address)
        except AddressSyntaxError as error:
            raise BadReport(f"{address}: {error}") from None
