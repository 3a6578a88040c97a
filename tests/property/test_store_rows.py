"""What is handed to the store is what comes back: every value that a job may hold goes through the
JSON of a merged statement unchanged or is refused, and contents never share an octet of a segment.
"""

import os
import sqlite3
import tempfile
from itertools import pairwise
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from mta.model.clock import ManualClock
from mta.model.errors import InternalError
from mta.store.content import read_place, runs, segment_path
from mta.store.merge import encode_rows, plan
from mta.store.segments import GRACE_MS, Segments
from mta.store.statements import Statement
from mta.store.work import Content, Job, Rows
from tests.property.effort import tries

BIGGEST = (1 << 63) - 1
strings = st.text(max_size=12) | st.sampled_from(
    ["\0", "a\0b", "\\u0000", "\ud800", "\u2028", '"', "\\", "]]", "é" * 50, "\x7f", "\x1b[0m"]
)
scalars = (
    st.none()
    | strings
    | st.integers(-BIGGEST - 1, BIGGEST)
    | st.sampled_from([BIGGEST, -BIGGEST - 1, 1 << 64, -(1 << 70), (1 << 53) + 1, 0])
    | st.floats(allow_nan=False, allow_infinity=False, width=32)
)
rows = st.lists(st.tuples(scalars, scalars), max_size=5)


def is_fit(value: object) -> bool:
    """Whether a value may stand in a job (`mta.store.work.Rows`)."""
    if isinstance(value, str):
        return "\0" not in value and not any("\ud800" <= c <= "\udfff" for c in value)
    if isinstance(value, int):
        return -BIGGEST - 1 <= value <= BIGGEST
    return True


@tries(400)
@given(rows)
@example([("\\u0000", "\0")])
def test_a_row_comes_back_as_it_was_given_or_is_refused(given_rows) -> None:
    fits = all(is_fit(value) for row in given_rows for value in row)
    try:
        text = encode_rows(given_rows)
    except InternalError:
        assert not fits
        return
    assert fits, "a value that cannot be stored was taken"
    connection = sqlite3.connect(":memory:")
    try:
        got = connection.execute(
            "SELECT value->>0, value->>1 FROM json_each(:rows)", {"rows": text}
        ).fetchall()
    finally:
        connection.close()
    assert got == given_rows
    assert [[type(v) for v in row] for row in got] == [[type(v) for v in row] for row in given_rows]


# -- merging -----------------------------------------------------------------------------------

WRITES = {
    "late": Statement("late", "… :rows", 20),
    "early": Statement("early", "… :rows", 10),
    "keyed": Statement("keyed", "… :rows", 10, key=0),
}
work = st.builds(
    Rows,
    st.sampled_from(list(WRITES)),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 99)), max_size=4),
    st.none() | st.integers(0, 4),
)
jobs = st.lists(st.lists(work, min_size=1, max_size=3), max_size=8)


@tries(300)
@given(jobs)
def test_a_plan_runs_every_row_once_in_the_order_of_the_statements(given_jobs) -> None:
    made = [Job(parts, (), None, 0, bulk=False) for parts in given_jobs]  # type: ignore[arg-type]
    steps = plan(made, WRITES)
    orders = [(step.statement.order, step.statement.name) for step in steps]
    assert orders == sorted(orders)
    for name in WRITES:
        asked = [
            row for parts in given_jobs for p in parts if p.statement == name for row in p.rows
        ]
        planned = [row for step in steps if step.statement.name == name for row in step.rows]
        assert sorted(planned) == sorted(asked)
        free = [
            row
            for parts in given_jobs
            for p in parts
            if p.statement == name and p.expect is None
            for row in p.rows
        ]
        merged = [
            row for s in steps if s.statement.name == name and s.expect is None for row in s.rows
        ]
        assert merged == free, "rows of one statement keep the order of their jobs"
    guards = sum(p.expect for parts in given_jobs for p in parts if p.expect is not None)
    planned_guards = sum(s.expect for s in steps if s.expect is not None)
    if all(p.statement != "keyed" for parts in given_jobs for p in parts):
        assert planned_guards == guards


# -- segments ----------------------------------------------------------------------------------

contents = st.lists(
    st.tuples(
        st.builds(lambda b, n: b * n, st.binary(max_size=3), st.integers(0, 13)),
        st.integers(0, 2),
        st.sampled_from([0, 0, GRACE_MS]),
    ),
    max_size=30,
)


@tries(200)
@given(contents, st.integers(1, 90), st.randoms())
def test_every_content_is_read_back_from_the_place_it_was_given(
    given_contents, size, order
) -> None:
    clock = ManualClock()
    segments = Segments(3, clock, size)
    kinds: dict[int, int] = {}
    made: list[Content] = []
    for data, kind, pause_ms in given_contents:
        content = segments.reserve(data, kind)
        assert kinds.setdefault(content.ref.segment, kind) == kind, "a segment of two kinds"
        made.append(content)
        segments.rows([content])
        clock.advance(pause_ms / 1000)
        assert not set(segments.finished()) & {c.ref.segment for c in made}, "jobs are under way"
    for before, after in pairwise(made):
        if before.ref.segment == after.ref.segment:
            assert before.ref.offset + before.ref.length <= after.ref.offset
    for number in kinds:
        places = [c.ref for c in made if c.ref.segment == number]
        assert places[0].offset == 0
        assert all(p.offset == 0 or p.offset + p.length <= size for p in places)
    together = sorted(((c, False) for c in made), key=lambda i: (i[0].ref.segment, i[0].ref.offset))
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        for number, offset, pieces, _ in runs(together):
            fd = os.open(segment_path(directory, number), os.O_WRONLY | os.O_CREAT, 0o600)
            os.pwritev(fd, pieces, offset)
            os.close(fd)
        order.shuffle(made)
        for content in made:
            assert read_place(directory, content.ref) == content.data
