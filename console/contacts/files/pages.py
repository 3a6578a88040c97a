"""How rows come out of the process that judges them: pages that are stored as they are.

A page is a line of JSON with lengths, then three texts: good rows as a JSON array of
`[row, address, key, merge]`, others as one of `[row, column, value, reason, hint]`, and the
addresses of the good rows, one a line. So whoever stores them neither parses nor writes JSON: the
database takes both arrays as they are. The last line has no lengths; it says how it ended.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import orjson

from mta.model.errors import InternalError

MAX_CHARACTERS = 500_000  # of good rows in a page: the loop copies it, the log of the database too
MAX_PAGE = 64 << 20  # octets that a reader takes


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of a file, in its order."""

    rows: int  # of the file, that were read so far
    good: str
    bad: str
    addresses: Sequence[str]


class PageWriter:
    """Gathers rows and writes a page when there are enough."""

    def __init__(self, out: BinaryIO, count: int) -> None:
        self._out = out
        self._count = count
        self._good: list[Sequence[Any]] = []
        self._bad: list[Sequence[Any]] = []
        self._characters = 0

    def good(self, rows: int, line: Sequence[Any]) -> None:
        """One more row `(row, address, key, merge)`; `rows` were read so far."""
        self._good.append(line)
        self._characters += len(line[3])
        if len(self._good) + len(self._bad) >= self._count or self._characters > MAX_CHARACTERS:
            self.flush(rows)

    def bad(self, rows: int, line: Sequence[Any]) -> None:
        """One more that is left out: `(row, column, value, reason, hint)`."""
        self._bad.append(line)
        if len(self._good) + len(self._bad) >= self._count:
            self.flush(rows)

    def flush(self, rows: int) -> None:
        """Write what is there; nothing when there is nothing."""
        if not self._good and not self._bad:
            return
        parts = (
            orjson.dumps(self._good),
            orjson.dumps(self._bad),
            "\n".join([line[1] for line in self._good]).encode(),
        )
        lengths = [len(part) for part in parts]
        self._out.write(orjson.dumps({"rows": rows, "lengths": lengths}) + b"\n")
        for part in parts:
            self._out.write(part)
        self._out.flush()
        self._good, self._bad, self._characters = [], [], 0


def write_last(out: BinaryIO, what: Mapping[str, Any]) -> None:
    """Write how it ended."""
    out.write(orjson.dumps(what) + b"\n")
    out.flush()


async def read_pages(stream: asyncio.StreamReader, ended: dict[str, Any]) -> AsyncGenerator[Page]:
    """All pages; what the last line says is put into `ended`, nothing if there is none.

    Raises `InternalError` for what no `PageWriter` wrote.
    """
    while line := await stream.readline():
        head = orjson.loads(line)
        if "lengths" not in head:
            ended.update(head)
            return
        lengths: list[int] = head["lengths"]
        if sum(lengths) > MAX_PAGE:
            raise InternalError(f"a page of {sum(lengths)} octets")
        try:
            good, bad, addresses = [(await stream.readexactly(n)).decode() for n in lengths]
        except asyncio.IncompleteReadError:
            return  # the process ended in the middle: its status says why
        yield Page(head["rows"], good, bad, addresses.split("\n") if addresses else ())
