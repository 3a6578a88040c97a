"""From many jobs to few statements: which rows run together, and what must then have changed.

Rule: a merged batch succeeds exactly when its jobs, run one after the other, would all succeed.
Three conventions of the SQL files make that true. Jobs of a batch are independent. A guarded
statement changes at most one database row for each row given (with `-- key:`, for each distinct
key); so when the total of a merged statement equals the sum of the expectations, each part is
right. A statement that adds to a value groups its rows first, because an UPDATE … FROM takes one
of several matches only; one that does not group and meets the same database row twice under a
guard falls short of the sum, and the batch is split.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import orjson

from mta.model.errors import InternalError
from mta.store.statements import Statement
from mta.store.work import Job, Scalar

_NUL = b"\\u0000"


class Step(NamedTuple):
    """One execution of one statement."""

    statement: Statement
    rows: Sequence[tuple[Scalar, ...]]
    expect: int | None


class Batch:
    """Jobs that are committed together, their rows merged by statement as they come in."""

    __slots__ = ("_alone", "_free", "_guarded", "content_bytes", "jobs", "rows")

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.rows = 0
        self.content_bytes = 0
        self._free: dict[str, list[tuple[Scalar, ...]]] = {}
        self._guarded: dict[str, list[tuple[Scalar, ...]]] = {}
        self._alone: list[Step] = []

    def add(self, job: Job, writes: Mapping[str, Statement]) -> None:
        """Take one more job."""
        self.jobs.append(job)
        self.rows += job.rows
        for content in job.contents:
            self.content_bytes += content.ref.length
        for name, rows, expect in job.work:
            if expect is None:
                together = self._free
            elif _is_sum(expect, writes[name], rows):
                together = self._guarded
            else:  # its own expectation is no sum of parts: it has to be looked at alone
                self._alone.append(Step(writes[name], rows, expect))
                continue
            if name in together:
                together[name].extend(rows)
            else:
                together[name] = list(rows)

    def steps(self, writes: Mapping[str, Statement]) -> list[Step]:
        """What is to be executed, in the order in which it runs."""
        steps = list(self._alone)
        steps += [Step(writes[name], rows, None) for name, rows in self._free.items() if rows]
        steps += [
            Step(writes[name], rows, _changes(writes[name], rows))
            for name, rows in self._guarded.items()
        ]
        steps.sort(key=_order)
        return steps


def plan(jobs: Iterable[Job], writes: Mapping[str, Statement]) -> list[Step]:
    """The steps of some jobs, in the order in which they run."""
    batch = Batch()
    for job in jobs:
        batch.add(job, writes)
    return batch.steps(writes)


def _order(step: Step) -> tuple[int, str]:
    return (step.statement.order or 0, step.statement.name)


def _is_sum(expect: int, statement: Statement, rows: Sequence[tuple[Scalar, ...]]) -> bool:
    """Whether the expectation adds up with those of other jobs; False too for rows that cannot be."""
    try:
        return expect == _changes(statement, rows)
    except (IndexError, TypeError):
        return False


def _changes(statement: Statement, rows: Sequence[tuple[Scalar, ...]]) -> int:
    """How many database rows change when every row finds its own."""
    if statement.key is None:
        return len(rows)
    return len({row[statement.key] for row in rows})


def encode_rows(rows: Sequence[tuple[Scalar, ...]]) -> str:
    """The parameter `:rows`. Raises `InternalError` for values that cannot be stored as given."""
    try:
        text = orjson.dumps(rows)
    except TypeError as error:  # bytes, objects, lone surrogates, more than 64 bits
        raise InternalError(f"rows cannot be written as JSON: {error}") from error
    # The escape may also be a backslash of the text itself; only then is it worth a closer look.
    if _NUL in text and any(isinstance(v, str) and "\0" in v for row in rows for v in row):
        raise InternalError("a string with U+0000 cannot be stored")
    return text.decode()
