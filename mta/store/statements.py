"""SQL by name: packages bring `.sql` files, the store looks statements up.

A file is a list of statements, each below a head of comment lines:

    -- name: delivery_claim
    -- order: 22
    -- Taken for sending. rows: id, changed_ms
    UPDATE delivery SET … FROM (SELECT value->>0 AS id … FROM json_each(:rows)) AS v …;

A statement with `order` writes: its one parameter `:rows` is a JSON array of arrays, so that the
rows of many jobs are one step of the database; in a merged batch statements run in rising order,
ties by name. A statement without `order` reads and takes named parameters. `-- key: 0` says that
a write groups its rows by that column and changes one database row for each distinct value,
which is what a guard then counts. `write.postgresql.sql` holds what must differ for one engine.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from typing import NamedTuple, Self

from mta.model.errors import InternalError

_NAME = re.compile(r"-- name: ([a-z][a-z0-9_]*)\s*\Z")
_ORDER = re.compile(r"-- order: (\d+)\s*\Z")
_KEY = re.compile(r"-- key: (\d+)\s*\Z")
_FILE = re.compile(r"([^.]+)(?:\.([a-z]+))?\.sql\Z")
_MIGRATION = re.compile(r"(\d{4})_[a-z0-9_]+\Z")


class SqlFile(NamedTuple):
    """The text of one `.sql` file; `engine` is empty when it serves every engine."""

    name: str  # "0001_queue", without engine and suffix
    engine: str
    text: str


class Migration(NamedTuple):
    """One step of a package's schema."""

    number: int
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Statement:
    """One named statement."""

    name: str
    sql: str
    order: int | None  # None: a read
    key: int | None = None


@dataclass(frozen=True, slots=True)
class StatementPackage:
    """The SQL that one Python package owns: its statements and its schema."""

    name: str
    sql_files: tuple[SqlFile, ...]
    migration_files: tuple[SqlFile, ...]

    @classmethod
    def of(cls, package: str) -> Self:
        """What lies in `<package>/sql/*.sql` and `<package>/migrations/NNNN_*.sql`."""
        root = resources.files(package)
        return cls(package, _files(root / "sql"), _files(root / "migrations"))

    def migrations(self, engine: str) -> list[Migration]:
        """The migrations for an engine in rising order, numbered 1, 2, 3, … without a gap."""
        found: list[Migration] = []
        for file in _for_engine(self.migration_files, engine):
            match = _MIGRATION.match(file.name)
            if match is None:
                raise InternalError(f"{self.name}: migration {file.name!r} is not NNNN_words.sql")
            found.append(Migration(int(match[1]), file.name, file.text))
        found.sort()
        if [m.number for m in found] != list(range(1, len(found) + 1)):
            raise InternalError(f"{self.name}: migrations must be numbered 0001, 0002, …")
        return found


class Catalogue:
    """All statements of all packages, by name."""

    def __init__(self, packages: Iterable[StatementPackage], engine: str) -> None:
        """Raises `InternalError` when a file cannot be understood or two share a name."""
        self.reads: dict[str, Statement] = {}
        self.writes: dict[str, Statement] = {}
        for package in packages:
            for file in _for_engine(package.sql_files, engine):
                for statement in parse_statements(f"{package.name}: {file.name}.sql", file.text):
                    self._add(package.name, statement)

    def _add(self, package: str, statement: Statement) -> None:
        if statement.name in self.reads or statement.name in self.writes:
            raise InternalError(f"{package}: a second statement named {statement.name!r}")
        kind = self.reads if statement.order is None else self.writes
        kind[statement.name] = statement


def parse_statements(where: str, text: str) -> list[Statement]:
    """The statements of one file; `where` is named in errors. Raises `InternalError`."""
    chunks: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if match := _NAME.match(line):
            chunks.append((match[1], []))
        elif line.startswith("-- name"):
            raise InternalError(f"{where}: {line!r} is not a statement's name")
        elif chunks:
            chunks[-1][1].append(line)
        elif line.strip() and not line.startswith("--"):
            raise InternalError(f"{where}: {line!r} stands before the first `-- name:`")
    statements = [_statement(where, name, lines) for name, lines in chunks]
    twice = {s.name for s in statements if sum(o.name == s.name for o in statements) > 1}
    if twice:
        raise InternalError(f"{where}: more than one statement named {', '.join(sorted(twice))}")
    return statements


def _statement(where: str, name: str, lines: Sequence[str]) -> Statement:
    order = key = None
    body: list[str] = []
    for line in lines:
        if match := _ORDER.match(line):
            order = int(match[1])
        elif match := _KEY.match(line):
            key = int(match[1])
        elif not line.lstrip().startswith("--"):
            body.append(line)
    sql = "\n".join(body).strip().rstrip(";").rstrip()
    if not sql:
        raise InternalError(f"{where}: statement {name!r} is empty")
    if order is not None and ":rows" not in sql:
        raise InternalError(f"{where}: write statement {name!r} does not use :rows")
    if order is None and (key is not None or ":rows" in sql):
        raise InternalError(f"{where}: statement {name!r} needs an `-- order:`")
    return Statement(name, sql, order, key)


def _files(folder: Traversable) -> tuple[SqlFile, ...]:
    if not folder.is_dir():
        return ()
    found: list[SqlFile] = []
    for entry in folder.iterdir():
        if match := _FILE.match(entry.name):
            text = entry.read_text(encoding="utf-8")
            found.append(SqlFile(match[1], match[2] or "", text))
    return tuple(sorted(found))


def _for_engine(files: Iterable[SqlFile], engine: str) -> list[SqlFile]:
    chosen: dict[str, SqlFile] = {}
    for file in files:
        if file.engine == engine or (file.engine == "" and file.name not in chosen):
            chosen[file.name] = file
    return [chosen[name] for name in sorted(chosen)]
