"""Looking at a store from outside: its rows, its state on the disk, and a copy of the database.

It reads beside the process that holds the store, or with nobody holding it, and changes nothing.
One transaction is one moment of the database: `moment()` keeps it, so that what is counted in
several steps fits together, and so that a copy of many steps is a copy of that moment. The writer
is never kept waiting by it; only its log grows meanwhile.
"""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from mta.model.errors import ConfigurationError, StoreError
from mta.store.content import segment_path
from mta.store.database import BUSY_S, DATABASE_NAME, READER
from mta.store.schema import check_schema
from mta.store.sqlite import CONTENT_NAME
from mta.store.statements import Catalogue, StatementPackage

COPY_PAGES = 2_500  # about 10 MB between two words on the progress
INTEGRITY_PROBLEMS = 100  # SQLite's own bound

Progress = Callable[[int, int], None]  # so many of so many are done


class StoreSnapshot:
    """The store in a data directory, read-only; made by `open`, used in one thread."""

    def __init__(
        self, data_dir: Path, packages: Sequence[StatementPackage], connection: sqlite3.Connection
    ) -> None:
        self.data_dir = data_dir
        self._packages = packages
        self._catalogue = Catalogue(packages, "sqlite")
        self._connection = connection

    @classmethod
    def open(cls, data_dir: Path, packages: Sequence[str]) -> Self:
        """Raises `ConfigurationError` when there is no database that can be opened."""
        path = data_dir / DATABASE_NAME
        if not path.exists():
            raise ConfigurationError(f"{path}: there is no such database")
        uri = f"file:{quote(str(path))}?mode=ro"
        try:
            connection = sqlite3.connect(uri, uri=True, timeout=BUSY_S, isolation_level=None)
        except sqlite3.Error as error:
            raise ConfigurationError(f"{path}: cannot be opened: {error}") from error
        everything = [StatementPackage.of(name) for name in ("mta.store", *packages)]
        return cls(data_dir, everything, connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._connection.close()

    def prepare(self) -> None:
        """Set up reading. Raises `ConfigurationError` for the schema of another release,
        `StoreError` when the database cannot be read.
        """
        with self._told():
            for pragma in READER:
                self._connection.execute(pragma)
            check_schema(
                self._connection, self._packages, database=str(self.data_dir / DATABASE_NAME)
            )

    @contextlib.contextmanager
    def moment(self) -> Iterator[None]:
        """Everything read inside is of one moment. Raises `StoreError`."""
        with self._told():
            self._connection.execute("BEGIN")
            self._connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        try:
            yield
        finally:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")

    def rows(self, statement: str, /, **params: object) -> list[tuple[Any, ...]]:
        """All rows of a named read statement. Raises `StoreError`."""
        return self.select(self._catalogue.reads[statement].sql, **params)

    def select(self, sql: str, /, **params: object) -> list[tuple[Any, ...]]:
        """All rows of a query that is made of declarations. Raises `StoreError`."""
        with self._told():
            return self._connection.execute(sql, params).fetchall()

    def integrity(self) -> list[str]:
        """What SQLite finds wrong in the database's structure; reads all of it. Never raises."""
        try:
            problems = self._check(f"integrity_check({INTEGRITY_PROBLEMS})")
            for table, row, parent, _ in self._connection.execute("PRAGMA foreign_key_check"):
                problems.append(f"row {row} of {table} points at nothing in {parent}")
        except sqlite3.Error as error:  # it gave up: table by table it can say where
            return [str(error), *self._tables_in_pieces()]
        return problems

    def _check(self, pragma: str) -> list[str]:
        found = [str(row[0]) for row in self._connection.execute(f"PRAGMA {pragma}")]
        return [line for text in found if text != "ok" for line in text.splitlines()]

    def _tables_in_pieces(self) -> list[str]:
        problems: list[str] = []
        try:
            query = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name"
            tables = [str(row[0]) for row in self._connection.execute(query)]
        except sqlite3.Error:
            return problems
        for table in tables:
            try:
                problems += [
                    f"table {table}: {line}" for line in self._check(f"integrity_check({table})")
                ]
            except sqlite3.Error as error:
                problems.append(f"table {table} or an index of it: {error}")
        return problems

    def copy_to(self, path: Path, progress: Progress) -> None:
        """A copy of the database as of the present `moment`, synced. Raises `StoreError`."""
        path.unlink(missing_ok=True)
        path.touch(mode=0o600)
        with self._told(), contextlib.closing(sqlite3.connect(path, isolation_level=None)) as copy:
            copy.execute("PRAGMA synchronous = OFF")  # synced as a whole by whoever uses it
            # With a transaction open on the source no step begins anew, whatever is written there.
            self._connection.backup(
                copy,
                pages=COPY_PAGES,
                progress=lambda _, left, total: progress(total - left, total),
            )

    def segment(self, number: int) -> Path:
        """Where a segment lies."""
        return segment_path(self.content_dir, number)

    @property
    def content_dir(self) -> Path:
        """The folder of the segments."""
        return self.data_dir / CONTENT_NAME

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise StoreError(f"{self.data_dir / DATABASE_NAME}: {error}") from error
