"""How much room the data directory has left, and whether that is too little to take mail."""

import os
from dataclasses import dataclass
from pathlib import Path

# 5 % and 512 MiB: at 1,000 messages a second of 50 KB that is ten seconds of warning on the
# smallest disk that makes sense, and settling what is queued needs only a fraction of it.
MIN_FREE_RATIO = 0.05
MIN_FREE_BYTES = 512 * 1024 * 1024
MIN_FREE_INODE_RATIO = 0.05


@dataclass(frozen=True, slots=True)
class FreeSpace:
    """Room on the file system of a data directory, as an unprivileged process may use it."""

    free_bytes: int
    total_bytes: int
    free_inodes: int
    total_inodes: int  # 0: the file system does not count inodes (btrfs)
    is_low: bool


def free_space(
    data_dir: Path,
    *,
    min_free_ratio: float = MIN_FREE_RATIO,
    min_free_bytes: int = MIN_FREE_BYTES,
    min_free_inode_ratio: float = MIN_FREE_INODE_RATIO,
) -> FreeSpace:
    """One statvfs(3): microseconds on a local disk. Raises `OSError`.

    Low is less free than either `min_free_ratio` of the whole or `min_free_bytes`, or fewer
    free inodes than `min_free_inode_ratio`.
    """
    facts = os.statvfs(data_dir)
    free_bytes = facts.f_bavail * facts.f_frsize
    total_bytes = facts.f_blocks * facts.f_frsize
    is_low = (
        free_bytes < min_free_bytes
        or free_bytes < total_bytes * min_free_ratio
        or (facts.f_files > 0 and facts.f_favail < facts.f_files * min_free_inode_ratio)
    )
    return FreeSpace(free_bytes, total_bytes, facts.f_favail, facts.f_files, is_low)
