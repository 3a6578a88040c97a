"""Backup, restore and verify: what commands do to a whole data directory, beside the server or without."""

import asyncio
import contextlib
import importlib.metadata
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from console.app.chains import check_chains
from console.app.quota_books import check_books
from console.app.services import PACKAGES, become_owner
from mta.engine.archive import CONFIG, ArchiveReader
from mta.engine.backup import CONFIG_FILES, make_backup
from mta.engine.control import SOCKET_NAME, ControlClient, NoServer
from mta.engine.lease import OPERATION, RENEW_S
from mta.engine.restore import restore_backup
from mta.engine.verify import verify
from mta.events.record import rfc3339
from mta.model.clock import SystemClock
from mta.model.errors import PermanentError, TransientError
from mta.settings.loading import Loaded
from mta.settings.whole_file import write_whole
from mta.store.lock import DataDirLock

LOOKED_AT = ("mta.spool", "mta.engine", *PACKAGES)

Progress = Callable[[str, int, int], None]


def verify_store(loaded: Loaded, progress: Progress) -> Mapping[str, Any]:
    """What was looked at and found, for `relevo verify`."""
    report = verify(loaded.settings.server.data_dir, LOOKED_AT, progress)
    chains, broken = check_chains(loaded, LOOKED_AT, progress)
    report.findings += broken
    report.findings += check_books(loaded, LOOKED_AT)
    findings = [
        {
            **asdict(finding),
            "message": None if finding.message is None else str(finding.message),
        }
        for finding in report.findings
    ]
    seconds = round(report.seconds, 1)
    return {
        **asdict(report),
        "sound": report.is_sound,
        "findings": findings,
        "seconds": seconds,
        "chains": [asdict(chain) for chain in chains],
    }


def back_up(loaded: Loaded, target: Path, progress: Progress) -> Mapping[str, Any]:
    """Write a backup; gives what is in it."""
    with _segments_kept(loaded.settings.server.data_dir) as renew:
        made = make_backup(
            loaded,
            LOOKED_AT,
            target,
            clock=SystemClock(),
            release=importlib.metadata.version("relevo"),
            renew=renew,
            progress=progress,
        )
    return {**asdict(made), "path": str(made.path), "taken_ms": rfc3339(made.taken_ms)}


@contextlib.contextmanager
def _segments_kept(data_dir: Path) -> Iterator[Callable[[], None]]:
    """No segment is removed inside: the running server is asked for it, or kept from starting."""
    client = ControlClient(data_dir / SOCKET_NAME)
    try:
        answer = asyncio.run(client.call(OPERATION, {}))
    except NoServer:
        with DataDirLock(data_dir):
            yield lambda: None
        return
    lease = answer["lease"] if isinstance(answer, dict) else ""
    next_s = time.monotonic() + RENEW_S

    def renew() -> None:
        nonlocal next_s
        if time.monotonic() < next_s:
            return
        try:
            asyncio.run(client.call(OPERATION, {"lease": lease}))
        except NoServer:
            raise TransientError("the server ended meanwhile: begin the backup anew") from None
        next_s = time.monotonic() + RENEW_S

    yield renew
    next_s = 0.0
    renew()  # was it there to the end?


def restore(
    config: Path, source: Path, load: Callable[[Path], Loaded], progress: Progress
) -> Mapping[str, Any]:
    """Put a backup in place; settings are taken from it where there are none."""
    try:
        file = _only_backup(source).open("rb")
    except OSError as error:
        raise PermanentError(f"{source}: cannot be read: {error.strerror}") from error
    with file:
        archive = ArchiveReader(file, str(source))
        written = _write_settings(config, archive)
        try:
            loaded = load(config)
            data_dir = loaded.settings.server.data_dir
            if data_dir.exists():
                become_owner(data_dir)
            os.umask(0o077)
            done = asyncio.run(
                restore_backup(
                    archive, loaded.settings, LOOKED_AT, clock=SystemClock(), progress=progress
                )
            )
        except BaseException:
            for path in written:
                path.unlink(missing_ok=True)
            raise
    return {
        **asdict(done),
        "data_dir": str(done.data_dir),
        "taken_ms": rfc3339(done.taken_ms),
        "settings": [str(path) for path in written],
    }


def _only_backup(source: Path) -> Path:
    """The file itself, or the one backup in a folder."""
    if not source.is_dir():
        return source
    found = sorted(source.glob("*.tar"))
    if len(found) != 1:
        raise PermanentError(f"{source}: holds {len(found)} backups (*.tar): name one of them")
    return found[0]


def _write_settings(config: Path, archive: ArchiveReader) -> list[Path]:
    """Settings from the backup, if there are none; gives what was written."""
    if config.exists():
        return []
    written = []
    try:
        for name in CONFIG_FILES:
            data = archive.small.get(CONFIG + name)
            path = config if name == CONFIG_FILES[0] else config.with_name(name)
            if data is not None and not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                write_whole(path, data, mode=0o640)
                written.append(path)
    except OSError as error:
        raise PermanentError(f"{error.filename}: {error.strerror}") from error
    return written
