"""Reading: a few connections that only read, each with a thread of its own (aiosqlite).

A read is one statement in one transaction of its own. Its deadline is enforced: a reader that
kept its snapshot would keep the writer's log from being reused.
"""

import asyncio
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import aiosqlite

from mta.model.errors import InternalError, StoreError
from mta.store.database import READER
from mta.store.failures import DAMAGE_REMEDY, DAMAGED

READERS = 3  # refill, a page of the console, an export: none waits for another
INTERRUPT_S = 0.05  # an interrupt that came before the statement began is lost, so it is repeated

_Rows = list[tuple[Any, ...]]


class Readers:
    """The reading connections."""

    def __init__(self, connections: Iterable[aiosqlite.Connection]) -> None:
        self._all = list(connections)
        self._idle: asyncio.LifoQueue[aiosqlite.Connection] = asyncio.LifoQueue()
        for connection in self._all:
            self._idle.put_nowait(connection)
        self._is_closed = False
        self._stopping: set[asyncio.Future[None]] = set()

    @classmethod
    async def open(cls, path: Path, count: int = READERS) -> Self:
        """Open `count` connections to an existing database. Raises `StoreError`."""
        connections: list[aiosqlite.Connection] = []
        uri = f"file:{quote(str(path))}?mode=ro"
        try:
            for _ in range(count):
                connection = await aiosqlite.connect(uri, uri=True, isolation_level=None)
                connections.append(connection)
                for pragma in READER:
                    await connection.execute_fetchall(pragma)
        except BaseException as error:
            for connection in connections:
                await connection.close()
            if isinstance(error, sqlite3.Error):
                raise StoreError(f"{path}: cannot be read: {error}") from error
            raise
        return cls(connections)

    async def fetch(
        self, name: str, sql: str, params: Mapping[str, object], deadline_s: float
    ) -> _Rows:
        """All rows of a statement; `name` is for errors. Raises `StoreError`, `InternalError`."""
        loop = asyncio.get_running_loop()
        end_s = loop.time() + deadline_s
        try:
            async with asyncio.timeout_at(end_s):
                connection = await self._idle.get()
        except TimeoutError:
            raise StoreError(f"read {name}: no reader was free for {deadline_s:g} s") from None
        if self._is_closed:
            self._idle.put_nowait(connection)  # for the next who waits, to be told the same
            raise StoreError(f"read {name}: the store is closed")
        work = asyncio.ensure_future(_fetch(connection, sql, params))
        try:
            await asyncio.wait((work,), timeout=max(0.0, end_s - loop.time()))
            if work.done():
                return work.result()
        except (sqlite3.Error, ValueError, TypeError, OverflowError) as error:
            raise _read_error(name, error) from error
        finally:
            if work.done():
                self._idle.put_nowait(connection)
            else:
                self._stop(connection, work)
        raise StoreError(f"read {name}: stopped after {deadline_s:g} s")

    def _stop(self, connection: aiosqlite.Connection, work: "asyncio.Future[_Rows]") -> None:
        """End a statement nobody waits for, and give its connection back afterwards."""
        stopping = asyncio.ensure_future(self._interrupt(connection, work))
        self._stopping.add(stopping)
        stopping.add_done_callback(self._stopping.discard)

    async def _interrupt(
        self, connection: aiosqlite.Connection, work: "asyncio.Future[_Rows]"
    ) -> None:
        while not work.done():
            await connection.interrupt()
            await asyncio.wait((work,), timeout=INTERRUPT_S)
        work.exception()  # "interrupted", as wished
        self._idle.put_nowait(connection)

    async def close(self) -> None:
        """Close every connection, after the statements that still run."""
        self._is_closed = True
        if self._stopping:
            await asyncio.wait(self._stopping)
        for connection in self._all:
            await connection.close()


async def _fetch(connection: aiosqlite.Connection, sql: str, params: Mapping[str, object]) -> _Rows:
    # Annotated as Iterable[Row]; it is a list, and of tuples since no row factory is set.
    rows: _Rows = await connection.execute_fetchall(sql, params)  # type: ignore[assignment]
    return rows


def _read_error(name: str, error: Exception) -> Exception:
    # SQLITE_ERROR, or raised by the module itself (no code): the call is wrong.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    remedy = DAMAGE_REMEDY if code in DAMAGED else ""
    return (InternalError if code in (0, 1) else StoreError)(f"read {name}: {error}{remedy}")
