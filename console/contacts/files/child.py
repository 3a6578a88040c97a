"""The process that reads an upload: `python -m console.contacts.files.child JOB.json`.

It has limits of its own, opens no network, and writes what it finds beside the upload: good rows
as JSON lines `[row, address, key, merge]`, others as `[row, column, value, reason, hint, cells]`.
Lines of progress go to standard output, the last one with the counts.
"""

import gc
import json
import resource
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import orjson

from console.contacts.files.judging import Reason, is_role, judge, right_domain
from console.contacts.files.sniffing import FileKind, UnreadableFile
from console.contacts.files.tables import rows
from mta.model.address import Address

MAX_MEMORY = 3 << 30  # octets of address space
MAX_CPU_S = 600
MAX_MERGE = 4_000  # characters of the values of a row
EVERY = 5_000  # rows between lines of progress
ACCEPTED, REJECTED = "accepted.jsonl", "rejected.jsonl"


@dataclass(frozen=True, slots=True)
class Job:
    """What to read and how."""

    path: str
    out: str  # folder
    is_workbook: bool
    encoding: str
    separator: str
    sheet: str
    has_header: bool
    email: int  # place of the address
    fields: Mapping[str, int]  # further values: name → place
    keep: str = "first"  # of rows with the same address: first | last
    skip_roles: bool = False
    skip_typos: bool = True


class Reader:
    """Judges the rows of a file."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self.counts: Counter[str] = Counter()
        self.filled: Counter[str] = Counter()
        self.samples: dict[str, str] = {}
        self._seen: set[str] = set()

    def read(self) -> Iterator[tuple[bool, Sequence[Any]]]:
        """(is good, line) for each row; with `keep="last"` good ones come at the end."""
        job = self._job
        last: dict[str, Sequence[Any]] = {}
        kind = FileKind(job.is_workbook, job.encoding, job.separator)
        for number, row in enumerate(rows(Path(job.path), kind, job.sheet), start=1):
            if (job.has_header and number == 1) or not any(row):
                continue
            self.counts["rows"] += 1
            is_good, line = self._row(number, row)
            if is_good and job.keep == "last":
                before = last.pop(line[2], None)
                if before is not None:
                    number_before, address, *_, cells = before
                    yield False, self._rejected(number_before, address, Reason.DUPLICATED, cells)
                last[line[2]] = (*line, row)
            else:
                yield is_good, line
        for line in last.values():
            yield True, line[:4]

    def _row(self, number: int, row: Sequence[str]) -> tuple[bool, Sequence[Any]]:
        job = self._job
        text = row[job.email] if job.email < len(row) else ""
        address, reason = judge(text)
        if address is None:
            return False, self._rejected(number, text, reason or Reason.INVALID, row)
        if job.skip_roles and is_role(address):
            return False, self._rejected(number, text, Reason.ROLE, row)
        hint = right_domain(address)
        if hint and job.skip_typos:
            wanted = f"{address.local}@{hint}"
            return False, self._rejected(number, text, Reason.TYPO, row, wanted)
        return self._good(number, address, text, row)

    def _good(
        self, number: int, address: Address, text: str, row: Sequence[str]
    ) -> tuple[bool, Sequence[Any]]:
        key = address.key
        if self._job.keep == "first":
            if key in self._seen:
                return False, self._rejected(number, text, Reason.DUPLICATED, row)
            self._seen.add(key)
        values = {"email": str(address)}
        for name, place in self._job.fields.items():
            if place < len(row) and row[place]:
                values[name] = row[place]
        merge = orjson.dumps(values).decode()
        if len(merge) > MAX_MERGE:
            return False, self._rejected(number, text, Reason.TOO_LONG, row)
        filled, samples = self.filled, self.samples
        for name, value in values.items():
            filled[name] += 1
            if name not in samples:
                samples[name] = value[:100]
        return True, (number, str(address), key, merge)

    def _rejected(
        self, number: int, value: str, reason: Reason, row: Sequence[str], hint: str = ""
    ) -> Sequence[Any]:
        self.counts[reason.value] += 1
        return (number, self._job.email + 1, value[:320], reason.value, hint, row)


def run(job: Job, progress: TextIO) -> None:
    """Read all of it."""
    reader, out = Reader(job), Path(job.out)
    with (out / ACCEPTED).open("wb") as good, (out / REJECTED).open("wb") as bad:
        for is_good, line in reader.read():
            (good if is_good else bad).write(orjson.dumps(line) + b"\n")
            reader.counts["accepted"] += is_good
            if reader.counts["rows"] % EVERY == 0:
                _tell(progress, {"rows": reader.counts["rows"]})
    columns = [
        {"name": name, "filled": reader.filled[name], "sample": reader.samples.get(name, "")}
        for name in ("email", *job.fields)
    ]
    _tell(progress, {"counts": dict(reader.counts), "columns": columns})


def _tell(progress: TextIO, what: Mapping[str, Any]) -> None:
    progress.write(json.dumps(what) + "\n")
    progress.flush()


def main() -> int:
    """Exit status 3: the file cannot be taken, with the reason on standard output."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_CPU_S, MAX_CPU_S))
    gc.disable()  # nothing here is a cycle; looking for some takes a fifth of the time
    try:
        run(Job(**json.loads(Path(sys.argv[1]).read_text("utf-8"))), sys.stdout)
    except UnreadableFile as error:
        _tell(sys.stdout, {"unreadable": str(error)})
        return 3
    except MemoryError:
        _tell(sys.stdout, {"unreadable": "too_big_unpacked"})
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
