"""Makes long tables in the background: one after the other, with progress, kept for three days."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import orjson
import structlog

from console.accounts.actor import Actor, NotVisible
from console.accounts.csv_text import Cell, csv_text
from console.accounts.permissions import Permission
from console.reports.workbooks import Workbook
from mta.model.clock import Clock
from mta.model.errors import PermanentError
from mta.model.ids import IdGenerator
from mta.store.base import Store
from mta.store.work import Rows

FOLDER = "tables"  # in the data directory
KEPT_MS = 3 * 86_400_000
MAX_WAITING = 10  # of all accounts together: each holds a reader of the store
PAGE = 50
KINDS = ("csv", "xlsx")
_BOM = b"\xef\xbb\xbf"  # Excel: it is UTF-8

Pieces = AsyncIterator[Sequence[Sequence[Cell]]]


class ExportState(StrEnum):
    """How far one is; a restart of the server fails what was being made."""

    WORKING = "working"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for; `total` 0: how many rows there will be is not known."""

    title: str
    name: str  # of the file, without its ending
    kind: str
    headings: Sequence[str]
    widths: Sequence[int] = ()
    total: int = 0


@dataclass(frozen=True, slots=True)
class Export:
    """One of them."""

    id: int
    account: int
    title: str
    name: str
    kind: str
    state: ExportState
    rows: int
    total: int
    size: int  # octets
    asked_by: str
    created_ms: int
    done_ms: int

    @classmethod
    def of(cls, row: Sequence[Any]) -> "Export":
        """From a row of `export_job_get`."""
        number, account, title, name, kind, state, *rest = row
        return cls(number, account, title, name, kind, ExportState(state), *rest)

    @property
    def row(self) -> tuple[Any, ...]:
        """For `export_job_put`."""
        return (
            self.id, self.account, self.title, self.name, self.kind, self.state.value, self.rows,
            self.total, self.size, self.asked_by, self.created_ms, self.done_ms,
        )  # fmt: skip


