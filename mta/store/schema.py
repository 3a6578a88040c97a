"""Schema of an SQLite database: numbered migrations of each package, forward only.

`store_migration` remembers what was applied. Each migration is one transaction, so a power cut
in an upgrade leaves the old or the new schema, never half of one.
"""

import sqlite3
from collections.abc import Iterable, Iterator

from mta.model.errors import ConfigurationError, InternalError
from mta.store.failures import is_fault_of_one_job
from mta.store.statements import Migration, StatementPackage

_TABLE = """
CREATE TABLE IF NOT EXISTS store_migration (
    package    TEXT NOT NULL,
    number     INTEGER NOT NULL,
    name       TEXT NOT NULL,
    applied_ms INTEGER NOT NULL,
    PRIMARY KEY (package, number)
) WITHOUT ROWID
"""


def migrate(
    connection: sqlite3.Connection,
    packages: Iterable[StatementPackage],
    *,
    database: str,
    now_ms: int,
) -> list[str]:
    """Bring the schema up to date; gives what was applied, "mta.spool 0002_…".

    Raises `ConfigurationError` when the database is from a newer release (nothing is changed),
    `InternalError` when a migration is wrong, `sqlite3.Error` when the disk does not let it
    happen; a migration that failed is undone.
    """
    connection.execute(_TABLE)
    plan: list[tuple[str, Migration]] = []
    for package in packages:
        migrations = package.migrations("sqlite")
        present = _present(connection, package.name)
        if present > len(migrations):
            raise _too_new(database, package.name, present, len(migrations))
        plan.extend((package.name, migration) for migration in migrations[present:])
    for package_name, migration in plan:
        _apply(connection, package_name, migration, now_ms)
    return [f"{package_name} {migration.name}" for package_name, migration in plan]


def check_schema(
    connection: sqlite3.Connection, packages: Iterable[StatementPackage], *, database: str
) -> None:
    """Raise `ConfigurationError` unless the schema is the one of this release; changes nothing."""
    for package in packages:
        known = len(package.migrations("sqlite"))
        if not known:
            continue
        present = _present(connection, package.name)
        if present > known:
            raise _too_new(database, package.name, present, known)
        if present < known:
            raise ConfigurationError(
                f"{database}: schema of {package.name} is number {present}, this release has "
                f"{known}: start the server once, it brings the schema up to date"
            )


def _too_new(database: str, package: str, present: int, known: int) -> ConfigurationError:
    return ConfigurationError(
        f"{database}: schema of {package} is number {present}, this release knows {known}: start "
        "the release that made it or a newer one, or restore a backup made before the upgrade"
    )


def _present(connection: sqlite3.Connection, package: str) -> int:
    query = "SELECT coalesce(max(number), 0) FROM store_migration WHERE package = ?"
    number: int = connection.execute(query, (package,)).fetchone()[0]
    return number


def _apply(connection: sqlite3.Connection, package: str, migration: Migration, now_ms: int) -> None:
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statement in split_script(migration.text):
            connection.execute(statement)
        connection.execute(
            "INSERT INTO store_migration (package, number, name, applied_ms) VALUES (?, ?, ?, ?)",
            (package, migration.number, migration.name, now_ms),
        )
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        if not is_fault_of_one_job(error):  # no room, no access: not the migration's fault
            raise
        raise InternalError(f"{package}: migration {migration.name} failed: {error}") from error


def split_script(text: str) -> Iterator[str]:
    """The statements of a script, one by one (`executescript` would commit in between)."""
    pending = ""
    for piece in text.split(";"):
        pending += piece
        if sqlite3.complete_statement(pending + ";"):
            if _is_more_than_comment(pending):
                yield pending
            pending = ""
        else:
            pending += ";"
    if _is_more_than_comment(pending.rstrip(";")):
        raise InternalError(f"unfinished statement: {pending.strip()[:80]!r}")


def _is_more_than_comment(text: str) -> bool:
    lines = (line.strip() for line in text.splitlines())
    return any(line and not line.startswith("--") for line in lines)
