"""Where a running Relevo spends its time: py-spy's samples as a list of functions per thread.

py-spy looks from outside, 200 times a second, and counts only threads at work; its cost is not
counted for Relevo, but it holds the process for each look, so figures of such a run are worse.
"""

import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

RATE = 200
DURATION_S = 10
TOP = 25


class Recorder:
    """py-spy at work on one process."""

    def __init__(self, pid: int, output: Path) -> None:
        found = shutil.which("py-spy", path=str(Path(sys.executable).parent)) or "py-spy"
        command = [found, "record", "--pid", str(pid), "--duration", str(DURATION_S), "--threads"]
        command += ["--rate", str(RATE), "--format", "raw", "--output", str(output)]
        self._output = output
        self._process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def stop(self) -> str:
        """Wait for its samples; the listing."""
        try:
            self._process.wait(DURATION_S + 10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if not self._output.exists():
            return "py-spy took no samples: it needs root, or kernel.yama.ptrace_scope = 0"
        return "\n".join(listing(self._output.read_text()))


def listing(samples: str) -> Iterator[str]:
    """The functions of each thread with their own and their cumulative share of all samples."""
    own: dict[str, Counter[str]] = {}
    cumulative: dict[str, Counter[str]] = {}
    total = 0
    for line in samples.splitlines():
        stack, _, count = line.rpartition(" ")
        thread, *frames = stack.split(";")
        functions = [frame.rpartition(":")[0] + ")" for frame in frames if "(" in frame]
        if not functions:
            continue
        total += int(count)
        own.setdefault(thread, Counter())[functions[-1]] += int(count)
        for function in set(functions):
            cumulative.setdefault(thread, Counter())[function] += int(count)
    for thread, counter in sorted(own.items(), key=lambda item: -item[1].total()):
        yield f"{thread}: {100 * counter.total() / total:.1f} % of {total} samples"
        yield from _columns(counter, cumulative[thread], total)


def _columns(own: Counter[str], cumulative: Counter[str], total: int) -> Iterator[str]:
    yield "   own %  function"
    for function, count in own.most_common(TOP):
        yield f"  {100 * count / total:6.1f}  {function}"
    yield "   all %  function, with what it calls"
    for function, count in cumulative.most_common(TOP):
        yield f"  {100 * count / total:6.1f}  {function}"
