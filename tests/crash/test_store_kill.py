"""SIGKILL at any moment: everything acknowledged is there, and whole."""

import subprocess
import sys
from pathlib import Path

import pytest

from mta.store.sqlite import SqliteStore
from mta.store.work import ContentRef
from tests.contract.conftest import LEDGER
from tests.crash.store_child import content_of


@pytest.mark.parametrize("acknowledged", [1, 500, 3_000])
async def test_a_killed_process_keeps_all_that_it_acknowledged(
    tmp_path: Path, acknowledged: int
) -> None:
    seen: list[int] = []
    for _ in range(2):  # the second process starts where the first was killed
        command = [sys.executable, "-m", "tests.crash.store_child", str(tmp_path), "kill"]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            lines = [child.stdout.readline() for _ in range(acknowledged)]
            child.kill()
            lines += child.stdout.readlines()
        seen = [int(line.split()[1]) for line in lines if line.startswith(b"ok ")]
        assert len(seen) >= acknowledged
        store = await SqliteStore.open(tmp_path, [LEDGER])
        rows = {number: note for number, note, _ in await store.read("entries")}
        assert set(seen) <= set(rows)
        assert await store.read("difference") == [(0,)]
        for number, note in rows.items():  # also those whose answer was never heard
            ref = ContentRef(*map(int, note.split(",")))
            assert await store.read_content(ref) == content_of(number)
        await store.close()
        for path in (tmp_path / "relevo.db", *(tmp_path / "content").iterdir()):
            path.unlink()
