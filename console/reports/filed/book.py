"""Keeps documents with their numbers and hashes; who sees the audit trail may ask for them.

A key never sees that; one with the scope `export` has the evidence of its account, and hand-overs, which
list people and keys, if it may see both.
"""

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any

import orjson

from console.accounts.actor import Actor, ActorKind, NotVisible
from console.accounts.audit import AuditTrail
from console.accounts.permissions import Permission
from mta.model.clock import Clock
from mta.model.errors import InternalError, PermanentError
from mta.model.ids import IdGenerator
from mta.store.base import Store
from mta.store.work import Rows

FOLDER = "reports"  # in the data directory
PAGE = 20
MAX_DAYS = 366
MAX_WAITING = 10  # of an account
LAST = (1 << 63) - 1
FORMATS = ("pdf", "xlsx")
LANGUAGES = ("es", "en")


class FiledKind(StrEnum):
    """What a document is."""

    HANDOVER = "handover"
    EVIDENCE = "evidence"


_OF_KEYS: Mapping[FiledKind, Sequence[Permission]] = MappingProxyType(
    {
        FiledKind.EVIDENCE: (Permission.EXPORT,),
        FiledKind.HANDOVER: (
            Permission.EXPORT,
            Permission.USER_MANAGE,
            Permission.CREDENTIAL_VIEW,
        ),
    }
)


class FiledState(StrEnum):
    """How far a document is."""

    WAITING = "waiting"
    WORKING = "working"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Filed:
    """One document, without its files."""

    id: int
    account: int
    kind: FiledKind
    number: int
    first: str  # days; "" for a hand-over
    last: str
    language: str
    state: FiledState
    attempts: int
    error: str
    asked_by: str
    created_ms: int
    done_ms: int
    digest: str
    lines: int

    @classmethod
    def of(cls, row: Sequence[Any]) -> "Filed":
        """From a row of `filed_get`."""
        number, account, kind, place, first, last, language, state, *rest = row
        return cls(
            number, account, FiledKind(kind), place, first, last, language, FiledState(state), *rest
        )

    def told(self) -> Mapping[str, str | int]:
        """For the audit trail."""
        days = {"from": self.first, "to": self.last} if self.first else {}
        return {"kind": self.kind.value, "number": self.number, **days}


@dataclass(frozen=True, slots=True)
class FiledFile:
    """A file of a document."""

    report: int
    format: str
    size: int  # octets
    sha256: str


