"""Where a running Relevo spends its time: py-spy's samples as a list of functions per thread.

py-spy looks from outside, 200 times a second, which function holds the interpreter; shares are of
all looks, so what is missing to 100 % is idle or outside of Python (fsync, SQLite, RSA, sockets). It
holds the process for each look, so the figures of such a run are worse.
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
        command += ["--gil", "--rate", str(RATE), "--format", "raw", "--output", str(output)]
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
        return "\n".join(listing(self._output.read_text(), RATE * DURATION_S))


def listing(samples: str, looks: int) -> Iterator[str]:
    """The functions of each thread with their own and their cumulative share of `looks`."""
    own: dict[str, Counter[str]] = {}
    cumulative: dict[str, Counter[str]] = {}
    for line in samples.splitlines():
        stack, _, count = line.rpartition(" ")
        thread, *frames = stack.split(";")
        functions = [frame.rpartition(":")[0] + ")" for frame in frames if "(" in frame]
        if not functions:
            continue
        own.setdefault(thread, Counter())[functions[-1]] += int(count)
        for function in set(functions):
            cumulative.setdefault(thread, Counter())[function] += int(count)
    for thread, counter in sorted(own.items(), key=lambda item: -item[1].total()):
        yield f"{thread}: {100 * counter.total() / looks:.1f} % of {looks} looks"
        yield from _columns(counter, cumulative[thread], looks)


def _columns(own: Counter[str], cumulative: Counter[str], looks: int) -> Iterator[str]:
    yield "   own %  function"
    for function, count in own.most_common(TOP):
        yield f"  {100 * count / looks:6.1f}  {function}"
    yield "   all %  function, with what it calls"
    for function, count in cumulative.most_common(TOP):
        yield f"  {100 * count / looks:6.1f}  {function}"
