"""The process that looks at a file: `python -m console.contacts.files.peek PATH JSON`.

A workbook is unpacked by code that does not let go of the interpreter: for a large one that is
seconds in which no mail would move, so it happens in a process with limits of its own.
"""

import asyncio
import json
import resource
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from console.contacts.files.hidden import Hidden, hidden_in
from console.contacts.files.sniffing import FileKind, UnreadableFile, sniff
from console.contacts.files.tables import MAX_COLUMNS, Sheet, rows, sheets

MAX_MEMORY = 3 << 30  # octets of address space
MAX_CPU_S = 60
DEADLINE_S = 60.0


async def look(path: Path) -> tuple[FileKind, list[Sheet]]:
    """What a file is, and its sheets. Raises `UnreadableFile`."""
    found = await _ask(path, {})
    return FileKind(**found["kind"]), [Sheet(**one) for one in found["sheets"]]


@dataclass(frozen=True, slots=True)
class Beginning:
    """The first rows that are seen and have anything in them, and what is not seen."""

    rows: list[list[str]]
    hidden_rows: int  # in all of the sheet
    hidden_columns: list[int]  # places


async def first_rows(path: Path, kind: FileKind, sheet: str, count: int) -> Beginning:
    """So many; the first one also if it is hidden, for names may stand in it. Raises `UnreadableFile`."""
    return Beginning(**await _ask(path, {"kind": asdict(kind), "sheet": sheet, "count": count}))


async def _ask(path: Path, what: Mapping[str, Any]) -> Any:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "console.contacts.files.peek", str(path), json.dumps(what),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(DEADLINE_S):
            out, _ = await process.communicate()
    except TimeoutError:
        raise UnreadableFile("too_slow") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise UnreadableFile("reader_ended")
    found = orjson.loads(out)
    if "unreadable" in found:
        raise UnreadableFile(found["unreadable"])
    return found


def _answer(path: Path, what: Mapping[str, Any]) -> Mapping[str, Any]:
    if "kind" not in what:
        kind = sniff(path)
        return {"kind": asdict(kind), "sheets": sheets(path) if kind.is_workbook else []}
    found: list[list[str]] = []
    kind = FileKind(**what["kind"])
    hidden = hidden_in(path, what["sheet"], MAX_COLUMNS) if kind.is_workbook else Hidden()
    for number, row in enumerate(rows(path, kind, what["sheet"]), start=1):
        if any(row) and (number == 1 or number not in hidden.rows):
            found.append(row)
        if len(found) >= what["count"]:
            break
    told = {"hidden_rows": len(hidden.rows), "hidden_columns": sorted(hidden.columns)}
    return {"rows": found, **told}


def main() -> int:
    """One JSON document on standard output."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_CPU_S, MAX_CPU_S))
    answer: Mapping[str, Any]
    try:
        answer = _answer(Path(sys.argv[1]), json.loads(sys.argv[2]))
    except UnreadableFile as error:
        answer = {"unreadable": str(error)}
    except FileNotFoundError:
        answer = {"unreadable": "gone"}
    except MemoryError:
        answer = {"unreadable": "too_big_unpacked"}
    sys.stdout.buffer.write(orjson.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