class FiledBook:
    """All documents of all accounts."""

    def __init__(
        self, store: Store, ids: IdGenerator, clock: Clock, trail: AuditTrail, data_dir: Path
    ) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._trail = trail
        self._folder = data_dir / FOLDER

    async def observe_ids(self) -> None:
        """Tell the id generator of the greatest id on disk; once at start."""
        ((last,),) = await self._store.read("filed_last_id")
        self._ids.observe(last)

    async def ask(
        self, actor: Actor, account: int, kind: FiledKind, first: str, last: str, language: str
    ) -> Filed:
        """Ask for a document, with the next number. Raises `PermanentError`, `NotPermitted`."""
        _require(actor, account, kind)
        actor.require(Permission.EXPORT, account)
        if kind is FiledKind.EVIDENCE:
            first, last = _period(first, last)
        else:
            first = last = ""
        if language not in LANGUAGES:
            raise PermanentError("the language is es or en")
        ((waiting,),) = await self._store.read("filed_waiting", account=account)
        if waiting >= MAX_WAITING:
            raise PermanentError(f"{waiting} documents are not made yet: wait for them")
        identifier, now_ms = self._ids.new(), self._clock.now_ms()
        row = (identifier, account, kind.value, first, last, language, actor.name, now_ms)
        told = {"kind": kind.value, **({"from": first, "to": last} if first else {})}
        entry = self._trail.entry(actor, "report.asked", account, identifier, after=told)
        await self._store.submit([Rows("filed_insert", [row], expect=1), entry])
        rows = await self._store.read("filed_get", id=identifier)
        if not rows:
            raise InternalError(f"document {identifier} is not there after its commit")
        return Filed.of(rows[0])

    async def get(self, actor: Actor, report: int) -> Filed:
        """One of them. Raises `NotVisible`."""
        rows = await self._store.read("filed_get", id=report)
        needed = _needed(actor, FiledKind(rows[0][2])) if rows else ()
        if rows and all(actor.may(one, rows[0][1]) for one in needed):
            return Filed.of(rows[0])
        raise NotVisible(f"there is no document {report}")

    async def list(
        self,
        actor: Actor,
        account: int,
        kind: FiledKind | None = None,
        *,
        before: int = LAST,
        count: int = PAGE,
    ) -> Sequence[Filed]:
        """Those of an account, the newest first, before an id."""
        _require(actor, account, kind)
        rows = await self._store.read(
            "filed_page",
            account=account,
            kind=kind.value if kind else "",
            before=before,
            count=count,
        )
        return [Filed.of(row) for row in rows]

    async def files(
        self, actor: Actor, reports: Sequence[Filed]
    ) -> Mapping[int, Sequence[FiledFile]]:
        """Files of documents, by document."""
        for report in reports:
            _require(actor, report.account, report.kind)
        named = orjson.dumps([report.id for report in reports]).decode()
        found: dict[int, list[FiledFile]] = {report.id: [] for report in reports}
        for row in await self._store.read("filed_files", reports=named):
            found[row[0]].append(FiledFile(*row))
        return found

    async def take(self, actor: Actor, report: int, format: str) -> Path:
        """Where a file lies; noted in the audit trail. Raises `NotVisible` where there is none."""
        found = await self.get(actor, report)
        actor.require(Permission.EXPORT, found.account)
        files = await self.files(actor, [found])
        path = self.path(found, format)
        if format not in {file.format for file in files[report]} or not path.exists():
            raise NotVisible(f"document {report} has no file {format}")
        told = {**found.told(), "format": format}
        await self._trail.note(actor, "report.downloaded", found.account, report, after=told)
        return path

    # -- for the one that makes them -----------------------------------------------------------

    def path(self, report: Filed, format: str) -> Path:
        """Where a file of a document lies or will lie; makes the folder."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        return self._folder / f"{report.id}.{format}"

    async def next(self) -> Filed | None:
        """What is to be made."""
        rows = await self._store.read("filed_next")
        return Filed.of(rows[0]) if rows else None

    async def state(self, report: Filed, state: FiledState, error: str = "") -> None:
        """It is in that state now; an attempt begins with `WORKING`."""
        attempts = report.attempts + int(state is FiledState.WORKING)
        await self._store.submit([Rows("filed_state", [(report.id, state.value, attempts, error)])])

    async def keep(self, actor: Actor, report: Filed, digest: str, lines: int) -> None:
        """It is done: its files are where `path` says."""
        rows = []
        for name in FORMATS:
            path = self.path(report, name)
            path.chmod(0o600)
            digest_of = await asyncio.to_thread(sha256_of, path)
            rows.append((report.id, name, path.stat().st_size, digest_of))
        told = {**report.told(), "sha256": digest}
        await self._store.submit(
            [
                Rows("filed_file_put", rows),
                Rows("filed_done", [(report.id, self._clock.now_ms(), digest, lines)], expect=1),
                self._trail.entry(actor, "report.made", report.account, report.id, after=told),
            ]
        )


def sha256_of(path: Path) -> str:
    """Of a file, whatever its size."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _needed(actor: Actor, kind: FiledKind | None) -> Sequence[Permission]:
    if actor.kind is ActorKind.CREDENTIAL and kind is not None:
        return _OF_KEYS[kind]
    return (Permission.AUDIT_VIEW,)


def _require(actor: Actor, account: int, kind: FiledKind | None) -> None:
    for permission in _needed(actor, kind):
        actor.require(permission, account)


def _period(first: str, last: str) -> tuple[str, str]:
    try:
        begin, end = date.fromisoformat(first), date.fromisoformat(last)
    except ValueError:
        raise PermanentError("the first and the last day are dates like 2026-11-30") from None
    if end < begin:
        raise PermanentError("the last day is before the first one")
    if (end - begin).days >= MAX_DAYS:
        raise PermanentError(f"a period has up to {MAX_DAYS} days")
    return begin.isoformat(), end.isoformat()
