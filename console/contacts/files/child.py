"""The process that reads an upload: `python -m console.contacts.files.child JOB.json`.

It has limits of its own and opens no network. What it finds goes to standard output as `Page`s
(`pages.py`), so that rows are stored while the file is still being read; the last line has the
counts. Rows that are left out are also kept beside the upload with all their cells, as JSON lines
`[row, column, value, reason, hint, cells]`, for whoever corrects them.
"""

import gc
import json
import resource
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from console.contacts.files.hidden import hidden_in
from console.contacts.files.judging import Reason, is_role, judge, right_domain
from console.contacts.files.pages import PageWriter, write_last
from console.contacts.files.sniffing import FileKind, UnreadableFile
from console.contacts.files.tables import MAX_COLUMNS, rows
from mta.model.address import Address

MAX_MEMORY = 3 << 30  # octets of address space
MAX_CPU_S = 600
MAX_MERGE = 4_000  # characters of the values of a row
REJECTED = "rejected.jsonl"


@dataclass(frozen=True, slots=True)
class Job:
    """What to read and how."""

    path: str
    out: str  # folder
    page: int  # rows that are stored together
    is_workbook: bool
    encoding: str
    separator: str
    sheet: str
    has_header: bool
    email: int  # place of the address
    fields: Mapping[str, int]  # further values: name → place
    known: str = ""  # file with keys, one a line, that are in the audience already
    keep: str = "first"  # of rows with the same address: first | last
    skip_roles: bool = False
    skip_typos: bool = True
    skip_hidden: bool = True


class Reader:
    """Judges the rows of a file."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._fields = tuple(job.fields.items())
        self._width = max((job.email, *job.fields.values())) + 1
        self.counts: Counter[str] = Counter()
        self._missing: Counter[str] = Counter()  # most cells are filled: the others are counted
        self._samples: dict[str, str] = {}
        self._seen: set[str] = set()
        if job.known:
            self._seen.update(Path(job.known).read_text("utf-8").splitlines())

    def columns(self) -> list[dict[str, Any]]:
        """What the good rows have."""
        good, missing = self.counts["accepted"], self._missing
        return [
            {"name": n, "filled": good - missing[n], "sample": self._samples.get(n, "")}
            for n in ("email", *self._job.fields)
        ]

    def read(self) -> Iterator[tuple[bool, Sequence[Any]]]:
        """(is good, line) for each row; with `keep="last"` good ones come at the end."""
        job = self._job
        last: dict[str, Sequence[Any]] = {}
        kind = FileKind(job.is_workbook, job.encoding, job.separator)
        hidden = self._hidden()
        for number, row in enumerate(rows(Path(job.path), kind, job.sheet), start=1):
            if (job.has_header and number == 1) or not any(row):
                continue
            if len(row) < self._width:
                row += [""] * (self._width - len(row))
            self.counts["rows"] += 1
            if number in hidden:
                yield False, self._rejected(number, row[job.email], Reason.HIDDEN, row)
                continue
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

    def _hidden(self) -> frozenset[int]:
        """Numbers of the rows that nobody sees, if they are to be left out."""
        job = self._job
        if not job.is_workbook or not job.skip_hidden:
            return frozenset()
        return hidden_in(Path(job.path), job.sheet, MAX_COLUMNS).rows

    def _row(self, number: int, row: Sequence[str]) -> tuple[bool, Sequence[Any]]:
        job = self._job
        text = row[job.email]
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
        if key in self._seen:
            return False, self._rejected(number, text, Reason.DUPLICATED, row)
        if self._job.keep == "first":
            self._seen.add(key)
        full = str(address)
        values = {"email": full}
        empty = []
        for name, place in self._fields:
            if value := row[place]:
                values[name] = value
            else:
                empty.append(name)
        merge = orjson.dumps(values).decode()
        if len(merge) > MAX_MERGE:
            return False, self._rejected(number, text, Reason.TOO_LONG, row)
        if empty:
            self._missing.update(empty)
        if len(self._samples) <= len(self._fields):
            for name, value in values.items():
                self._samples.setdefault(name, value[:100])
        return True, (number, full, key, merge)

    def _rejected(
        self, number: int, value: str, reason: Reason, row: Sequence[str], hint: str = ""
    ) -> Sequence[Any]:
        self.counts[reason.value] += 1
        return (number, self._job.email + 1, value[:320], reason.value, hint, row)


def run(job: Job, out: BinaryIO) -> None:
    """Read all of it."""
    reader, pages = Reader(job), PageWriter(out, job.page)
    counts = reader.counts
    with (Path(job.out) / REJECTED).open("wb") as left_out:
        for is_good, line in reader.read():
            if is_good:
                counts["accepted"] += 1
                pages.good(counts["rows"], line)
            else:
                left_out.write(orjson.dumps(line) + b"\n")
                pages.bad(counts["rows"], line[:5])
    pages.flush(counts["rows"])
    write_last(out, {"counts": dict(counts), "columns": reader.columns()})


def main() -> int:
    """Exit status 3: the file cannot be taken, with the reason on standard output."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_CPU_S, MAX_CPU_S))
    gc.disable()  # nothing here is a cycle; looking for some takes a fifth of the time
    try:
        run(Job(**json.loads(Path(sys.argv[1]).read_text("utf-8"))), sys.stdout.buffer)
    except UnreadableFile as error:
        write_last(sys.stdout.buffer, {"unreadable": str(error)})
        return 3
    except FileNotFoundError:
        write_last(sys.stdout.buffer, {"unreadable": "gone"})
        return 3
    except MemoryError:
        write_last(sys.stdout.buffer, {"unreadable": "too_big_unpacked"})
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
