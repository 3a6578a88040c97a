"""The facts of the machine that a figure belongs to."""

import os
import platform
import sqlite3
import ssl
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from bench.cases import BENCH

SYNCS = 200
BLOCK = bytes(4096)
IN_MEMORY = frozenset({"tmpfs", "ramfs"})


def file_system(path: Path) -> str:
    """Type of the file system that holds `path`, such as ext4."""
    best, kind = "", "unknown"
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields = line.split()
        mount = fields[4]
        inside = mount == "/" or str(path) == mount or str(path).startswith(mount + "/")
        if inside and len(mount) >= len(best):
            best, kind = mount, fields[fields.index("-") + 1]
    return kind


def sync_ms(directory: Path) -> dict[str, float]:
    """How long the disk takes for 4 KiB appended and fdatasync: median, p99 and maximum in ms."""
    path = directory / "sync-probe"
    times = []
    with path.open("wb", buffering=0) as file:
        for _ in range(SYNCS):
            start = time.perf_counter()
            file.write(BLOCK)
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - start) * 1000)
    path.unlink()
    times.sort()
    return {
        "median": round(statistics.median(times), 3),
        "p99": round(times[SYNCS * 99 // 100 - 1], 3),
        "max": round(times[-1], 3),
    }


def facts(directory: Path) -> dict[str, Any]:
    """Everything a reader needs to judge the figures; `directory` holds the data of the runs."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_mib": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "openssl": ssl.OPENSSL_VERSION,
        "data_dir": str(directory),
        "file_system": file_system(directory),
        "sync_ms": sync_ms(directory),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "version": _version(),
        "python_loop_ms": _loop_ms(),
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _version() -> str:
    command = ["git", "-C", str(BENCH), "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except OSError:
        return ""
    return done.stdout.strip()


def _loop_ms() -> float:
    """A fixed piece of work, to compare machines: 1,500,000 turns of a Python loop."""
    start = time.perf_counter()
    total = 0
    for number in range(1_500_000):
        total += number & 7
    return round((time.perf_counter() - start) * 1000, 1)


def is_root() -> bool:
    """Whether this runs as root on Linux."""
    return sys.platform == "linux" and os.geteuid() == 0
