"""Writes reports to files for commands, beside a running server or without one."""

import base64
import os
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from console.accounts.exporting.archive import require_new
from mta.model.errors import PermanentError
from mta.settings.whole_file import write_whole

POLL_S = 0.3
DEADLINE_S = 1_800.0
FORMATS = (".pdf", ".xlsx", ".json")
Run = Callable[[str, Mapping[str, Any]], Any]
Progress = Callable[[str, int, int], None]


def write_usage_report(
    run: Run, arguments: Mapping[str, Any], target: Path, progress: Progress
) -> Mapping[str, Any]:
    """Have a report of consumption made and kept, and write its file.

    `run` carries out an operation. Raises `PermanentError`.
    """
    suffix = target.suffix.lower()
    if suffix not in FORMATS:
        raise PermanentError(f"{target}: its name has to end in .pdf, .xlsx or .json")
    require_new(target)
    begun = run("report.begin", arguments)
    asked = {"report": begun["id"]}
    progress("gathering", 0, 100)

    def told(shown: Mapping[str, Any]) -> None:
        progress(shown["step"] or "waiting", shown["percent"], 100)

    if begun["is_served"]:
        made = _awaited(run, "report.show", asked, told)
    else:
        made = run("report.make", asked)
    if made["state"] != "done":
        raise PermanentError(f"report {made['number']} was not made: {made['error']}")
    progress("writing", 99, 100)
    read = run("report.read", {**asked, "format": suffix[1:]})
    write_whole(target, base64.b64decode(read["base64"]), mode=0o600)
    return {**made, "path": str(target), "bytes": target.stat().st_size}


def write_evidence(
    run: Run, arguments: Mapping[str, Any], target: Path, progress: Progress
) -> Mapping[str, Any]:
    """Have evidence of sends made and kept, and copy one of its files.

    `run` carries out an operation. Raises `PermanentError`.
    """
    require_new(target)
    begun = run("evidence.begin", arguments)
    asked = {"report": begun["id"]}

    def told(shown: Mapping[str, Any]) -> None:
        progress("reading", shown["rows_read"], shown["rows_expected"])

    progress("reading", 0, 0)
    if begun["is_served"]:
        made = _awaited(run, "evidence.show", asked, told)
    else:
        made = run("evidence.make", asked)
    if made["state"] != "done":
        raise PermanentError(f"evidence {made['number']} was not made: {made['error']}")
    taken = run("evidence.take", {**asked, "format": target.suffix[1:]})
    _copy(Path(taken["kept"]), target)
    return {**made, "path": str(target), "sha256": taken["sha256"]}


def _awaited(
    run: Run, name: str, asked: Mapping[str, Any], told: Callable[[Mapping[str, Any]], None]
) -> Mapping[str, Any]:
    """The server makes it; an attempt that failed is over for us, too."""
    ends_s = time.monotonic() + DEADLINE_S
    while time.monotonic() < ends_s:
        shown: Mapping[str, Any] = run(name, asked)
        if shown["state"] in ("done", "failed") or shown["error"]:
            return shown
        told(shown)
        time.sleep(POLL_S)
    raise PermanentError("the report takes too long: the server goes on, look at its page")


def _copy(source: Path, target: Path) -> None:
    """Whatever its size: beside its place, synced, then given its name."""
    partial = target.with_name(f".{target.name}.partial")
    try:
        with source.open("rb") as kept, open(partial, "xb", opener=_private) as copy:
            shutil.copyfileobj(kept, copy)
            copy.flush()
            os.fsync(copy.fileno())
        partial.replace(target)
    except OSError as error:
        raise PermanentError(f"{target}: cannot be written: {error.strerror}") from error
    finally:
        partial.unlink(missing_ok=True)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
