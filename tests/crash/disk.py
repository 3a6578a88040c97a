"""A file system of its own that can lose its power: what was not synced is gone.

FS_IOC_SHUTDOWN with the flag NOLOGFLUSH drops what is only in memory, the journal included, and fails
everything that comes after with EIO; mounting again replays what had reached the disk. It takes root
and a loop device.
"""

import fcntl
import os
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

FS_IOC_SHUTDOWN = 0x8004587D
NOLOGFLUSH = 2
IMAGE_BYTES = 512 << 20


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

    def cut_power(self) -> None:
        """From now on everything fails, and what was not synced has never been."""
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
