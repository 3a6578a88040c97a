"""SIGKILL while the deliveries of a template message are made: nobody is left out or written to twice."""

import sqlite3
import subprocess
import sys
from pathlib import Path

from tests.crash.expansion_child import RECIPIENTS

PAGES_UNTIL_KILLED = (1, 2, 7, 1, 12, 3, 9)  # of 60


def expand(directory: Path, pages: int = 0) -> list[bytes]:
    """Run the child, kill it after so many pages; what it said."""
    command = [sys.executable, "-m", "tests.crash.expansion_child", str(directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(pages)]
        if pages:
            child.kill()
        return lines + child.stdout.readlines()


def test_an_expansion_that_is_killed_again_and_again_reaches_everybody_once(tmp_path: Path) -> None:
    begun_at = [expand(tmp_path, pages)[0] for pages in PAGES_UNTIL_KILLED]
    assert len(set(begun_at)) > len(PAGES_UNTIL_KILLED) // 2  # it went on, not back
    assert expand(tmp_path)[-1] == b"done\n"
    database = sqlite3.connect(tmp_path / "relevo.db")
    try:
        rows = database.execute("SELECT n, address, merge FROM delivery ORDER BY id").fetchall()
        assert rows == [(n, f"u{n}@one.test", f'{{"n": {n}}}') for n in range(RECIPIENTS)]
        assert database.execute("SELECT state, n FROM flow_count").fetchall() == [(1, RECIPIENTS)]
        assert database.execute("SELECT count(*) FROM message").fetchone() == (1,)
        assert database.execute("SELECT count(*) FROM expansion").fetchone() == (0,)
        assert database.execute("SELECT sum(live) FROM segment").fetchone() == (RECIPIENTS,)
    finally:
        database.close()
