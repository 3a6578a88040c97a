"""Writes the archive: a ZIP with each table as JSON Lines and as CSV, and a manifest with sums.

Memory is constant: rows come in pages by key, each page is told, packed and forgotten. Every page is
a read of its own, so that the log of the database does not grow while a large account is exported;
what changes meanwhile is in it or not, row by row.
"""

import hashlib
import os
import tempfile
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import orjson

from console.accounts.csv_text import csv_text
from console.accounts.exporting.columns import ExportTable
from mta.events.record import rfc3339
from mta.model.clock import Clock
from mta.model.errors import PermanentError
from mta.store.snapshot import StoreSnapshot

FORMAT = 1
MANIFEST = "manifest.json"
_CHUNK = 1 << 20
_LEVEL = 6

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """A file of the archive, before it is packed."""

    name: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    path: Path
    account: int
    accounts: Sequence[int]
    files: Sequence[ExportedFile]
    bytes: int
    sha256: str  # of the archive


@dataclass(frozen=True, slots=True)
class Source:
    """What is exported: an account with those below it, of a store."""

    store: StoreSnapshot
    account: int
    accounts: Sequence[int]
    tables: Sequence[ExportTable]


def write_archive(path: Path, source: Source, clock: Clock, progress: Progress) -> Exported:
    """Make the archive, readable by its owner alone; there is all of it or nothing.

    Raises `PermanentError` when the file exists or cannot be written, `StoreError`.
    """
    require_new(path)
    partial = path.with_name(f"{path.name}.partial")
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            files = _fill(file, source, clock, progress)
            file.flush()
            os.fsync(file.fileno())
        digest = _sum_of(partial)
        partial.replace(path)
    except OSError as error:
        raise PermanentError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)
    size = path.stat().st_size
    return Exported(path, source.account, source.accounts, files, size, digest)


def require_new(path: Path) -> None:
    """Raise `PermanentError` when there is something: nothing is written over."""
    if path.exists():
        raise PermanentError(f"{path}: exists already")


def _fill(
    file: IO[bytes], source: Source, clock: Clock, progress: Progress
) -> Sequence[ExportedFile]:
    files: list[ExportedFile] = []
    began_ms = clock.now_ms()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
        for number, table in enumerate(source.tables):
            progress(table.name, number, len(source.tables))
            files += _table(archive, source, table, began_ms)
        manifest = {
            "format": FORMAT,
            "account": str(source.account),
            "accounts": [str(account) for account in source.accounts],
            "began_at": rfc3339(began_ms),
            "ended_at": rfc3339(clock.now_ms()),
            "files": [asdict(one) for one in files],
        }
        archive.writestr(
            _entry(MANIFEST, began_ms), orjson.dumps(manifest, option=orjson.OPT_INDENT_2)
        )
    return files


def _entry(name: str, at_ms: int) -> zipfile.ZipInfo:
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    entry = zipfile.ZipInfo(name, at.timetuple()[:6])
    entry.compress_type = zipfile.ZIP_DEFLATED
    return entry


def _table(
    archive: zipfile.ZipFile, source: Source, table: ExportTable, at_ms: int
) -> list[ExportedFile]:
    """Both files of a table from one reading: the CSV waits on the disk until the other is whole."""
    count = 0
    with tempfile.TemporaryFile() as kept:
        csv = _Summed(kept)
        csv.write(csv_text([[column.name for column in table.columns]]).encode())
        with archive.open(_entry(f"{table.name}.jsonl", at_ms), "w", force_zip64=True) as entry:
            lines = _Summed(entry)
            for page in _pages(source, table):
                told = [table.told(row) for row in page]
                lines.write(b"".join(orjson.dumps(one) + b"\n" for one in told))
                csv.write(csv_text(map(table.cells, told)).encode())
                count += len(told)
        kept.seek(0)
        with archive.open(_entry(f"{table.name}.csv", at_ms), "w", force_zip64=True) as entry:
            while chunk := kept.read(_CHUNK):
                entry.write(chunk)
    return [lines.file(f"{table.name}.jsonl", count), csv.file(f"{table.name}.csv", count)]


def _pages(source: Source, table: ExportTable) -> Any:
    accounts = orjson.dumps(list(source.accounts)).decode()
    place = tuple(table.start)
    names = ("after", "after_2")[: len(place)]
    while True:
        keys: Mapping[str, int | str] = dict(zip(names, place, strict=True))
        rows = source.store.select(table.sql, accounts=accounts, count=table.page, **keys)
        if rows:
            yield rows
            place = rows[-1][: len(place)]
        if len(rows) < table.page:
            return


class _Summed:
    """Writes, and knows size and SHA-256 of what was written."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self._digest.update(data)
        self._size += len(data)

    def file(self, name: str, rows: int) -> ExportedFile:
        return ExportedFile(name, rows, self._size, self._digest.hexdigest())


def _sum_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
