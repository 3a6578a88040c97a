"""A power cut under load: the file system is shut down without flushing, as when the power goes.

ext4's FS_IOC_SHUTDOWN with the flag NOLOGFLUSH drops what is only in memory, journal included;
mounting again replays what had reached the disk. It takes root and a loop device.
"""

import fcntl
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mta.store.sqlite import SqliteStore
from mta.store.work import ContentRef
from tests.contract.conftest import LEDGER
from tests.crash.store_child import content_of

FS_IOC_SHUTDOWN = 0x8004587D
NOLOGFLUSH = 2


def quietly(*command: str | Path) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


class Disk:
    """A file system of its own, that can lose its power."""

    def __init__(self, directory: Path) -> None:
        self.image = directory / "image"
        self.path = directory / "disk"
        self.path.mkdir()
        with self.image.open("wb") as file:
            file.truncate(256 << 20)

    def mount(self) -> bool:
        return quietly("mount", "-o", "loop", self.image, self.path)

    def cut_power(self) -> None:
        fd = os.open(self.path, os.O_RDONLY)
        fcntl.ioctl(fd, FS_IOC_SHUTDOWN, struct.pack("I", NOLOGFLUSH))
        os.close(fd)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    found = Disk(tmp_path)
    if os.geteuid() != 0 or not quietly("mkfs.ext4", "-q", "-F", found.image) or not found.mount():
        pytest.skip("no loop device or no right to mount it")
    yield found
    quietly("umount", "--lazy", found.path)


@pytest.mark.parametrize("acknowledged", [100, 2_000])
async def test_a_power_cut_loses_nothing_acknowledged(disk: Disk, acknowledged: int) -> None:
    data_dir = disk.path / "queue"
    data_dir.mkdir()
    os.sync()
    command = [sys.executable, "-m", "tests.crash.store_child", str(data_dir), "kill"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(acknowledged)]
        disk.cut_power()
        for line in child.stdout:  # what came before it was told that the disk failed
            if line == b"StoreFailed\n":
                break
            lines.append(line)
        child.kill()
        lines += child.stdout.readlines()
    assert quietly("umount", disk.path)
    assert disk.mount()
    store = await SqliteStore.open(data_dir, [LEDGER])
    rows = {number: note for number, note, _ in await store.read("entries")}
    assert {int(line.split()[1]) for line in lines if line.startswith(b"ok ")} <= set(rows)
    for number, note in rows.items():
        ref = ContentRef(*map(int, note.split(",")))
        assert await store.read_content(ref) == content_of(number)
    await store.close()
