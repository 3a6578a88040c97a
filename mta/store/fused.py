"""A whole commit as one step of SQLite: the statements of a batch, fused into a trigger.

Python lets go of the interpreter for each step of a statement and asks for it back after it. Beside
a busy event loop every such request waits, so a commit of twelve statements waits some thirty times,
and makes the loop wait. `INSERT INTO <view>` whose INSTEAD OF trigger holds all statements is one
step, with its own transaction around it: begin, statements, guards, write, sync. The view has one
column for the rows of each statement and one for each guard.

A batch that uses other statements gets another view; there are few such sets, the rest runs
statement by statement. What SQLite cannot put into a trigger (WITH, RETURNING) does as well.
"""

import sqlite3
from collections.abc import Sequence

from mta.store.merge import Step, encode_rows

MAX_SETS = 256  # views of a connection; a server at work uses a few dozen


class Fused:
    """The views of one connection; used by the thread that owns it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._inserts: dict[tuple[tuple[str, bool], ...], str] = {}

    def run(self, steps: Sequence[Step]) -> bool:
        """Run the steps as one transaction, durably; False when they must be run one by one.

        Raises `sqlite3.Error` when it failed, and `InternalError` for rows that cannot be written;
        then nothing was done and no transaction is open.
        """
        key = tuple((step.statement.name, step.expect is not None) for step in steps)
        insert = self._inserts.get(key)
        if insert is None:
            insert = self._inserts[key] = self._prepare(steps)
        if not insert:
            return False
        values: list[str | int] = []
        for step in steps:
            values.append(encode_rows(step.rows))
            if step.expect is not None:
                values.append(step.expect)
        self._connection.execute(insert, values)
        return True

    def _prepare(self, steps: Sequence[Step]) -> str:
        """Make the view of these steps; its INSERT, empty when it cannot be made."""
        if len(self._inserts) >= MAX_SETS:
            return ""
        name = f"fused_{len(self._inserts)}"
        columns: list[str] = []
        body: list[str] = []
        for number, step in enumerate(steps):
            columns.append(f"r{number}")
            body.append(step.statement.sql.replace(":rows", f"NEW.r{number}") + ";")
            if step.expect is not None:
                columns.append(f"e{number}")
                text = f"{step.statement.name}: not the expected number of rows changed"
                body.append(f"SELECT RAISE(ABORT, '{text}') WHERE changes() <> NEW.e{number};")
        nothing = ", ".join(f"NULL AS {column}" for column in columns)
        try:
            self._connection.execute(f"CREATE TEMP VIEW {name} AS SELECT {nothing}")
            self._connection.execute(
                f"CREATE TEMP TRIGGER {name}_batch INSTEAD OF INSERT ON {name} "
                f"BEGIN {' '.join(body)} END"
            )
        except sqlite3.OperationalError:
            return ""
        marks = ", ".join("?" * len(columns))
        return f"INSERT INTO {name} VALUES ({marks})"  # noqa: S608 - names of our own
