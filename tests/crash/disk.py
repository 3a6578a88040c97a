"""A file system of its own that can lose its power: what was not synced is gone.

FS_IOC_SHUTDOWN with the flag NOLOGFLUSH drops what is only in memory, the journal included, and fails
everything that comes after with EIO; mounting again replays what had reached the disk. It takes root
and a loop device.

Power takes the process with it. One that lives on for a moment would act on a sync that ends in just
that moment, and ext4 may call it good: a program of ten lines that appends and syncs found its last
acknowledged record missing after 4 of 60 cuts, and after none of 60 when it stood still before.
"""

import fcntl
import os
import signal
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

FS_IOC_SHUTDOWN = 0x8004587D
NOLOGFLUSH = 2
IMAGE_BYTES = 512 << 20
STILL_S = 30.0


def quietly(*command: str | Path) -> bool:
    """Run a command; whether it succeeded."""
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


class Disk:
    """One ext4 file system in a file."""

    def __init__(self, directory: Path) -> None:
        self.image = directory / "image"
        self.path = directory / "disk"
        self.path.mkdir()
        with self.image.open("wb") as file:
            file.truncate(IMAGE_BYTES)

    def make(self) -> bool:
        """Format and mount it; False where that is not possible."""
        return quietly("mkfs.ext4", "-q", "-F", self.image) and self.mount()

    def mount(self) -> bool:
        """Put it in place; replays the journal."""
        return quietly("mount", "-o", "loop", self.image, self.path)

    def unmount(self) -> bool:
        """Take it away; fails while anything on it is open."""
        return quietly("umount", self.path)

    def cut_power(self, pid: int) -> None:
        """What was not synced has never been, and the process that used the disk is gone too."""
        os.kill(pid, signal.SIGSTOP)
        _wait_still(pid)
        self._shut_down()
        os.kill(pid, signal.SIGKILL)

    def _shut_down(self) -> None:
        fd = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(fd, FS_IOC_SHUTDOWN, struct.pack("I", NOLOGFLUSH))
        finally:
            os.close(fd)

    def power_up(self) -> None:
        """Mount it anew, after everything that used it has ended.

        A copy, because another mount namespace (`unshare --mount` of any process) may still hold the
        dead file system, and mounting the same image would give that again.
        """
        assert self.unmount(), "something still has files open on the disk without power"
        dead = self.image.rename(self.image.with_suffix(".dead"))
        assert quietly("cp", "--sparse=always", dead, self.image)
        dead.unlink()
        assert self.mount()


def _wait_still(pid: int) -> None:
    """Until every thread of a stopped process stands, or waits for the disk."""
    deadline_s = time.monotonic() + STILL_S
    while any(state not in "TDZX" for state in _states(pid)):
        assert time.monotonic() < deadline_s, "a stopped process goes on"


def _states(pid: int) -> Iterator[str]:
    for task in Path(f"/proc/{pid}/task").iterdir():
        with suppress(FileNotFoundError):  # it has just ended
            yield (task / "stat").read_text().rpartition(")")[2].split()[0]


@contextmanager
def powered_disk(directory: Path) -> Iterator[Disk]:
    """A mounted one; skips the test where nobody may mount."""
    found = Disk(directory)
    if os.geteuid() != 0 or not found.make():
        pytest.skip("losing the power of a disk takes root and a loop device")
    try:
        yield found
    finally:
        quietly("umount", "--lazy", found.path)
