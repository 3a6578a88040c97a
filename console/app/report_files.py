"""Writes reports to files for commands, beside a running server or without one."""

import base64
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


def write_usage_report(
    run: Run, arguments: Mapping[str, Any], target: Path, progress: Callable[[str, int, int], None]
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
    made = _awaited(run, asked, progress) if begun["is_served"] else run("report.make", asked)
    if made["state"] != "done":
        raise PermanentError(f"report {made['number']} was not made: {made['error']}")
    progress("writing", 99, 100)
    read = run("report.read", {**asked, "format": suffix[1:]})
    write_whole(target, base64.b64decode(read["base64"]), mode=0o600)
    return {**made, "path": str(target), "bytes": target.stat().st_size}


def _awaited(
    run: Run, asked: Mapping[str, Any], progress: Callable[[str, int, int], None]
) -> Mapping[str, Any]:
    """The server makes it; an attempt that failed is over for us, too."""
    ends_s = time.monotonic() + DEADLINE_S
    while time.monotonic() < ends_s:
        shown: Mapping[str, Any] = run("report.show", asked)
        if shown["state"] in ("done", "failed") or shown["error"]:
            return shown
        progress(shown["step"] or "waiting", shown["percent"], 100)
        time.sleep(POLL_S)
    raise PermanentError("the report takes too long: the server goes on, look at its page")
