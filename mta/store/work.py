"""What is handed to the store: rows for named statements, and bytes with the place they go to.

A job is data, never code or SQL: so the store may merge the jobs of many callers into one
set-wise statement, and a second engine needs only other SQL files.
"""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

Scalar = int | float | str | None


class Rows(NamedTuple):
    """Rows for one named write statement.

    `expect` is the guard: the number of database rows that must change, or the whole job is
    undone. A guarded statement changes at most one database row for each row it is given.
    Strings hold neither U+0000 nor lone surrogates, integers fit into 64 bits with their sign,
    floats are finite.
    """

    statement: str
    rows: Sequence[tuple[Scalar, ...]]
    expect: int | None = None


class ContentRef(NamedTuple):
    """Where content lies: a byte range of a segment file, and the CRC-32 of its bytes."""

    segment: int
    offset: int
    length: int
    checksum: int


class Content(NamedTuple):
    """Bytes and the place reserved for them."""

    ref: ContentRef
    data: bytes


class Job:
    """One submission on its way through the threads; made and answered on the event loop."""

    __slots__ = ("bulk", "contents", "future", "is_erasure", "rows", "work")

    def __init__(
        self,
        work: Sequence[Rows],
        contents: Sequence[Content],
        future: "asyncio.Future[None]",
        rows: int,
        *,
        bulk: bool,
        is_erasure: bool = False,
    ) -> None:
        self.work = work
        self.contents = contents
        self.future = future
        self.rows = rows
        self.bulk = bulk
        self.is_erasure = is_erasure