class ExportDesk:
    """For those who may export from the account; whoever may sees all of the account."""

    def __init__(self, store: Store, ids: IdGenerator, clock: Clock, folder: Path) -> None:
        self._store = store
        self._ids = ids
        self._clock = clock
        self._folder = folder
        self._working: dict[int, tuple[Export, asyncio.Task[None]]] = {}
        self._turn = asyncio.Lock()
        self._log = structlog.get_logger("relevo.exports")

    async def start(self) -> None:
        """What was being made when the server stopped has failed. Raises `StoreError`."""
        ((last,),) = await self._store.read("export_job_last_id")
        self._ids.observe(last)
        for row in await self._store.read("export_job_open"):
            await self._end(Export.of(row), ExportState.FAILED)

    async def begin(self, actor: Actor, account: int, order: Order, pieces: Pieces) -> Export:
        """Make the table of these pieces from now on; they are read one after the other.

        Raises `NotPermitted`, `NotVisible`, `PermanentError` when too many are waiting.
        """
        actor.require(Permission.EXPORT, account)
        if order.kind not in KINDS:
            raise PermanentError("a table is csv or xlsx")
        if len(self._working) >= MAX_WAITING:
            raise PermanentError("too many tables are being made: try again in some minutes")
        export = Export(
            self._ids.new(), account, order.title, order.name, order.kind, ExportState.WORKING,
            0, order.total, 0, actor.name, self._clock.now_ms(), 0,
        )  # fmt: skip
        await self._store.submit([Rows("export_job_put", [export.row])])
        task = asyncio.get_running_loop().create_task(self._make(export, order, pieces))
        self._working[export.id] = (export, task)
        return export

    async def list(self, actor: Actor, account: int) -> Sequence[Export]:
        """The last ones of an account, the newest first. Raises `NotPermitted`."""
        actor.require(Permission.EXPORT, account)
        rows = await self._store.read("export_job_page", account=account, count=PAGE)
        return [self._fresh(Export.of(row)) for row in rows]

    async def get(self, actor: Actor, number: int) -> Export:
        """One of them. Raises `NotVisible`."""
        rows = await self._store.read("export_job_get", id=number)
        if not rows or not actor.may(Permission.EXPORT, rows[0][1]):
            raise NotVisible("there is no such table")
        return self._fresh(Export.of(rows[0]))

    async def file(self, actor: Actor, number: int) -> Path:
        """Where the file of a finished one lies. Raises `NotVisible`."""
        export = await self.get(actor, number)
        if export.state is not ExportState.DONE:
            raise NotVisible("the table is not made yet")
        return self._path(export.id, export.kind)

    async def remove(self, actor: Actor, number: int) -> None:
        """Take it away; one that is being made is stopped. Raises `NotVisible`."""
        export = await self.get(actor, number)
        await self._stop(export.id)
        await self._forget([(export.id, export.kind)])

    async def drop(self, accounts: frozenset[int] | None) -> None:
        """Remove all of these accounts (None: of all); one that is being made is stopped."""
        chosen = None if accounts is None else orjson.dumps(sorted(accounts)).decode()
        found = await self._store.read("export_job_of", accounts=chosen)
        for number, _ in found:
            await self._stop(number)
        if found:
            await self._forget([(row[0], row[1]) for row in found])

    async def tidy(self) -> None:
        """Remove what is older than three days, and files whose table was erased."""
        before_ms = self._clock.now_ms() - KEPT_MS
        old = await self._store.read("export_job_old", before_ms=before_ms)
        for number, _ in old:
            await self._stop(number)
        if old:
            await self._forget([(row[0], row[1]) for row in old])
        for path in await asyncio.to_thread(lambda: list(self._folder.glob("*.*"))):
            number = int(path.stem) if path.stem.isdigit() else 0
            if number in self._working or await self._store.read("export_job_get", id=number):
                continue
            path.unlink(missing_ok=True)

    async def settle(self) -> None:
        """Return when nothing is being made; for tests."""
        await asyncio.gather(*(task for _, task in self._working.values()), return_exceptions=True)

    async def close(self) -> None:
        """Stop; what was being made has failed at the next start."""
        for number in list(self._working):
            await self._stop(number)

    # -- inside --------------------------------------------------------------------------------

    def _fresh(self, export: Export) -> Export:
        """With the progress of this moment."""
        working = self._working.get(export.id)
        return export if working is None else working[0]

    def _path(self, number: int, kind: str) -> Path:
        return self._folder / f"{number}.{kind}"

    async def _make(self, export: Export, order: Order, pieces: Pieces) -> None:
        try:
            async with self._turn:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                write = self._csv if export.kind == "csv" else self._xlsx
                await write(export, order, pieces)
            path = self._path(export.id, export.kind)
            size = (await asyncio.to_thread(path.stat)).st_size
            done = replace(self._working[export.id][0], size=size)
            await self._end(done, ExportState.DONE)
        except Exception as error:
            self._log.warning("a table was not made", table=export.title, error=str(error))
            await self._end(export, ExportState.FAILED)
        finally:
            self._working.pop(export.id, None)

    async def _csv(self, export: Export, order: Order, pieces: Pieces) -> None:
        with self._path(export.id, "csv").open("wb") as file:
            await asyncio.to_thread(file.write, _BOM + csv_text([order.headings]).encode())
            async for rows in pieces:
                await asyncio.to_thread(_write, file, rows)
                self._note(export.id, len(rows))

    async def _xlsx(self, export: Export, order: Order, pieces: Pieces) -> None:
        async with Workbook(order.name, order.headings, order.widths) as book:
            async for rows in pieces:
                await book.add(rows)
                self._note(export.id, len(rows))
            await book.finish()
            await asyncio.to_thread(shutil.move, book.path, self._path(export.id, "xlsx"))

    def _note(self, number: int, rows: int) -> None:
        export, task = self._working[number]
        self._working[number] = (replace(export, rows=export.rows + rows), task)

    async def _end(self, export: Export, state: ExportState) -> None:
        ended = replace(export, state=state, done_ms=self._clock.now_ms())
        await self._store.submit([Rows("export_job_put", [ended.row])])
        if state is ExportState.FAILED:
            self._path(export.id, export.kind).unlink(missing_ok=True)

    async def _stop(self, number: int) -> None:
        working = self._working.get(number)
        if working is not None:
            working[1].cancel()
            await asyncio.gather(working[1], return_exceptions=True)
            self._working.pop(number, None)  # one that had not begun

    async def _forget(self, found: Sequence[tuple[int, str]]) -> None:
        await self._store.submit([Rows("export_job_drop", [(number,) for number, _ in found])])
        for number, kind in found:
            self._path(number, kind).unlink(missing_ok=True)


def _write(file: Any, rows: Sequence[Sequence[Cell]]) -> None:
    file.write(csv_text(rows).encode())
