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

READERS = 3  # refill, a page of the console, an export: none waits for another
INTERRUPT_S = 0.05  # an interrupt that came before the statement began is lost, so it is repeated


class Readers:
    """The reading connections."""

    def __init__(self, connections: Iterable[aiosqlite.Connection]) -> None:
        self._all = list(connections)
        self._idle: asyncio.LifoQueue[aiosqlite.Connection] = asyncio.LifoQueue()
        for connection in self._all:
            self._idle.put_nowait(connection)

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
    ) -> list[tuple[Any, ...]]:
        """All rows of a statement; `name` is for errors. Raises `StoreError`, `InternalError`."""
        loop = asyncio.get_running_loop()
        end_s = loop.time() + deadline_s
        try:
            async with asyncio.timeout_at(end_s):
                connection = await self._idle.get()
        except TimeoutError:
            raise StoreError(f"read {name}: no reader was free for {deadline_s:g} s") from None
        work = asyncio.ensure_future(_fetch(connection, sql, params))
        try:
            await asyncio.wait((work,), timeout=max(0.0, end_s - loop.time()))
            if work.done():
                return work.result()
        except sqlite3.Error as error:
            raise _read_error(name, error) from error
        finally:
            if work.done():
                self._idle.put_nowait(connection)
            else:
                await self._interrupt(connection, work)
        raise StoreError(f"read {name}: stopped after {deadline_s:g} s")

    async def _interrupt(
        self, connection: aiosqlite.Connection, work: "asyncio.Future[list[tuple[Any, ...]]]"
    ) -> None:
        """End a statement and give the connection back, also when the reader was cancelled."""

        def give_back(done: "asyncio.Future[list[tuple[Any, ...]]]") -> None:
            done.exception()  # an interrupted statement raises; nobody is interested any more
            self._idle.put_nowait(connection)

        work.add_done_callback(give_back)
        while not work.done():
            await connection.interrupt()
            await asyncio.wait((work,), timeout=INTERRUPT_S)

    async def close(self) -> None:
        """Close every connection, after the statements that still run."""
        for connection in self._all:
            await connection.close()


async def _fetch(
    connection: aiosqlite.Connection, sql: str, params: Mapping[str, object]
) -> list[tuple[Any, ...]]:
    # Annotated as Iterable[Row]; it is a list, and of tuples since no row factory is set.
    rows: list[tuple[Any, ...]] = await connection.execute_fetchall(sql, params)  # type: ignore[assignment]
    return rows


def _read_error(name: str, error: sqlite3.Error) -> Exception:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (0, 1):  # raised by the sqlite3 module, or SQLITE_ERROR: the call is wrong
        return InternalError(f"read {name}: {error}")
    return StoreError(f"read {name}: {error}")
