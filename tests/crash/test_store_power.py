"""A power cut of the store under load: the file system is shut down without flushing (`disk`)."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mta.store.sqlite import SqliteStore
from mta.store.work import ContentRef
from tests.contract.conftest import LEDGER
from tests.crash.disk import Disk, powered_disk
from tests.crash.store_child import content_of


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with powered_disk(tmp_path) as found:
        yield found


@pytest.mark.parametrize("acknowledged", [100, 2_000])
async def test_a_power_cut_loses_nothing_acknowledged(disk: Disk, acknowledged: int) -> None:
    data_dir = disk.path / "queue"
    data_dir.mkdir()
    os.sync()
    command = [sys.executable, "-m", "tests.crash.store_child", str(data_dir), "kill"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(acknowledged)]
        disk.cut_power(child.pid)
        lines += child.stdout.readlines()
    disk.power_up()
    store = await SqliteStore.open(data_dir, [LEDGER])
    rows = {number: note for number, note, _ in await store.read("entries")}
    assert {int(line.split()[1]) for line in lines if line.startswith(b"ok ")} <= set(rows)
    for number, note in rows.items():
        ref = ContentRef(*map(int, note.split(",")))
        assert await store.read_content(ref) == content_of(number)
    await store.close()
