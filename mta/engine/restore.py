"""Puts a backup in place, with everything on hold: mail may have gone since it was made.

Everything is unpacked into `.restoring` in the data directory and compared with the manifest; then
the flows are held, the small files and the contents are moved to their places, and last of all the
database. A server refuses to start while `.restoring` is there, so that no half of a restore is ever
taken for an empty queue.
"""

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mta.engine.archive import (
    DATABASE,
    KEYS,
    LETTERS,
    REPORTS,
    SANDBOX,
    SECRET,
    ArchiveReader,
    Manifest,
)
from mta.model.clock import Clock
from mta.model.errors import ConfigurationError, PermanentError
from mta.settings.schema import Settings
from mta.settings.whole_file import make_folder, sync_folder, write_whole
from mta.store.lock import LOCK_NAME, DataDirLock
from mta.store.sqlite import CONTENT_NAME, SqliteStore
from mta.store.statements import StatementPackage
from mta.store.work import Rows

STAGING = ".restoring"
REASON = "restored"
HARMLESS = frozenset((LOCK_NAME, STAGING, "README.md", ".gitignore"))

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Restored:
    """What is in place now."""

    data_dir: Path
    taken_ms: int
    hostname: str
    open: int  # deliveries not final
    flows_held: int
    keys: int  # DKIM keys


def refuse_half_restored(data_dir: Path) -> None:
    """Raise `ConfigurationError` when a restore into this directory was interrupted."""
    staging = data_dir / STAGING
    if staging.exists():
        raise ConfigurationError(
            f"{staging}: a restore was interrupted: empty {data_dir} and restore again"
        )


async def restore_backup(
    archive: ArchiveReader,
    settings: Settings,
    packages: Sequence[str],
    *,
    clock: Clock,
    progress: Progress,
) -> Restored:
    """Put everything in place but the settings. Raises `ConfigurationError` when the directory is in
    use, `PermanentError` when something is there already or the backup is damaged; then nothing is
    left but what was there.
    """
    data_dir = settings.server.data_dir
    try:
        make_folder(data_dir)
        with DataDirLock(data_dir):
            _refuse_what_is_there(data_dir)
            small = _small_files(archive, settings)
            staging = data_dir / STAGING
            shutil.rmtree(staging, ignore_errors=True)
            try:
                staging.mkdir(mode=0o700)
                manifest = _unpack(archive, staging, progress)
                still_open, held = await _hold(staging, packages, clock)
            except BaseException:
                shutil.rmtree(staging, ignore_errors=True)
                raise
            _put_in_place(staging, data_dir, small)
    except OSError as error:
        raise PermanentError(f"{error.filename}: {error.strerror}") from error
    keys = sum(name.startswith(KEYS) for name in archive.small)
    return Restored(data_dir, manifest.taken_ms, manifest.hostname, still_open, held, keys)


def _refuse_what_is_there(data_dir: Path) -> None:
    there = sorted(entry.name for entry in data_dir.iterdir() if entry.name not in HARMLESS)
    if there:
        raise PermanentError(
            f"{data_dir}: is not empty ({', '.join(there[:3])}): a backup is restored into an empty "
            "folder; move what is there away first"
        )


def _small_files(archive: ArchiveReader, settings: Settings) -> dict[Path, bytes]:
    """Where keys and secrets go. Raises `PermanentError` when something else is there."""
    places: dict[Path, bytes] = {}
    for name, data in archive.small.items():
        if name.startswith(KEYS):
            places[settings.server.dkim_dir / name.removeprefix(KEYS)] = data
        elif name == SECRET:
            places[settings.console.secret_file] = data
        elif name == SANDBOX:
            places[settings.server.data_dir / SANDBOX] = data
    for path, data in list(places.items()):
        if path.exists():
            if path.read_bytes() != data:
                raise PermanentError(f"{path}: exists and is another: move it away first")
            del places[path]
    return places


def _unpack(archive: ArchiveReader, staging: Path, progress: Progress) -> Manifest:
    done = 0

    def read(size: int) -> None:
        nonlocal done
        done += size
        progress(f"unpacking, {done >> 20} MiB", 0, 0)

    return archive.unpack(staging, read)


async def _hold(staging: Path, packages: Sequence[str], clock: Clock) -> tuple[int, int]:
    """Hold every flow; gives the deliveries not final and the flows on hold."""
    store = await SqliteStore.open(
        staging, [StatementPackage.of(name) for name in packages], clock=clock
    )
    try:
        await store.submit([Rows("flow_hold_all", [(REASON, clock.now_ms())])])
        ((still_open, held),) = await store.read("open_deliveries", deadline_s=60.0)
    finally:
        await store.close()
    return still_open, held


def _put_in_place(staging: Path, data_dir: Path, small: dict[Path, bytes]) -> None:
    for path, data in small.items():
        make_folder(path.parent)
        write_whole(path, data)
    for name in (CONTENT_NAME, LETTERS.rstrip("/"), REPORTS.rstrip("/")):
        folder = staging / name
        if folder.is_dir():
            for path in (*folder.iterdir(), folder):
                _sync(path)
            folder.rename(data_dir / name)
    _sync(staging / DATABASE)
    (staging / DATABASE).rename(data_dir / DATABASE)
    sync_folder(data_dir)
    shutil.rmtree(staging)
    sync_folder(data_dir)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
