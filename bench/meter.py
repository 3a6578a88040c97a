"""What processes cost: CPU, memory, disk, from /proc; of trees of processes and of the whole machine.

CPU and written octets of a process that ended count in its parent once that has waited for it, so
the sums over a tree from its root are complete, whatever came and went.
"""

import mmap
import os
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
KIB = 1024
PROC = Path("/proc")


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # the process ended meanwhile
        return ""


def _stat_fields(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the third on (state)."""
    text = _read(PROC / str(pid) / "stat")
    return text[text.rindex(")") + 2 :].split() if text else []


def tree(roots: Iterable[int]) -> list[int]:
    """The processes that descend from `roots`, themselves included."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit() and (fields := _stat_fields(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found: list[int] = []
    waiting = list(roots)
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, [])
    return found


def cpu_s(pids: Iterable[int]) -> float:
    """User and system time, with that of ended children."""
    total = 0
    for pid in pids:
        if fields := _stat_fields(pid):
            total += sum(map(int, fields[11:15]))
    return total / TICKS_PER_S


def first_thread_cpu_s(pid: int) -> float:
    """User and system time of a process's first thread: of Relevo's, that is the event loop."""
    text = _read(PROC / str(pid) / "task" / str(pid) / "stat")
    fields = text[text.rindex(")") + 2 :].split() if text else ["0"] * 13
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def written_bytes(pids: Iterable[int]) -> int:
    """Octets that the processes made the kernel write to block devices."""
    total = 0
    for pid in pids:
        for line in _read(PROC / str(pid) / "io").splitlines():
            name, _, value = line.partition(": ")
            if name == "write_bytes":
                total += int(value)
            elif name == "cancelled_write_bytes":
                total -= int(value)
    return total


def memory_bytes(pids: Iterable[int]) -> tuple[int, int]:
    """(resident, anonymous) octets; pages that processes share count in each of them."""
    resident = anonymous = 0
    for pid in pids:
        for line in _read(PROC / str(pid) / "status").splitlines():
            if line.startswith("VmRSS:"):
                resident += int(line.split()[1]) * KIB
            elif line.startswith("RssAnon:"):
                anonymous += int(line.split()[1]) * KIB
    return resident, anonymous


def machine_cpu_s() -> tuple[float, float]:
    """(busy, stolen by the hypervisor) seconds of all cores since boot."""
    fields = [int(field) for field in _read(PROC / "stat").split("\n", 1)[0].split()[1:]]
    busy = fields[0] + fields[1] + fields[2] + fields[5] + fields[6]
    return busy / TICKS_PER_S, fields[7] / TICKS_PER_S


class SyncCounter:
    """Counts fsync, fdatasync and synced writes of every process started with `environment` (bench/load/syncs.c)."""

    def __init__(self, path: Path, library: Path) -> None:
        path.write_bytes(bytes(8))
        path.chmod(0o666)  # processes under other users count too
        with path.open("r+b") as file:
            self._page = mmap.mmap(file.fileno(), 8)
        self.environment = {"LD_PRELOAD": str(library), "BENCH_SYNCS": str(path)}

    @property
    def count(self) -> int:
        """Calls so far."""
        return int.from_bytes(self._page[:8], "little")


@dataclass(slots=True)
class Peak:
    """Most memory seen at one time, octets."""

    resident: int = 0
    anonymous: int = 0
    processes: int = 0


class PeakSampler:
    """Looks at the memory of trees of processes four times a second, in a thread."""

    INTERVAL_S = 0.25

    def __init__(self, roots: Iterable[int]) -> None:
        self.peak = Peak()
        self._roots = tuple(roots)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="memory", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(self.INTERVAL_S):
            pids = tree(self._roots)
            resident, anonymous = memory_bytes(pids)
            self.peak.resident = max(self.peak.resident, resident)
            self.peak.anonymous = max(self.peak.anonymous, anonymous)
            self.peak.processes = max(self.peak.processes, len(pids))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Counters of one moment."""

    at_s: float
    cpu_s: float
    loop_s: float  # of the first process's first thread
    written_bytes: int
    busy_s: float
    stolen_s: float

    @classmethod
    def of(cls, roots: Iterable[int]) -> "Snapshot":
        """Look at the trees of processes below `roots`, and at the machine."""
        kept = tuple(roots)
        pids = tree(kept)
        loop = first_thread_cpu_s(kept[0])
        busy, stolen = machine_cpu_s()
        return cls(time.monotonic(), cpu_s(pids), loop, written_bytes(pids), busy, stolen)


def wait_until_idle(roots: Iterable[int], deadline_s: float) -> None:
    """Return when the processes have all but stopped working: what is due to the run is done then."""
    kept = tuple(roots)
    end_s = time.monotonic() + deadline_s
    before = cpu_s(tree(kept))
    while time.monotonic() < end_s:
        time.sleep(0.3)
        now = cpu_s(tree(kept))
        if now - before < 0.02:
            return
        before = now
