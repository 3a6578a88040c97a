"""Makes a backup while the server runs, or while it does not.

One moment of the database is copied as a whole; its writer is not kept waiting. Then come the
segments, each up to the end of the last content that the copied rows know: segments only grow, so
these bytes are the same as at that moment, as long as none is removed, which the caller's lease (or
lock) forbids. The file gets its name when all of it is on the disk.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mta.engine.archive import (
    CONFIG,
    CONTENT,
    DATABASE,
    KEYS,
    LETTERS,
    REPORTS,
    SANDBOX,
    SECRET,
    ArchiveWriter,
)
from mta.model.clock import Clock
from mta.model.errors import ConfigurationError, PermanentError, StoreError, TransientError
from mta.settings.loading import Loaded
from mta.settings.whole_file import sync_folder
from mta.store.snapshot import StoreSnapshot

Progress = Callable[[str, int, int], None]
# Mail to abuse@ and postmaster@, which who reads it may remove; hand-overs and evidence with their numbers.
FOLDERS = ((LETTERS, "*.eml"), (REPORTS, "*.pdf"), (REPORTS, "*.xlsx"))
CONFIG_FILES = ("relevo.toml", "shaping.toml", "bounce_rules.toml")


@dataclass(frozen=True, slots=True)
class Backup:
    """What was written."""

    path: Path
    bytes: int
    taken_ms: int
    messages: int
    deliveries: int
    open: int  # deliveries not final
    segments: int


def make_backup(
    loaded: Loaded,
    packages: Sequence[str],
    target: Path,
    *,
    clock: Clock,
    release: str,
    renew: Callable[[], None],
    progress: Progress,
) -> Backup:
    """Write a backup to `target`, a new file, or a folder in which one is made.

    `renew` is called again and again while it copies; what it raises ends the backup. Raises
    `ConfigurationError`, `PermanentError` and `StoreError`; then nothing is left but what was there.
    """
    taken_ms = clock.now_ms()
    if target.is_dir():
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(taken_ms / 1000))
        target = target / f"relevo-{stamp}.tar"
    if target.exists():
        raise PermanentError(f"{target}: exists; choose another name, a backup is not overwritten")
    partial = target.with_name(f"{target.name}.partial")
    copied = target.with_name(f"{target.name}.partial-db")
    try:
        work = _Work(loaded, packages, renew, progress)
        made = work.write(partial, copied, target, taken_ms, release)
        partial.rename(target)
        sync_folder(target.parent)
    except OSError as error:
        raise TransientError(f"{error.filename or target}: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)
        for suffix in ("", "-journal", "-wal", "-shm"):
            copied.with_name(copied.name + suffix).unlink(missing_ok=True)
    return made


class _Work:
    def __init__(
        self,
        loaded: Loaded,
        packages: Sequence[str],
        renew: Callable[[], None],
        progress: Progress,
    ) -> None:
        self._loaded = loaded
        self._settings = loaded.settings
        self._packages = packages
        self._renew = renew
        self._progress = progress
        self._done = self._total = 0

    def write(
        self, partial: Path, copied: Path, target: Path, taken_ms: int, release: str
    ) -> Backup:
        data_dir = self._settings.server.data_dir
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as file:  # noqa: PTH123 - made with its mode above
            with StoreSnapshot.open(data_dir, self._packages) as store:
                store.prepare()
                with store.moment():
                    segments = [(row[0], row[2]) for row in store.rows("segment_uses") if row[2]]
                    sizes, ((still_open, _),) = (
                        store.rows("verify_sizes"),
                        store.rows("open_deliveries"),
                    )
                    self._make_sure_of_room(target, store, segments)
                    store.copy_to(copied, self._copying)
                archive = ArchiveWriter(file, taken_ms // 1000)
                self._add_small(archive)
                self._add_large(archive, store, copied, segments)
                for place, pattern in FOLDERS:
                    self._add_folder(archive, data_dir, place, pattern)
            archive.finish(taken_ms, release, self._settings.server.hostname)
            file.flush()
            os.fsync(descriptor)
            written = os.fstat(descriptor).st_size
        ((messages, deliveries, _),) = sizes
        return Backup(target, written, taken_ms, messages, deliveries, still_open, len(segments))

    def _make_sure_of_room(
        self, target: Path, store: StoreSnapshot, segments: Sequence[tuple[int, int]]
    ) -> None:
        """The database is there twice for a while: as a copy, and in the archive."""
        database = 2 * (store.data_dir / DATABASE).stat().st_size
        documents = sum(path.stat().st_size for path in store.data_dir.glob(f"{REPORTS}*.*"))
        needed = database + sum(end for _, end in segments) + documents
        facts = os.statvfs(target.parent)
        free = facts.f_bavail * facts.f_frsize
        if free < needed:
            raise StoreError(
                f"{target.parent}: {free >> 20} MiB are free, the backup needs {needed >> 20} MiB"
            )

    def _copying(self, done: int, total: int) -> None:
        self._renew()
        self._progress("database", done, total)

    # -- what goes in --------------------------------------------------------------------------

    def _add_small(self, archive: ArchiveWriter) -> None:
        for name, path in self._small():
            try:
                archive.add_bytes(name, path.read_bytes())
            except FileNotFoundError:
                continue
            except OSError as error:
                raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from error

    def _small(self) -> Iterator[tuple[str, Path]]:
        server = self._settings.server
        if self._loaded.path is not None:
            yield f"{CONFIG}relevo.toml", self._loaded.path
            for name in CONFIG_FILES[1:]:
                yield CONFIG + name, self._loaded.path.with_name(name)
        for path in sorted(server.dkim_dir.glob("*/*.pem*")):
            if not path.name.startswith("."):
                yield f"{KEYS}{path.parent.name}/{path.name}", path
        yield SECRET, self._settings.console.secret_file
        yield SANDBOX, server.data_dir / SANDBOX

    def _add_large(
        self,
        archive: ArchiveWriter,
        store: StoreSnapshot,
        copied: Path,
        segments: Sequence[tuple[int, int]],
    ) -> None:
        size = copied.stat().st_size
        self._done, self._total = 0, size + sum(end for _, end in segments)
        with copied.open("rb") as file:
            archive.add(DATABASE, file, size, self._read)
        for number, end in segments:
            path = store.segment(number)
            try:
                with path.open("rb") as file:
                    archive.add(f"{CONTENT}{path.name}", file, end, self._read)
            except FileNotFoundError:
                raise StoreError(f"{path}: is gone: `relevo verify` tells more") from None

    def _add_folder(self, archive: ArchiveWriter, data_dir: Path, place: str, pattern: str) -> None:
        """Files that may be removed meanwhile, and that nobody changes once they are there."""
        for path in sorted((data_dir / place).glob(pattern)):
            try:
                with path.open("rb") as file:
                    size = os.fstat(file.fileno()).st_size
                    archive.add(f"{place}{path.name}", file, size, self._read)
            except FileNotFoundError:
                continue

    def _read(self, size: int) -> None:
        self._done += size
        self._renew()
        self._progress("copying", self._done, self._total)
