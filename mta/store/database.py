"""How SQLite is opened: the one connection that writes, and what must hold before it does."""

import os
import sqlite3
from pathlib import Path

from mta.model.errors import ConfigurationError

DATABASE_NAME = "relevo.db"
BUSY_S = 5.0  # nobody else writes; a backup tool or a person with `sqlite3` might for a moment

# No mmap: a read error would be a SIGBUS instead of an exception, and the page cache serves as
# well. No automatic checkpoints: they would run inside somebody's commit.
_WRITER = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA wal_autocheckpoint = 0",
    "PRAGMA journal_size_limit = 67108864",  # 64 MiB are kept: overwriting syncs faster than growing
    "PRAGMA secure_delete = ON",
    "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -65536",  # KiB
    "PRAGMA mmap_size = 0",
)
_MUST_HOLD = (
    ("journal_mode", "wal", "the file system must support shared memory maps: use a local disk"),
    ("synchronous", 2, "FULL (2) is what makes an acknowledged message survive a power cut"),
    ("secure_delete", 1, "erased personal data must not stay in free pages"),
)
READER = ("PRAGMA query_only = ON", "PRAGMA cache_size = -16384", "PRAGMA mmap_size = 0")


def open_writer(path: Path) -> sqlite3.Connection:
    """The connection that writes; the file is made if need be, readable by its owner only.

    Raises `ConfigurationError` when the database cannot give the promises of the store.
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(
            path,
            timeout=BUSY_S,
            isolation_level=None,
            check_same_thread=False,  # opened here, used by the writer thread alone
            cached_statements=256,
        )
    except (OSError, sqlite3.Error) as error:
        raise ConfigurationError(f"{path}: cannot be opened for writing: {error}") from error
    try:
        for pragma in _WRITER:
            connection.execute(pragma)
        check_durability(connection, path)
    except BaseException as error:
        connection.close()
        if isinstance(error, sqlite3.Error):
            raise ConfigurationError(f"{path}: cannot be used: {error}") from error
        raise
    return connection


def check_durability(connection: sqlite3.Connection, path: Path) -> None:
    """Ask SQLite what holds, whatever was set. Raises `ConfigurationError`."""
    for name, wanted, reason in _MUST_HOLD:
        found = connection.execute(f"PRAGMA {name}").fetchone()[0]
        if found != wanted:
            raise ConfigurationError(f"{path}: {name} is {found!r}, needed is {wanted!r}: {reason}")


def sync_directory(path: Path) -> None:
    """Make names in a directory durable (a new file exists only after this). Raises `OSError`."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
