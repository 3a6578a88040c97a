"""What an error of the disk or the database means for the jobs under way.

Three answers: the job itself is at fault (only it fails), the surroundings are (the batch fails,
the next one may succeed: disk full, database busy), or the disk failed (nothing is trusted any
more). After a failed fsync the kernel may have dropped the dirty pages, and a second fsync would
report success for bytes that never reached the disk; hence `StoreFailed` and no further sync.
"""

import errno
import os
import sqlite3
from pathlib import Path

from mta.model.errors import (
    InternalError,
    JobRefused,
    RelevoError,
    StoreError,
    StoreFailed,
)

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})

_IOERR = 10  # SQLITE_IOERR; the low byte of all SQLITE_IOERR_… codes
_OF_THE_JOB = frozenset(
    {
        1,  # SQLITE_ERROR: the statement is wrong, or JSON in a row is
        11,  # SQLITE_CORRUPT: jobs that do not touch the damaged page go on
        18,  # SQLITE_TOOBIG
        20,  # SQLITE_MISMATCH
        25,  # SQLITE_RANGE
    }
)
_CORRUPT = 11
_CONSTRAINT = 19
DAMAGED = frozenset({11, 26})  # SQLITE_CORRUPT, SQLITE_NOTADB
DAMAGE_REMEDY = ": the database is damaged: `relevo verify` tells where"
_FOR_EVER = frozenset({8, 26})  # SQLITE_READONLY (remounted after an error), SQLITE_NOTADB


def is_fault_of_one_job(error: Exception) -> bool:
    """Whether the rest of the batch may succeed without the job that caused the error."""
    if isinstance(error, RelevoError):
        return isinstance(error, JobRefused | InternalError)
    if isinstance(error, sqlite3.Error):
        code = _code(error)
        return code == 0 or code in _OF_THE_JOB or code == _CONSTRAINT
    return not isinstance(error, OSError | MemoryError)


def job_error(error: Exception) -> RelevoError:
    """What the one job that caused `error` is answered."""
    if isinstance(error, RelevoError):
        return error
    if isinstance(error, sqlite3.Error):
        code = _code(error)
        if code == _CONSTRAINT:
            return JobRefused(f"constraint: {error}")
        if code == _CORRUPT:
            return StoreError(f"{error}{DAMAGE_REMEDY}")
    return InternalError(f"the store cannot run the job: {error!r}")


def batch_error(error: Exception, directory: Path, log_bytes: int) -> StoreError:
    """What all jobs of a batch are answered: `StoreError`, or `StoreFailed` if the disk failed."""
    if isinstance(error, StoreError):
        return error
    if isinstance(error, sqlite3.Error):
        if _code(error) in _FOR_EVER:
            return StoreFailed(f"{_name(error)}: {error}")
        if _code(error) != _IOERR:
            return StoreError(f"{_name(error)}: {error}")
        if not _is_sync(error) and has_no_room(directory, log_bytes):
            return StoreError(f"no room to write in {directory}: {error}")
        return StoreFailed(f"{_name(error)}: {error}")
    if isinstance(error, OSError):
        return write_error(error, directory)
    if isinstance(error, MemoryError):
        return StoreError("out of memory")
    return StoreFailed(f"the store broke: {error!r}")


def write_error(error: OSError, path: Path) -> StoreError:
    """What a failed open or write of a content file means (never used for a failed sync)."""
    if error.errno in NO_ROOM or error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
        return StoreError(f"{path}: {error.strerror}")
    return StoreFailed(f"{path}: {error.strerror}")


def has_no_room(directory: Path, size_bytes: int) -> bool:
    """Whether a file of `size_bytes` cannot grow by a block here.

    SQLite tells ENOSPC (SQLITE_FULL) but not EDQUOT and EFBIG from EIO, so a write is tried
    where SQLite would have written; the file is sparse and never synced.
    """
    probe = directory / f".room-{os.getpid()}"
    try:
        fd = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            os.pwrite(fd, bytes(4096), size_bytes)
        finally:
            os.close(fd)
            probe.unlink()
    except OSError as error:
        return error.errno in NO_ROOM
    return False


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _name(error: sqlite3.Error) -> str:
    return getattr(error, "sqlite_errorname", type(error).__name__)


def _is_sync(error: sqlite3.Error) -> bool:
    return "FSYNC" in _name(error)
